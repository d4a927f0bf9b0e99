import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** Environment variable with the path of a file to which a suite appends why it was skipped, one JSON line each. */
export const SKIPS_VARIABLE = 'LAMPLIGHTER_SKIPS';

interface Skip {
  readonly suite: string;
  readonly reason: string;
}

/**
 * Ends a run with a list of everything that was skipped and why, so that a run which saw little cannot look like one
 * that saw all. With `CI=true` a suite that could not run for want of a server fails the run.
 */
export class SkipReporter implements Reporter {
  #vitest: Vitest | undefined;
  #file = '';

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    const folder = mkdtempSync(join(tmpdir(), 'lamplighter-skips-'));
    this.#file = join(folder, 'skips.jsonl');
    process.env[SKIPS_VARIABLE] = this.#file;
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const told = readSkips(this.#file);
    // Who picks tests by name knows that the others do not run.
    const picked = this.#vitest?.getGlobalTestNamePattern() !== undefined;
    const toldOf = (skip: Skip) => told.some(({ suite }) => skip.suite.includes(` > ${suite} (`));
    const seen = picked ? [] : modules.flatMap(skipsOf).filter((skip) => !toldOf(skip));
    if (told.length + seen.length === 0) return;
    process.stdout.write('\n Skipped:\n');
    for (const { suite, reason } of [...told, ...seen]) process.stdout.write(`  - ${suite}: ${reason}\n`);
    if (told.length === 0 || process.env.CI !== 'true') return;
    process.stdout.write(' With CI=true every server must be there: the run fails.\n');
    process.exitCode = 1;
  }
}

function readSkips(file: string): readonly Skip[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // Nobody had a reason to write it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = new Set(text.split('\n').filter((line) => line !== ''));
  return [...lines].map((line) => JSON.parse(line) as Skip);
}

/** One entry for each suite of the file and reason, with the number of tests. */
function skipsOf(module: TestModule): readonly Skip[] {
  const counts = new Map<string, { skip: Skip; tests: number }>();
  for (const test of module.children.allTests('skipped')) {
    const result = test.result();
    const reason = (result.state === 'skipped' ? result.note : undefined) ?? `marked ${test.options.mode}`;
    const suite = `${module.relativeModuleId} > ${outermostName(test)}`;
    const key = `${suite}\0${reason}`;
    const entry = counts.get(key) ?? { skip: { suite, reason }, tests: 0 };
    entry.tests += 1;
    counts.set(key, entry);
  }
  return [...counts.values()].map(({ skip, tests }) => ({ ...skip, suite: `${skip.suite} (${tests})` }));
}

function outermostName(test: TestCase): string {
  let name = test.name;
  for (let parent = test.parent; parent.type === 'suite'; parent = parent.parent) name = parent.name;
  return name;
}
