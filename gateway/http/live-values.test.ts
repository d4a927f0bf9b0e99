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
