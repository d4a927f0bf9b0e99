import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModbusAddress } from '../address.ts';
import type { Table } from '../schema.ts';
import { type Block, bisect, cutKey, type Limits, MAX_BITS, MAX_REGISTERS, planReads } from './plan.ts';

const place = (address: number, count = 1, table: Table = 'holding', unit = 1): ModbusAddress => ({
  unit,
  table,
  address,
  count,
  type: 'uint16',
  bit: null,
  scale: 1,
  add: 0,
  noValue: [],
  wordOrder: null,
  byteOrder: null,
});

const usual: Limits = { maxRegisters: MAX_REGISTERS, maxBits: MAX_BITS, gapRegisters: 16, gapBits: 256 };

const plan = (places: readonly ModbusAddress[], cuts: readonly string[] = [], limits = usual) =>
  planReads(places, [...places.keys()], new Set(cuts), limits);
const spans = (...of: Parameters<typeof plan>) => plan(...of).map((block) => [block.address, block.count]);

const onlyBlock = (places: readonly ModbusAddress[]): Block => {
  const [block, another] = plan(places);
  if (block === undefined || another !== undefined) throw new Error('expected one block');
  return block;
};

describe('planReads', () => {
  test('gathers near places, and leaves far ones apart', () => {
    expect(spans([place(160), place(161), place(162), place(1000), place(1007, 2)])).toEqual([
      [160, 3],
      [1000, 9],
    ]);
    expect(spans([place(0), place(1 + usual.gapRegisters)])).toHaveLength(1);
    expect(spans([place(0), place(2 + usual.gapRegisters)])).toHaveLength(2);
    expect(spans([place(0, 1, 'coil'), place(1 + usual.gapBits, 1, 'coil')])).toHaveLength(1);
  });

  test('keeps within what one request may read', () => {
    expect(spans(Array.from({ length: 126 }, (_, i) => place(i)))).toEqual([
      [0, 125],
      [125, 1],
    ]);
    expect(spans(Array.from({ length: 2001 }, (_, i) => place(i, 1, 'discrete')))).toEqual([
      [0, 2000],
      [2000, 1],
    ]);
    expect(spans(Array.from({ length: 63 }, (_, i) => place(i * 2, 2))), 'no value is torn').toEqual([
      [0, 124],
      [124, 2],
    ]);
  });

  test('never reaches over a cut', () => {
    const places = [place(0), place(1), place(4), place(5)];
    expect(spans(places, [cutKey(1, 'holding', 3)])).toEqual([
      [0, 2],
      [4, 2],
    ]);
    expect(spans(places, [cutKey(1, 'holding', 1)])).toEqual([
      [0, 1],
      [1, 5],
    ]);
    expect(spans(places, [cutKey(2, 'holding', 3), cutKey(1, 'input', 3)])).toEqual([[0, 6]]);
  });

  const anyPlace = fc.record({
    address: fc.nat(3000),
    count: fc.constantFrom(1, 2, 4),
    table: fc.constantFrom<Table>('holding', 'input', 'coil', 'discrete'),
    unit: fc.integer({ min: 1, max: 2 }),
  });

  const anyLimits = fc.record({
    maxRegisters: fc.integer({ min: 4, max: MAX_REGISTERS }),
    maxBits: fc.integer({ min: 1, max: MAX_BITS }),
    gapRegisters: fc.nat(64),
    gapBits: fc.nat(1024),
  });
  const anyCuts = fc.array(fc.nat(3000), { maxLength: 5 });

  test('every place is in exactly one block that holds it and is lawful', () => {
    fc.assert(
      fc.property(fc.array(anyPlace, { maxLength: 60 }), anyCuts, anyLimits, (given, cutAt, limits) => {
        const places = given.map((p) =>
          place(p.address, p.table === 'coil' || p.table === 'discrete' ? 1 : p.count, p.table, p.unit),
        );
        const blocks = plan(
          places,
          cutAt.map((address) => cutKey(1, 'holding', address)),
          limits,
        );
        expect(blocks.flatMap((block) => block.members).sort((a, b) => a - b)).toEqual([...places.keys()]);
        for (const block of blocks) {
          const bits = block.table === 'coil' || block.table === 'discrete';
          expect(block.count).toBeLessThanOrEqual(bits ? limits.maxBits : limits.maxRegisters);
          for (const member of block.members) {
            const at = places[member];
            expect(at).toMatchObject({ unit: block.unit, table: block.table });
            expect(at?.address).toBeGreaterThanOrEqual(block.address);
            expect((at?.address ?? 0) + (at?.count ?? 0)).toBeLessThanOrEqual(block.address + block.count);
          }
          if (block.unit !== 1 || block.table !== 'holding' || block.members.length < 2) continue;
          for (const cut of cutAt) {
            const torn = block.members.some(
              (m) => (places[m]?.address ?? 0) < cut && (places[m]?.address ?? 0) + (places[m]?.count ?? 0) > cut,
            );
            if (!torn) expect(cut > block.address && cut < block.address + block.count).toBe(false);
          }
        }
      }),
    );
  });
});

describe('bisect', () => {
  test('splits near the middle, between places', () => {
    const places = [place(0), place(1), place(2), place(10), place(18)];
    const halves = bisect(onlyBlock(places), places);
    expect(halves?.map((half) => [half.address, half.count])).toEqual([
      [0, 3],
      [10, 9],
    ]);
  });

  test('does not split one place, nor places that overlap', () => {
    const same = [place(7), place(7), place(7)];
    expect(bisect(onlyBlock(same), same)).toBeUndefined();
    const overlapping = [place(0, 2), place(1, 2)];
    expect(bisect(onlyBlock(overlapping), overlapping)).toBeUndefined();
  });

  test('comes down to single places, and loses none', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 40 }), (addresses) => {
        const places = addresses.map((address) => place(address));
        const leaves: number[] = [];
        const open = plan(places);
        for (let block = open.pop(); block !== undefined; block = open.pop()) {
          const halves = bisect(block, places);
          if (halves === undefined) {
            expect(block.members).toHaveLength(1);
            leaves.push(...block.members);
          } else open.push(...halves);
        }
        expect(leaves.sort((a, b) => a - b)).toEqual([...places.keys()]);
      }),
    );
  });
});
