import { expect, test } from 'vitest';
import { formatDuration, formatRatio, formatTarget } from './figure-text.ts';

test.each([
  [0.5, 0.95, '50.00 %'],
  [0.95, 0.95, '95.00 %'],
  [0.949999, 0.95, '94.9999 %'],
  [0.9500001, 0.95, '95.00001 %'],
  [1, 0.95, '100.00 %'],
  [0.999999, 1, '99.9999 %'],
  [2 / 3, 0.95, '66.67 %'],
  [null, 0.95, '-'],
])('%d at a target of %d is %s', (ratio, target, text) => {
  expect(formatRatio(ratio, target)).toBe(text);
});

test('a target keeps its own decimals', () => {
  expect([0.95, 0.999, 0.9525, 1].map(formatTarget)).toEqual(['95 %', '99.9 %', '95.25 %', '100 %']);
});

test.each([
  [0, '0:00:00.000'],
  [61_007, '0:01:01.007'],
  [93_784_005, '26:03:04.005'],
  [-5000, '-0:00:05.000'],
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
