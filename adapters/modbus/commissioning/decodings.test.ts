import { describe, expect, test } from 'vitest';
import type { LinkPoint } from '../../../model/adapter.ts';
import { type ModbusAddress, resolveAddress } from '../address.ts';
import type { ModbusMapPoint } from '../schema.ts';
import { bytesFact, decodingTable, entryTable, pointTable, type Shows, textFacts } from './decodings.ts';

const NONE = '—';

function shows(words: Readonly<Record<number, number>>, part: Partial<Shows> = {}): Shows {
  return {
    place: { unit: 7, table: 'holding', address: 160 },
    count: 2,
    entries: new Map(Object.entries(words).map(([address, word]) => [Number(address), word])),
    wide: false,
    points: [],
    order: { wordOrder: 'big', byteOrder: 'big' },
    ...part,
  };
}

/** Cells of the row of a type and its orders: at the address before, at the address, at the one after. */
function row(of: Shows, type: string, wordOrder: string, byteOrder: string): readonly unknown[] | undefined {
  const found = decodingTable(of)?.rows.find(([t, w, b]) => t === type && w === wordOrder && b === byteOrder);
  return found?.slice(3, 6);
}

function point(key: `${string}/${string}`, map: ModbusMapPoint): LinkPoint<ModbusAddress> {
  const resolved = resolveAddress(map, { unit: 7 }, { asset: 'a', point: 'p', kind: 'double', index: 0 });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return { number: 1, key, kind: 'double', address: resolved.value };
}

describe('decodings, by the bytes on the wire', () => {
  // 12.5 as a float of 32 bits is 41 48 00 00; 0x41424344 is 1094861636.
  test.each([
    [[0x4142, 0x4344], 'uint32', 'big', 'big', '1094861636'],
    [[0x4344, 0x4142], 'uint32', 'little', 'big', '1094861636'],
    [[0x4241, 0x4443], 'uint32', 'big', 'little', '1094861636'],
    [[0x4443, 0x4241], 'uint32', 'little', 'little', '1094861636'],
    [[0xffff, 0xfffe], 'int32', 'big', 'big', '-2'],
    [[0xfffe, 0xffff], 'int32', 'little', 'big', '-2'],
    [[0x4148, 0], 'float32', 'big', 'big', '12.5'],
    [[0, 0x4148], 'float32', 'little', 'big', '12.5'],
    [[0x4841, 0], 'float32', 'big', 'little', '12.5'],
    [[0, 0x4841], 'float32', 'little', 'little', '12.5'],
    [[0x1234, 0x5678], 'bcd32', 'big', 'big', '12345678'],
    [[0x5678, 0x1234], 'bcd32', 'little', 'big', '12345678'],
    [[0x1234, 0], 'bcd16', '', 'big', '1234'],
    [[0x1234, 0], 'bcd16', '', 'little', '3412'],
    [[0xfffe, 0], 'int16', '', 'big', '-2'],
    [[0xfeff, 0], 'int16', '', 'little', '-2'],
    [[0x0102, 0], 'uint16', '', 'big', '258'],
    [[0x0102, 0], 'uint16', '', 'little', '513'],
  ] as const)('%j is %s, word order %s, byte order %s: %s', (words, type, wordOrder, byteOrder, value) => {
    expect(row(shows({ 160: words[0], 161: words[1] }), type, wordOrder, byteOrder)?.[1]).toBe(value);
  });

  test('the neighbours stand beside, and what was not read is a dash', () => {
    const of = shows({ 159: 9, 160: 1, 161: 2, 162: 3 });
    expect(row(of, 'uint16', '', 'big')).toEqual(['9', '1', '2']);
    expect(row(of, 'uint32', 'big', 'big')).toEqual([String(9 * 65_536 + 1), '65538', '131075']);
    expect(row(shows({ 160: 1, 161: 2 }), 'uint32', 'big', 'big')).toEqual([NONE, '65538', NONE]);
  });

  test('64 bits only where asked for; beyond 2^53 it says so', () => {
    const words = { 160: 0, 161: 1, 162: 0, 163: 2 };
    expect(row(shows(words), 'uint64', 'big', 'big')).toBeUndefined();
    const wide = { wide: true, count: 4 };
    expect(row(shows(words, wide), 'uint64', 'big', 'big')?.[1]).toBe(String(2 ** 32 + 2));
    expect(row(shows({ ...words, 160: 0x8000 }, wide), 'uint64', 'big', 'big')?.[1]).toBe('9.223e+18 > 2^53');
    expect(row(shows({ 160: 0x4029, 161: 0, 162: 0, 163: 0 }, wide), 'float64', 'big', 'big')?.[1]).toBe('12.5');
  });

  test('a row that holds nothing is left out', () => {
    expect(row(shows({ 160: 0xabcd }), 'bcd16', '', 'big')).toBeUndefined();
    expect(decodingTable(shows({}))?.rows).toEqual([]);
  });

  test('the row that a point of the site file reads is marked with it, by its own or the link’s order', () => {
    const points = [
      point('a/own', { register: 40161, type: 'uint32', wordOrder: 'little' }),
      point('a/link', { register: 40161, type: 'int32' }),
      point('a/elsewhere', { register: 40162, type: 'int32' }),
    ];
    const marked = decodingTable(shows({ 160: 1, 161: 2 }, { points }))?.rows.filter((cells) => cells[6] !== '');
    expect(marked?.map(([type, word, byte, , , , mark]) => [type, word, byte, mark])).toEqual([
      ['uint32', 'little', 'big', '◀ a/own'],
      ['int32', 'big', 'big', '◀ a/link'],
    ]);
  });
});

test('every entry shows bytes and bits, both addresses, and which were asked for', () => {
  const entries = new Map<number, number | { zh: string; en: string }>([
    [159, { zh: '无', en: 'none' }],
    [160, 2305],
  ]);
  expect(entryTable(shows({}, { entries, count: 1 })).rows).toEqual([
    ['', '159', '40160', NONE, '', { zh: '无', en: 'none' }],
    ['▶', '160', '40161', '09 01', '0000 1001 0000 0001', '2305'],
    ['', '161', '40162', NONE, '', ''],
  ]);
});

test('at both ends of the addresses there is one neighbour only', () => {
  const at = (address: number) => entryTable(shows({}, { place: { unit: 1, table: 'coil', address }, count: 1 })).rows;
  expect(at(0).map((cells) => cells[2])).toEqual(['00001', '00002']);
  expect(at(65_535).map((cells) => cells[2])).toEqual(['065535', '065536']);
});

test('text in both orders of bytes, and in Chinese where it is', () => {
  const values = (words: readonly number[]) =>
    textFacts(shows(Object.fromEntries(words.map((word, i) => [160 + i, word])), { count: words.length })).map(
      ({ value }) => value,
    );
  expect(values([0x4142, 0x4300])).toEqual(['"ABC."', '"BA.C"']);
  // 电梯 is b5 e7 cc dd in GB 18030.
  expect(values([0xb5e7, 0xccdd])[0]).toBe('"...."  gb18030 "电梯"');
  expect(bytesFact(shows({ 160: 0x0901, 161: 0x4142 }))?.value).toBe('09 01 41 42');
});

test('points at the place and one beside it have their values as the gateway makes them', () => {
  const points = [
    point('a/voltage', { register: 40161, scale: 0.1 }),
    point('a/next', { register: 40163 }),
    point('a/far', { register: 40164 }),
    point('a/partly', { register: 40160, type: 'uint32' }),
  ];
  const table = pointTable(shows({ 160: 2305, 161: 0, 162: 5 }, { points }));
  expect(table?.rows.map(([key, , form, value]) => [key, form, value])).toEqual([
    ['a/partly', 'uint32', { zh: '未读全', en: 'not read as a whole' }],
    ['a/voltage', 'uint16 × 0.1', '230.5'],
    ['a/next', 'uint16', '5'],
  ]);
});
