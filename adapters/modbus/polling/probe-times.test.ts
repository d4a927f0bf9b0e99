import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../../model/clock.ts';
import { ProbeTimes, RARELY_MS, WHOLE_PROBE_EVERY_MS } from './probe-times.ts';

/** A clock that shows what it is told to; site time runs `rate` times as fast as real time. */
function handClock(rate = 1) {
  const clock = { ms: 1_000_000, now: () => clock.ms, rate, simulated: true, delay: () => Promise.resolve() };
  return clock satisfies Clock & { ms: number };
}

const unit = (state: 'unknown' | 'answers' | 'silent', doubtfulMs: number, timeoutMs = 1000) => ({
  timeoutMs,
  doubtfulMs,
  breaker: { state },
});

test('a silent unit gets the time that the others leave, less a guard, and none where that is too little', () => {
  const clock = handClock();
  const times = new ProbeTimes(clock);
  const silent = unit('silent', clock.ms);
  expect(times.timeoutMs(silent, 600, true, 2)).toBe(595);
  expect(times.timeoutMs(silent, 20, true, 2)).toBeUndefined();
  expect(times.timeoutMs(silent, 300, true, 100), 'the line is slower than that').toBeUndefined();
  expect(times.timeoutMs(silent, Number.POSITIVE_INFINITY, true, 2), 'nobody else answers').toBe(1000);
  expect(times.timeoutMs(silent, 5000, false, 2), 'the line is taken').toBeUndefined();
});

test('time of the others is site time, a time-out is real time', () => {
  const clock = handClock(10);
  expect(new ProbeTimes(clock).timeoutMs(unit('silent', clock.ms), 6000, true, 2)).toBe(595);
});

test('a unit that was never asked has its whole time-out; so has a slow one now and then', () => {
  const clock = handClock();
  const times = new ProbeTimes(clock);
  const first = unit('unknown', clock.ms);
  expect(times.timeoutMs(first, 200, true, 2)).toBe(1000);
  first.breaker.state = 'silent';
  expect(times.timeoutMs(first, 200, true, 2)).toBe(195);
  clock.ms += WHOLE_PROBE_EVERY_MS;
  first.doubtfulMs = clock.ms;
  expect(times.timeoutMs(first, 200, true, 2)).toBe(1000);
  expect(times.timeoutMs(first, 200, true, 2)).toBe(195);
});

test('where the line never has time to spare, the unit is asked rarely', () => {
  const clock = handClock();
  const times = new ProbeTimes(clock);
  const silent = unit('silent', clock.ms);
  clock.ms += RARELY_MS - 1;
  for (const hasRoom of [true, false]) expect(times.timeoutMs(silent, 0, hasRoom, 2)).toBeUndefined();
  clock.ms += 1;
  expect(times.timeoutMs(silent, 0, false, 2)).toBe(1000);
  expect(times.timeoutMs(silent, 0, false, 2), 'and not again at once').toBeUndefined();
});

test('whatever the times: a request never reaches into the others’ turn, but rarely', () => {
  const look = fc.record({ spareMs: fc.nat(3000), hasRoom: fc.boolean(), stepMs: fc.nat(2000) });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 300 }), fc.integer({ min: 10, max: 60_000 }), (looks, timeoutMs) => {
      const clock = handClock();
      const times = new ProbeTimes(clock);
      const silent = unit('silent', clock.ms, timeoutMs);
      let trespassedMs = Number.NEGATIVE_INFINITY;
      for (const { spareMs, hasRoom, stepMs } of looks) {
        clock.ms += stepMs;
        const given = times.timeoutMs(silent, spareMs, hasRoom, 1);
        if (given === undefined) continue;
        expect(given).toBeLessThanOrEqual(timeoutMs);
        if (given > spareMs || !hasRoom) {
          expect(clock.ms - trespassedMs).toBeGreaterThanOrEqual(RARELY_MS);
          trespassedMs = clock.ms;
        }
      }
    }),
  );
});
