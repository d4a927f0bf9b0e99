import type { AlarmChange } from './alarm.ts';
import type { FloodChange } from './alarm-health.ts';
import type { LedgerChange } from './ledger.ts';
import type { PointInfo, PointKey, PointNumber } from './point.ts';
import type { RateChange } from './rate.ts';
import type { Batch } from './sample.ts';

/** What the engine says of the world; all of it follows from the log. */
export type Change = LedgerChange | AlarmChange | RateChange | FloodChange;

/** A change with its place: the record that caused it and its ordinal among that record's changes, from 0. */
export interface PlacedChange {
  readonly logSeq: number;
  readonly ordinal: number;
  readonly change: Change;
}

/** Samples of one log record. */
export interface SampleBlock {
  readonly logSeq: number;
  /** Place of the first sample among all samples of the log. */
  readonly firstOrdinal: number;
  /** Place of each row; absent where they follow one another from `firstOrdinal`, as long as none is left out. */
  readonly ordinals?: Float64Array;
  readonly batch: Batch;
}

/** Place of a block's row among all samples of the log. */
export function ordinalAt({ firstOrdinal, ordinals }: SampleBlock, row: number): number {
  return ordinals?.[row] ?? firstOrdinal + row;
}

/**
 * What became of a hand-over. `retry`: later, unchanged. `refused`: never, and why; only `count` samples or changes of it
 * if given, and the others are done.
 */
export type Outcome =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'retry'; readonly afterMs: number; readonly reason: string }
  | { readonly outcome: 'refused'; readonly reason: string; readonly count?: number };

/**
 * Takes what happened, at least once: writing the same thing twice stores the same rows. Never throws for a fault of
 * the world.
 */
export interface Sink {
  writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome>;
  writeChanges(changes: readonly PlacedChange[], signal: AbortSignal): Promise<Outcome>;
}

/**
 * A point's history in `buckets` equal parts of [fromMs, toMs). Every array has that many entries; a bucket without a
 * good sample has count 0 and null elsewhere: a gap is a gap.
 */
export interface HistorySeries {
  readonly point: PointKey;
  readonly fromMs: number;
  readonly toMs: number;
  readonly bucketMs: number;
  readonly count: readonly number[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly last: readonly (number | null)[];
}

/** Bound on the buckets of one query. */
export const MAX_HISTORY_BUCKETS = 2000;

/** A home of history: takes and answers. */
export interface HistoryHome extends Sink {
  /** Samples by source time, good ones only; `buckets` is 1 to {@link MAX_HISTORY_BUCKETS}. */
  series(point: PointInfo, fromMs: number, toMs: number, buckets: number, signal?: AbortSignal): Promise<HistorySeries>;
  /** Flushes and closes; nothing may be called after. */
  close(): Promise<void>;
}

/** Looks a point up by its number; undefined for a number that the site no longer uses. */
export type PointLookup = (number: PointNumber) => PointInfo | undefined;
