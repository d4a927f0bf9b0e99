import { expect, test } from 'vitest';
import type { LogRecord } from '../../model/log.ts';
import { Quality } from '../../model/sample.ts';
import { historyRecords, type PointSamples } from './history-records.ts';

const HOUR_MS = 3_600_000;
/** A quarter of a second after a whole hour. */
const FROM_MS = Date.parse('2026-06-15T13:00:00.250Z');

function samples(rows: readonly (readonly [ms: number, value: number | string, quality?: number])[]): PointSamples {
  return {
    ms: Float64Array.from(rows, ([ms]) => ms),
    ordinal: Float64Array.from(rows, (_, row) => row),
    value: Float64Array.from(rows, ([, value]) => (typeof value === 'number' ? value : Number.NaN)),
    quality: Uint8Array.from(rows, ([, , quality = Quality.good]) => quality),
    texts: new Map(rows.flatMap(([, value], row) => (typeof value === 'string' ? [[row, value] as const] : []))),
  };
}

function cut(all: ReadonlyMap<number, PointSamples>, fromMs: number, toMs: number): Map<number, PointSamples> {
  return new Map(
    [...all].map(([point, { ms, value, quality, texts }]) => {
      const rows = [...ms].flatMap((at, row) =>
        at >= fromMs && at < toMs ? [[at, texts.get(row) ?? value[row] ?? 0, quality[row]] as const] : [],
      );
      return [point, samples(rows.map(([at, one, q]) => [at, one, q ?? 0]))];
    }),
  );
}

function made(all: ReadonlyMap<number, PointSamples>, toMs: number): { records: LogRecord[]; reads: number[][] } {
  const reads: number[][] = [];
  const links = new Map([
    [1, 'bus'],
    [2, 'bus'],
    [3, 'cabinet'],
  ]);
  const read = (_: Iterable<number>, from: number, to: number) => {
    reads.push([from, to]);
    return cut(all, from, to);
  };
  return { records: [...historyRecords(read, links, { fromMs: FROM_MS, toMs })].flat(), reads };
}

test('gives the samples of each second by link, in time order, and a tick after them', () => {
  const all = new Map([
    [
      1,
      samples([
        [FROM_MS, 1],
        [FROM_MS + 500, 2],
        [FROM_MS + 1500, 3],
      ]),
    ],
    [2, samples([[FROM_MS + 100, 7]])],
    [3, samples([[FROM_MS + 300, 9]])],
  ]);
  const { records } = made(all, FROM_MS + 1750);
  expect(
    records.map((record) =>
      record.kind === 'samples'
        ? [record.link, record.logMs - FROM_MS, [...record.batch.point], [...record.batch.value]]
        : [record.kind, record.logMs - FROM_MS],
    ),
  ).toEqual([
    ['bus', 500, [1, 2, 1], [1, 7, 2]],
    ['cabinet', 500, [3], [9]],
    ['tick', 750],
    ['bus', 1500, [1], [3]],
    ['tick', 1750],
    ['tick', 1750],
  ]);
  expect(records.map(({ logSeq }) => logSeq)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('takes a sample to be received when the device says, and as good as it was', () => {
  const all = new Map([
    [
      1,
      samples([
        [FROM_MS, Number.NaN, Quality.bad],
        [FROM_MS + 1, 5, Quality.uncertain],
        [FROM_MS + 2, 'on'],
      ]),
    ],
  ]);
  const [record] = made(all, FROM_MS + 10).records;
  if (record?.kind !== 'samples') throw new Error('no samples');
  const { quality, value, texts, sourceMs, receivedMs } = record.batch;
  expect([...quality]).toEqual([Quality.bad, Quality.uncertain, Quality.good]);
  expect([...value]).toEqual([Number.NaN, 5, Number.NaN]);
  expect([...texts]).toEqual([[2, 'on']]);
  expect(receivedMs).toEqual(sourceMs);
});

test('reads an hour at a time, and ticks through hours without a sample', () => {
  const { records, reads } = made(new Map(), FROM_MS + 2 * HOUR_MS);
  const wholeMs = FROM_MS - 250;
  expect(reads).toEqual([
    [FROM_MS, wholeMs + HOUR_MS],
    [wholeMs + HOUR_MS, wholeMs + 2 * HOUR_MS],
    [wholeMs + 2 * HOUR_MS, FROM_MS + 2 * HOUR_MS + 1],
  ]);
  const times = records.map(({ logMs }) => logMs);
  expect(times).toHaveLength(7201);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});
