import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstTrust, keptFromMs, type Leap, passTime, type TimeTrust } from './leaps.ts';

const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const KEPT_MS = 400 * DAY_MS;

/** Days that pass as they should. */
const run = (trust: TimeTrust, days: number) => passTime(trust, trust.seenMs + days * DAY_MS, days * DAY_MS);
/** A clock that is ahead by so many days from one moment to the next. */
const leap = (trust: TimeTrust, days: number) => passTime(trust, trust.seenMs + days * DAY_MS, 0);
const keptFrom = ({ leaps, seenMs }: TimeTrust) => keptFromMs(leaps, seenMs, KEPT_MS);

describe('what is kept for its age', () => {
  test('with a clock that runs as it should, what is not older than its time', () => {
    const trust = run(firstTrust(START_MS), 500);
    expect(trust.leaps).toEqual([]);
    expect(keptFrom(trust)).toBe(trust.seenMs - KEPT_MS);
  });

  test('a week of absence is a week', () => {
    const trust = leap(run(firstTrust(START_MS), 500), 6);
    expect(trust.leaps).toEqual([]);
    expect(keptFrom(trust)).toBe(START_MS + 506 * DAY_MS - KEPT_MS);
  });

  test('a leap of nine years makes nothing older, until what was before it is as old as it may be', () => {
    const before = run(firstTrust(START_MS), 500);
    const after = leap(before, 9 * 365);
    expect(after.leaps).toEqual([{ fromMs: before.seenMs, toMs: before.seenMs + 9 * YEAR_MS }]);
    expect(keptFrom(after)).toBe(keptFrom(before));
    expect(keptFrom(run(after, 100))).toBe(keptFrom(before) + 100 * DAY_MS);
    const last = run(after, 401);
    expect(keptFrom(last)).toBe(last.seenMs - KEPT_MS);
  });

  test('a time within a leap, as of what comes a little late, is before it', () => {
    const before = run(firstTrust(START_MS), 500);
    const { leaps, seenMs } = leap(before, 9 * 365);
    expect(keptFromMs(leaps, seenMs - 600_000, KEPT_MS)).toBe(keptFrom(before));
    // A reader that has not come to the leap yet knows of none.
    expect(keptFromMs(leaps, before.seenMs - DAY_MS, KEPT_MS)).toBe(before.seenMs - DAY_MS - KEPT_MS);
  });

  test('a clock that leaps a day each hour for a month is believed a week, and a share of what passes', () => {
    let trust = firstTrust(START_MS);
    for (let hour = 0; hour < 24 * 30; hour++) trust = leap(run(trust, 1 / 24), 1);
    expect(trust.leaps.length).toBeLessThanOrEqual(32);
    const agedMs = keptFrom(trust) - (START_MS - KEPT_MS);
    expect(agedMs).toBeLessThan((30 * 1.25 + 7) * DAY_MS);
  });

  test('of more leaps than are remembered those become one between which the least time was seen', () => {
    let trust = firstTrust(START_MS);
    for (let time = 0; time < 33; time++) trust = leap(run(trust, time === 20 ? 1 : 10), 30);
    expect(trust.leaps).toHaveLength(32);
    const [before, after] = [trust.leaps[19], trust.leaps[20]] as [Leap, Leap];
    expect([before.toMs - before.fromMs, after.fromMs - before.toMs]).toEqual([61 * DAY_MS, 10 * DAY_MS]);
  });

  test('whatever the clock does, no more goes for its age than may, and nothing is kept for less than was seen', () => {
    const step = fc.record({ ran: fc.integer({ min: 0, max: 90 }), ahead: fc.integer({ min: -5, max: 4000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let trust = firstTrust(START_MS);
        /** When what was seen to pass has passed, as the clock showed it. */
        const seen: Leap[] = [];
        let ranMs = 0;
        for (const { ran, ahead } of steps) {
          const fromMs = trust.seenMs;
          const nowMs = Math.max(fromMs, fromMs + (ran + ahead) * DAY_MS);
          trust = passTime(trust, nowMs, ran * DAY_MS);
          seen.push({ fromMs, toMs: Math.min(nowMs, fromMs + ran * DAY_MS) });
          ranMs += ran * DAY_MS;
        }
        const kept = keptFrom(trust);
        expect(kept).toBeLessThanOrEqual(trust.seenMs - KEPT_MS);
        const keptSeenMs = seen.reduce((sum, { fromMs, toMs }) => sum + Math.max(0, toMs - Math.max(fromMs, kept)), 0);
        const allSeenMs = seen.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs), 0);
        const believedMs = 7 * DAY_MS + ranMs / 4;
        expect(keptSeenMs).toBeGreaterThanOrEqual(Math.min(allSeenMs, KEPT_MS - believedMs));
      }),
    );
  });
});
