import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import type { ModbusAddress } from './address.ts';
import { type Decoder, decoder } from './decode.ts';
import type { ValueType } from './schema.ts';

const address = (part: Partial<ModbusAddress>): ModbusAddress => ({
  unit: 1,
  table: 'holding',
  address: 0,
  count: 1,
  type: 'uint16',
  bit: null,
  scale: 1,
  add: 0,
  noValue: [],
  wordOrder: null,
  byteOrder: null,
  ...part,
});

const make = (
  part: Partial<ModbusAddress>,
  kind: ValueKind = 'double',
  link: Partial<Parameters<typeof decoder>[0]> = {},
): Decoder => decoder({ address: address(part), kind, wordOrder: 'big', byteOrder: 'big', ...link });

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('golden vectors', () => {
  // The same numbers in the four layouts that manuals call ABCD, CDAB, BADC and DCBA.
  const layouts = [
    ['big', 'big'],
    ['little', 'big'],
    ['big', 'little'],
    ['little', 'little'],
  ] as const;
  test.each<[ValueType, number, readonly [string, string, string, string]]>([
    ['uint16', 4123, ['101b', '101b', '1b10', '1b10']],
    ['int16', -2, ['fffe', 'fffe', 'feff', 'feff']],
    ['uint32', 0x01020304, ['0102 0304', '0304 0102', '0201 0403', '0403 0201']],
    ['uint32', 4294967295, ['ffff ffff', 'ffff ffff', 'ffff ffff', 'ffff ffff']],
    ['int32', -123456, ['fffe 1dc0', '1dc0 fffe', 'feff c01d', 'c01d feff']],
    ['float32', Math.fround(123.456), ['42f6 e979', 'e979 42f6', 'f642 79e9', '79e9 f642']],
    ['float64', Math.PI, ['4009 21fb 5444 2d18', '2d18 5444 21fb 4009', '0940 fb21 4454 182d', '182d 4454 fb21 0940']],
    [
      'uint64',
      0x0001020304050607,
      ['0001 0203 0405 0607', '0607 0405 0203 0001', '0100 0302 0504 0706', '0706 0504 0302 0100'],
    ],
    ['int64', -1, ['ffff ffff ffff ffff', 'ffff ffff ffff ffff', 'ffff ffff ffff ffff', 'ffff ffff ffff ffff']],
  ])('%s %d in every order', (type, value, forms) => {
    const count = bytes(forms[0]).length / 2;
    for (const [i, [wordOrder, byteOrder]] of layouts.entries()) {
      const form = bytes(forms[i] ?? '');
      expect(make({ type, count, wordOrder, byteOrder })(form, 0)).toBe(value);
      expect(make({ type, count }, 'double', { wordOrder, byteOrder })(form, 0), 'as the link has it').toBe(value);
      expect(make({ type, count, wordOrder, byteOrder })(Buffer.concat([Buffer.alloc(6), form]), 3), 'in a block').toBe(
        value,
      );
    }
  });

  test('a value kept ×10 is the decimal that the device meant', () => {
    expect(make({ scale: 0.1 })(bytes('101b'), 0)).toBe(412.3);
    expect(make({ scale: 0.01, add: -40 })(bytes('1388'), 0)).toBe(10);
    expect(make({ scale: 2.5, add: 1 })(bytes('0004'), 0)).toBe(11);
  });

  test('bits of a register', () => {
    const word = bytes('8020');
    const read = Array.from({ length: 16 }, (_, bit) => make({ bit }, 'bool')(word, 0));
    expect(read).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(make({ bit: 13, byteOrder: 'little' }, 'bool')(word, 0)).toBe(1);
  });

  test('coils and discrete inputs, lowest bit of the first byte first', () => {
    const reply = bytes('0581');
    const read = Array.from({ length: 16 }, (_, at) => make({ table: 'discrete', type: 'bool' }, 'bool')(reply, at));
    expect(read).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('a register as a bool is whether it is 0', () => {
    expect(make({ type: 'bool' }, 'bool')(bytes('0000'), 0)).toBe(0);
    expect(make({ type: 'bool' }, 'bool')(bytes('ff00'), 0)).toBe(1);
  });
});

describe('what is no value', () => {
  test('the device’s own mark for none, in raw numbers', () => {
    expect(make({ noValue: [0xffff], scale: 0.1 })(bytes('ffff'), 0)).toEqual({ reason: 'no-value' });
    expect(make({ type: 'int16', noValue: [-32768] })(bytes('8000'), 0)).toEqual({ reason: 'no-value' });
    expect(make({ type: 'float32', count: 2, noValue: [-999.9] })(bytes('c479f99a'), 0)).toEqual({
      reason: 'no-value',
    });
    // 2^64 - 1 has no double of its own.
    const none = make({ type: 'uint64', count: 4, noValue: [2 ** 64] });
    expect(none(bytes('ffffffffffffffff'), 0)).toEqual({ reason: 'no-value' });
  });

  test('not finite', () => {
    for (const hex of ['7fc00000', '7f800000', 'ff800000']) {
      expect(make({ type: 'float32', count: 2 })(bytes(hex), 0)).toEqual({ reason: 'not-finite' });
    }
  });

  test('integers beyond 2^53', () => {
    const u64 = make({ type: 'uint64', count: 4 });
    expect(u64(bytes('001fffffffffffff'), 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(u64(bytes('0020000000000000'), 0)).toMatchObject({ reason: 'integer-too-large' });
    expect(make({ type: 'int64', count: 4 })(bytes('8000000000000000'), 0)).toMatchObject({
      reason: 'integer-too-large',
    });
  });

  test('an enumeration’s undefined value', () => {
    const mode = make({}, 'enum', { states: { 0: { zh: '关', en: 'off' }, 2: { zh: '开', en: 'on' } } });
    expect(mode(bytes('0002'), 0)).toBe(2);
    expect(mode(bytes('0001'), 0)).toEqual({ reason: 'unknown-enum', detail: '1' });
  });
});

describe('properties', () => {
  const orders = fc.constantFrom<'big' | 'little'>('big', 'little');
  const types = fc.constantFrom<readonly [ValueType, number]>(
    ['uint16', 1],
    ['int16', 1],
    ['uint32', 2],
    ['int32', 2],
    ['uint64', 4],
    ['int64', 4],
    ['float32', 2],
    ['float64', 4],
  );

  test('any bytes give a finite number or a reason, and never throw', () => {
    fc.assert(
      fc.property(
        types,
        orders,
        orders,
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.nat(2),
        (t, w, b, raw, at) => {
          const read = make({ type: t[0], count: t[1], wordOrder: w, byteOrder: b, scale: 0.1, add: 3 })(
            Buffer.from(raw),
            at,
          );
          if (typeof read === 'number') expect(Number.isFinite(read)).toBe(true);
          else expect(['not-finite', 'integer-too-large']).toContain(read.reason);
        },
      ),
    );
  });

  test('what a device writes in any order is read back', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        orders,
        orders,
        (value, wordOrder, byteOrder) => {
          const words = Array.from({ length: 4 }, (_, i) => {
            const big = Buffer.alloc(8);
            big.writeDoubleBE(value);
            const word = big.subarray(i * 2, i * 2 + 2);
            return byteOrder === 'big' ? word : Buffer.from(word).reverse();
          });
          if (wordOrder === 'little') words.reverse();
          expect(make({ type: 'float64', count: 4, wordOrder, byteOrder })(Buffer.concat(words), 0)).toBe(value);
        },
      ),
    );
  });

  test('a decimal scale gives the nearest double of the decimal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 1, max: 4 }), (raw, digits) => {
        const word = Buffer.alloc(2);
        word.writeUInt16BE(raw);
        expect(make({ scale: Number(`1e-${digits}`) })(word, 0)).toBe(Number(`${raw}e-${digits}`));
      }),
    );
  });
});
