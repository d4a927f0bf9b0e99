import { expect, test } from 'vitest';
import { ordinalAt, type SampleBlock } from '../../model/history.ts';
import type { ValueKind } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { RepeatFilter } from './repeat-filter.ts';

type Row = readonly [point: number, ms: number, value: number | string | null];

const heartbeats: Readonly<Record<number, number>> = { 1: 1000, 2: 1000 };
const lookup = (number: number) => ({
  number,
  key: `a/p${number}`,
  asset: 'a',
  point: `p${number}`,
  system: 's',
  kind: (number === 2 ? 'text' : 'double') as ValueKind,
  ...(heartbeats[number] !== undefined && { heartbeatMs: heartbeats[number] }),
});

function blockOf(firstOrdinal: number, rows: readonly Row[]): SampleBlock {
  const builder = new BatchBuilder();
  for (const [point, ms, value] of rows) {
    if (value === null) builder.bad(point, ms, ms, 'timeout', 'a detail');
    else if (typeof value === 'string') builder.text(point, ms, ms, value);
    else builder.good(point, ms, ms, value);
  }
  return { logSeq: 1, firstOrdinal, batch: builder.take() };
}

const kept = (block: SampleBlock) =>
  Array.from({ length: block.batch.length }, (_, row) => [
    ordinalAt(block, row),
    block.batch.point[row],
    block.batch.sourceMs[row],
    block.batch.texts.get(row) ?? block.batch.value[row],
  ]);

test('leaves out what repeats the last stored sample within the heartbeat, and keeps each one’s place', () => {
  const filter = new RepeatFilter(lookup);
  const first = filter.apply(
    blockOf(100, [
      [1, 0, 5],
      [3, 0, 7],
      [1, 400, 5],
      [2, 400, 'auto'],
      [3, 400, 7],
      [1, 500, 6],
      [2, 500, 'auto'],
      [2, 600, 'hand'],
      [1, 1400, 6],
    ]),
  );
  expect(kept(first)).toEqual([
    [100, 1, 0, 5],
    [101, 3, 0, 7],
    [103, 2, 400, 'auto'],
    [104, 3, 400, 7],
    [105, 1, 500, 6],
    [107, 2, 600, 'hand'],
  ]);
  // The heartbeat counts from the last stored one, over blocks.
  expect(kept(filter.apply(blockOf(200, [[1, 1499, 6]])))).toEqual([]);
  expect(kept(filter.apply(blockOf(201, [[1, 1500, 6]])))).toEqual([[201, 1, 1500, 6]]);
});

test('keeps every bad sample, the first good one after it, and what comes late', () => {
  const filter = new RepeatFilter(lookup);
  const rows: Row[] = [
    [1, 1000, 5],
    [1, 1100, null],
    [1, 1200, null],
    [1, 1300, 5],
    [1, 900, 5],
    [1, 1400, 5],
  ];
  const block = filter.apply(blockOf(0, rows));
  expect(kept(block).map(([ordinal]) => ordinal)).toEqual([0, 1, 2, 3, 4]);
  expect(block.batch.details.get(1)).toBe('a detail');
});

test('hands on the very block where it has nothing to leave out', () => {
  const block = blockOf(0, [
    [3, 0, 1],
    [3, 1, 1],
  ]);
  expect(new RepeatFilter(lookup).apply(block)).toBe(block);
});
