import { expect, test } from 'vitest';
import type { Site } from '../../model/site.ts';
import { renamedAssets } from './renamed-assets.ts';

const site = (...assets: readonly { key: string; formerly?: string }[]) => ({ assets }) as unknown as Site;

test('an asset is renamed once, and only where its former key was in use and its own was not', () => {
  const renamed = site({ key: 'b', formerly: 'a' }, { key: 'c' });
  expect(renamedAssets(site({ key: 'a' }, { key: 'c' }), renamed)).toEqual([{ former: 'a', key: 'b' }]);
  expect(renamedAssets(renamed, renamed)).toEqual([]);
  expect(renamedAssets(site({ key: 'c' }), renamed)).toEqual([]);
  expect(renamedAssets(undefined, renamed)).toEqual([]);
  // Two assets of which one is given up are not one asset with a new name.
  expect(renamedAssets(site({ key: 'a' }, { key: 'b' }), renamed)).toEqual([]);
});
