import { expect, test } from 'vitest';
import { DURATION_PATTERN, parseDuration } from './duration.ts';

test.each([
  ['500ms', 500],
  ['1s', 1000],
  ['1.5s', 1500],
  ['10min', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['0s', 0],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
  expect(text).toMatch(new RegExp(DURATION_PATTERN));
});

test.each(['', '1', 's', '-1s', '1 s', '1m', '1e3s', '1.s', '1s2'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
  expect(text).not.toMatch(new RegExp(DURATION_PATTERN));
});
