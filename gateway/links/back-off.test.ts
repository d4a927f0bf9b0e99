import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FIRST_RETRY_MS, LONGEST_RETRY_MS, retryDelayMs } from './back-off.ts';

test('doubles from the first to the longest', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map((failures) => retryDelayMs(failures, 1))).toEqual([
    250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
  ]);
});

test('spreads between half and all, and never leaves its bounds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const ms = retryDelayMs(failures, random);
      expect(ms).toBeGreaterThanOrEqual(FIRST_RETRY_MS / 2);
      expect(ms).toBeLessThanOrEqual(LONGEST_RETRY_MS);
      expect(ms).toBeGreaterThanOrEqual(Math.floor(retryDelayMs(failures, 1) / 2));
    }),
  );
});
