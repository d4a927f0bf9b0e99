import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LinkPoint } from '../../model/adapter.ts';

/** What a process of its own is to run. */
export interface LonelyPlan {
  readonly protocol: string;
  readonly settings: unknown;
  readonly folder?: string;
  readonly points: readonly LinkPoint<unknown>[];
  readonly clockRate: number;
}

/** What it tells: how many points were good, and what kept the process alive after the last run had ended. */
export interface LonelyReport {
  readonly goodPoints: number;
  readonly left: readonly string[];
}

/** Real ms for all of it; loading a protocol's library takes most. */
const WITHIN_MS = 30_000;

/**
 * Runs an adapter in a process of its own, which it ends in several moments: at once, while it connects, when it has read
 * everything. Such a process ends by itself where nothing is left of the runs, and says what is left where it does not.
 */
export async function lonelyRuns(plan: LonelyPlan): Promise<LonelyReport> {
  const program = fileURLToPath(new URL('lonely-adapter.ts', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'], timeout: WITHIN_MS });
  child.stdin.end(JSON.stringify(plan));
  const [said, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (code !== 0) throw new Error(`the process ended with ${code}: ${complaint}`);
  return JSON.parse(said) as LonelyReport;
}
