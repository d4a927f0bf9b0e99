import { describe, expect, test } from 'vitest';
import { createCalendar, readDate } from './calendar.ts';

const shanghai = createCalendar('Asia/Shanghai', 23.1, 113.3);
const berlin = createCalendar('Europe/Berlin', 52.5, 13.4);

describe('the last half of a month', () => {
  test.each([
    ['2026-06-01T00:00:00+08:00', '2026-07-01T00:00:00+08:00'],
    ['2026-06-30T23:59:59+08:00', '2026-07-01T00:00:00+08:00'],
    ['2026-12-31T12:00:00+08:00', '2027-01-01T00:00:00+08:00'],
    ['2028-02-10T12:00:00+08:00', '2028-03-01T00:00:00+08:00'],
    // Still January in UTC, February in Shanghai.
    ['2026-01-31T17:00:00Z', '2026-03-01T00:00:00+08:00'],
  ])('of %s ends at %s', (at, end) => {
    const half = shanghai.half(shanghai.monthEnd(Date.parse(at)));
    expect(new Date(half.endMs).toISOString()).toBe(new Date(end).toISOString());
    expect(half.index % 2).toBe(1);
  });

  test('is the one before the first of the next month, also where the clocks change on that day', () => {
    const march = Date.parse('2024-03-31T10:00:00+02:00');
    expect(berlin.monthEnd(march) + 1).toBe(berlin.monthStart(Date.parse('2024-04-01T00:00:00+02:00')));
  });
});

describe('the halves of a stretch of dates', () => {
  test('begin with its first midnight and end with its last', () => {
    const { first, last } = shanghai.dateHalves('2026-06-01', '2026-06-30');
    expect(shanghai.half(first).startMs).toBe(Date.parse('2026-06-01T00:00:00+08:00'));
    expect(shanghai.half(last).endMs).toBe(Date.parse('2026-07-01T00:00:00+08:00'));
    expect(last - first + 1).toBe(60);
  });

  test('of one day are two, also where that day has 23 hours', () => {
    const { first, last } = berlin.dateHalves('2026-03-29', '2026-03-29');
    expect(last).toBe(first + 1);
    expect(berlin.half(last).endMs - berlin.half(first).startMs).toBe(23 * 3_600_000);
  });

  test('are not to be had of what is no date', () => {
    expect(() => shanghai.dateHalves('2026-06-01', '2026-06-31')).toThrow('2026-06-31 is not a date');
  });
});

test.each([
  ['1970-01-01', 0],
  ['2026-06-15', Date.UTC(2026, 5, 15) / 86_400_000],
  ['2028-02-29', Date.UTC(2028, 1, 29) / 86_400_000],
  ['2026-02-29', undefined],
  ['2026-13-01', undefined],
  ['2026-6-1', undefined],
  ['2026-06-15T00:00', undefined],
  ['-271821-04-20', undefined],
])('the date %s is day %s', (text, day) => {
  expect(readDate(text)).toBe(day);
});
