import { expect, test } from 'vitest';
import type { Site } from '../model/site.ts';
import { assetChanges } from './site-changes.ts';

const site = (...assets: readonly { key: string; formerly?: string }[]) => ({ assets }) as unknown as Site;

test('assets are added, removed and renamed, each of them one of these', () => {
  const before = site({ key: 'a' }, { key: 'b' }, { key: 'c' });
  const after = site({ key: 'd' }, { key: 'b' }, { key: 'a2', formerly: 'a' });
  expect(assetChanges(before, after)).toEqual({
    added: ['d'],
    removed: ['c'],
    renamed: [{ former: 'a', key: 'a2' }],
  });
  expect(assetChanges(after, after)).toEqual({ added: [], removed: [], renamed: [] });
});
