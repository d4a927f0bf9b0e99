import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueKind } from '../../../model/point.ts';
import type { ModbusAddress } from '../address.ts';
import type { TextEncoding, ValueType } from '../schema.ts';
import { decoder } from './decode.ts';
import { encoder } from './encode.ts';
import { rangeOf, registersOf } from './value-type.ts';

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

type Form = Parameters<typeof decoder>[0];

const form = (part: Partial<ModbusAddress>, kind: ValueKind = 'double', more: Partial<Form> = {}): Form => ({
  address: address(part),
  kind,
  wordOrder: 'big',
  byteOrder: 'big',
  ...more,
});

const hexOf = (values: readonly number[]) => values.map((value) => value.toString(16).padStart(4, '0')).join(' ');

/** What is written for a value, as hexadecimal registers; the English reason where it cannot be. */
const written = (of: Form, value: number | string): string => {
  const encoded = encoder(of)(value);
  return encoded.ok ? hexOf(encoded.values) : encoded.why.en;
};

const layouts = [
  ['big', 'big'],
  ['little', 'big'],
  ['big', 'little'],
  ['little', 'little'],
] as const;

/** The same four orders by the bytes of the value as they come on the wire, for values of 2, 4 and 8 bytes. */
const wires: Readonly<Record<number, readonly (readonly number[])[]>> = {
  1: [
    [1, 2],
    [1, 2],
    [2, 1],
    [2, 1],
  ],
  2: [
    [1, 2, 3, 4],
    [3, 4, 1, 2],
    [2, 1, 4, 3],
    [4, 3, 2, 1],
  ],
  4: [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [7, 8, 5, 6, 3, 4, 1, 2],
    [2, 1, 4, 3, 6, 5, 8, 7],
    [8, 7, 6, 5, 4, 3, 2, 1],
  ],
};

/**
 * All types in all orders, hexadecimal as on the wire. The file was made with Python's `struct` and codecs, so that it
 * shares no mistake with what is tested by it.
 */
const vectors = readFileSync(new URL('../../../test/cases/modbus/values.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [name = '', value = '', ...forms] = line.split(',');
    return { name, value, forms };
  });

describe('golden vectors', () => {
  test('the table has every type', () => {
    const types = new Set(vectors.map(({ name }) => name));
    const wanted = Object.keys(registersOf).filter((type) => type !== 'bool');
    expect([...types].sort()).toEqual([...wanted, 'text ascii', 'text utf-8', 'text gb18030'].sort());
  });

  test.each(vectors)('$name $value, read and written in every order', ({ name, value, forms }) => {
    const [type, encoding] = name.split(' ') as [ValueType, TextEncoding | undefined];
    const kind = type === 'text' ? 'text' : 'double';
    const expected = type === 'text' ? value : Number(value);
    expect(forms).toHaveLength(4);
    for (const [i, [wordOrder, byteOrder]] of layouts.entries()) {
      const hex = forms[i] ?? '';
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      const count = bytes.length / 2;
      const place = { type, count, ...(encoding && { encoding }) };
      const wire = wires[count]?.[i] ?? [];
      const inEachWay = [
        form({ ...place, wordOrder, byteOrder }, kind),
        form(place, kind, { wordOrder, byteOrder }),
        ...(type === 'text' ? [] : [form({ ...place, wire }, kind, { wordOrder: 'little', byteOrder: 'little' })]),
      ];
      for (const one of inEachWay) {
        expect(decoder(one)(bytes, 0)).toBe(expected);
        expect(decoder(one)(Buffer.concat([Buffer.alloc(6), bytes]), 3), 'in a block').toBe(expected);
        expect(written(one, expected)).toBe(hex);
      }
    }
  });
});

test('`wire` says which byte of the value comes when, also where that is not the same the other way round', () => {
  const place = form({ type: 'uint32', count: 2, wire: [2, 3, 4, 1] });
  expect(decoder(place)(Buffer.from('02030401', 'hex'), 0)).toBe(0x01020304);
  expect(written(place, 0x01020304)).toBe('0203 0401');
});

describe('what is written', () => {
  test('scaled values go back to the steps that the device has', () => {
    expect(written(form({ scale: 0.1 }), 412.3)).toBe('101b');
    expect(written(form({ scale: 0.01, add: -40 }), 10)).toBe('1388');
    expect(written(form({ scale: 0.1, type: 'int16' }), -0.3)).toBe('fffd');
    expect(written(form({ scale: 2.5, add: 1 }), 11)).toBe('0004');
    expect(written(form({ scale: -1 }), -5)).toBe('0005');
    expect(written(form({ scale: 0.1 }), 41.23)).toBe('the device can hold 41.2 or 41.3, nothing between');
    expect(written(form({ scale: 10 }), 25)).toBe('the device can hold 20 or 30, nothing between');
    expect(written(form({ type: 'float32', count: 2, scale: 0.001 }), 1.5)).toBe('44bb 8000');
  });

  test('one bit of coils, a register as a bool, an enumeration, a set of bits', () => {
    expect(encoder(form({ table: 'coil', type: 'bool' }, 'bool'))(1)).toEqual({ ok: true, values: [1] });
    expect(written(form({ type: 'bool' }, 'bool'), 1)).toBe('0001');
    expect(written(form({ type: 'bool', byteOrder: 'little' }, 'bool'), 1)).toBe('0100');
    const states = { 0: { zh: '手动', en: 'manual' }, 2: { zh: '自动', en: 'automatic' } };
    expect(written(form({}, 'enum', { states }), 2)).toBe('0002');
    expect(written(form({}, 'enum', { states }), 1)).toBe('there is no state 1; there are 0, 2');
    expect(written(form({ type: 'uint32', count: 2, wordOrder: 'little' }, 'bitset'), 2 ** 31)).toBe('0000 8000');
  });

  test.each<[Form, number | string, string]>([
    [form({}), 65_536, 'it must be from 0 to 65535'],
    [form({ scale: 0.1 }), -0.1, 'it must be from 0 to 6553.5'],
    [form({ scale: -0.1 }), 0.1, 'it must be from -6553.5 to 0'],
    [form({ type: 'bcd16' }), 10_000, 'it must be from 0 to 9999'],
    [form({ type: 'uint64', count: 4 }), 2 ** 53, 'it must be from 0 to 9007199254740991'],
    [form({}), 1.5, 'the device can hold 1 or 2, nothing between'],
    [form({}, 'bitset'), 1.5, 'a whole number is needed'],
    [form({}), Number.NaN, 'a finite number is needed'],
    [form({}), '5', 'a number is needed'],
    [form({ type: 'bool' }, 'bool'), 2, 'it is 0 or 1'],
    [form({ type: 'float32', count: 2 }), 1e39, '1e+39 is beyond what float32 holds'],
    [form({ type: 'float16' }), 70_000, '70000 is beyond what float16 holds'],
    [form({ noValue: [65_535] }), 65_535, '65535 is how the device says that it has no value'],
    [form({ type: 'bcd16', noValue: [0x9999] }), 9999, '9999 is how the device says that it has no value'],
    [
      form({ type: 'float32', count: 2, noValue: [-999.9] }),
      -999.9,
      '-999.9 is how the device says that it has no value',
    ],
    [form({ type: 'text' }, 'text'), 5, 'a text is needed'],
    [form({ type: 'text', count: 2 }, 'text'), 'pump1', 'the text has 5 bytes, 4 is the most'],
    [form({ type: 'text', count: 2 }, 'text'), '泵', 'the text has characters that ascii has not'],
    [form({ type: 'text', count: 2, encoding: 'utf-8' }, 'text'), 'a\0', 'the text has characters that utf-8 has not'],
    [
      form({ type: 'text', count: 2, encoding: 'gb18030' }, 'text'),
      '😀',
      'the text has characters that gb18030 has not',
    ],
    [form({ bit: 1 }, 'bool'), 1, 'it is a part of a register; writing it would write its other bits too'],
    [form({ bits: [0, 3] }), 1, 'it is a part of a register; writing it would write its other bits too'],
  ])('%# refuses what cannot stand there', (of, value, why) => {
    expect(written(of, value)).toBe(why);
  });
});

describe('what is written is read back', () => {
  const order = fc.constantFrom<'big' | 'little'>('big', 'little');
  const valuesOf: Readonly<Record<Exclude<ValueType, 'text' | 'bool'>, fc.Arbitrary<number>>> = {
    uint16: wholeNumbers('uint16'),
    int16: wholeNumbers('int16'),
    uint32: wholeNumbers('uint32'),
    int32: wholeNumbers('int32'),
    uint64: wholeNumbers('uint64'),
    int64: wholeNumbers('int64'),
    float16: fc.integer({ min: 0, max: 0x7bff }).map((bits) => {
      const view = new DataView(new ArrayBuffer(2));
      view.setUint16(0, bits);
      return view.getFloat16(0);
    }),
    float32: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    float64: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    bcd16: wholeNumbers('bcd16'),
    bcd32: wholeNumbers('bcd32'),
  };

  function wholeNumbers(type: ValueType): fc.Arbitrary<number> {
    const [min, max] = rangeOf[type] ?? [0, 0];
    return fc.maxSafeInteger().map((value) => {
      const width = max - min + 1;
      const within = Number.isSafeInteger(width) ? ((value % width) + width) % width : Math.abs(value);
      return (Number.isSafeInteger(width) ? min + within : value < min ? within : value) + 0;
    });
  }

  const readBack = (of: Form, value: number | string) => {
    const encoded = encoder(of)(value);
    if (!encoded.ok) throw new Error(encoded.why.en);
    const bytes = Buffer.alloc(encoded.values.length * 2);
    encoded.values.forEach((word, i) => {
      bytes.writeUInt16BE(word, i * 2);
    });
    return decoder(of)(bytes, 0);
  };

  test.each(Object.entries(valuesOf))('%s, in every order', (name, values) => {
    const type = name as keyof typeof valuesOf;
    const count = registersOf[type];
    const wire = fc.shuffledSubarray(
      Array.from({ length: count * 2 }, (_, i) => i + 1),
      { minLength: count * 2 },
    );
    fc.assert(
      fc.property(values, order, order, wire, fc.boolean(), (value, wordOrder, byteOrder, places, byWire) => {
        const orders = byWire ? { wire: places } : { wordOrder, byteOrder };
        expect(readBack(form({ type, count, ...orders }), value)).toBe(value);
      }),
    );
  });

  test.each<[TextEncoding, fc.Arbitrary<string>]>([
    ['ascii', fc.string({ maxLength: 40 })],
    ['utf-8', fc.string({ unit: 'grapheme', maxLength: 20 })],
    ['gb18030', fc.string({ unit: fc.constantFrom(...'水泵一号A1#电梯楼层故障—（）ａ。'), maxLength: 40 })],
  ])('a text of %s', (encoding, texts) => {
    const ending = texts.map((text) => text.replace(/[ \0]+$/, ''));
    fc.assert(
      fc.property(
        ending.filter((text) => Buffer.byteLength(text) <= 250),
        order,
        (text, byteOrder) => {
          expect(readBack(form({ type: 'text', count: 125, encoding, byteOrder }, 'text'), text)).toBe(text);
        },
      ),
      { numRuns: encoding === 'gb18030' ? 20 : 100 },
    );
  });

  test('a scaled value is the nearest one that the device has', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -32_768, max: 32_767 }),
        fc.constantFrom(1, 0.1, 0.01, 0.001, 2.5, 10, -0.5),
        fc.constantFrom(0, -40, 100),
        (raw, scale, add) => {
          const of = form({ type: 'int16', scale, add });
          const word = Buffer.alloc(2);
          word.writeInt16BE(raw);
          const value = decoder(of)(word, 0);
          if (typeof value !== 'number') throw new Error('no number');
          expect(readBack(of, value)).toBe(value);
        },
      ),
    );
  });
});
