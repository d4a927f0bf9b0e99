import { expect, test } from 'vitest';
import { Breaker, MAX_SKIP_MS } from './breaker.ts';

const TIMEOUT = { reason: 'timeout' } as const;

test('a silent unit is due at once, then after 1, 3, 7 … intervals, and never later than the bound', () => {
  const breaker = new Breaker(1000, 0);
  expect(breaker.dueMs, 'nothing is known of it: it is asked').toBe(0);
  const waits = Array.from({ length: 12 }, () => {
    breaker.missed(TIMEOUT, 50_000);
    return breaker.dueMs - 50_000;
  });
  expect(waits.slice(0, 5)).toEqual([0, 1000, 3000, 7000, 15_000]);
  expect(waits.slice(5)).toEqual(Array(7).fill(MAX_SKIP_MS));
});

test('tells each change once, and begins anew after an answer', () => {
  const breaker = new Breaker(1000, 0);
  expect(breaker.answered(), 'it was not silent before').toBe(false);
  expect(breaker.missed(TIMEOUT, 0)).toBe(true);
  expect(breaker.missed({ reason: 'modbus-exception', detail: 'exception 11' }, 0)).toBe(false);
  expect(breaker).toMatchObject({ state: 'silent', misses: 2, bad: { detail: 'exception 11' } });
  expect(breaker.answered()).toBe(true);
  expect(breaker.answered()).toBe(false);
  breaker.missed(TIMEOUT, 9000);
  expect(breaker.dueMs).toBe(9000);
});
