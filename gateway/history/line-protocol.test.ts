import { expect, test } from 'vitest';
import type { PointInfo } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { FieldNames } from './field-names.ts';
import { encodeSamples, headOf, MAX_TIME_MS, type SeriesHead } from './line-protocol.ts';
import { LineWriter, lineAt } from './lines.ts';

const MS = 1_781_481_600_123;

function linesOf(kind: PointInfo['kind'], fill: (builder: BatchBuilder) => void, names = new FieldNames()) {
  const builder = new BatchBuilder();
  fill(builder);
  const head: SeriesHead = headOf({ system: 'lift', asset: 'lift 1', point: 'p,1', kind }, names);
  const skipped = { unknownPoint: 0, impossibleTime: 0 };
  const writer = new LineWriter();
  const block = { logSeq: 7, firstOrdinal: 0, batch: builder.take() };
  encodeSamples([block], (number) => (number === 1 ? head : undefined), skipped, writer);
  const { lines } = writer;
  const all = Array.from({ length: lines.ends.length }, (_, index) => lineAt(lines, index));
  // What the last three digits of the time are follows from what the sample says, and is another test's.
  return { lines: all.map((line) => line.slice(0, -3)), skipped };
}

const series = 'lift,asset=lift\\ 1,point=p\\,1';

test.each([
  ['double', 21.5, 'value=21.5'],
  ['double', -3, 'value=-3'],
  ['double', 1e-9, 'value=1e-9'],
  ['enum', 4, 'state=4i'],
  ['bitset', 4_294_967_295, 'state=4294967295i'],
  ['bool', 1, 'on=true'],
  ['bool', 0, 'on=false'],
] as const)('a good sample of a %s that is %d', (kind, value, field) => {
  const { lines } = linesOf(kind, (builder) => builder.good(1, MS, MS, value));
  expect(lines).toEqual([`${series} ${field},quality=0i ${MS}000`]);
});

test.each([
  ['enum', 1.5],
  ['bool', 2],
  ['text', 3],
] as const)('a good sample of a %s that is %d has no value of its kind', (kind, value) => {
  const { lines } = linesOf(kind, (builder) => builder.good(1, MS, MS, value));
  expect(lines).toEqual([`${series} quality=0i ${MS}000`]);
});

test('texts, doubts and bad samples stand among the others, each with its own time and turn', () => {
  const { lines } = linesOf('double', (builder) => {
    builder.good(1, MS, MS, 1);
    builder.uncertain(1, MS, MS, 2, 'uncertain-status');
    builder.bad(1, MS + 1, MS + 1, 'not-finite');
    builder.good(1, MS + 1.75, MS + 1.75, 3);
    builder.good(1, 0, 0, 4);
    builder.good(1, -1.5, -1.5, 5);
  });
  expect(lines).toEqual([
    `${series} value=1,quality=0i ${MS}000`,
    `${series} value=2,quality=1i,reason="uncertain-status" ${MS}001`,
    `${series} quality=2i,reason="not-finite" ${MS + 1}000`,
    `${series} value=3,quality=0i ${MS + 1}000`,
    expect.stringMatching(/ value=4,quality=0i \d*$/),
    expect.stringMatching(/ value=5,quality=0i -1\d+$/),
  ]);
  const text = linesOf('text', (builder) => builder.text(1, MS, MS, 'a "b" \\ c'));
  expect(text.lines).toEqual([`${series} text="a \\"b\\" \\\\ c",quality=0i ${MS}000`]);
});

test('fields that are called otherwise in the database are so in every line', () => {
  const names = new FieldNames();
  names.learn([
    { measurement: 'lift', field: 'value', type: 'integer' },
    { measurement: 'lift', field: 'quality', type: 'float' },
  ]);
  const { lines } = linesOf('double', (builder) => builder.good(1, MS, MS, 0.25), names);
  expect(lines).toEqual([`${series} value_float=0.25,quality_integer=0i ${MS}000`]);
});

test('what cannot be stored is counted, and the rest is there', () => {
  const { lines, skipped } = linesOf('double', (builder) => {
    builder.good(2, MS, MS, 1);
    builder.good(1, MAX_TIME_MS + 1, MS, 1);
    builder.good(1, Number.NaN, MS, 1);
    builder.good(1, MS, MS, 1);
  });
  expect(lines).toEqual([`${series} value=1,quality=0i ${MS}000`]);
  expect(skipped).toEqual({ unknownPoint: 1, impossibleTime: 2 });
});
