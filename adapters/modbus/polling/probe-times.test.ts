import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Doubtful,
  type LineNow,
  LONG_EVERY_MS,
  MAX_LATE_SHARE,
  ProbeTimes,
  RARELY_MS,
  WHOLE_EVERY_MS,
} from './probe-times.ts';

const NOW_MS = 10_000_000;
const SLICE_MS = 20;
const never = Number.NEGATIVE_INFINITY;

type Known = Doubtful['breaker'];

function doubtful(unit: number, known: Partial<Known> = {}, rest: Partial<Doubtful> = {}): Doubtful {
  const breaker: Known = {
    state: 'silent',
    misses: 5,
    missedSinceMs: 0,
    isTried: true,
    isHeardLate: false,
    answeredMs: never,
    longMs: NOW_MS,
    wholeMs: NOW_MS,
    roundTripMs: 0,
    ...known,
  };
  return { unit, timeoutMs: 1000, doubtfulMs: NOW_MS, isBusy: false, breaker, ...rest };
}

const newcomer = (unit: number, known: Partial<Known> = {}) =>
  doubtful(unit, { state: 'unknown', misses: 0, isTried: false, ...known });
const line = (spareMs: number, rest: Partial<LineNow<Doubtful>> = {}): LineNow<Doubtful> => ({
  nowMs: NOW_MS,
  spareMs: () => spareMs,
  intervalMs: 1000,
  hasRoom: true,
  ...rest,
});
const times = (rate = 1, sliceMs = SLICE_MS, nowMs = NOW_MS, heldMs = 0) =>
  new ProbeTimes(rate, { sliceMs, heldMs: () => heldMs }, nowMs);
/** Unit, time-out and length of the next try. */
const next = (units: readonly Doubtful[], now: LineNow<Doubtful>, it = times()) => {
  const chosen = it.next(units, now);
  return chosen && [chosen.unit.unit, chosen.timeoutMs, chosen.length];
};

test('a unit that alone is due has the time that the others leave, less a guard', () => {
  expect(next([doubtful(1)], line(600))).toEqual([1, 595, 'long']);
  expect(next([doubtful(1)], line(200))).toEqual([1, 195, 'short']);
  expect(next([doubtful(1)], line(Number.POSITIVE_INFINITY))).toEqual([1, 1000, 'whole']);
  expect(next([doubtful(1)], line(5000, { hasRoom: false }), times(1, 100)), 'the line is taken').toBeUndefined();
  expect(next([doubtful(1, { roundTripMs: 100 })], line(300)), 'it takes longer than that').toBeUndefined();
  expect(next([doubtful(1)], line(6000), times(10)), 'the others’ time is site time').toEqual([1, 595, 'long']);
});

test('a slow line leaves no room for longer than half an interval; a gateway that holds it is waited for', () => {
  expect(next([doubtful(1), doubtful(2)], line(800), times(1, 900))).toEqual([2, 500, 'long']);
  expect(next([doubtful(1), doubtful(2)], line(800), times(1, 20, NOW_MS, 900))).toBeUndefined();
});

test('where several are due each has a short try, and a longer one each time that it is missed', () => {
  const units = [newcomer(1), newcomer(2)];
  expect(next(units, line(900))?.[1]).toBe(SLICE_MS);
  const missed = (misses: number) => [1, 2].map((unit) => newcomer(unit, { misses, isTried: true }));
  expect([1, 2].map((misses) => next(missed(misses), line(900))?.[1])).toEqual([4 * SLICE_MS, 16 * SLICE_MS]);
  expect(next(missed(2), line(100)), 'no longer than the others leave').toEqual([expect.anything(), 95, 'short']);
  expect(next([doubtful(1), doubtful(2)], line(900))?.[1], 'who is known to be silent').toBe(SLICE_MS);
});

test('who answered before goes first, then who was not asked yet, and neighbours not one after the other', () => {
  const answered = newcomer(9, { answeredMs: 5 });
  const tried = newcomer(1, { misses: 1, isTried: true });
  expect(next([tried, newcomer(2), answered], line(900))?.[0]).toBe(9);
  expect(next([tried, newcomer(2)], line(900))?.[0]).toBe(2);
  const order: number[] = [];
  // Some are known a millisecond later than others.
  let rest = Array.from({ length: 30 }, (_, i) => ({ ...newcomer(i + 1), doubtfulMs: NOW_MS - 30 + i }));
  while (rest.length > 0) {
    const unit = times().next(rest, line(900))?.unit;
    order.push(unit?.unit ?? 0);
    rest = rest.filter((one) => one !== unit);
  }
  expect(new Set(order).size).toBe(30);
  expect(order.filter((unit, i) => Math.abs(unit - (order[i - 1] ?? 99)) === 1)).toEqual([]);
});

test('a unit that was heard late has its whole time-out when there is time for it, or an interval later', () => {
  const late = doubtful(3, { isHeardLate: true, roundTripMs: 300 });
  expect(next([newcomer(1), late], line(400))).toEqual([3, 1000, 'whole']);
  expect(next([newcomer(1), late], line(200))?.[0]).toBe(1);
  expect(next([newcomer(1), { ...late, doubtfulMs: NOW_MS - 1000 }], line(200))).toEqual([3, 1000, 'whole']);
});

test('a place on which a unit is silent that answers is tried with all the time that there is', () => {
  const place = doubtful(1, { state: 'answers', misses: 0 });
  expect(next([place, newcomer(2, { isTried: true, misses: 1 })], line(600))).toEqual([1, 595, 'long']);
  expect(next([place], line(10))).toBeUndefined();
});

test('idle time goes to the unit that had a long try the longest ago', () => {
  const idle = (unit: number, longMs: number) => doubtful(unit, { longMs }, { doubtfulMs: NOW_MS + 5000 });
  const old = NOW_MS - LONG_EVERY_MS;
  expect(next([idle(1, old), idle(2, old - 5), idle(3, NOW_MS)], line(700))).toEqual([2, 695, 'long']);
  expect(next([idle(1, old)], line(400)), 'that is not long').toBeUndefined();
  expect(next([idle(1, old + 1)], line(700))).toBeUndefined();
  expect(next([idle(1, old + 5), idle(2, never)], line(700)), 'who had none').toEqual([2, 695, 'long']);
  expect(times().nextMs([idle(1, NOW_MS - 10)], NOW_MS)).toBe(NOW_MS - 10 + LONG_EVERY_MS);
});

test('of all units together one has its whole time-out now and then, though others wait', () => {
  const since = NOW_MS - 2 * LONG_EVERY_MS;
  const units = [1, 2, 3].map((unit) => doubtful(unit, { wholeMs: since - unit }, { doubtfulMs: NOW_MS + 5000 }));
  const it = times(1, SLICE_MS, NOW_MS - WHOLE_EVERY_MS);
  expect(next(units, line(3), it)).toEqual([3, 1000, 'whole']);
  expect(next(units, line(3), it), 'and no other').toBeUndefined();
});

test('where the line never has time to spare, a few units are asked all the same', () => {
  const full = (nowMs: number) => line(0, { hasRoom: false, nowMs });
  const waiting = [1, 2].map((unit) => doubtful(unit, { longMs: NOW_MS + 1e9, wholeMs: NOW_MS + 1e9 }));
  const it = times(1, 100, NOW_MS + 1e9);
  expect(next(waiting, full(NOW_MS + RARELY_MS - 1), it)).toBeUndefined();
  expect(next(waiting, full(NOW_MS + RARELY_MS), it)).toEqual([2, 100, 'short']);
  expect(next(waiting, full(NOW_MS + RARELY_MS), it), 'one of them').toBeUndefined();
  const first = newcomer(7);
  expect(next([first], full(NOW_MS), times(1, 100)), 'who was never asked').toEqual([7, 100, 'short']);
});

test('first looks without room go on while they are answered, and wait after one in vain', () => {
  const full = (nowMs: number) => line(0, { hasRoom: false, nowMs });
  const it = times(1, 100);
  const [one, two] = [newcomer(1), newcomer(2)];
  const answering = { ...one, breaker: { ...one.breaker } };
  expect(it.next([answering], full(NOW_MS))?.unit).toBe(answering);
  expect(it.next([two], full(NOW_MS + 4999))).toBeUndefined();
  expect(it.next([two], full(NOW_MS + 5000))?.unit).toBe(two);
  Object.assign(two.breaker, { state: 'answers' });
  expect(it.next([one], full(NOW_MS + 5001))?.unit).toBe(one);
});

test('whatever the times: what is taken from those who answer is a small share, but for what is rare', () => {
  const look = fc.record({ spareMs: fc.nat(3000), hasRoom: fc.boolean(), stepMs: fc.nat(2000) });
  const unit = fc.record({
    timeoutMs: fc.integer({ min: 10, max: 60_000 }),
    misses: fc.nat(5),
    roundTripMs: fc.nat(900),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 300 }), fc.array(unit, { minLength: 1, maxLength: 8 }), (looks, units) => {
      const all = units.map(({ timeoutMs, misses, roundTripMs }, i) =>
        doubtful(i + 1, { misses, roundTripMs, state: misses < 3 ? 'unknown' : 'silent' }, { timeoutMs }),
      );
      const it = times();
      const rare: number[] = [];
      const small: number[] = [];
      let nowMs = NOW_MS;
      for (const { spareMs, hasRoom, stepMs } of looks) {
        nowMs += stepMs;
        const given = it.next(all, line(spareMs, { hasRoom, nowMs }));
        if (given === undefined) continue;
        expect(given.timeoutMs).toBeLessThanOrEqual(given.unit.timeoutMs);
        const overMs = given.timeoutMs - (hasRoom ? spareMs : 0);
        if (overMs > MAX_LATE_SHARE * 1000 + 1) rare.push(nowMs);
        else if (overMs > 0) small.push(nowMs);
      }
      const minutes = (nowMs - NOW_MS) / RARELY_MS;
      expect(rare.length).toBeLessThanOrEqual(minutes + 1 + (nowMs - NOW_MS) / WHOLE_EVERY_MS);
      for (const [i, ms] of small.slice(1).entries()) expect(ms - (small[i] ?? 0)).toBeGreaterThanOrEqual(1000);
    }),
  );
});
