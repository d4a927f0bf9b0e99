import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import { describeAddress, type ModbusAddress, parseRegister, registerOf, resolveAddress } from './address.ts';
import { findConflicts } from './conflicts.ts';
import type { ModbusAssetAddress, ModbusMapPoint, Table } from './schema.ts';

const resolve = (map: ModbusMapPoint, kind: ValueKind = 'double', asset: ModbusAssetAddress = { unit: 1 }, index = 0) =>
  resolveAddress(map, asset, { asset: 'a', point: 'p', kind, index });

const resolved = (...of: Parameters<typeof resolve>): ModbusAddress => {
  const result = resolve(...of);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
};

const paths = (...of: Parameters<typeof resolve>) => {
  const result = resolve(...of);
  return result.ok ? [] : result.problems.map((problem) => problem.path.join('.'));
};

describe('resolve', () => {
  test.each([
    [1, 'coil', 0],
    [9999, 'coil', 9998],
    [10001, 'discrete', 0],
    [30010, 'input', 9],
    [40161, 'holding', 160],
    [41001, 'holding', 1000],
    [400161, 'holding', 160],
    [465536, 'holding', 65535],
    [300001, 'input', 0],
  ] as const)('register %i is %s %i', (register, table, base) => {
    expect(parseRegister(register)).toEqual({ table, base });
  });

  test.each([10000, 20001, 40000, 50001, 99999, 200001, 465537])('there is no register %i', (register) => {
    expect(parseRegister(register)).toBeUndefined();
  });

  test('a number without its 4 is no holding register, and the text says what to write', () => {
    const refused = resolve({ register: 4001 });
    expect(refused.ok ? [] : refused.problems).toEqual([
      {
        path: ['register'],
        text: { zh: expect.stringContaining('线圈 4000'), en: expect.stringContaining('write 4xxxx') },
      },
    ]);
    expect(resolve({ register: 4001 }, 'bool').ok).toBe(true);
  });

  test('adds offset and strides to the address, on the asset’s unit', () => {
    const at = resolved({ table: 'discrete', address: 5 }, 'bool', { unit: 3, offset: 100, stride: 2 }, 7);
    expect(at).toMatchObject({ unit: 3, table: 'discrete', address: 119, count: 1, type: 'bool' });
  });

  test.each<[ModbusMapPoint, ValueKind, string]>([
    [{ register: 40161 }, 'double', 'unit 1 holding 160 (40161)'],
    [{ table: 'holding', address: 40161 }, 'double', 'unit 1 holding 40161 (440162)'],
    [{ register: 9999 }, 'bool', 'unit 1 coil 9998 (09999)'],
    [{ register: 10001 }, 'bool', 'unit 1 discrete 0 (10001)'],
    [{ register: 41003, bit: 5 }, 'bool', 'unit 1 holding 1002 (41003) bit 5'],
    [{ register: 30010, bits: [4, 7] }, 'double', 'unit 1 input 9 (30010) bits 4–7'],
  ])('%j is shown as it is on the wire, and as in manuals', (map, kind, shown) => {
    const address = resolved(map, kind);
    expect(describeAddress(address)).toBe(shown);
    expect(parseRegister(Number(registerOf(address.table, address.address)))).toEqual({
      table: address.table,
      base: address.address,
    });
  });

  test('every address has its number in manuals, and back', () => {
    fc.assert(
      fc.property(fc.constantFrom<Table>('discrete', 'input', 'holding'), fc.nat(65_535), (table, base) => {
        expect(parseRegister(Number(registerOf(table, base)))).toEqual({ table, base });
      }),
    );
  });

  test('types that are not written', () => {
    expect(resolved({ table: 'holding', address: 0 })).toMatchObject({ type: 'uint16', count: 1 });
    expect(resolved({ table: 'coil', address: 0 }, 'bool').type).toBe('bool');
    expect(resolved({ table: 'holding', address: 0 }, 'bool').type).toBe('bool');
    expect(resolved({ register: 41003, bit: 5 }, 'bool')).toMatchObject({ address: 1002, type: 'uint16', bit: 5 });
    expect(resolved({ register: 41003, bits: [1, 2] }, 'enum')).toMatchObject({ type: 'uint16', bits: [1, 2] });
    expect(resolved({ register: 40001, length: 8 }, 'text')).toMatchObject({
      type: 'text',
      count: 8,
      encoding: 'ascii',
    });
  });

  test.each<[string, ModbusMapPoint, ValueKind, string[]]>([
    ['beyond the last register', { table: 'holding', address: 65_535, type: 'uint32' }, 'double', ['address']],
    ['bit beyond 15', { table: 'holding', address: 0, bit: 16 }, 'bool', ['bit']],
    ['bit of two registers', { table: 'holding', address: 0, bit: 1, type: 'uint32' }, 'bool', ['type']],
    ['bit of a coil', { table: 'coil', address: 0, bit: 1 }, 'bool', ['bit']],
    ['number out of a coil', { table: 'coil', address: 0, type: 'uint16' }, 'bool', ['type']],
    ['double of one bit', { table: 'coil', address: 0 }, 'double', ['type']],
    ['bool of a number', { table: 'holding', address: 0, type: 'uint16' }, 'bool', ['type']],
    ['enumeration of a float', { table: 'holding', address: 0, type: 'float32' }, 'enum', ['type']],
    ['bitset of 64 bits', { table: 'holding', address: 0, type: 'uint64' }, 'bitset', ['type']],
    ['text without its length', { table: 'holding', address: 0 }, 'text', ['']],
    ['number for a text point', { table: 'holding', address: 0, type: 'uint16' }, 'text', ['type']],
    ['text for a number', { table: 'holding', address: 0, type: 'text', length: 2 }, 'double', ['type']],
    ['length of a number', { table: 'holding', address: 0, length: 2 }, 'double', ['length']],
    ['word order of a text', { table: 'holding', address: 0, length: 2, wordOrder: 'little' }, 'text', ['wordOrder']],
    ['mark for none of a text', { table: 'holding', address: 0, length: 2, noValue: [0] }, 'text', ['noValue']],
    ['bits of a coil', { table: 'coil', address: 0, bits: [0, 1] }, 'bool', ['bits']],
    ['bits beyond 15', { table: 'holding', address: 0, bits: [12, 16] }, 'enum', ['bits']],
    ['bits from high to low', { table: 'holding', address: 0, bits: [7, 4] }, 'double', ['bits']],
    ['bits of a signed number', { table: 'holding', address: 0, bits: [0, 3], type: 'int16' }, 'double', ['type']],
    ['bits for a bool', { table: 'holding', address: 0, bits: [0, 0] }, 'bool', ['bits']],
    ['bit and bits', { table: 'holding', address: 0, bit: 1, bits: [0, 1] }, 'bool', ['bits']],
    ['step without count', { table: 'holding', address: 0, step: 2 }, 'double', ['step']],
    ['wire of too few bytes', { table: 'holding', address: 0, type: 'uint32', wire: [2, 1] }, 'double', ['wire']],
    ['wire with a byte twice', { table: 'holding', address: 0, wire: [1, 1] }, 'double', ['wire']],
    ['wire and an order', { table: 'holding', address: 0, wire: [2, 1], byteOrder: 'big' }, 'double', ['byteOrder']],
    ['writing an input register', { table: 'input', address: 0, writable: true }, 'double', ['writable']],
    ['writing one bit', { table: 'holding', address: 0, bit: 3, writable: true }, 'bool', ['writable']],
    [
      'writing more than one request takes',
      { table: 'holding', address: 0, length: 124, writable: true },
      'text',
      ['writable'],
    ],
    ['scaled enumeration', { table: 'holding', address: 0, scale: 0.1 }, 'enum', ['scale']],
    ['scale 0', { table: 'holding', address: 0, scale: 0 }, 'double', ['scale']],
    ['both notations', { register: 40001, table: 'holding', address: 0 }, 'double', ['register']],
    ['neither notation', {}, 'double', ['']],
    ['half of one', { table: 'holding' }, 'double', ['']],
    ['no such register', { register: 20001 }, 'double', ['register']],
  ])('refuses %s', (_, map, kind, expected) => {
    expect(paths(map, kind)).toEqual(expected);
  });

  test('what map and asset say of reading is kept, and nothing where they say nothing', () => {
    const limits = { maxRegisters: 32, maxBits: 64, timeout: '3s' };
    expect(resolved({ register: 40001, poll: '1min' }, 'double', { unit: 1, ...limits }).reading).toEqual({
      pollMs: 60_000,
      timeoutMs: 3000,
      maxRegisters: 32,
      maxBits: 64,
    });
    expect(resolved({ register: 40001 })).not.toHaveProperty('reading');
    expect(paths({ register: 40001, poll: '1ms' })).toEqual(['poll']);
    expect(paths({ register: 40001 }, 'double', { unit: 1, timeout: '2min' })).toEqual(['timeout']);
  });

  test('refuses to write to unit 0, which is every device on a line, and reads from it', () => {
    const speed = { table: 'holding', address: 0 } as const;
    expect(paths({ ...speed, writable: true }, 'double', { unit: 0 })).toEqual(['unit']);
    expect(paths(speed, 'double', { unit: 0 })).toEqual([]);
  });

  test('refuses an index that leads beyond the table', () => {
    expect(paths({ register: 10001 }, 'bool', { unit: 1, stride: 1000 }, 66)).toEqual(['register']);
    expect(paths({ register: 10001 }, 'bool', { unit: 1, offset: -1 })).toEqual(['register']);
  });
});

describe('conflicts', () => {
  const at = (map: ModbusMapPoint, kind: ValueKind = 'double', unit = 1) => ({
    key: `${JSON.stringify(map)}`,
    address: resolved(map, kind, { unit }),
  });
  const found = (...points: ReturnType<typeof at>[]) => findConflicts(points).map((problem) => problem.path);

  test('the same place twice: the later one is told', () => {
    const twice = findConflicts([
      at({ register: 40010 }),
      at({ register: 40001 }),
      at({ table: 'holding', address: 9 }),
    ]);
    expect(twice).toHaveLength(1);
    expect(twice[0]?.path).toEqual([2]);
    expect(twice[0]?.text.en).toContain('40010');
  });

  test('the same bit twice, but not two bits, nor the word besides its bits', () => {
    expect(found(at({ register: 40001, bit: 1 }, 'bool'), at({ register: 40001, bit: 1 }, 'bool'))).toEqual([[1]]);
    expect(found(at({ register: 40001, bit: 1 }, 'bool'), at({ register: 40001, bit: 2 }, 'bool'))).toEqual([]);
    expect(found(at({ register: 40001 }, 'bitset'), at({ register: 40001, bit: 2 }, 'bool'))).toEqual([]);
  });

  test('fields of a register: one within the other, but not half of it', () => {
    const field = (low: number, high: number) => at({ register: 40001, bits: [low, high] });
    expect(found(field(0, 3), field(4, 7), at({ register: 40001, bit: 2 }, 'bool'), at({ register: 40001 }))).toEqual(
      [],
    );
    expect(found(field(0, 4), field(4, 7))).toEqual([[1]]);
    expect(found(field(4, 7), field(4, 7))).toEqual([[1]]);
    expect(found(field(0, 15), at({ register: 40001 }))).toEqual([[1]]);
  });

  test('a text and what stands in the middle of it', () => {
    expect(found(at({ register: 40001, length: 100 }, 'text'), at({ register: 40100 }))).toEqual([[1]]);
    expect(found(at({ register: 40001, length: 100 }, 'text'), at({ register: 40101 }))).toEqual([]);
  });

  test('values that overlap without being the same', () => {
    expect(found(at({ register: 40002, type: 'uint32' }), at({ register: 40001, type: 'uint32' }))).toEqual([[1]]);
    expect(found(at({ register: 40001, type: 'float64' }), at({ register: 40004 }))).toEqual([[1]]);
    expect(found(at({ register: 40001, type: 'uint32' }), at({ register: 40003 }))).toEqual([]);
  });

  test('other units and tables are other places', () => {
    expect(found(at({ register: 40001 }), at({ register: 40001 }, 'double', 2), at({ register: 30001 }))).toEqual([]);
  });
});
