import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeColumns, type PointColumns, packColumns, sliceColumns, unpackColumns } from './column-block.ts';

/** Columns are packed by what they hold, so each kind of number has columns of its own, with bad samples between. */
const numbers = fc.constantFrom<fc.Arbitrary<number>[]>(
  fc.double(),
  fc.float(),
  fc.constantFrom(0, 1, Number.NaN),
  fc.constantFrom(0, -0, 5),
  fc.integer({ min: -100, max: 155 }),
  fc.integer({ min: -40_000, max: 40_000 }).map((n) => n / 100),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 1e6),
  fc.oneof(fc.integer({ min: 0, max: 254 }), fc.constant(Number.NaN)),
  fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.constant(Number.NaN)),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, Number.NaN),
  fc.constantFrom(1.1, 2e20, Number.POSITIVE_INFINITY),
);
const times = fc.constantFrom(
  fc.integer({ min: -4e15, max: 4e15 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_464_000_300 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_464_060_000 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_467_600_000 }),
);

const placesOf = ({ ms, ordinal }: PointColumns) => [...ms].map((at, row) => `${at} ${ordinal[row]}`);

const rowsOf = (value: fc.Arbitrary<number>, ms: fc.Arbitrary<number>) =>
  fc.array(
    fc.record({
      ms,
      ordinal: fc.nat({ max: 2 ** 31 - 1 }),
      value,
      quality: fc.constantFrom(0, 1, 2),
      text: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
    }),
    { maxLength: 50 },
  );
const rows = fc.tuple(numbers, times).chain(([value, ms]) => rowsOf(value, ms));
const columns = rows.map((list): PointColumns => {
  const texts = new Map<number, string>();
  for (const [row, { text }] of list.entries()) if (text !== undefined) texts.set(row, text);
  return {
    ms: Float64Array.from(list, ({ ms }) => ms),
    ordinal: Float64Array.from(list, ({ ordinal }) => ordinal),
    value: Float64Array.from(list, ({ value }) => value),
    quality: Uint8Array.from(list, ({ quality }) => quality),
    texts,
  };
});

test('columns come back as they were packed', () => {
  fc.assert(
    fc.property(columns, (block) => {
      expect(unpackColumns(packColumns(block))).toEqual(block);
    }),
    { numRuns: 1000 },
  );
});

test('whatever bytes there are, they are columns or a RangeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 60 }), (bytes) => {
      // Texts may be no JSON; everything before them is bounded by the bytes that there are.
      expect(() => {
        try {
          unpackColumns(bytes);
        } catch (error) {
          if (!(error instanceof RangeError) && !(error instanceof SyntaxError)) throw error;
        }
      }).not.toThrow();
    }),
  );
});

test('a flipped bit is found', () => {
  fc.assert(
    fc.property(columns, fc.nat(), fc.nat(7), (block, at, bit) => {
      const packed = packColumns(block);
      const place = 4 + (at % (packed.length - 4));
      packed[place] = (packed[place] as number) ^ (1 << bit);
      expect(() => unpackColumns(packed)).toThrow(RangeError);
    }),
  );
});

/** What a sample says, and when; its place in the log is no part of it. */
const saidBy = ({ ms, value, quality, texts }: PointColumns) =>
  [...ms].map((at, row) => JSON.stringify([at, `${(value[row] ?? 0) + 0}`, quality[row], texts.get(row)]));

test('merging sorts, and has once what was said', () => {
  fc.assert(
    fc.property(columns, columns, (one, other) => {
      const merged = mergeColumns([one, other, one]);
      const said = saidBy(merged);
      expect(new Set(said)).toEqual(new Set([...saidBy(one), ...saidBy(other)]));
      expect(new Set(said).size).toBe(said.length);
      for (let row = 1; row < merged.ms.length; row++) {
        expect((merged.ms[row] ?? 0) - (merged.ms[row - 1] ?? 0)).toBeGreaterThanOrEqual(0);
      }
      expect(mergeColumns([merged])).toEqual(merged);
    }),
  );
});

test('a sample that came twice is there once, where it came first, between others of its millisecond', () => {
  const block: PointColumns = {
    ms: Float64Array.of(5, 5, 5, 6),
    ordinal: Float64Array.of(10, 11, 40, 41),
    value: Float64Array.of(1, 0, 1, 1),
    quality: Uint8Array.of(0, 0, 0, 0),
    texts: new Map(),
  };
  expect([...mergeColumns([block]).ordinal]).toEqual([10, 11, 41]);
});

test('a slice has its rows and their texts', () => {
  fc.assert(
    fc.property(columns, fc.nat(50), fc.nat(50), (block, a, b) => {
      const [from, to] = [Math.min(a, b, block.ms.length), Math.min(Math.max(a, b), block.ms.length)];
      const slice = sliceColumns(block, from, to);
      expect(placesOf(slice)).toEqual(placesOf(block).slice(from, to));
      for (let row = 0; row < to - from; row++) expect(slice.texts.get(row)).toBe(block.texts.get(row + from));
    }),
  );
});
