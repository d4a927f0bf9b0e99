import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueKind } from '../../../model/point.ts';
import { reasonOf } from '../../../model/reason.ts';
import { BatchBuilder, Quality } from '../../../model/sample.ts';
import type { OpcuaAddress } from '../schema.ts';
import { decodeValue, MAX_AHEAD_MS, type NodeValue } from './decode.ts';

const NOW = 1_795_000_000_000;
const GOOD = { value: 0, name: 'Good' };

interface Given {
  readonly kind: ValueKind;
  readonly states?: readonly number[];
  readonly address?: Partial<OpcuaAddress>;
}

function decode({ kind, states, address }: Given, from: NodeValue) {
  const into = new BatchBuilder();
  const point = {
    number: 7,
    kind,
    ...(states && { states: Object.fromEntries(states.map((n) => [n, true])) }),
    address: { namespace: 'urn:x', node: 's=x', ...address },
  };
  const decoded = decodeValue(into, point, from, NOW);
  const batch = into.take();
  expect(batch.length).toBe(1);
  return {
    ...decoded,
    quality: batch.quality[0],
    value: batch.texts.get(0) ?? batch.value[0],
    reason: reasonOf(batch.reason[0] ?? 0),
    detail: batch.details.get(0),
    sourceMs: batch.sourceMs[0],
    receivedMs: batch.receivedMs[0],
  };
}

/** The sample as a value or a reason. */
function one(given: Given, dataType: number, value: unknown, arrayType = 0): unknown {
  const seen = decode(given, { statusCode: GOOD, value: { dataType, arrayType, value }, sourceTimestamp: null });
  if (seen.quality === Quality.bad) {
    expect(seen.value).toBeNaN();
    return seen.reason;
  }
  return seen.value;
}

// Built-in types, OPC UA Part 6, table 1.
const [BOOLEAN, BYTE, INT16, UINT32, INT64, UINT64, FLOAT, DOUBLE, STRING, DATE_TIME, TEXT] = [
  1, 3, 4, 7, 8, 9, 10, 11, 12, 13, 21,
];

const STRUCTURE = 22;

/** So many Booleans, of which one is true. */
const flags = (at: number, count: number) => Array.from({ length: count }, (_, i) => i === at);

/** An OptionSet of so many bytes with one bit. */
function optionSet(bytes: number, bit: number) {
  const value = Buffer.alloc(bytes);
  value[bit >> 3] = 1 << (bit & 7);
  return { value, validBits: Buffer.alloc(bytes, 0xff) };
}

describe('values', () => {
  test.each<[string, Given, number | [type: number, shape: number], unknown, unknown]>([
    ['a double', { kind: 'double' }, DOUBLE, 1.25, 1.25],
    ['a float', { kind: 'double' }, FLOAT, 0.5, 0.5],
    ['no number', { kind: 'double' }, DOUBLE, Number.NaN, 'not-finite'],
    ['infinity', { kind: 'double' }, FLOAT, Number.POSITIVE_INFINITY, 'not-finite'],
    ['a scaled integer', { kind: 'double', address: { scale: 0.5 } }, INT16, -3, -1.5],
    ['a boolean for a number', { kind: 'double' }, BOOLEAN, true, 'wrong-type'],
    ['a text for a number', { kind: 'double' }, STRING, '1', 'wrong-type'],
    ['a time as seconds since 1970', { kind: 'double' }, DATE_TIME, new Date(1_500), 1.5],
    ['a time as hours', { kind: 'double', address: { scale: 1 / 3600 } }, DATE_TIME, new Date(7_200_000), 2],
    ['no time', { kind: 'double' }, DATE_TIME, new Date('1601-01-01T00:00:00Z'), 'no-value'],
    ['the end of time', { kind: 'text' }, DATE_TIME, new Date('9999-12-31T23:59:59Z'), 'no-value'],
    ['a time as a text', { kind: 'text' }, DATE_TIME, new Date(1_500), '1970-01-01T00:00:01.500Z'],
    ['a broken time', { kind: 'text' }, DATE_TIME, 'noon', 'malformed-reply'],
    ['a tenth, as it is written', { kind: 'double', address: { scale: 0.1 } }, INT16, 82, 8.2],
    ['the largest exact integer', { kind: 'double' }, INT64, [0x1f_ffff, 0xffff_ffff], Number.MAX_SAFE_INTEGER],
    ['an integer beyond it', { kind: 'double' }, INT64, [0x20_0000, 0], 'integer-too-large'],
    ['minus one in 64 bits', { kind: 'double' }, INT64, [0xffff_ffff, 0xffff_ffff], -1],
    ['all bits of an unsigned one', { kind: 'double' }, UINT64, [0xffff_ffff, 0xffff_ffff], 'integer-too-large'],
    ['a broken 64-bit integer', { kind: 'double' }, UINT64, 5, 'malformed-reply'],
    ['true', { kind: 'bool' }, BOOLEAN, true, 1],
    ['false', { kind: 'bool' }, BOOLEAN, false, 0],
    ['a number for a bool', { kind: 'bool' }, BYTE, 1, 'wrong-type'],
    ['a number that is not 0', { kind: 'bool', address: { type: 'bool' } }, BYTE, 255, 1],
    ['a number that is 0', { kind: 'bool', address: { type: 'bool' } }, INT64, [0, 0], 0],
    ['a fraction for a bool', { kind: 'bool', address: { type: 'bool' } }, DOUBLE, 1, 'wrong-type'],
    ['a Boolean of two states', { kind: 'enum', states: [0, 1] }, BOOLEAN, true, 1],
    ['a state', { kind: 'enum', states: [1, 2] }, BYTE, 2, 2],
    ['an undefined state', { kind: 'enum', states: [1, 2] }, BYTE, 3, 'unknown-enum'],
    ['a negative state', { kind: 'enum' }, INT16, -1, 'out-of-range'],
    ['a fraction for a state', { kind: 'enum' }, DOUBLE, 1, 'wrong-type'],
    ['a bitset', { kind: 'bitset' }, UINT32, 0xffff_ffff, 0xffff_ffff],
    ['Booleans as bits', { kind: 'bitset' }, [BOOLEAN, 1], [true, false, true], 5],
    ['no Booleans as bits', { kind: 'bitset' }, [BOOLEAN, 1], [], 0],
    ['the 32nd Boolean', { kind: 'bitset' }, [BOOLEAN, 1], flags(31, 40), 2 ** 31],
    ['the 33rd Boolean', { kind: 'bitset' }, [BOOLEAN, 1], flags(32, 40), 'out-of-range'],
    ['other numbers as bits', { kind: 'bitset' }, [BYTE, 1], [1, 2], 'wrong-type'],
    ['an option set', { kind: 'bitset' }, STRUCTURE, { value: Buffer.of(7, 1), validBits: Buffer.of(5, 1) }, 0x105],
    ['an option set of 8 bytes', { kind: 'bitset' }, STRUCTURE, optionSet(8, 32), 'out-of-range'],
    ['another structure as bits', { kind: 'bitset' }, STRUCTURE, {}, 'wrong-type'],
    ['a bitset beyond 32 bits', { kind: 'bitset' }, UINT64, [1, 0], 'out-of-range'],
    ['a text', { kind: 'text' }, STRING, '门未关', '门未关'],
    ['a localized text', { kind: 'text' }, TEXT, { locale: 'zh', text: '门' }, '门'],
    ['a long text', { kind: 'text' }, STRING, 'x'.repeat(257), 'text-too-long'],
    ['a null text', { kind: 'text' }, STRING, null, 'no-value'],
    ['a GUID', { kind: 'text' }, 14, '09087e75-8e5e-499b-954f-f2a9603db28a', '09087e75-8e5e-499b-954f-f2a9603db28a'],
    ['bytes', { kind: 'text' }, 15, Buffer.of(0, 255), '00ff'],
    ['an element of XML', { kind: 'text' }, 16, '<a/>', '<a/>'],
    ['a node id', { kind: 'text' }, 17, { identifierType: 2, value: 'x', namespace: 2 }, 'ns=2;s=x'],
    ['a node id of bytes', { kind: 'text' }, 17, { identifierType: 4, value: Buffer.of(1), namespace: 0 }, 'b=AQ=='],
    ['a node id by URI', { kind: 'text' }, 18, { identifierType: 1, value: 7, namespaceUri: 'urn:x' }, 'nsu=urn:x;i=7'],
    ['rubbish for a node id', { kind: 'text' }, 17, { toString: 5 }, 'malformed-reply'],
    ['a status', { kind: 'text' }, 19, { name: 'BadNoData', value: 0x80b10000 }, 'BadNoData'],
    ['a qualified name', { kind: 'text' }, 20, { namespaceIndex: 3, name: 'Speed' }, 'Speed'],
    ['a diagnosis', { kind: 'text' }, 25, {}, 'wrong-type'],
    ['a number for a text', { kind: 'text' }, DOUBLE, 1, 'wrong-type'],
    ['nothing', { kind: 'double' }, 0, null, 'no-value'],
  ])('%s', (_name, given, type, value, expected) => {
    const [dataType, arrayType] = typeof type === 'number' ? [type, 0] : type;
    expect(one(given, dataType, value, arrayType)).toBe(expected);
  });

  test('what is of the wrong type says which, and which is wanted', () => {
    const value = { dataType: STRING, arrayType: 0, value: 'on' };
    expect(decode({ kind: 'bool' }, { statusCode: GOOD, value }).detail).toBe('String, the point is bool');
  });

  test('variants and data values around a value are opened; their bad status is its own', () => {
    const inner = { dataType: DOUBLE, arrayType: 0, value: 1.5 };
    expect(one({ kind: 'double' }, 24, inner)).toBe(1.5);
    expect(one({ kind: 'double' }, 24, null)).toBe('no-value');
    const dataValue = (code: number) => ({ statusCode: { value: code, name: 'Inner' }, value: inner });
    expect(one({ kind: 'double' }, 23, dataValue(0))).toBe(1.5);
    expect(one({ kind: 'double' }, 23, dataValue(0x80000000))).toBe('bad-status');
    const value = { dataType: 23, arrayType: 0, value: dataValue(0x40000000) };
    expect(decode({ kind: 'double' }, { statusCode: GOOD, value })).toMatchObject({
      quality: Quality.uncertain,
      value: 1.5,
      detail: 'Inner',
    });
    let deep: unknown = inner;
    for (let i = 0; i < 20; i++) deep = { dataType: 24, arrayType: 0, value: deep };
    expect(one({ kind: 'double' }, 24, deep)).toBe('wrong-type');
  });

  test('a matrix has a number for each dimension, the last of which runs fastest', () => {
    const matrix = (index: number | number[], dimensions: number[] | null = [2, 3]) => {
      const value = { dataType: DOUBLE, arrayType: 2, value: [0, 1, 2, 10, 11, 12], dimensions };
      const { value: found, reason } = decode({ kind: 'double', address: { index } }, { statusCode: GOOD, value });
      return reason ?? found;
    };
    expect([matrix([0, 2]), matrix([1, 0]), matrix([1, 2])]).toEqual([2, 10, 12]);
    expect([matrix([2, 0]), matrix([0, 3])]).toEqual(['missing-field', 'missing-field']);
    expect([matrix(1), matrix([1]), matrix([0, 0, 0])]).toEqual(['wrong-type', 'wrong-type', 'wrong-type']);
    // Lengths that the server gets wrong lead beyond the elements.
    expect([matrix([1, 4], [2, 5]), matrix([0, 0], null)]).toEqual(['missing-field', 'wrong-type']);
  });

  test('an array is no scalar, and a scalar no array', () => {
    const values = new Float64Array([1, 2, 3]);
    expect(one({ kind: 'double' }, DOUBLE, values, 1)).toBe('wrong-type');
    expect(one({ kind: 'double', address: { index: 1 } }, DOUBLE, values, 1)).toBe(2);
    expect(one({ kind: 'double', address: { index: 3 } }, DOUBLE, values, 1)).toBe('missing-field');
    expect(one({ kind: 'double', address: { index: 0 } }, DOUBLE, null, 1)).toBe('missing-field');
    expect(one({ kind: 'double', address: { index: 0 } }, DOUBLE, 5)).toBe('wrong-type');
  });

  test('64-bit integers are exact or bad, never rounded', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (exact) => {
        const bits = BigInt.asUintN(64, exact);
        const halves = [Number(bits >> 32n), Number(bits & 0xffff_ffffn)];
        const safe = Number.isSafeInteger(Number(exact));
        expect(one({ kind: 'double' }, INT64, halves)).toBe(safe ? Number(exact) : 'integer-too-large');
      }),
    );
  });
});

describe('status', () => {
  const at = (value: number, name = 'Some') =>
    decode({ kind: 'double' }, { statusCode: { value, name }, value: { dataType: DOUBLE, arrayType: 0, value: 5 } });

  test.each<[number, string, string]>([
    [0x80000000, 'Bad', 'bad-status'],
    [0x808b0000, 'BadDeviceFailure', 'bad-status'],
    [0xc0000000, 'reserved', 'bad-status'],
    [0x80340000, 'BadNodeIdUnknown', 'unknown-node'],
    [0x80340400, 'BadNodeIdUnknown with flags', 'unknown-node'],
    [0x803a0000, 'BadNotReadable', 'access-denied'],
  ])('%i %s has no value', (value, name, reason) => {
    const seen = at(value, name);
    expect(seen).toMatchObject({ quality: Quality.bad, value: Number.NaN, reason, detail: name });
    expect(seen.unknown).toBe(reason === 'unknown-node');
  });

  test('good sub-codes are good', () => {
    expect(at(0x00a70000, 'GoodClamped')).toMatchObject({ quality: Quality.good, value: 5 });
    expect(at(0x00000480, 'Good with overflow flag')).toMatchObject({ quality: Quality.good, value: 5 });
  });

  test('an uncertain value stays and says why', () => {
    const expected = { quality: Quality.uncertain, value: 5, reason: 'uncertain-status', detail: 'UncertainX' };
    expect(at(0x40900000, 'UncertainX')).toMatchObject(expected);
  });

  test('the severity decides, whatever the rest of the code', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        const severity = Math.floor(value / 2 ** 30);
        const expected = [Quality.good, Quality.uncertain, Quality.bad, Quality.bad][severity];
        expect(at(value).quality).toBe(expected);
        // The library may hand the code over as a signed integer.
        expect(at(value | 0).quality).toBe(expected);
      }),
    );
  });

  test('an array that is not there has no elements', () => {
    const value = { dataType: DOUBLE, arrayType: 1, value: undefined };
    const seen = decode({ kind: 'double', address: { index: 0 } }, { statusCode: GOOD, value, sourceTimestamp: null });
    expect(seen.quality).toBe(Quality.bad);
  });

  test('whatever the server sends: one sample, a value or a reason, nothing thrown', () => {
    const kinds = fc.constantFrom<ValueKind>('double', 'bool', 'enum', 'bitset', 'text');
    const anything = fc.record({
      statusCode: fc.record({ value: fc.integer(), name: fc.string() }),
      value: fc.option(
        fc.record({ dataType: fc.integer({ min: -1, max: 30 }), arrayType: fc.nat(3), value: fc.anything() }),
      ),
      sourceTimestamp: fc.option(fc.date()),
    });
    const address = fc.record(
      {
        index: fc.oneof(fc.nat(3), fc.array(fc.nat(3), { minLength: 1, maxLength: 3 })),
        member: fc.array(fc.oneof(fc.constantFrom('a', 'value', 'length'), fc.nat(3)), { minLength: 1, maxLength: 3 }),
        type: fc.constant<'bool'>('bool'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(kinds, address, anything, (kind, where, from) => {
        const seen = decode({ kind, address: where }, from);
        const has = typeof seen.value === 'string' || Number.isFinite(seen.value);
        expect(has).toBe(seen.quality !== Quality.bad);
        expect(Number.isInteger(seen.sourceMs)).toBe(true);
      }),
    );
  });
});

describe('time', () => {
  const at = (sourceTimestamp: Date | null) =>
    decode(
      { kind: 'double' },
      { statusCode: GOOD, value: { dataType: DOUBLE, arrayType: 0, value: 5 }, sourceTimestamp },
    );

  test.each<[string, Date | null, number, boolean]>([
    ['an old source time is kept', new Date(NOW - 86_400_000), NOW - 86_400_000, false],
    ['a little ahead is kept', new Date(NOW + MAX_AHEAD_MS), NOW + MAX_AHEAD_MS, false],
    ['far ahead is not', new Date(NOW + MAX_AHEAD_MS + 1), NOW, true],
    ['the year 1602 is not', new Date('1602-01-01T00:00:00Z'), NOW, true],
    ['the year 1601 is none', new Date('1601-01-01T00:00:00Z'), NOW, false],
    ['the year 9999 is not', new Date('9999-12-31T23:59:59Z'), NOW, true],
    ['an invalid one is not', new Date(Number.NaN), NOW, true],
    ['none is none', null, NOW, false],
  ])('%s', (_name, stamp, sourceMs, clockOff) => {
    expect(at(stamp)).toMatchObject({ sourceMs, receivedMs: NOW, clockOff });
  });
});
