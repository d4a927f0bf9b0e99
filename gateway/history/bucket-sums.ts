import { Quality } from '../../model/sample.ts';
import type { PointColumns } from './column-block.ts';
import type { BucketFigures, Buckets } from './history-buckets.ts';

/** Figures of some good samples, so kept that more can be added. */
export interface SampleSums {
  count: number;
  min: number | null;
  max: number | null;
  /** Of the numbers; 0 where there are none. */
  sum: number;
  /** How many of the samples are numbers. */
  numbers: number;
  last: number | null;
  lastMs: number;
  lastOrdinal: number;
}

function emptySums(): SampleSums {
  return {
    count: 0,
    min: null,
    max: null,
    sum: 0,
    numbers: 0,
    last: null,
    lastMs: Number.NEGATIVE_INFINITY,
    lastOrdinal: Number.NEGATIVE_INFINITY,
  };
}

/** Adds what `more` sums up, of other samples. */
function addSums(sums: SampleSums, more: SampleSums): void {
  sums.count += more.count;
  sums.numbers += more.numbers;
  sums.sum += more.sum;
  if (more.min !== null) sums.min = Math.min(sums.min ?? more.min, more.min);
  if (more.max !== null) sums.max = Math.max(sums.max ?? more.max, more.max);
  if (more.lastMs < sums.lastMs || (more.lastMs === sums.lastMs && more.lastOrdinal < sums.lastOrdinal)) return;
  sums.last = more.last;
  sums.lastMs = more.lastMs;
  sums.lastOrdinal = more.lastOrdinal;
}

/** Sums of all good samples of `columns`. */
export function sumsOf(columns: PointColumns): SampleSums {
  const sums = emptySums();
  for (let row = 0; row < columns.ms.length; row++) addRow(sums, columns, row);
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
    addSums(this.#at(index), sums);
  }

  addColumns(columns: PointColumns): void {
    const { fromMs, toMs } = this.#buckets;
    for (let row = 0; row < columns.ms.length; row++) {
      const ms = columns.ms[row] ?? Number.NaN;
      if (ms >= fromMs && ms < toMs) addRow(this.#at(this.#indexOf(ms)), columns, row);
    }
  }

  *figures(): Generator<readonly [number, BucketFigures]> {
    for (const [index, { count, min, max, sum, numbers, last }] of this.#sums) {
      if (count > 0) yield [index, { count, min, max, mean: numbers === 0 ? null : sum / numbers, last }];
    }
  }

  #indexOf(ms: number): number {
    return Math.floor((ms - this.#buckets.fromMs) / this.#buckets.bucketMs);
  }

  #at(index: number): SampleSums {
    let sums = this.#sums.get(index);
    if (sums === undefined) {
      sums = emptySums();
      this.#sums.set(index, sums);
    }
    return sums;
  }
}

/** Adds one sample, if it is good. */
function addRow(sums: SampleSums, columns: PointColumns, row: number): void {
  if (columns.quality[row] !== Quality.good) return;
  const value = columns.value[row] ?? Number.NaN;
  const ms = columns.ms[row] ?? 0;
  const ordinal = columns.ordinal[row] ?? 0;
  sums.count++;
  if (Number.isNaN(value)) return;
  sums.numbers++;
  sums.sum += value;
  if (sums.min === null || value < sums.min) sums.min = value;
  if (sums.max === null || value > sums.max) sums.max = value;
  if (ms < sums.lastMs || (ms === sums.lastMs && ordinal < sums.lastOrdinal)) return;
  sums.last = value;
  sums.lastMs = ms;
  sums.lastOrdinal = ordinal;
}
