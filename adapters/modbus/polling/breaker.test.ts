import { expect, test } from 'vitest';
import { Breaker, MAX_SKIP_MS, SILENT_AFTER, SILENT_AFTER_MS } from './breaker.ts';

const TIMEOUT = { reason: 'timeout' } as const;

test('a silent unit is due at once, then after 1, 3, 7 … intervals, and never later than the bound', () => {
  const breaker = new Breaker(1000, 0);
  expect(breaker.dueMs, 'nothing is known of it: it is asked').toBe(0);
  const waits = Array.from({ length: 12 }, () => {
    breaker.missed(TIMEOUT, 50_000, true);
    return breaker.dueMs - 50_000;
  });
  expect(waits.slice(0, 5)).toEqual([0, 1000, 3000, 7000, 15_000]);
  expect(waits.slice(5)).toEqual(Array(7).fill(MAX_SKIP_MS));
});

test('tells each change once, and begins anew after an answer', () => {
  const breaker = new Breaker(1000, 0);
  expect(breaker.answered(0), 'it was not silent before').toBe(false);
  expect(breaker.missed(TIMEOUT, 0, true)).toBe(true);
  expect(breaker.missed({ reason: 'modbus-exception', detail: 'exception 11' }, 0, true)).toBe(false);
  expect(breaker).toMatchObject({ state: 'silent', misses: 2, bad: { detail: 'exception 11' } });
  expect(breaker.answered(0)).toBe(true);
  expect(breaker.answered(0)).toBe(false);
  breaker.missed(TIMEOUT, 9000, true);
  expect(breaker.dueMs).toBe(9000);
});

test('short tries in vain are no silence yet, a few of them are, and so is one a while ago', () => {
  const few = new Breaker(1000, 0);
  const news = Array.from({ length: SILENT_AFTER + 1 }, () => few.missed(TIMEOUT, 0, false));
  expect(news).toEqual([...Array(SILENT_AFTER - 1).fill(false), true, false]);
  const one = new Breaker(1000, 0);
  expect(one.unheard(SILENT_AFTER_MS), 'it was not asked').toBe(false);
  one.missed(TIMEOUT, 5000, false);
  expect(one.unheard(5000 + SILENT_AFTER_MS - 1)).toBe(false);
  expect(one.unheard(5000 + SILENT_AFTER_MS)).toBe(true);
  expect(one.unheard(5000 + SILENT_AFTER_MS)).toBe(false);
  expect(one.state).toBe('silent');
});

test('over a new connection: who answered has to show it, who was silent waits no longer and no less', () => {
  const [living, dead] = [new Breaker(1000, 0), new Breaker(1000, 0)];
  living.answered(10);
  for (let miss = 0; miss < 5; miss++) dead.missed(TIMEOUT, 10, true);
  const dueMs = dead.dueMs;
  for (const breaker of [living, dead]) breaker.connected(500, false);
  expect(living).toMatchObject({ state: 'unknown', isTried: false, answeredMs: 10 });
  expect(living.dueMs).toBeLessThanOrEqual(500);
  expect(dead).toMatchObject({ state: 'silent', dueMs, misses: 5 });
  dead.connected(600, true);
  expect(dead.dueMs).toBe(600);
});

test('a unit that is heard late is asked again at once, but not over and over', () => {
  const breaker = new Breaker(1000, 0);
  for (let miss = 0; miss < 5; miss++) breaker.missed(TIMEOUT, 0, true);
  breaker.heardLate(300, 100);
  expect(breaker).toMatchObject({ isHeardLate: true, dueMs: 100, roundTripMs: 300 });
  breaker.tried('whole', 100);
  breaker.missed(TIMEOUT, 1100, true);
  const { dueMs } = breaker;
  breaker.heardLate(300, 1200);
  expect(breaker).toMatchObject({ isHeardLate: false, dueMs });
  breaker.heardLate(300, 100 + MAX_SKIP_MS);
  expect(breaker.isHeardLate).toBe(true);
  breaker.answered(100 + MAX_SKIP_MS);
  breaker.heardLate(300, 200_000);
  expect(breaker.isHeardLate, 'who answers need not be found').toBe(false);
});
