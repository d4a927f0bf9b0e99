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
  fc.constantFrom(1.1, 2e20, Number.POSITIVE_INFINITY),
);
const times = fc.constantFrom(
  fc.integer({ min: -4e15, max: 4e15 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_464_000_300 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_464_060_000 }),
  fc.integer({ min: 1_795_464_000_000, max: 1_795_467_600_000 }),
);

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
const placesOf = ({ ms, ordinal }: PointColumns) => [...ms].map((at, row) => `${at} ${ordinal[row]}`);

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

test('merging sorts, and has each sample once with all that belongs to it', () => {
  fc.assert(
    fc.property(columns, columns, (one, other) => {
      const merged = mergeColumns([one, other, one]);
      const places = placesOf(merged);
      expect(new Set(places)).toEqual(new Set([...placesOf(one), ...placesOf(other)]));
      expect(new Set(places).size).toBe(places.length);
      for (let row = 1; row < merged.ms.length; row++) {
        expect((merged.ms[row] ?? 0) - (merged.ms[row - 1] ?? 0)).toBeGreaterThanOrEqual(0);
      }
      for (const [row, place] of places.entries()) {
        const sources = [one, other].flatMap((part) =>
          placesOf(part).flatMap((at, index) => (at === place ? [[part.value[index], part.texts.get(index)]] : [])),
        );
        expect(sources).toContainEqual([merged.value[row], merged.texts.get(row)]);
      }
      expect(mergeColumns([merged])).toEqual(merged);
    }),
  );
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
