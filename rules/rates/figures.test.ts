import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClassTimes, classify, classNumber } from '../ledger/ledger.ts';
import { createCalendar, timeOnDate } from '../time/calendar.ts';
import { judge, neededFor } from './rate.ts';

describe('judgement', () => {
  test('67 street lamps, 14 dark, 3 of unknown state, target 95 %', () => {
    const judgement = judge({ up: 50, down: 14, unknown: 3, planned: 0 }, 0.95);
    expect(judgement).toMatchObject({
      value: 50 / 64,
      low: 50 / 67,
      high: 53 / 67,
      coverage: 64 / 67,
      verdict: 'missed',
    });
  });

  test('a lift down 11 min, unknown 7 min, planned 2 h in a day', () => {
    const minutes = { up: 1440 - 11 - 7 - 120, down: 11, unknown: 7, planned: 120 };
    const judgement = judge(minutes, 0.95);
    expect(judgement.value).toBeCloseTo(1302 / 1313, 15);
    expect(judgement.low).toBeCloseTo(1302 / 1320, 15);
    expect(judgement.high).toBeCloseTo(1309 / 1320, 15);
    expect(judgement.strict).toBeCloseTo(1302 / 1433, 15);
    expect(judgement.verdict).toBe('met');
  });

  test('what is not known decides nothing', () => {
    expect(judge({ up: 94, down: 4, unknown: 2, planned: 0 }, 0.95).verdict).toBe('undetermined');
    expect(judge({ up: 0, down: 0, unknown: 0, planned: 5 }, 0.95)).toMatchObject({
      value: null,
      low: null,
      verdict: 'none',
    });
    expect(judge({ up: 0, down: 0, unknown: 5, planned: 0 }, 0.95)).toMatchObject({
      value: null,
      low: 0,
      high: 1,
      coverage: 0,
    });
  });

  test('met includes the target itself', () => {
    expect(judge({ up: 95, down: 5, unknown: 0, planned: 0 }, 0.95).verdict).toBe('met');
    expect(judge({ up: 1, down: 1, unknown: 0, planned: 0 }, 0.5).verdict).toBe('met');
  });

  test.each([
    [13, 0.95, 13],
    [60, 0.95, 57],
    [67, 0.95, 64],
    [20, 0.95, 19],
    [0, 0.95, 0],
    [4, 1, 4],
  ])('of %d lamps at %d, %d must be lit', (due, target, needed) => {
    expect(neededFor(due, target)).toBe(needed);
  });

  test('low ≤ value ≤ high for any sums', () => {
    const amount = fc.nat({ max: 1_000_000 });
    fc.assert(
      fc.property(amount, amount, amount, amount, (up, down, unknown, planned) => {
        const { value, low, high } = judge({ up, down, unknown, planned }, 0.95);
        if (value === null || low === null || high === null) return up + down === 0;
        return low <= value && value <= high;
      }),
    );
  });
});

describe('class', () => {
  test.each([
    [0, Number.NaN, true, 'notRequired'],
    [1, Number.NaN, true, 'down'],
    [1, Number.NaN, false, 'unknown'],
    [Number.NaN, 1, false, 'unknown'],
    [1, 1, false, 'up'],
    [1, 0, false, 'down'],
  ] as const)('required %d, up %d, parent dead %s: %s', (required, up, parentDead, name) => {
    const plain = { proven: 1, commissioning: false, planned: false, downBefore: false };
    expect(classify({ required, up, parentDead, ...plain })).toBe(classNumber[name]);
  });
});

describe('calendar', () => {
  const shanghai = createCalendar('Asia/Shanghai', 23.1, 113.3);

  test('days are the site’s', () => {
    const half = shanghai.halfDay(Date.parse('2026-06-15T20:30:00+08:00'));
    expect(half).toEqual({
      index: 2 * (Date.UTC(2026, 5, 15) / 86_400_000) + 1,
      startMs: Date.parse('2026-06-15T12:00:00+08:00'),
      endMs: Date.parse('2026-06-16T00:00:00+08:00'),
    });
    expect(shanghai.hour(Date.parse('2026-06-15T20:30:00+08:00'))).toBe(20.5);
  });

  test('a day of summer-time change has 23 or 25 hours', () => {
    const berlin = createCalendar('Europe/Berlin', 52.5, 13.4);
    const length = (iso: string) => {
      const { index } = berlin.halfDay(Date.parse(iso));
      return (berlin.half(index + 1).endMs - berlin.half(index).startMs) / 3_600_000;
    };
    expect(length('2026-03-29T00:30:00+01:00')).toBe(23);
    expect(length('2026-10-25T00:30:00+02:00')).toBe(25);
  });

  test.each([
    ['2026-06-15T20:30:00+08:00', true],
    ['2026-06-15T19:00:00+08:00', false],
    ['2026-06-15T05:30:00+08:00', true],
    ['2026-06-15T12:00:00+08:00', false],
    ['2026-12-21T18:00:00+08:00', true],
    ['2026-12-21T17:30:00+08:00', false],
  ])('at %s dark is %s', (iso, dark) => {
    expect(shanghai.dark(Date.parse(iso))).toBe(dark);
  });

  test('finds a time of day in the site’s zone', () => {
    const onMs = Date.parse('2026-06-15T23:00:00Z');
    expect(timeOnDate('Asia/Shanghai', '20:30', onMs)).toBe(Date.parse('2026-06-16T20:30:00+08:00'));
  });
});

test('time by class adds up whatever the order of classes and however long the stretches', () => {
  const calendar = createCalendar('Asia/Shanghai', 23.1, 113.3);
  const startMs = Date.parse('2026-06-15T21:00:00+08:00');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 40 * 3_600_000 })), { maxLength: 20 }),
      (stretches) => {
        const times = new ClassTimes(1);
        let atMs = startMs;
        for (const [classNo, lengthMs] of stretches) {
          times.add(0, classNo, atMs, atMs + lengthMs, calendar);
          atMs += lengthMs;
        }
        const last = calendar.halfDay(atMs).index;
        const totals = times.total(0, calendar.halfDay(startMs).index, last, new Float64Array(5));
        return totals.reduce((sum, ms) => sum + ms, 0) === atMs - startMs;
      },
    ),
    { numRuns: 200 },
  );
});
