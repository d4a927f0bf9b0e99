import { expect, test } from 'vitest';
import type { ModbusMapPoint } from '../schema.ts';
import { expandArray } from './array.ts';

const places = (entry: ModbusMapPoint) =>
  expandArray('cell', entry).map(
    ([name, { address, register, bit }]) => `${name} ${address ?? register}${bit === undefined ? '' : `.${bit}`}`,
  );

test('an entry without count is itself', () => {
  const entry = { table: 'holding', address: 5 } as const;
  expect(expandArray('cell', entry)).toEqual([['cell', entry]]);
});

test('one behind the other, each as wide as it is', () => {
  expect(places({ table: 'holding', address: 5, count: 3 })).toEqual(['cell1 5', 'cell2 6', 'cell3 7']);
  expect(places({ register: 40001, type: 'float32', count: 2 })).toEqual(['cell1 40001', 'cell2 40003']);
  expect(places({ table: 'input', address: 0, type: 'uint64', count: 2 })).toEqual(['cell1 0', 'cell2 4']);
  expect(places({ table: 'input', address: 0, length: 10, count: 2 })).toEqual(['cell1 0', 'cell2 10']);
  expect(places({ table: 'coil', address: 7, count: 2 })).toEqual(['cell1 7', 'cell2 8']);
});

test('`step` apart, as in a table of records', () => {
  expect(places({ table: 'holding', address: 100, type: 'int32', count: 3, step: 6 })).toEqual([
    'cell1 100',
    'cell2 106',
    'cell3 112',
  ]);
});

test('bits run on into the next register, unless they are the same bit of others', () => {
  expect(places({ table: 'holding', address: 3, bit: 14, count: 4 })).toEqual([
    'cell1 3.14',
    'cell2 3.15',
    'cell3 4.0',
    'cell4 4.1',
  ]);
  expect(places({ register: 40004, bit: 2, count: 2, step: 1 })).toEqual(['cell1 40004.2', 'cell2 40005.2']);
});

test('count and step are no part of the points, everything else is', () => {
  const [first] = expandArray('cell', {
    table: 'holding',
    address: 0,
    scale: 0.1,
    noValue: [65_535],
    count: 2,
    step: 4,
  });
  expect(first?.[1]).toEqual({ table: 'holding', address: 0, scale: 0.1, noValue: [65_535] });
});
