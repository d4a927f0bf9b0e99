import { createCalendar, timeOnDate } from '../../rules/time/calendar.ts';

/** A time as somebody wrote it: epoch ms, or a date and time as the site's clocks show them. */
export type Moment = { readonly ms: number } | { readonly date: string; readonly time: string };

const DAY_MS = 86_400_000;

/**
 * Reads ISO 8601 with offset (`2026-06-15T20:30+08:00`), the same without offset (the site's own time; a date alone is
 * its midnight), or epoch ms. Undefined where it is none of them.
 */
export function parseMoment(text: string): Moment | undefined {
  if (/^\d{10,}$/.test(text)) return { ms: Number(text) };
  const match =
    /^(?<date>\d{4}-\d\d-\d\d)(?:[T ](?<time>\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(?<offset>Z|[+-]\d\d:?\d\d)?)?$/.exec(
      text,
    );
  const { date, time = '00:00', offset } = match?.groups ?? {};
  if (date === undefined || !isPossible(date, time)) return undefined;
  if (offset === undefined) return { date, time };
  const ms = Date.parse(`${date}T${time}${offset}`);
  return Number.isNaN(ms) ? undefined : { ms };
}

/** Epoch ms of a moment in a time zone; where the clocks are put forward over it, the time that they then show. */
export function momentMs(moment: Moment, timeZone: string): number {
  if ('ms' in moment) return moment.ms;
  const day = Date.parse(`${moment.date}T00:00Z`) / DAY_MS;
  const midnightMs = createCalendar(timeZone, 0, 0).half(day * 2).startMs;
  return timeOnDate(timeZone, moment.time, midnightMs);
}

/**
 * Gives a function that writes a time as the site's clocks show it, to the millisecond, in a form that
 * {@link parseMoment} reads.
 */
export function momentFormat(timeZone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type as string, value]));
    const join = (separator: string, ...types: string[]) => types.map((type) => parts.get(type)).join(separator);
    const time = `${join(':', 'hour', 'minute', 'second')}.${parts.get('fractionalSecond')}`;
    return `${join('-', 'year', 'month', 'day')}T${time}`;
  };
}

function isPossible(date: string, time: string): boolean {
  const ms = Date.parse(`${date}T${time}Z`);
  // Some days that no month has are read as the first of the next.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${date}T${time.slice(0, 5)}`);
}
