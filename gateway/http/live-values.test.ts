import { expect, test } from 'vitest';
import { BatchBuilder } from '../../model/sample.ts';
import type { Asset, Site } from '../../model/site.ts';
import { LiveValues } from './live-values.ts';

const text = { zh: '梯', en: 'lift' };

const asset = (key: string): Asset => ({
  key,
  name: text,
  profile: 'lift',
  system: 'lifts',
  link: 'line',
  location: {},
  points: [
    { key: `${key}/position`, point: 'position', name: text, kind: 'double', staleAfterMs: 5000, address: null },
  ],
});

const site = (...keys: readonly string[]) => ({ assets: keys.map(asset) }) as unknown as Site;

function received(values: LiveValues, number: number, value: number): void {
  const builder = new BatchBuilder();
  builder.good(number, 1000, 1000, value);
  values.take([{ kind: 'samples', link: 'line', batch: builder.take(), firstOrdinal: 0, logSeq: 1, logMs: 1000 }]);
}

test('another site keeps what its points have received, also under another key', () => {
  const values = new LiveValues();
  values.adopt(
    site('lift-1', 'lift-2', 'lift-3'),
    new Map([
      ['lift-1/position', 1],
      ['lift-2/position', 2],
      ['lift-3/position', 3],
    ]),
  );
  for (const number of [1, 2, 3]) received(values, number, number * 10);
  const numbers = new Map([
    ['lift-1/position', 1],
    ['lift-b/position', 2],
    ['lift-4/position', 4],
  ]);
  values.adopt(site('lift-1', 'lift-b', 'lift-4'), numbers);
  received(values, 3, 99);
  expect(values.points(2000).map(({ key, value, quality }) => ({ key, value, quality }))).toEqual([
    { key: 'lift-1/position', value: 10, quality: 'good' },
    { key: 'lift-b/position', value: 20, quality: 'good' },
    { key: 'lift-4/position', value: null, quality: 'none' },
  ]);
  expect(values.points(2000, 'lift-b')[0]).toMatchObject({ asset: 'lift-b' });
  expect(values.changes(2000)).toEqual([]);
  received(values, 2, 21);
  received(values, 4, 40);
  expect(values.changes(2000).map(({ key, value }) => ({ key, value }))).toEqual([
    { key: 'lift-b/position', value: 21 },
    { key: 'lift-4/position', value: 40 },
  ]);
});

function judged(values: LiveValues, number: number, atMs: number, detail?: string): void {
  const builder = new BatchBuilder();
  if (detail === undefined) builder.good(number, atMs, atMs, 1);
  else builder.bad(number, atMs, atMs, 'unknown-node', detail);
  values.take([{ kind: 'samples', link: 'line', batch: builder.take(), firstOrdinal: 0, logSeq: 1, logMs: atMs }]);
}

test('a link’s bad points are named, the longest first, until they are good again', () => {
  const values = new LiveValues();
  const numbers = new Map(['a', 'b', 'c'].map((key, i) => [`${key}/position`, i + 1]));
  values.adopt(site('a', 'b', 'c'), numbers);
  expect(values.badPoints('line')).toEqual({ count: 0, named: [] });
  judged(values, 2, 1000, 's=b');
  judged(values, 1, 2000, 's=a');
  judged(values, 3, 2000);
  // Still bad, for another reason: it has been since then.
  judged(values, 2, 3000, 'ns=2;s=b');
  const reason = { code: 'unknown-node', text: { en: 'no such point on the device' } };
  const both = [
    { key: 'b/position', asset: 'b', name: text, reason: { ...reason, detail: 'ns=2;s=b' }, sinceMs: 1000 },
    { key: 'a/position', asset: 'a', name: text, reason: { ...reason, detail: 's=a' }, sinceMs: 2000 },
  ];
  expect(values.badPoints('line')).toMatchObject({ count: 2, named: both });
  values.adopt(site('a', 'b', 'c'), numbers);
  expect(values.badPoints('line')).toMatchObject({ count: 2, named: both });
  judged(values, 2, 4000);
  expect(values.badPoints('line')).toMatchObject({ count: 1, named: [both[1]] });
  expect(values.badPoints('other').count).toBe(0);
});

test('of many bad points twenty are named, and all counted', () => {
  const values = new LiveValues();
  const keys = Array.from({ length: 25 }, (_, i) => `lift-${i}`);
  values.adopt(site(...keys), new Map(keys.map((key, i) => [`${key}/position`, i + 1])));
  for (const i of keys.keys()) judged(values, i + 1, 1000 + i, 'gone');
  const { count, named } = values.badPoints('line');
  expect([count, named.length, named[0]?.asset, named[19]?.asset]).toEqual([25, 20, 'lift-0', 'lift-19']);
});
