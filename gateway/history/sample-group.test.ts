import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf, packGroup, type SampleColumns, SampleGrouper, unpackGroup } from './sample-group.ts';

const samples = fc
  .array(
    fc.record({
      point: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(4000, 2 ** 21, 2 ** 32 - 1)),
      ms: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: -4e15, max: 4e15 })),
      value: fc.double(),
      quality: fc.constantFrom(0, 1, 2),
      text: fc.option(fc.string(), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((rows): SampleColumns => {
    const texts = new Map<number, string>();
    for (const [row, { text }] of rows.entries()) if (text !== undefined) texts.set(row, text);
    return {
      point: Uint32Array.from(rows, ({ point }) => point),
      ms: Float64Array.from(rows, ({ ms }) => ms),
      ordinal: Float64Array.from(rows, (_, row) => 1e12 + row),
      value: Float64Array.from(rows, ({ value }) => value),
      quality: Uint8Array.from(rows, ({ quality }) => quality),
      texts,
      newestMs: 0,
    };
  });

test('each point has its samples in the order of the log, also after packing, and one group leaves nothing to the next', () => {
  const grouper = new SampleGrouper();
  fc.assert(
    fc.property(samples, (columns) => {
      const group = unpackGroup(packGroup(grouper.group(columns)));
      expect(group).toEqual(grouper.group(columns));
      expect([group.fromMs, group.toMs]).toEqual([Math.min(...columns.ms), Math.max(...columns.ms)]);
      expect([...group.points].sort()).toEqual([...new Set(columns.point)].sort());
      for (const point of group.points) {
        const rows = [...columns.point.keys()].filter((row) => columns.point[row] === point);
        const found = columnsOf(group, point);
        expect(found && [...found.ordinal]).toEqual(rows.map((row) => columns.ordinal[row]));
        expect(found && [...found.value]).toEqual(rows.map((row) => columns.value[row]));
        expect(rows.map((_, place) => found?.texts.get(place))).toEqual(rows.map((row) => columns.texts.get(row)));
      }
      expect(columnsOf(group, 77)).toBeUndefined();
    }),
  );
});

test('a group that is not as it was written is a RangeError', () => {
  fc.assert(
    fc.property(samples, fc.nat(), fc.nat(7), (columns, at, bit) => {
      const packed = packGroup(new SampleGrouper().group(columns));
      const place = at % packed.length;
      packed[place] = (packed[place] as number) ^ (1 << bit);
      expect(() => unpackGroup(packed)).toThrow(RangeError);
    }),
  );
});
