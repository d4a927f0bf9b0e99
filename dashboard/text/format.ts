import { type Language, languageTag } from './language.ts';
import type { Messages } from './zh-cn.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A value this fresh has no age worth counting. */
const JUST_NOW_MS = 2 * SECOND_MS;
/** Up to this age seconds are worth reading beside minutes. */
const SECONDS_SHOWN_BELOW_MS = 10 * MINUTE_MS;

/** Times, ages and numbers as they are written in one language in the site's zone. */
export interface Format {
  /** Time of day with seconds, `14:32:05`. */
  time(ms: number): string;
  /** Date and weekday, for the clock. */
  day(ms: number): string;
  /** The site's date alone. */
  date(ms: number): string;
  /** Time of day, with the date in front where it is not the site day of `nowMs`, and the year where it is another. */
  moment(ms: number, nowMs: number): string;
  /** A length of time in its two largest parts; negative counts as zero. */
  duration(ms: number): string;
  /** "5 s ago", "just now". */
  ago(ms: number, nowMs: number): string;
  /** A measured number, with digits that suit its size. */
  number(value: number): string;
}

/** Makes the formats of one language and one IANA zone; each `Intl` object is made once, because that is slow. */
export function makeFormat(language: Language, timeZone: string, messages: Messages): Format {
  const tag = languageTag[language];
  const time = new Intl.DateTimeFormat(tag, {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const day = new Intl.DateTimeFormat(tag, { timeZone, month: 'short', day: 'numeric', weekday: 'short' });
  const shortDay = new Intl.DateTimeFormat(tag, { timeZone, month: 'short', day: 'numeric' });
  const yearDay = new Intl.DateTimeFormat(tag, { timeZone, year: 'numeric', month: 'short', day: 'numeric' });
  const shortTime = new Intl.DateTimeFormat(tag, { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const calendarDay = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  const numbers = [0, 1, 2].map((digits) => new Intl.NumberFormat(tag, { maximumFractionDigits: digits }));

  const duration = (ms: number): string => formatDuration(ms, messages);
  return {
    time: (ms) => time.format(ms),
    day: (ms) => day.format(ms),
    date: (ms) => shortDay.format(ms),
    moment: (ms, nowMs) => {
      const [day, today] = [calendarDay.format(ms), calendarDay.format(nowMs)];
      if (day === today) return time.format(ms);
      const dayFormat = day.slice(0, 4) === today.slice(0, 4) ? shortDay : yearDay;
      return `${dayFormat.format(ms)} ${shortTime.format(ms)}`;
    },
    duration,
    ago: (ms, nowMs) => (nowMs - ms < JUST_NOW_MS ? messages.justNow : messages.ago(duration(nowMs - ms))),
    number: (value) => {
      const size = Math.abs(value);
      const digits = size >= 1_000 ? 0 : size >= 100 ? 1 : 2;
      return (numbers[digits] as Intl.NumberFormat).format(value);
    },
  };
}

/** See {@link Format.duration}. */
export function formatDuration(ms: number, messages: Messages): string {
  const { days, hours, minutes, minutesSeconds, seconds } = messages.durations;
  const length = Math.max(0, ms);
  if (length >= DAY_MS) return days(Math.floor(length / DAY_MS), Math.floor((length % DAY_MS) / HOUR_MS));
  if (length >= HOUR_MS) return hours(Math.floor(length / HOUR_MS), Math.floor((length % HOUR_MS) / MINUTE_MS));
  if (length >= SECONDS_SHOWN_BELOW_MS) return minutes(Math.floor(length / MINUTE_MS));
  if (length >= MINUTE_MS) {
    return minutesSeconds(Math.floor(length / MINUTE_MS), Math.floor((length % MINUTE_MS) / SECOND_MS));
  }
  return seconds(Math.floor(length / SECOND_MS));
}
