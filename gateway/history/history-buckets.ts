import { type HistorySeries, MAX_HISTORY_BUCKETS } from '../../model/history.ts';
import type { PointKey } from '../../model/point.ts';

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
