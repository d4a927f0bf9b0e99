import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../model/duration.ts';
import type { PlannedWork } from '../../model/site.ts';
import { checkOccurrences, compilePlannedWork, type Occurrences, readLocalTime } from './planned.ts';
import { checkRule } from './recurrence.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function work(start: string, duration: string, rule?: string): PlannedWork {
  const durationMs = parseDuration(duration) ?? Number.NaN;
  return { key: 'k', name: { zh: '保养', en: 'work' }, assets: [], start, durationMs, ...(rule && { rule }) };
}

/** The first occurrences from `from` on, as `START/END` in UTC. */
function listed(occurrences: Occurrences, from: string, count: number): string[] {
  const found: string[] = [];
  let atMs: number | undefined = Date.parse(from);
  for (let step = 0; atMs !== undefined && found.length < count && step < 4 * count; step++) {
    const occurrence = occurrences.at(atMs);
    const text = occurrence && `${shown(occurrence.fromMs)}/${shown(occurrence.toMs)}`;
    if (text !== undefined && text !== found.at(-1)) found.push(text);
    atMs = occurrences.next(atMs);
  }
  return found;
}

const shown = (ms: number) => new Date(ms).toISOString().slice(0, 16);

describe('work that takes place once', () => {
  const occurrences = compilePlannedWork(work('2026-07-01T09:00', '2h'), 'Asia/Shanghai');
  const fromMs = Date.parse('2026-07-01T09:00:00+08:00');
  const toMs = fromMs + 2 * HOUR_MS;

  test('covers its start, not its end', () => {
    expect([fromMs - 1, fromMs, toMs - 1, toMs].map((ms) => occurrences.at(ms))).toEqual([
      undefined,
      { fromMs, toMs },
      { fromMs, toMs },
      undefined,
    ]);
  });

  test('has two edges', () => {
    expect([0, fromMs - 1, fromMs, toMs - 1, toMs].map((ms) => occurrences.next(ms))).toEqual([
      fromMs,
      fromMs,
      toMs,
      toMs,
      undefined,
    ]);
  });
});

describe('rules', () => {
  test.each([
    ['2026-07-07T09:00', 'FREQ=WEEKLY;BYDAY=TU', ['07-07', '07-14', '07-21']],
    ['2026-07-07T09:00', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH', ['07-07', '07-09', '07-21']],
    // The week begins on Sunday, so that Sunday the 12th is in the second week, which is left out.
    ['2026-07-07T09:00', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU', ['07-07', '07-19', '07-21']],
    ['2026-07-07T09:00', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU', ['07-07', '07-12', '07-21']],
    ['2026-07-31T09:00', 'FREQ=MONTHLY', ['07-31', '08-31', '10-31']],
    ['2026-07-31T09:00', 'FREQ=MONTHLY;BYMONTHDAY=-1', ['07-31', '08-31', '09-30']],
    ['2026-07-31T09:00', 'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', ['07-31', '08-31', '09-30']],
    ['2026-07-14T09:00', 'FREQ=MONTHLY;BYDAY=2TU', ['07-14', '08-11', '09-08']],
    ['2026-07-07T09:00', 'FREQ=DAILY;COUNT=3', ['07-07', '07-08', '07-09']],
    ['2026-07-07T09:00', 'FREQ=DAILY;UNTIL=20260708', ['07-07', '07-08']],
    ['2026-07-07T09:00', 'FREQ=DAILY;UNTIL=20260708T085959', ['07-07']],
    ['2026-07-07T09:00', 'FREQ=DAILY;UNTIL=20260708T010000Z', ['07-07', '07-08']],
    ['2026-07-07T09:00', 'FREQ=DAILY;UNTIL=20260708T005959Z', ['07-07']],
    // An exception counts, as RFC 5545 has it, so there are two of three.
    ['2026-07-07T09:00', 'FREQ=DAILY;COUNT=3\nEXDATE:20260708', ['07-07', '07-09']],
    ['2026-07-07T09:00', 'FREQ=DAILY;COUNT=3\nEXDATE:20260708T090000', ['07-07', '07-09']],
    ['2026-07-07T09:00', 'FREQ=DAILY;COUNT=3\nEXDATE:20260708T010000Z,20260709T090000Z', ['07-07', '07-09']],
  ])('%s %j', (start, rule, dates) => {
    const occurrences = compilePlannedWork(work(start, '2h', rule), 'Asia/Shanghai');
    const expected = dates.map((date) => `2026-${date}T01:00/2026-${date}T03:00`);
    expect(listed(occurrences, '2026-07-01T00:00Z', 3)).toEqual(expected);
  });

  test.each([
    ['2024-02-29T09:00', 'FREQ=YEARLY', ['2024-02-29', '2028-02-29', '2032-02-29']],
    ['2024-12-30T09:00', 'FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO', ['2024-12-30', '2025-12-29', '2027-01-04']],
    ['2024-02-29T09:00', 'FREQ=YEARLY;BYDAY=TH;BYMONTH=2;BYMONTHDAY=29', ['2024-02-29', '2052-02-29', '2080-02-29']],
  ])('seldom ones: %s %s', (start, rule, dates) => {
    const occurrences = compilePlannedWork(work(start, '2h', rule), 'Asia/Shanghai');
    const starts = listed(occurrences, '2024-01-01T00:00Z', 3).map((text) => text.slice(0, 10));
    expect(starts).toEqual(dates);
  });

  test('one that began in 1970 is where it should be today', () => {
    const occurrences = compilePlannedWork(work('1970-01-01T00:00', '30min', 'FREQ=HOURLY;INTERVAL=7'), 'UTC');
    const hours = Date.parse('2026-07-01T00:00Z') / HOUR_MS;
    const fromMs = Math.ceil(hours / 7) * 7 * HOUR_MS;
    expect(occurrences.next(hours * HOUR_MS - 1)).toBe(fromMs);
  });

  test('a count that is reached only after years', () => {
    const occurrences = compilePlannedWork(work('2000-01-01T00:00', '1h', 'FREQ=WEEKLY;COUNT=1400'), 'UTC');
    const lastMs = Date.parse('2000-01-01T00:00Z') + 1399 * 7 * DAY_MS;
    expect(occurrences.at(lastMs)).toEqual({ fromMs: lastMs, toMs: lastMs + HOUR_MS });
    expect(occurrences.next(lastMs + HOUR_MS)).toBeUndefined();
  });

  test('mistakes are for the check of the site file, not for here', () => {
    expect(() => compilePlannedWork(work('2026-07-01', '1h'), 'UTC')).toThrow('2026-07-01 is not a local time');
    expect(() => compilePlannedWork(work('2026-07-01T09:00', '1h', 'FREQ=NEVER'), 'UTC')).toThrow('FREQ is one of');
  });
});

describe('summer time in Berlin', () => {
  const inBerlin = (start: string, duration: string, rule?: string) =>
    compilePlannedWork(work(start, duration, rule), 'Europe/Berlin');

  test('09:00 stays 09:00', () => {
    expect(listed(inBerlin('2026-03-28T09:00', '2h', 'FREQ=DAILY'), '2026-03-28T00:00Z', 2)).toEqual([
      '2026-03-28T08:00/2026-03-28T10:00',
      '2026-03-29T07:00/2026-03-29T09:00',
    ]);
    expect(listed(inBerlin('2026-10-24T09:00', '2h', 'FREQ=DAILY'), '2026-10-24T00:00Z', 2)).toEqual([
      '2026-10-24T07:00/2026-10-24T09:00',
      '2026-10-25T08:00/2026-10-25T10:00',
    ]);
  });

  test('02:30 on the night that has none begins when the clocks jump, and lasts as long as ever', () => {
    const expected = '2026-03-29T01:00/2026-03-29T03:00';
    expect(listed(inBerlin('2026-03-29T02:30', '2h'), '2026-03-28T00:00Z', 1)).toEqual([expected]);
    expect(listed(inBerlin('2026-03-22T02:30', '2h', 'FREQ=WEEKLY'), '2026-03-28T00:00Z', 2)).toEqual([
      expected,
      '2026-04-05T00:30/2026-04-05T02:30',
    ]);
  });

  test('02:30 on the night that has two is the first of them', () => {
    const expected = '2026-10-25T00:30/2026-10-25T02:30';
    expect(listed(inBerlin('2026-10-25T02:30', '2h'), '2026-10-24T00:00Z', 1)).toEqual([expected]);
    expect(listed(inBerlin('2026-10-18T02:30', '2h', 'FREQ=WEEKLY'), '2026-10-24T00:00Z', 2)).toEqual([
      expected,
      '2026-11-01T01:30/2026-11-01T03:30',
    ]);
  });

  test('by the hour: 02:00 and 03:00 are one when the clocks jump, and the second 02:00 is no start', () => {
    const hourly = inBerlin('2026-01-01T00:00', '10min', 'FREQ=HOURLY');
    const starts = (from: string) => listed(hourly, from, 3).map((text) => text.slice(11, 16));
    expect(starts('2026-03-29T00:00Z')).toEqual(['00:00', '01:00', '02:00']);
    expect(starts('2026-10-25T00:00Z')).toEqual(['00:00', '02:00', '03:00']);
  });
});

/** A rule in the words of the naive expansion, and in those of iCalendar. */
interface Plan {
  readonly zone: string;
  readonly startWall: number;
  readonly durationMs: number;
  readonly frequency: 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY';
  readonly interval: number;
  /** 0 Monday to 6 Sunday; empty: that of the start, or any. */
  readonly weekdays: readonly number[];
  /** Days of the month, negative from its end; empty: that of the start. */
  readonly monthDays: readonly number[];
  readonly end: { readonly count: number } | { readonly untilDay: number } | undefined;
  readonly exceptDays: readonly number[];
}

const names = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const compact = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');

function toRule(plan: Plan): string {
  const { frequency, interval, weekdays, monthDays, end, exceptDays } = plan;
  const parts = [`FREQ=${frequency}`, `INTERVAL=${interval}`];
  if (weekdays.length > 0) parts.push(`BYDAY=${weekdays.map((day) => names[day]).join(',')}`);
  if (frequency === 'MONTHLY' && monthDays.length > 0) parts.push(`BYMONTHDAY=${monthDays.join(',')}`);
  if (end !== undefined) parts.push('count' in end ? `COUNT=${end.count}` : `UNTIL=${compact(end.untilDay)}`);
  const exceptions = exceptDays.length === 0 ? '' : `\nEXDATE:${exceptDays.map(compact).join(',')}`;
  return parts.join(';') + exceptions;
}

/** Every start up to `endWall`, step by step from the first, by the local clock. */
function naiveWalls(plan: Plan, endWall: number): number[] {
  const { startWall, frequency, interval, end, exceptDays } = plan;
  const stepMs = frequency === 'HOURLY' ? interval * HOUR_MS : DAY_MS;
  const walls: number[] = [];
  for (let wall = startWall; wall <= endWall; wall += stepMs) {
    if (end !== undefined && 'count' in end && walls.length === end.count) break;
    if (end !== undefined && 'untilDay' in end && Math.floor(wall / DAY_MS) > end.untilDay) break;
    if (isNaive(plan, wall)) walls.push(wall);
  }
  return walls.filter((wall) => !exceptDays.includes(Math.floor(wall / DAY_MS)));
}

function isNaive({ startWall, frequency, interval, weekdays, monthDays }: Plan, wall: number): boolean {
  const day = Math.floor(wall / DAY_MS);
  const startDay = Math.floor(startWall / DAY_MS);
  // Day 0, 1970-01-01, was a Thursday.
  const weekday = (day + 3) % 7;
  const isWeekday = weekdays.length === 0 || weekdays.includes(weekday);
  const date = new Date(wall);
  const start = new Date(startWall);
  switch (frequency) {
    case 'HOURLY':
      return isWeekday;
    case 'DAILY':
      return isWeekday && (day - startDay) % interval === 0;
    case 'WEEKLY': {
      const weeks = Math.floor((day + 3) / 7) - Math.floor((startDay + 3) / 7);
      return weeks % interval === 0 && (weekdays.length === 0 ? weekday === (startDay + 3) % 7 : isWeekday);
    }
    case 'MONTHLY': {
      const monthOf = (of: Date) => of.getUTCFullYear() * 12 + of.getUTCMonth();
      if ((monthOf(date) - monthOf(start)) % interval !== 0 || !isWeekday) return false;
      const fromEnd =
        date.getUTCDate() - 1 - new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
      if (monthDays.length > 0) return monthDays.includes(date.getUTCDate()) || monthDays.includes(fromEnd);
      return weekdays.length > 0 || date.getUTCDate() === start.getUTCDate();
    }
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What clocks of the zone show at a moment, as ms from 1970 by that clock. */
function wallAt(ms: number, zone: string): number {
  const made = () => new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const format = formats.get(zone) ?? made();
  formats.set(zone, format);
  return Date.parse(`${format.format(ms).replace(' ', 'T')}Z`);
}

/** The first moment at which clocks of the zone show `wall` or later, found by trying: they go by minutes. */
function naiveInstant(wall: number, zone: string): number {
  const offsets = [wall - DAY_MS, wall + DAY_MS].map((ms) => wallAt(ms, zone) - ms);
  const tried = offsets.map((offset) => wall - offset).sort((a, b) => a - b);
  const exact = tried.find((ms) => wallAt(ms, zone) === wall);
  if (exact !== undefined) return exact;
  for (let ms = (tried[0] ?? 0) - 1; ; ms++) {
    const from = ms - (ms % 60_000);
    if (wallAt(from, zone) >= wall) return from;
    ms = from + 60_000;
  }
}

const zones = ['UTC', 'Asia/Shanghai', 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'America/St_Johns'];
const endDay = Date.UTC(2027, 0, 1) / DAY_MS;

const plans: fc.Arbitrary<Plan> = fc.record({
  zone: fc.constantFrom(...zones),
  startWall: fc.nat({ max: 17 * 365 * 96 }).map((quarter) => Date.UTC(2009, 0, 1) + quarter * 900_000),
  durationMs: fc.integer({ min: 1, max: 14 * 24 * 60 }).map((minutes) => minutes * 60_000),
  frequency: fc.constantFrom('HOURLY' as const, 'DAILY' as const, 'WEEKLY' as const, 'MONTHLY' as const),
  interval: fc.integer({ min: 1, max: 30 }),
  weekdays: fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 3 }),
  monthDays: fc.uniqueArray(fc.integer({ min: -31, max: 31 }), { maxLength: 3 }).map((days) => days.filter(Boolean)),
  end: fc.oneof(
    fc.constant(undefined),
    fc.record({ count: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ untilDay: fc.integer({ min: endDay - 6000, max: endDay }) }),
  ),
  exceptDays: fc.uniqueArray(fc.integer({ min: endDay - 1000, max: endDay }), { maxLength: 5 }),
});

/** Moments with a start or an end near them, as well as any. */
const moments = fc.oneof(
  fc.nat({ max: 18 * 365 * 1440 }).map((minute) => Date.UTC(2009, 0, 1) + minute * 60_000),
  fc.integer({ min: -20, max: 20 }).map((hour) => Date.parse('2026-03-29T01:00:00Z') + hour * 900_000),
  fc.integer({ min: -20, max: 20 }).map((hour) => Date.parse('2026-10-25T01:00:00Z') + hour * 900_000),
);

/** Runs of each property. */
const RUNS = 200;

describe('any rule', () => {
  test('is what one gets step by step from its start', () => {
    fc.assert(
      fc.property(plans, fc.array(moments, { minLength: 1, maxLength: 4 }), (plan, asked) => {
        const { zone, durationMs, startWall } = plan;
        const start = new Date(startWall).toISOString().slice(0, 16);
        const occurrences = compilePlannedWork({ ...work(start, '1h', toRule(plan)), durationMs }, zone);
        const walls = naiveWalls(plan, Date.UTC(2030, 0, 1));
        for (const ms of asked) {
          const from = walls.findIndex((wall) => wall > ms - durationMs - 2 * DAY_MS);
          const near = from < 0 ? [] : walls.slice(from, from + 400).filter((wall) => wall < ms + 400 * DAY_MS);
          const starts = near.slice(0, durationMs > DAY_MS ? 400 : 60).map((wall) => naiveInstant(wall, zone));
          const covering = starts.find((fromMs) => fromMs <= ms && ms < fromMs + durationMs);
          const expected = covering === undefined ? undefined : { fromMs: covering, toMs: covering + durationMs };
          expect(occurrences.at(ms)).toEqual(expected);
          const edges = starts.flatMap((fromMs) => [fromMs, fromMs + durationMs]).filter((edge) => edge > ms);
          if (edges.length > 0) expect(occurrences.next(ms)).toBe(Math.min(...edges));
          else expect(occurrences.next(ms) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(ms + 300 * DAY_MS);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('changes at its edges and nowhere else', () => {
    fc.assert(
      fc.property(plans, moments, fc.double({ min: 0, max: 1, noNaN: true }), (plan, from, share) => {
        const { zone, durationMs, startWall } = plan;
        const start = new Date(startWall).toISOString().slice(0, 16);
        const occurrences = compilePlannedWork({ ...work(start, '1h', toRule(plan)), durationMs }, zone);
        let atMs = from;
        for (let edge = 0; edge < 8; edge++) {
          const nextMs = occurrences.next(atMs);
          if (nextMs === undefined) break;
          expect(nextMs).toBeGreaterThan(atMs);
          const covering = occurrences.at(atMs);
          const between = Math.floor(atMs + (nextMs - 1 - atMs) * share);
          expect(occurrences.at(between)).toEqual(covering);
          expect(occurrences.at(nextMs - 1)).toEqual(covering);
          expect(covering === undefined || (covering.fromMs <= atMs && covering.toMs >= nextMs)).toBe(true);
          if (covering === undefined) expect(occurrences.at(nextMs)?.fromMs).toBe(nextMs);
          atMs = nextMs;
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('gives the same whatever was asked before', () => {
    fc.assert(
      fc.property(plans, fc.array(moments, { maxLength: 100 }), moments, (plan, before, ms) => {
        const { zone, durationMs, startWall } = plan;
        const start = new Date(startWall).toISOString().slice(0, 16);
        const planned = { ...work(start, '1h', toRule(plan)), durationMs };
        const used = compilePlannedWork(planned, zone);
        for (const earlier of before) used.at(earlier);
        const fresh = compilePlannedWork(planned, zone);
        expect([used.at(ms), used.next(ms)]).toEqual([fresh.at(ms), fresh.next(ms)]);
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

/** Texts of rules with every part that there is, most of them possible, many of them odd. */
const list = (value: fc.Arbitrary<string | number>) =>
  fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => values.join(','));
const optional = (name: string, value: fc.Arbitrary<string>) =>
  fc.option(value, { freq: 3, nil: undefined }).map((text) => (text === undefined ? [] : [`${name}=${text}`]));
const ruleTexts = fc
  .tuple(
    fc.constantFrom('YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY').map((frequency) => [`FREQ=${frequency}`]),
    optional('INTERVAL', fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom(365, 1000)).map(String)),
    optional('COUNT', fc.integer({ min: 1, max: 10_000 }).map(String)),
    optional('BYMONTH', list(fc.integer({ min: 1, max: 12 }))),
    optional('BYWEEKNO', list(fc.integer({ min: -53, max: 53 }))),
    optional('BYYEARDAY', list(fc.integer({ min: -366, max: 366 }))),
    optional('BYMONTHDAY', list(fc.integer({ min: -31, max: 31 }))),
    optional(
      'BYDAY',
      list(fc.tuple(fc.constantFrom('', '1', '-1', '5', '53'), fc.constantFrom(...names)).map((day) => day.join(''))),
    ),
    optional('BYHOUR', list(fc.integer({ min: 0, max: 23 }))),
    optional('BYMINUTE', fc.integer({ min: 0, max: 59 }).map(String)),
    optional('BYSETPOS', list(fc.integer({ min: -366, max: 366 }))),
  )
  .map((parts) => parts.flat().join(';'));

test('a rule without a mistake never fails, however odd it is', () => {
  let sound = 0;
  fc.assert(
    fc.property(ruleTexts, (rule) => {
      if (checkRule(rule) !== undefined) return;
      sound++;
      const planned = work('2012-02-29T09:00', '1h', rule);
      const problem = checkOccurrences(planned, 'Europe/Berlin');
      const occurrences = compilePlannedWork(planned, 'Europe/Berlin');
      const ms = Date.parse('2026-07-01T09:00Z');
      const nextMs = occurrences.next(ms);
      if (nextMs !== undefined) expect(nextMs).toBeGreaterThan(ms);
      if (problem?.kind === 'never') expect(occurrences.next(0)).toBeUndefined();
    }),
    { numRuns: RUNS },
  );
  expect(sound).toBeGreaterThan(RUNS / 20);
});

describe('start, duration and rule together', () => {
  test.each([
    ['2026-07-01T09:00', '14d', undefined, undefined],
    ['2026-07-07T09:00', '2h', 'FREQ=WEEKLY;BYDAY=TU', undefined],
    ['2026-07-01T09:00', '2h', 'FREQ=WEEKLY;BYDAY=TU', { kind: 'start-not-in-rule', first: '2026-07-07T09:00' }],
    [
      '2026-07-07T09:30',
      '2h',
      'FREQ=DAILY;BYHOUR=9;BYMINUTE=0',
      { kind: 'start-not-in-rule', first: '2026-07-08T09:00' },
    ],
    ['2026-07-01T09:00', '2h', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', { kind: 'never' }],
    ['2026-07-01T09:00', '2h', 'FREQ=DAILY;UNTIL=20260630', { kind: 'never' }],
    ['2026-07-01T09:00', '2h', 'FREQ=DAILY;COUNT=1\nEXDATE:20260701', { kind: 'never' }],
    // An exception at the start does not make the start wrong.
    ['2026-07-01T09:00', '2h', 'FREQ=DAILY\nEXDATE:20260701', undefined],
    ['2026-07-01T09:00', '1d', 'FREQ=DAILY', { kind: 'overlap', everyMs: DAY_MS }],
    ['2026-07-01T09:00', '23.9h', 'FREQ=DAILY', undefined],
    ['2026-07-01T09:00', '2d', 'FREQ=DAILY;COUNT=1', undefined],
    ['2026-07-01T09:00', '2d', 'FREQ=DAILY;COUNT=2', { kind: 'overlap', everyMs: DAY_MS }],
    ['2026-07-01T09:00', '1h', 'FREQ=HOURLY', { kind: 'overlap', everyMs: HOUR_MS }],
    ['2026-07-31T09:00', '2d', 'FREQ=MONTHLY;BYMONTHDAY=1,-1', { kind: 'overlap', everyMs: DAY_MS }],
    ['2026-01-31T09:00', '14d', 'FREQ=YEARLY', undefined],
  ])('%s for %s by %j', (start, duration, rule, expected) => {
    expect(checkOccurrences(work(start, duration, rule), 'Asia/Shanghai')).toEqual(expected);
  });
});

test.each([
  ['2026-07-01T09:00', Date.UTC(2026, 6, 1, 9)],
  ['2028-02-29T23:59', Date.UTC(2028, 1, 29, 23, 59)],
  ['2026-02-29T09:00', undefined],
  ['2026-07-01T24:00', undefined],
  ['2026-07-01 09:00', undefined],
  ['2026-07-01T09:00Z', undefined],
  ['2026-07-01T09:00:30', undefined],
  ['2026-7-1T9:00', undefined],
])('the local time %s is %s', (text, wall) => {
  expect(readLocalTime(text)).toBe(wall);
});
