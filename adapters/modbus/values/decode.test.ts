import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TEXT_BYTES, type ValueKind } from '../../../model/point.ts';
import type { ModbusAddress } from '../address.ts';
import type { TextEncoding } from '../schema.ts';
import { type Decoder, decoder } from './decode.ts';
import { registersOf } from './value-type.ts';

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

const numbers = [
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'float16',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
] as const;

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('values', () => {
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

  test('fields of a register, and of two', () => {
    expect(make({ bits: [4, 7] })(bytes('12a4'), 0)).toBe(0xa);
    expect(make({ bits: [0, 3] })(bytes('12a4'), 0)).toBe(4);
    expect(make({ bits: [0, 15] })(bytes('ffff'), 0)).toBe(0xffff);
    expect(make({ bits: [8, 11], byteOrder: 'little' })(bytes('12a4'), 0)).toBe(4);
    expect(make({ bits: [15, 15], scale: 0.1 })(bytes('8000'), 0)).toBe(0.1);
    const wide = make({ type: 'uint32', count: 2, bits: [12, 31], wordOrder: 'little' }, 'enum');
    expect(wide(bytes('5000 8001'), 0)).toBe(0x80015);
    expect(make({ type: 'uint32', count: 2, bits: [0, 31] })(bytes('ffffffff'), 0)).toBe(0xffff_ffff);
    const states = { 1: { zh: '手动', en: 'manual' }, 2: { zh: '自动', en: 'automatic' } };
    expect(make({ bits: [4, 6] }, 'enum', { states })(bytes('ff2f'), 0)).toBe(2);
    expect(make({ bits: [4, 6] }, 'enum', { states })(bytes('ff3f'), 0)).toEqual({
      reason: 'unknown-enum',
      detail: '3',
    });
  });

  test('a text ends at its first NUL, and loses the spaces that fill it up', () => {
    const text = (encoding: TextEncoding, hex: string) =>
      make({ type: 'text', count: hex.replaceAll(' ', '').length / 4, encoding }, 'text')(bytes(hex), 0);
    expect(text('ascii', '4142 0058')).toBe('AB');
    expect(text('ascii', '4142 2020')).toBe('AB');
    expect(text('ascii', '2041 2042')).toBe(' A B');
    expect(text('ascii', '0000 4142')).toBe('');
    expect(text('gb18030', 'cbae b1c3')).toBe('水泵');
    // Four bytes for one character, which GBK does not have.
    expect(text('gb18030', '9439 fc36')).toBe('😀');
    expect(text('ascii', 'c3a9'), 'though it is UTF-8').toEqual({ reason: 'wrong-type', detail: 'not ascii' });
    expect(text('ascii', '41b0')).toEqual({ reason: 'wrong-type', detail: 'not ascii' });
    expect(text('utf-8', '41c3')).toEqual({ reason: 'wrong-type', detail: 'not utf-8' });
    expect(text('gb18030', 'cbff')).toEqual({ reason: 'wrong-type', detail: 'not gb18030' });
    // 125 Chinese characters are 250 bytes in the device and 375 here.
    expect(text('gb18030', 'cbae'.repeat(125))).toEqual({ reason: 'text-too-long' });
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

  test('four bits that are no decimal digit', () => {
    expect(make({ type: 'bcd16' })(bytes('12a4'), 0)).toEqual({ reason: 'wrong-type', detail: '0x12a4 is not BCD' });
    expect(make({ type: 'bcd16' })(bytes('000f'), 0)).toEqual({ reason: 'wrong-type', detail: '0x000f is not BCD' });
    expect(make({ type: 'bcd32', count: 2 })(bytes('f0000000'), 0)).toMatchObject({ reason: 'wrong-type' });
    // The mark for "none" is the register as it stands, which need not be BCD.
    expect(make({ type: 'bcd16', noValue: [0xffff] })(bytes('ffff'), 0)).toEqual({ reason: 'no-value' });
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
  const types = fc.constantFrom(...numbers.map((type) => [type, registersOf[type]] as const));

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
          else if (typeof read === 'string') throw new Error(`a text: ${read}`);
          else expect(['not-finite', 'integer-too-large', 'wrong-type']).toContain(read.reason);
        },
      ),
    );
  });

  test('any bytes give a text of at most 256 bytes or a reason, and never throw', () => {
    const encodings = fc.constantFrom<TextEncoding>('ascii', 'utf-8', 'gb18030');
    fc.assert(
      fc.property(
        encodings,
        orders,
        fc.uint8Array({ minLength: 250, maxLength: 250 }),
        fc.integer({ min: 1, max: 125 }),
        (encoding, byteOrder, raw, count) => {
          const read = make({ type: 'text', count, encoding, byteOrder }, 'text')(Buffer.from(raw), 125 - count);
          if (typeof read === 'string') expect(Buffer.byteLength(read)).toBeLessThanOrEqual(MAX_TEXT_BYTES);
          else if (typeof read === 'number') throw new Error(`a number: ${read}`);
          else expect(['wrong-type', 'text-too-long']).toContain(read.reason);
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
