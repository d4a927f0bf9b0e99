import { getPosition } from 'suncalc';
import { Temporal } from 'temporal-polyfill';

/**
 * Half of a site day: from midnight to noon (even index) or noon to midnight (odd). A day is two halves; the night that
 * belongs to a date is its second half and the next date's first. On a day of summer-time change a half has 11 or 13 h.
 */
export interface HalfDay {
  /** Twice the days from 1970-01-01 to the site date, plus 1 in the afternoon. */
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** Time as the site's people count it, and its sun. */
export interface Calendar {
  halfDay(ms: number): HalfDay;
  half(index: number): HalfDay;
  /** Index of the first half of the month that `ms` is in. */
  monthStart(ms: number): number;
  /** Index of the last half of the month that `ms` is in. */
  monthEnd(ms: number): number;
  /**
   * Indexes of the first and the last half of a stretch of site dates, both inclusive, e.g. `2026-06-01` to
   * `2026-06-30`. Throws for what is no date: the site file's check refuses it.
   */
  dateHalves(fromDate: string, toDate: string): { readonly first: number; readonly last: number };
  /** What the site's clocks show, 0 to 24, with fraction. */
  hour(ms: number): number;
  /** True while the sun's upper edge is below the horizon: from sunset to sunrise. */
  dark(ms: number): boolean;
}

/** Apparent altitude of the sun's centre, degrees, at which its upper edge touches the horizon: half its diameter. */
const SUN_EDGE_DEGREES = -0.267;

const HOUR_MS = 3_600_000;
const HALF_DAY_MS = 12 * HOUR_MS;

/** Bound on remembered half days; a query over a month asks for about 60. */
const MAX_REMEMBERED_HALVES = 512;

export function createCalendar(timeZone: string, latitude: number, longitude: number): Calendar {
  const byIndex = new Map<number, HalfDay>();
  let current: HalfDay | undefined;

  function half(index: number): HalfDay {
    const known = byIndex.get(index);
    if (known) return known;
    const made = { index, startMs: startOf(index), endMs: startOf(index + 1) };
    if (byIndex.size >= MAX_REMEMBERED_HALVES) byIndex.clear();
    byIndex.set(index, made);
    return made;
  }

  function startOf(index: number): number {
    const date = new Temporal.PlainDate(1970, 1, 1).add({ days: Math.floor(index / 2) });
    if (index % 2 === 0) return date.toZonedDateTime({ timeZone }).epochMilliseconds;
    return date.toZonedDateTime({ timeZone, plainTime: '12:00' }).epochMilliseconds;
  }

  function zoned(ms: number): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
  }

  function halfDay(ms: number): HalfDay {
    if (current && ms >= current.startMs && ms < current.endMs) return current;
    const time = zoned(ms);
    let found = half(daysTo(time.toPlainDate()) * 2 + (time.hour >= 12 ? 1 : 0));
    if (ms >= found.endMs) found = half(found.index + 1);
    current = found;
    return found;
  }

  return {
    halfDay,
    half,
    monthStart(ms) {
      return daysTo(zoned(ms).toPlainDate().with({ day: 1 })) * 2;
    },
    monthEnd(ms) {
      const date = zoned(ms).toPlainDate();
      return daysTo(date.with({ day: date.daysInMonth })) * 2 + 1;
    },
    dateHalves(fromDate, toDate) {
      return { first: dayOf(fromDate) * 2, last: dayOf(toDate) * 2 + 1 };
    },
    hour(ms) {
      const { startMs, endMs, index } = halfDay(ms);
      if (endMs - startMs === HALF_DAY_MS) return (index % 2) * 12 + (ms - startMs) / HOUR_MS;
      // The clocks are changed within this half day: what they show is asked for, which takes longer.
      const time = zoned(ms);
      return time.hour + time.minute / 60 + (time.second + time.millisecond / 1000) / 3600;
    },
    dark: (ms) => getPosition(new Date(ms), latitude, longitude).altitude < SUN_EDGE_DEGREES,
  };
}

/** Days from 1970-01-01 to a site date as written, `2026-06-01`; undefined where there is no such date. */
export function readDate(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  try {
    return daysTo(Temporal.PlainDate.from(text));
  } catch {
    // The library's way to say that the month has no such day.
    return undefined;
  }
}

function dayOf(date: string): number {
  const day = readDate(date);
  if (day === undefined) throw new Error(`${date} is not a date`);
  return day;
}

function daysTo(date: Temporal.PlainDate): number {
  return new Temporal.PlainDate(1970, 1, 1).until(date, { largestUnit: 'days' }).days;
}

/** Epoch ms at which the site's clocks show `time` (`20:30`) on the date that they show at `onMs`. */
export function timeOnDate(timeZone: string, time: string, onMs: number): number {
  const date = Temporal.Instant.fromEpochMilliseconds(onMs).toZonedDateTimeISO(timeZone).toPlainDate();
  return date.toZonedDateTime({ timeZone, plainTime: time }).epochMilliseconds;
}
