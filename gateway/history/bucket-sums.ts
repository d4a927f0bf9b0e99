import { Quality } from '../../model/sample.ts';
import type { PointColumns } from './column-block.ts';
import type { BucketFigures, Buckets, LastSample } from './history-buckets.ts';

/** Figures of some samples, so kept that those of later ones can be added. Times are -Infinity where there is none. */
export interface SampleSums {
  /** Of all samples, whatever their quality. */
  all: number;
  firstMs: number;
  /** Place of the last sample, and whether it is good. */
  endMs: number;
  endOrdinal: number;
  endGood: boolean;
  /** Longest time between two samples that follow each other, ms. */
  maxGapMs: number;
  /** Of the good samples; `numbers` is how many of them are numbers, the rest being texts. */
  good: number;
  numbers: number;
  min: number | null;
  max: number | null;
  /** Of the numbers; 0 where there are none. */
  sum: number;
  last: number | null;
  lastMs: number;
  lastOrdinal: number;
}

export function emptySums(): SampleSums {
  return {
    all: 0,
    firstMs: Number.NEGATIVE_INFINITY,
    endMs: Number.NEGATIVE_INFINITY,
    endOrdinal: Number.NEGATIVE_INFINITY,
    endGood: false,
    maxGapMs: 0,
    good: 0,
    numbers: 0,
    min: null,
    max: null,
    sum: 0,
    last: null,
    lastMs: Number.NEGATIVE_INFINITY,
    lastOrdinal: Number.NEGATIVE_INFINITY,
  };
}

/** Adds what `more` sums up, of other samples. Gaps are right only where all of those are later. */
export function addSums(sums: SampleSums, more: SampleSums): void {
  if (more.all === 0) return;
  if (sums.all > 0) sums.maxGapMs = Math.max(sums.maxGapMs, more.maxGapMs, more.firstMs - sums.endMs);
  else {
    sums.maxGapMs = more.maxGapMs;
    sums.firstMs = more.firstMs;
  }
  sums.firstMs = Math.min(sums.firstMs, more.firstMs);
  sums.all += more.all;
  sums.good += more.good;
  sums.numbers += more.numbers;
  sums.sum += more.sum;
  if (more.min !== null) sums.min = Math.min(sums.min ?? more.min, more.min);
  if (more.max !== null) sums.max = Math.max(sums.max ?? more.max, more.max);
  if (isLater(more.endMs, more.endOrdinal, sums.endMs, sums.endOrdinal)) {
    sums.endMs = more.endMs;
    sums.endOrdinal = more.endOrdinal;
    sums.endGood = more.endGood;
  }
  if (more.last !== null && isLater(more.lastMs, more.lastOrdinal, sums.lastMs, sums.lastOrdinal)) {
    sums.last = more.last;
    sums.lastMs = more.lastMs;
    sums.lastOrdinal = more.lastOrdinal;
  }
}

function isLater(ms: number, ordinal: number, thanMs: number, thanOrdinal: number): boolean {
  return ms > thanMs || (ms === thanMs && ordinal >= thanOrdinal);
}

/** Sums of all samples of `columns`. */
export function sumsOf(columns: PointColumns): SampleSums {
  return sumsOfRows(columns, 0, columns.ms.length);
}

/** Sums of the rows `from` up to `to`, which are in order. */
function sumsOfRows({ ms, ordinal, value, quality }: PointColumns, from: number, to: number): SampleSums {
  const sums = emptySums();
  if (from >= to) return sums;
  let [good, numbers, sum, maxGapMs, lastRow] = [0, 0, 0, 0, -1];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let beforeMs = ms[from] as number;
  for (let row = from; row < to; row++) {
    const at = ms[row] as number;
    if (at - beforeMs > maxGapMs) maxGapMs = at - beforeMs;
    beforeMs = at;
    if (quality[row] !== Quality.good) continue;
    good++;
    const number = value[row] as number;
    if (Number.isNaN(number)) continue;
    numbers++;
    sum += number;
    if (number < min) min = number;
    if (number > max) max = number;
    lastRow = row;
  }
  sums.all = to - from;
  sums.firstMs = ms[from] as number;
  sums.endMs = beforeMs;
  sums.endOrdinal = ordinal[to - 1] as number;
  sums.endGood = quality[to - 1] === Quality.good;
  sums.maxGapMs = maxGapMs;
  sums.good = good;
  if (numbers === 0) return sums;
  sums.numbers = numbers;
  sums.sum = sum;
  sums.min = min;
  sums.max = max;
  sums.last = value[lastRow] as number;
  sums.lastMs = ms[lastRow] as number;
  sums.lastOrdinal = ordinal[lastRow] as number;
  return sums;
}

/** What buckets hold, filled piece by piece. */
export class BucketSums {
  readonly #buckets: Buckets;
  readonly #sums = new Map<number, SampleSums>();

  constructor(buckets: Buckets) {
    this.#buckets = buckets;
  }

  /** The bucket into which all of [fromMs, toMs) falls; undefined where that is not one. */
  whole(fromMs: number, toMs: number): number | undefined {
    const index = this.#indexOf(fromMs);
    return fromMs >= this.#buckets.fromMs && toMs <= this.#buckets.toMs && index === this.#indexOf(toMs - 1)
      ? index
      : undefined;
  }

  addSums(index: number, sums: SampleSums): void {
    const present = this.#sums.get(index);
    if (present === undefined) this.#sums.set(index, { ...sums });
    else addSums(present, sums);
  }

  /** Adds samples that are in order, as far as they are within the buckets. */
  addColumns(columns: PointColumns): void {
    const { ms } = columns;
    let from = firstFrom(ms, this.#buckets.fromMs);
    while (from < ms.length && (ms[from] as number) < this.#buckets.toMs) {
      const index = this.#indexOf(ms[from] as number);
      const to = firstFrom(ms, this.#buckets.fromMs + (index + 1) * this.#buckets.bucketMs, from);
      this.addSums(index, sumsOfRows(columns, from, to));
      from = to;
    }
  }

  figures(): Map<number, BucketFigures> {
    const figures = new Map<number, BucketFigures>();
    for (const [index, { good, min, max, sum, numbers, last }] of this.#sums) {
      if (good > 0) figures.set(index, { count: good, min, max, mean: numbers === 0 ? null : sum / numbers, last });
    }
    return figures;
  }

  /** Of each bucket that has a sample, its last one. */
  lasts(): Map<number, LastSample> {
    const lasts = new Map<number, LastSample>();
    for (const [index, { endGood, last }] of this.#sums) lasts.set(index, { good: endGood, value: last });
    return lasts;
  }

  /** Of each bucket that has a sample, the sums. */
  entries(): Iterable<readonly [number, SampleSums]> {
    return this.#sums.entries();
  }

  #indexOf(ms: number): number {
    return Math.floor((ms - this.#buckets.fromMs) / this.#buckets.bucketMs);
  }
}

/** The first row, from `from` on, whose time is not before `atMs`; the number of rows where there is none. */
export function firstFrom(ms: Float64Array, atMs: number, from = 0): number {
  let low = from;
  let high = ms.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ms[middle] as number) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
