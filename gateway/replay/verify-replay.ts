import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../../model/history.ts';
import type { LogRecord, Stamp } from '../../model/log.ts';
import { step } from '../../rules/engine.ts';
import type { EngineState } from '../../rules/state.ts';

/** Differences that are kept to be shown in full; those after them are counted. */
export const MAX_SHOWN_DIFFERENCES = 10;

/** Records in the order of the log, some at a time. */
export type RecordPages = AsyncIterable<readonly LogRecord[]> | Iterable<readonly LogRecord[]>;

/** Told after each page: records so far, and the time of the last. */
export type ReplayListener = (records: number, logMs: number) => void;

/** A place at which the replay gave another change than is stored; undefined where one of the two has none there. */
export interface ChangeDifference extends Stamp {
  /** Place among the record's changes. */
  readonly ordinal: number;
  readonly stored: Change | undefined;
  readonly replayed: Change | undefined;
}

/** What became of the records of the span. */
export interface Verification {
  readonly records: number;
  /** Changes that the replay gave. */
  readonly changes: number;
  readonly differences: number;
  /** The first differences, at most {@link MAX_SHOWN_DIFFERENCES}. */
  readonly shown: readonly ChangeDifference[];
  /** Records that could not be compared: their changes were dropped, are not stored yet, or they cannot be read. */
  readonly notKept: number;
  readonly notStored: number;
  readonly damaged: number;
}

export interface VerifyOptions {
  /** The state before the first of `records`. */
  readonly state: EngineState;
  readonly records: RecordPages;
  /** Records before this time are run, not compared. Epoch ms. */
  readonly fromMs: number;
  /** The changes that are stored of a record; undefined where they may have been dropped. */
  readonly storedOf: (logSeq: number) => readonly Change[] | undefined;
  /** The newest record whose changes are stored. */
  readonly progress: number;
  readonly onRecords: ReplayListener;
}

/** Runs the rules over `records` and compares what they say with what is stored. */
export async function verifyReplay(options: VerifyOptions): Promise<Verification> {
  const { state, fromMs } = options;
  const count = { records: 0, changes: 0, differences: 0, notKept: 0, notStored: 0, damaged: 0 };
  const shown: ChangeDifference[] = [];
  let run = 0;
  for await (const page of options.records) {
    for (const record of page) {
      const made = step(state, record);
      if (record.logMs < fromMs) continue;
      count.records++;
      count.changes += made.length;
      const found = compare(record, made, options);
      if (typeof found === 'string') {
        count[found]++;
        continue;
      }
      count.differences += found.length;
      shown.push(...found.slice(0, MAX_SHOWN_DIFFERENCES - shown.length));
    }
    run += page.length;
    options.onRecords(run, state.logMs);
  }
  return { ...count, shown };
}

function compare(
  record: LogRecord,
  made: readonly Change[],
  { storedOf, progress }: VerifyOptions,
): ChangeDifference[] | 'notKept' | 'notStored' | 'damaged' {
  // A record that was whole when its changes were stored and is damaged now has none to compare.
  if (record.kind === 'damaged') return 'damaged';
  if (record.logSeq > progress) return 'notStored';
  const stored = storedOf(record.logSeq);
  return stored === undefined ? 'notKept' : differencesOf(record, stored, made);
}

/** Where the changes of one record differ, place by place. */
export function differencesOf(
  { logSeq, logMs }: Stamp,
  stored: readonly Change[],
  replayed: readonly Change[],
): ChangeDifference[] {
  const differences: ChangeDifference[] = [];
  for (let ordinal = 0; ordinal < Math.max(stored.length, replayed.length); ordinal++) {
    const [before, now] = [stored[ordinal], replayed[ordinal]];
    if (!isSame(before, now)) differences.push({ logSeq, logMs, ordinal, stored: before, replayed: now });
  }
  return differences;
}

/** Equal as they are stored, which is as JSON; the order of keys says nothing. */
function isSame(stored: Change | undefined, replayed: Change | undefined): boolean {
  if (stored === undefined || replayed === undefined) return stored === replayed;
  const text = JSON.stringify(replayed);
  return JSON.stringify(stored) === text || isDeepStrictEqual(stored, JSON.parse(text));
}
