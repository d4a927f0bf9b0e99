import type { SampleBlock } from '../../model/history.ts';
import { type PointInfo, pointKey, type ValueKind } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';

/** Points that the suites of history know; numbers from 1. */
export const points = ['double', 'enum', 'bool', 'text', 'bitset'].map(
  (kind, index): PointInfo => ({
    number: index + 1,
    key: pointKey("o'clock, a=b", kind),
    asset: "o'clock, a=b",
    point: kind,
    system: 'fire-pump',
    kind: kind as ValueKind,
  }),
);

export function pointOf(kind: ValueKind): PointInfo {
  const found = points.find((point) => point.kind === kind);
  if (found === undefined) throw new Error(`no point of kind ${kind}`);
  return found;
}

export const lookup = (number: number) => points.find((point) => point.number === number);

/** A sample as a row: point number, source time, value (null = bad, `['?', n]` = uncertain). */
export type Row = readonly [point: number, sourceMs: number, value: number | string | null | readonly ['?', number]];

/** A block of the log with these samples, received at `receivedMs`. */
export function blockOf(firstOrdinal: number, rows: readonly Row[], receivedMs = 1): SampleBlock {
  const builder = new BatchBuilder();
  for (const [point, sourceMs, value] of rows) {
    if (value === null) builder.bad(point, sourceMs, receivedMs, 'timeout');
    else if (typeof value === 'string') builder.text(point, sourceMs, receivedMs, value);
    else if (typeof value === 'number') builder.good(point, sourceMs, receivedMs, value);
    else builder.uncertain(point, sourceMs, receivedMs, value[1], 'uncertain-status');
  }
  return { logSeq: firstOrdinal + 1, firstOrdinal, batch: builder.take() };
}
