import { expect, test } from 'vitest';
import { asset, lamp, site } from '../../test/support/timeline.ts';
import { siteNumbers } from './site-numbers.ts';

const withAssets = (...assets: ReturnType<typeof asset>[]) => ({ ...site, assets });
const renamed = { ...asset('lamp-b', lamp, 'bus'), formerly: 'lamp-a' };

test('a point keeps the number that its key has, new ones come after all that there are', () => {
  const known = [new Map([['lamp-1/power', 4]]), new Map([['gone/power', 9]])];
  const numbers = siteNumbers(withAssets(asset('lamp-1', lamp, 'bus'), asset('lamp-2', lamp, 'bus')), known);
  expect([...numbers]).toEqual([
    ['lamp-1/power', 4],
    ['lamp-2/power', 10],
  ]);
});

test('an asset that was renamed in the site file takes over its numbers', () => {
  expect([...siteNumbers(withAssets(renamed), [new Map([['lamp-a/power', 3]])])]).toEqual([['lamp-b/power', 3]]);
});

test('a key of an earlier time counts where no later one does', () => {
  const now = new Map([['lamp-b/power', 3]]);
  const then = new Map([['lamp-a/power', 3]]);
  const old = asset('lamp-a', lamp, 'bus');
  expect([...siteNumbers(withAssets(old), [now, then])]).toEqual([['lamp-a/power', 3]]);
  // Both in one site: the number stands for the key that it stands for now.
  expect(new Map(siteNumbers(withAssets(old, asset('lamp-b', lamp, 'bus')), [now, then]))).toEqual(
    new Map([
      ['lamp-b/power', 3],
      ['lamp-a/power', 4],
    ]),
  );
});
