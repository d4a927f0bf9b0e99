import {
  type HistorySeries,
  MAX_HISTORY_BUCKETS,
  MAX_HISTORY_POINTS,
  MAX_PAGE_SAMPLES,
  type SamplePlace,
} from '../../model/history.ts';
import type { PointInfo, PointKey } from '../../model/point.ts';
import { hasStates, holdMsOf } from './state-timeline.ts';

/** Equal parts of a span of time, of whole milliseconds each. */
export interface Buckets {
  readonly fromMs: number;
  /** End of the last bucket: the asked end or, where that does not divide into whole milliseconds, a little later. */
  readonly toMs: number;
  readonly bucketMs: number;
  readonly buckets: number;
}

/**
 * Divides [fromMs, toMs) into `buckets` parts. Throws a RangeError where the span is empty or not of finite whole
 * numbers, or `buckets` is not 1 to {@link MAX_HISTORY_BUCKETS}.
 */
export function divide(fromMs: number, toMs: number, buckets: number): Buckets {
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(toMs) || fromMs >= toMs) {
    throw new RangeError(`no span of time: ${fromMs} to ${toMs}`);
  }
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > MAX_HISTORY_BUCKETS) {
    throw new RangeError(`buckets must be 1 to ${MAX_HISTORY_BUCKETS}, not ${buckets}`);
  }
  const bucketMs = Math.ceil((toMs - fromMs) / buckets);
  return { fromMs, toMs: fromMs + bucketMs * buckets, bucketMs, buckets };
}

/** A page of samples as it may be asked for. */
export interface AskedPage {
  readonly after?: SamplePlace | undefined;
  readonly limit: number;
}

/** Throws a RangeError where the span or the page is none. */
export function checkPage(fromMs: number, toMs: number, { after, limit }: AskedPage): void {
  divide(fromMs, toMs, 1);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SAMPLES) {
    throw new RangeError(`a page has 1 to ${MAX_PAGE_SAMPLES} samples, not ${limit}`);
  }
  if (after && !(Number.isSafeInteger(after.ms) && Number.isSafeInteger(after.ordinal) && after.ordinal >= 0)) {
    throw new RangeError('a page goes on after the place of a sample');
  }
}

/** Throws a RangeError where these are more points than one question may have. */
export function checkPoints(points: readonly PointInfo[]): void {
  if (points.length > MAX_HISTORY_POINTS) {
    throw new RangeError(`a question has at most ${MAX_HISTORY_POINTS} points, not ${points.length}`);
  }
}

/** Throws a RangeError where a point has no states, or there are too many. */
export function checkStates(points: readonly PointInfo[]): void {
  checkPoints(points);
  const other = points.find(({ kind }) => !hasStates(kind));
  if (other) throw new RangeError(`${other.key} has no states`);
}

/** What is known of the last sample of a stretch of time, whatever its quality. */
export interface LastSample {
  readonly good: boolean;
  /** Its value, where it is a good number. */
  readonly value: number | null;
}

/**
 * Gives parts without a sample what was kept last, where the point keeps changes only and that still holds. A sample
 * counts from its part's begin: whatever the parts, two kept samples that follow each other as they should leave no gap
 * between them, and nothing is carried on for longer than it holds.
 *
 * `before` is the last sample of the heartbeat before the first part; `lasts` has one entry for each part that has any.
 */
export function carry(
  figures: ReadonlyMap<number, BucketFigures>,
  lasts: ReadonlyMap<number, LastSample>,
  before: (LastSample & { readonly ms: number }) | undefined,
  { fromMs, bucketMs, buckets }: Buckets,
  point: Pick<PointInfo, 'heartbeatMs' | 'staleAfterMs'>,
): Map<number, BucketFigures> {
  const carried = new Map(figures);
  if (point.heartbeatMs === undefined) return carried;
  const holdMs = holdMsOf(point);
  let held = before?.good === true ? before.value : null;
  let index = before === undefined ? 0 : Math.floor((before.ms - fromMs) / bucketMs);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const last = lasts.get(bucket);
    if (last !== undefined) {
      held = last.good ? last.value : null;
      index = bucket;
    } else if (held !== null && (bucket - index) * bucketMs <= holdMs) {
      carried.set(bucket, { count: 0, min: held, max: held, mean: held, last: held });
    }
  }
  return carried;
}

/** What one bucket holds: good samples only; numbers null where there is none, as for texts. */
export interface BucketFigures {
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly last: number | null;
}

/** Lays figures by index of their bucket out as a series; those outside are left out, missing ones are gaps. */
export function seriesOf(
  point: PointKey,
  buckets: Buckets,
  figures: Iterable<readonly [index: number, figures: BucketFigures]>,
): HistorySeries {
  const gaps = (): (number | null)[] => new Array<number | null>(buckets.buckets).fill(null);
  const count = new Array<number>(buckets.buckets).fill(0);
  const [min, max, mean, last] = [gaps(), gaps(), gaps(), gaps()];
  for (const [index, bucket] of figures) {
    if (index < 0 || index >= buckets.buckets) continue;
    count[index] = bucket.count;
    min[index] = bucket.min;
    max[index] = bucket.max;
    mean[index] = bucket.mean;
    last[index] = bucket.last;
  }
  const { fromMs, toMs, bucketMs } = buckets;
  return { point, fromMs, toMs, bucketMs, count, min, max, mean, last };
}
