import { expect, test } from 'vitest';
import type { OpcuaMapPoint } from '../schema.ts';
import { expandArray } from './array.ts';

const places = (entry: Partial<OpcuaMapPoint>) =>
  expandArray('phase', { node: 's=x', ...entry }).map(([name, { index }]) => `${name} ${JSON.stringify(index)}`);

test('an entry without count is itself', () => {
  const entry = { node: 's=x', index: 3 };
  expect(expandArray('phase', entry)).toEqual([['phase', entry]]);
});

test('elements one behind the other, or a step apart', () => {
  expect(places({ count: 3 })).toEqual(['phase1 0', 'phase2 1', 'phase3 2']);
  expect(places({ count: 2, index: 4, step: 3 })).toEqual(['phase1 4', 'phase2 7']);
});

test('of a matrix the last dimension counts on', () => {
  expect(places({ count: 2, index: [1, 2] })).toEqual(['phase1 [1,2]', 'phase2 [1,3]']);
});

test('the rest of the entry is that of each point', () => {
  const [[, first] = []] = expandArray('speed', {
    node: 's=x',
    count: 2,
    member: 'Speed',
    namespace: 'urn:x',
    scale: 2,
  });
  expect(first).toEqual({ node: 's=x', member: 'Speed', namespace: 'urn:x', scale: 2, index: 0 });
});
