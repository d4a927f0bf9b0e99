import type { AlarmChange } from './alarm.ts';
import type { FloodChange } from './alarm-health.ts';
import type { LedgerChange } from './ledger.ts';
import type { PointInfo, PointKey, PointNumber } from './point.ts';
import type { RateChange } from './rate.ts';
import type { Batch } from './sample.ts';
import type { Text } from './text.ts';

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
 * if given, and the others are done. `text` says in both languages what `reason` does, where the home knows.
 */
export type Outcome =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'retry'; readonly afterMs: number; readonly reason: string; readonly text?: Text }
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
 * A point's history in equal parts of [fromMs, toMs). Every array has one entry for each part. Of the good samples in it
 * stand `count` and, where they are numbers, `min`, `max`, `mean` and `last`. A part without one is a gap: count 0 and
 * null elsewhere; unless the point keeps changes only ({@link PointInfo.heartbeatMs}) and what was kept last still
 * holds: then count is 0 and that value stands in all four.
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

/** Where a sample stands among those of its point: its time and, within one ms, its order as the home keeps it. */
export interface SamplePlace {
  readonly ms: number;
  readonly ordinal: number;
}

/** Stored samples of one point in order, good and other, as columns; `value` is NaN where bad or a text. */
export interface SamplePage {
  readonly point: PointKey;
  readonly ms: Float64Array;
  readonly value: Float64Array;
  /** A `Quality` each. */
  readonly quality: Uint8Array;
  /** Texts by row. */
  readonly texts: ReadonlyMap<number, string>;
  /** Place of the last sample, to go on after; null where nothing follows within the span. */
  readonly next: SamplePlace | null;
}

/**
 * A stretch of a timeline, half-open. `unknown`: no sample that could be trusted. `changes`: so many stretches, one after
 * the other, each of them too short to be told by itself.
 */
export type StateStretch =
  | { readonly kind: 'state'; readonly fromMs: number; readonly toMs: number; readonly state: number }
  | { readonly kind: 'unknown'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'changes'; readonly fromMs: number; readonly toMs: number; readonly changes: number };

/**
 * The states of a point over [fromMs, toMs): stretches without a gap between them. What lasted at least `pixelMs` is
 * told by itself, with its exact begin and end where `exact`, else to half of `pixelMs`; what was shorter, and stands
 * beside other short ones, is joined with them.
 */
export interface StateTimeline {
  readonly point: PointKey;
  readonly fromMs: number;
  readonly toMs: number;
  readonly pixelMs: number;
  readonly exact: boolean;
  readonly stretches: readonly StateStretch[];
}

/** Bound on the buckets of one query, and on the pixels of one timeline. */
export const MAX_HISTORY_BUCKETS = 2000;
/** Bound on the points of one query. */
export const MAX_HISTORY_POINTS = 50;
/** Bound on the samples of one page. */
export const MAX_PAGE_SAMPLES = 10_000;

/**
 * What every home answers, by the samples' source time. Each rejects with a RangeError where a bound is passed or the
 * span is none, with the signal's reason where it aborts, and otherwise where the home cannot answer.
 */
export interface HistoryQueries {
  /** `buckets` is 1 to {@link MAX_HISTORY_BUCKETS}. */
  series(point: PointInfo, fromMs: number, toMs: number, buckets: number, signal?: AbortSignal): Promise<HistorySeries>;
  /** The same for several points, at most {@link MAX_HISTORY_POINTS}, in the order in which they are asked for. */
  chart(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries[]>;
  /** The first `limit` (1 to {@link MAX_PAGE_SAMPLES}) samples of the span, those after `after` where it is given. */
  samples(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    page: { readonly after?: SamplePlace | undefined; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<SamplePage>;
  /**
   * Timelines of bools, enumerations and bitsets, at most {@link MAX_HISTORY_POINTS}; a RangeError for other kinds.
   * `pixels` (1 to {@link MAX_HISTORY_BUCKETS}) is how wide it is shown.
   */
  states(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    pixels: number,
    signal?: AbortSignal,
  ): Promise<StateTimeline[]>;
}

/** A home of history: takes and answers. */
export interface HistoryHome extends Sink, HistoryQueries {
  /** Flushes and closes; nothing may be called after. */
  close(): Promise<void>;
}

/** Looks a point up by its number; undefined for a number that the site no longer uses. */
export type PointLookup = (number: PointNumber) => PointInfo | undefined;
