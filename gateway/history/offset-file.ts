import { open, readFile, rename } from 'node:fs/promises';
import type { FoundDatabase } from './counted-home.ts';
import type { Stretch } from './log-progress.ts';

/** How far history has been written: all log records up to `logSeq`, all changes up to `change`. */
export interface HistoryOffset {
  readonly logSeq: number;
  readonly change: { readonly logSeq: number; readonly ordinal: number };
  /** What the home's database said that it is ({@link FoundDatabase.identity}); absent where it did not. */
  readonly database?: string;
  /** Records beyond `logSeq` that have been written before those in between; absent where there are none. */
  readonly ahead?: readonly Stretch[];
}

export const START_OFFSET: HistoryOffset = { logSeq: 0, change: { logSeq: 0, ordinal: -1 } };

/**
 * The offset that `path` holds for the home `identity`. The start where there is none, where it cannot be read, or where
 * it is another home's: writing again what is there already does no harm, leaving something out would.
 */
export async function readOffset(path: string, identity: string): Promise<HistoryOffset> {
  try {
    const stored: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!isStored(stored) || stored.identity !== identity) return START_OFFSET;
    const { logSeq, change } = stored;
    const ahead = Array.isArray(stored.ahead) ? stored.ahead.filter(isStretch) : [];
    return {
      logSeq,
      change: { logSeq: change.logSeq, ordinal: change.ordinal },
      ...(typeof stored.database === 'string' && { database: stored.database }),
      ...(ahead.length > 0 && { ahead }),
    };
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return START_OFFSET;
    throw error;
  }
}

/** The home that `path` says history goes to; undefined where it says none. */
export async function readIdentity(path: string): Promise<string | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isStored(stored) ? stored.identity : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
}

/** Replaces the offset; a crash leaves the old one or the new one. Rejects where the disk does not take it. */
export async function writeOffset(path: string, identity: string, offset: HistoryOffset): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ identity, ...offset })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}

function isStored(value: unknown): value is HistoryOffset & { identity: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { identity, logSeq, change } = value as Record<string, unknown>;
  if (typeof identity !== 'string' || !Number.isSafeInteger(logSeq)) return false;
  if (typeof change !== 'object' || change === null) return false;
  const place = change as Record<string, unknown>;
  return Number.isSafeInteger(place.logSeq) && Number.isSafeInteger(place.ordinal);
}

function isStretch(value: unknown): value is Stretch {
  if (typeof value !== 'object' || value === null) return false;
  const { afterSeq, throughSeq } = value as Record<string, unknown>;
  return Number.isSafeInteger(afterSeq) && Number.isSafeInteger(throughSeq);
}
