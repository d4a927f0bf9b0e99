import type { SQLOutputValue } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';
import type { SampleSums } from './bucket-sums.ts';
import { mergeColumns, type PointColumns, unpackColumns } from './column-block.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export type Row = Record<string, SQLOutputValue>;

/** Columns of `chunks` and `days` that hold sums, in the order of {@link sumValues}. */
export const SUM_COLUMNS =
  'count, good, numbers, min, max, mean, last, last_ms, last_ordinal, first_ms, end_ms, end_ordinal, end_good, max_gap_ms';

export function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

export function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new RangeError('a row of history has no bytes');
  return value;
}

/** Called where packed bytes are not those that were written. */
type OnDamage = () => void;

/** The columns of a chunk; none where its bytes are not those that were written, which loses that hour only. */
export function unpackChunk(body: SQLOutputValue | undefined, onDamage?: OnDamage): PointColumns {
  return orNone(() => unpackColumns(zstdDecompressSync(bytesOf(body))), onDamage);
}

/** The columns of a part; none where its bytes are not those that were written. */
export function unpackPart(body: SQLOutputValue | undefined, onDamage?: OnDamage): PointColumns {
  return orNone(() => unpackColumns(bytesOf(body)), onDamage);
}

function orNone(unpack: () => PointColumns, onDamage: OnDamage | undefined): PointColumns {
  try {
    return unpack();
  } catch (error) {
    if (!isDamage(error)) throw error;
    onDamage?.();
    return mergeColumns([]);
  }
}

/** Whether an error says that packed bytes are not those that were written. */
export function isDamage(error: unknown): boolean {
  // Of zstd's errors the code begins so.
  return (
    error instanceof RangeError ||
    error instanceof SyntaxError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ZSTD_'))
  );
}

/** What stands in {@link SUM_COLUMNS}. */
export function sumValues(sums: SampleSums): (number | null)[] {
  const has = sums.last !== null;
  return [
    sums.all,
    sums.good,
    sums.numbers,
    sums.min,
    sums.max,
    sums.numbers === 0 ? null : sums.sum / sums.numbers,
    sums.last,
    has ? sums.lastMs : null,
    has ? sums.lastOrdinal : null,
    sums.firstMs,
    sums.endMs,
    sums.endOrdinal,
    sums.endGood ? 1 : 0,
    sums.maxGapMs,
  ];
}

/** The sums that a row of `chunks` or `days` holds; undefined for one of version 1, which does not hold them all. */
export function sumsOfRow(row: Row): SampleSums | undefined {
  if (row.numbers === null) return undefined;
  const number = (value: SQLOutputValue | undefined) => (typeof value === 'number' ? value : null);
  const numbers = Number(row.numbers);
  return {
    all: Number(row.count),
    firstMs: Number(row.first_ms),
    endMs: Number(row.end_ms),
    endOrdinal: Number(row.end_ordinal),
    endGood: row.end_good === 1,
    maxGapMs: Number(row.max_gap_ms),
    good: Number(row.good),
    numbers,
    min: number(row.min),
    max: number(row.max),
    sum: (number(row.mean) ?? 0) * numbers,
    last: number(row.last),
    lastMs: number(row.last_ms) ?? Number.NEGATIVE_INFINITY,
    lastOrdinal: number(row.last_ordinal) ?? Number.NEGATIVE_INFINITY,
  };
}
