import fc from 'fast-check';
import { expect, test } from 'vitest';
import { COARSE_AFTER, findRanges, type Look, type Range } from './find-ranges.ts';

interface Found {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly most: number;
  readonly reads: number;
}

/** Looks through a device that has the places of `has` and gives `limit` of them at once. */
async function find(
  has: (address: number) => boolean,
  { from = 0, to = 999, limit = 125, every = false, reads: bound = Number.POSITIVE_INFINITY } = {},
): Promise<Found> {
  const ranges = new Map<number, Range>();
  let reads = 0;
  let most = Number.NaN;
  const read = async (address: number, count: number): Promise<Look> => {
    if (reads >= bound) return 'ended';
    reads += 1;
    expect(address).toBeGreaterThanOrEqual(from);
    expect(address + count - 1).toBeLessThanOrEqual(to);
    expect(count).toBeLessThanOrEqual(125);
    if (count > limit) return 'refused';
    return Array.from({ length: count }, (_, i) => address + i).every(has) ? 'data' : 'refused';
  };
  await findRanges(read, { from, to, most: 125, every }, (range) => {
    ranges.set(range.address, range);
    most = range.most;
  });
  return { ranges: [...ranges.values()].map(({ address, count }) => [address, address + count - 1]), most, reads };
}

const within =
  (...spans: readonly (readonly [number, number])[]) =>
  (address: number) =>
    spans.some(([from, to]) => address >= from && address <= to);

test('what can be read as a whole costs a request per 125', async () => {
  expect(await find(() => true)).toEqual({ ranges: [[0, 999]], most: 125, reads: 8 });
});

test('ranges between holes are found to the address', async () => {
  const { ranges } = await find(within([3, 3], [10, 40], [42, 60]), { to: 100 });
  expect(ranges).toEqual([
    [3, 3],
    [10, 40],
    [42, 60],
  ]);
});

test('a device that gives few at once has one range, and the limit is found', async () => {
  const found = await find(within([5, 80]), { to: 120, limit: 16 });
  expect(found.ranges).toEqual([[5, 80]]);
  expect(found.most).toBe(16);
});

test('far from all that can be read each tenth address is looked at, and what begins before it is found', async () => {
  const found = await find(within([407, 431]), { to: 999 });
  expect(found.ranges).toEqual([[407, 431]]);
  expect(found.reads).toBeLessThan(250);
  // A range without a round address far from all others is what this misses; `every` does not.
  const hidden = within([503, 507]);
  expect((await find(hidden)).ranges).toEqual([]);
  expect((await find(hidden, { every: true })).ranges).toEqual([[503, 507]]);
});

test('ends where no further look may be made, with what was found', async () => {
  const found = await find(within([0, 300]), { reads: 2 });
  expect(found).toMatchObject({ ranges: [[0, 249]], reads: 2 });
});

test('finds just what is there, whatever is, whatever the limit', async () => {
  const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 260 }), fc.integer({ min: 0, max: 40 })), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(spans, fc.integer({ min: 1, max: 125 }), fc.boolean(), async (parts, limit, every) => {
      const has = within(...parts.map(([from, length]) => [from, from + length] as const));
      // Far from all others a small range may be passed over unless each address is looked at.
      const to = every ? 300 : COARSE_AFTER - 1;
      const { ranges, reads } = await find(has, { to, limit, every });
      const expected = Array.from({ length: to + 1 }, (_, address) => address).filter(has);
      expect(ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))).toEqual(expected);
      expect(reads).toBeLessThan(3 * (to + 1) + 40);
    }),
    { numRuns: 200 },
  );
});
