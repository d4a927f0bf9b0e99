import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../time/calendar.ts';
import { classify, classNumber, Ledger, STRETCHES_KEPT, type Stretch } from './ledger.ts';

const calendar = createCalendar('Asia/Shanghai', 23.1, 113.3);
const START_MS = Date.parse('2026-06-15T21:00:00+08:00');
const MINUTE_MS = 60_000;
const { up, down, unknown, planned, notRequired } = classNumber;

/** Time by class from the sums, and from the stretches: the two must be the same at any time. */
function bothSums(ledger: Ledger, nowMs: number): { sums: number[]; stretches: number[] } {
  const first = calendar.halfDay(START_MS).index - 2;
  const sums = ledger.times.total(0, first, calendar.halfDay(nowMs).index, new Float64Array(5));
  const since = ledger.sinceMs[0] as number;
  const classNo = ledger.classes[0] as number;
  sums[classNo] = (sums[classNo] as number) + nowMs - since;
  const stretches = [0, 0, 0, 0, 0];
  for (const stretch of ledger.stretches(0, START_MS, nowMs)) {
    stretches[stretch.classNo] = (stretches[stretch.classNo] as number) + stretch.toMs - stretch.fromMs;
  }
  return { sums: [...sums], stretches };
}

test('stretches and sums tell the same, whatever was corrected afterwards', () => {
  const change = fc.record({ classNo: fc.nat({ max: 4 }), afterMs: fc.integer({ min: 1, max: 8 * 3_600_000 }) });
  const share = fc.nat({ max: 1000 }).map((parts) => parts / 1000);
  const correction = fc.record({
    from: share,
    share,
    classNo: fc.nat({ max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(correction, { maxLength: 8 }), (changes, corrections) => {
      const ledger = new Ledger(1, START_MS);
      let nowMs = START_MS;
      for (const { classNo, afterMs } of changes) {
        nowMs += afterMs;
        ledger.set(0, classNo, nowMs, calendar);
      }
      nowMs += MINUTE_MS;
      const painted: Stretch[] = [];
      for (const { from, share, classNo } of corrections) {
        const fromMs = Math.floor(START_MS + from * (nowMs - START_MS));
        const toMs = Math.floor(fromMs + share * (nowMs - fromMs));
        ledger.rewrite(0, fromMs, toMs, calendar, () => classNo);
        painted.push({ fromMs, toMs, classNo });
      }
      const { sums, stretches } = bothSums(ledger, nowMs);
      expect(sums).toEqual(stretches);
      expect(sums.reduce((sum, ms) => sum + ms, 0)).toBe(nowMs - START_MS);
      const last = painted.at(-1);
      if (last && last.toMs > last.fromMs) {
        for (const stretch of ledger.stretches(0, last.fromMs, last.toMs)) expect(stretch.classNo).toBe(last.classNo);
      }
    }),
    { numRuns: 300 },
  );
});

test('a correction cuts the stretch in progress and leaves what is true now', () => {
  const ledger = new Ledger(1, START_MS);
  ledger.set(0, up, START_MS + MINUTE_MS, calendar);
  const changed = ledger.rewrite(0, START_MS + 2 * MINUTE_MS, START_MS + 3 * MINUTE_MS, calendar, () => down);
  expect(changed).toEqual([{ fromMs: START_MS + 2 * MINUTE_MS, toMs: START_MS + 3 * MINUTE_MS, classNo: down }]);
  expect(ledger.classes[0]).toBe(up);
  expect(
    ledger
      .stretches(0, START_MS, START_MS + 10 * MINUTE_MS)
      .map(({ classNo, fromMs, toMs }) => [classNo, (toMs - fromMs) / MINUTE_MS]),
  ).toEqual([
    [unknown, 1],
    [up, 1],
    [down, 1],
    [up, 7],
  ]);
});

test('memory is bounded: the oldest stretches go, the sums stay', () => {
  const ledger = new Ledger(1, START_MS);
  for (let n = 1; n <= 3 * STRETCHES_KEPT; n++) {
    ledger.set(0, n % 2 === 0 ? up : down, START_MS + n * MINUTE_MS, calendar);
  }
  expect(ledger.past(0).length).toBeLessThanOrEqual(STRETCHES_KEPT);
  expect(ledger.past(0).length).toBeGreaterThanOrEqual(STRETCHES_KEPT / 2);
  const sums = ledger.times.total(0, 0, 100_000, new Float64Array(5));
  expect(sums.reduce((sum, ms) => sum + ms, 0)).toBe(3 * STRETCHES_KEPT * MINUTE_MS);
});

test('sums of a year are kept, in thirteen pages of 31 days', () => {
  const ledger = new Ledger(1, START_MS);
  const dayMs = 86_400_000;
  for (let day = 1; day <= 500; day++) ledger.set(0, day % 2 === 0 ? up : down, START_MS + day * dayMs, calendar);
  const now = calendar.halfDay(START_MS + 500 * dayMs).index;
  const days = (count: number) => {
    const sums = ledger.times.total(0, now - 2 * count, now - 1, new Float64Array(5));
    return sums.reduce((sum, ms) => sum + ms, 0) / dayMs;
  };
  expect(days(366)).toBeCloseTo(366, 6);
  expect(ledger.times.pages.size).toBe(13);
  expect(days(500)).toBeLessThan(404);
});

describe('planned work', () => {
  const input = {
    required: 1,
    up: 1,
    proven: 1,
    parentDead: false,
    commissioning: false,
    planned: true,
    downBefore: false,
  };
  test.each([
    ['excuses what is down', { up: 0 }, planned],
    ['excuses what is unknown', { up: Number.NaN }, planned],
    ['takes no time away that is up', {}, up],
    ['does not excuse what was down before it began', { up: 0, downBefore: true }, down],
    ['is nothing where nothing is required', { required: 0, up: 0 }, notRequired],
    ['excuses a child of a dead parent', { parentDead: true }, planned],
  ])('%s', (_, more, classNo) => {
    expect(classify({ ...input, ...more })).toBe(classNo);
  });

  test.each([
    ['up without a proof is unknown', { proven: 0 }, unknown],
    ['up where the proof cannot be told is unknown', { proven: Number.NaN }, unknown],
    ['down is down whatever the proof', { up: 0, proven: 0 }, down],
    ['in commissioning nothing is required', { commissioning: true, up: 0 }, notRequired],
  ])('%s', (_, more, classNo) => {
    expect(classify({ ...input, planned: false, ...more })).toBe(classNo);
  });
});
