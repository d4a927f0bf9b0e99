import { expect, test } from 'vitest';
import { readSiteClock } from './site-clock.ts';

test('start, rate and origin are read', () => {
  const startMs = Date.parse('2026-06-15T20:30+08:00');
  const originMs = Date.now() - 10_000;
  const clock = readSiteClock(`2026-06-15T20:30+08:00@60#${originMs}`);
  expect(clock?.startMs).toBe(startMs);
  expect(clock?.rate).toBe(60);
  const aheadMs = (clock?.now() ?? 0) - startMs;
  expect(aheadMs).toBeGreaterThanOrEqual(600_000);
  expect(aheadMs).toBeLessThan(900_000);
});

test('rate is 1 and origin is now unless told; epoch ms are read too', () => {
  const clock = readSiteClock('1781526600000', Date.now());
  expect(clock?.rate).toBe(1);
  expect((clock?.now() ?? 0) - 1781526600000).toBeLessThan(5000);
});

test.each(['', 'tomorrow', '2026-06-15T20:30+08:00@0', '2026-06-15T20:30+08:00@x', '2026-06-15#x', '@60'])(
  '%j cannot be read',
  (text) => {
    expect(readSiteClock(text)).toBeUndefined();
  },
);
