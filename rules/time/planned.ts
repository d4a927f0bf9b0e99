import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import type { PlannedWork } from '../../model/site.ts';
import { type Moment, type Recurrence, readRule } from './recurrence.ts';

/** One time that planned work takes place: [fromMs, toMs), epoch ms. */
export interface Occurrence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When planned work takes place. Pure; epoch ms in and out. */
export interface Occurrences {
  /** The occurrence that covers `ms`; the one that began first, should several do. */
  at(ms: number): Occurrence | undefined;
  /** The next start or end after `ms`; undefined where there is none within {@link LOOK_AHEAD_YEARS}. */
  next(ms: number): number | undefined;
}

/** How far ahead the next occurrence is looked for: every 29 February that is a Monday comes within 40 years. */
export const LOOK_AHEAD_YEARS = 41;

const DAY_MS = 86_400_000;
/** Occurrences are worked out by blocks of this length, so that a rule that began years ago costs no more. */
const BLOCK_MS = 32 * DAY_MS;
/** Bound on remembered blocks; a question about a year touches twelve. An hourly rule has 768 occurrences in one. */
const MAX_REMEMBERED_BLOCKS = 64;
/** Length of what the library is asked for at once: by the hour it has 8784 steps, and it refuses 10 000. */
const WINDOW_MS = 366 * DAY_MS;
/** Occurrences among which {@link checkOccurrences} looks for the shortest way from one to the next. */
const COMPARED_OCCURRENCES = 1000;
/** Zones are less than this apart from UTC, with what a change of the clocks adds. */
const MAX_OFFSET_MS = 2 * DAY_MS;

/**
 * Works out when `work` takes place on clocks of `timeZone`. The rule repeats the local time of the start: 09:00 stays
 * 09:00 when summer time begins or ends. A local time that the clocks skip is the moment at which they jump; one that
 * comes twice is the first of the two. The duration is real time. Throws for what the site file's check refuses: a
 * start that is no local time, a rule with a mistake.
 */
export function compilePlannedWork(work: PlannedWork, timeZone: string): Occurrences {
  const series = seriesOf(work, timeZone);
  const { durationMs } = work;
  const blocks = new Map<number, Block>();

  function block(index: number): Block {
    const known = blocks.get(index);
    if (known) return known;
    const starts = series.walls(index * BLOCK_MS, (index + 1) * BLOCK_MS).map(series.instantOf);
    const made: Block = { starts, later: undefined };
    if (blocks.size >= MAX_REMEMBERED_BLOCKS) blocks.clear();
    blocks.set(index, made);
    return made;
  }

  /** The first start after the block `index`. */
  function startAfterBlock(index: number): number | undefined {
    const from = block(index);
    if (from.later === undefined) {
      const wall = series.firstWall((index + 1) * BLOCK_MS);
      from.later = { ms: wall === undefined ? undefined : series.instantOf(wall) };
    }
    return from.later.ms;
  }

  /** Starts follow each other as their local times do, so the first one that is found is the first one there is. */
  function startAfter(ms: number): number | undefined {
    const last = blockOf(ms + MAX_OFFSET_MS);
    for (let index = blockOf(ms - MAX_OFFSET_MS); index <= last; index++) {
      const { starts } = block(index);
      const found = starts[placeAfter(starts, ms)];
      if (found !== undefined) return found;
    }
    return startAfterBlock(last);
  }

  return {
    at(ms) {
      const fromMs = startAfter(ms - durationMs);
      return fromMs === undefined || fromMs > ms ? undefined : { fromMs, toMs: fromMs + durationMs };
    },
    next(ms) {
      const running = startAfter(ms - durationMs);
      if (running === undefined || running > ms) return running;
      const coming = startAfter(ms);
      return Math.min(running + durationMs, coming ?? Number.POSITIVE_INFINITY);
    },
  };
}

interface Block {
  /** Epoch ms, ascending; two local times that the clocks skip are one moment. */
  readonly starts: readonly number[];
  /** First start after the block, once it was asked for. */
  later: { readonly ms: number | undefined } | undefined;
}

function blockOf(ms: number): number {
  return Math.floor(ms / BLOCK_MS);
}

/** Index of the first of the ascending `values` that is greater than `limit`. */
function placeAfter(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What does not fit between the start, the duration and the rule of planned work that can be read. */
export type OccurrenceProblem =
  /** It would never take place. */
  | { readonly kind: 'never' }
  /** The rule does not come at the start, but first at this local time. */
  | { readonly kind: 'start-not-in-rule'; readonly first: string }
  /** It takes as long as, or longer than, the time from one start to the next: it would never be over. */
  | { readonly kind: 'overlap'; readonly everyMs: number };

/** Compares start, duration and rule of planned work, each of which is good by itself. */
export function checkOccurrences(work: PlannedWork, timeZone: string): OccurrenceProblem | undefined {
  const series = seriesOf(work, timeZone);
  const first = series.firstWall(series.startWall);
  if (first === undefined) return { kind: 'never' };
  if (!series.comesAt(series.startWall)) return { kind: 'start-not-in-rule', first: localTime(first) };
  const everyMs = shortestStep(series);
  return work.durationMs >= everyMs ? { kind: 'overlap', everyMs } : undefined;
}

/** The shortest time from one start to the next, by the clocks on the wall; infinite where there is only one. */
function shortestStep(series: Series): number {
  let shortest = Number.POSITIVE_INFINITY;
  let before: number | undefined;
  let seen = 0;
  for (let from = series.startWall; from < series.startWall + LOOK_AHEAD_YEARS * WINDOW_MS; from += WINDOW_MS) {
    for (const wall of series.walls(from, from + WINDOW_MS)) {
      if (before !== undefined) shortest = Math.min(shortest, wall - before);
      before = wall;
      seen++;
    }
    if (seen >= COMPARED_OCCURRENCES) break;
  }
  return shortest;
}

/** Local times of starts, counted in ms as if the clocks on the wall showed UTC. */
interface Series {
  readonly startWall: number;
  /** Starts in [from, to), ascending. */
  walls(from: number, to: number): number[];
  /** The first start at or after `from`. */
  firstWall(from: number): number | undefined;
  /** True where the rule itself comes, be it excepted or over by then. */
  comesAt(wall: number): boolean;
  /** Epoch ms of a local time. A later local time is never an earlier moment. */
  instantOf(wall: number): number;
}

function seriesOf({ key, start, rule: text }: PlannedWork, timeZone: string): Series {
  const startWall = readLocalTime(start);
  if (startWall === undefined) throw new Error(`planned work ${key}: ${start} is not a local time`);
  const instantOf = (wall: number) => toInstant(wall, timeZone);
  if (text === undefined) {
    const walls = (from: number, to: number) => (startWall >= from && startWall < to ? [startWall] : []);
    const firstWall = (from: number) => (startWall >= from ? startWall : undefined);
    return { startWall, walls, firstWall, comesAt: (wall) => wall === startWall, instantOf };
  }
  const read = readRule(text);
  if (!read.ok) throw new Error(`planned work ${key}: ${text}: ${read.problem.text.en}`);
  return ruledSeries(read.rule, startWall, instantOf);
}

function ruledSeries(rule: Recurrence, startWall: number, instantOf: (wall: number) => number): Series {
  const between = expander(rule, startWall);
  const isExcepted = exceptionsOf(rule.exceptions, instantOf);
  const untilMs = rule.until && endOf(rule.until, instantOf);
  const lastWall = rule.count === undefined ? Number.POSITIVE_INFINITY : nthWall(between, startWall, rule.count);
  const isOver = (wall: number) => wall > lastWall || (untilMs !== undefined && instantOf(wall) > untilMs);
  const walls = (from: number, to: number) => between(from, to).filter((wall) => !isExcepted(wall) && !isOver(wall));
  const firstWall = (from: number) => {
    for (let year = 0, at = Math.max(from, startWall); year < LOOK_AHEAD_YEARS; year++, at += WINDOW_MS) {
      if (isOver(at)) return undefined;
      // Most rules come soon: a block is cheaper than a year.
      const found = (year === 0 ? walls(at, at + BLOCK_MS)[0] : undefined) ?? walls(at, at + WINDOW_MS)[0];
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return { startWall, walls, firstWall, comesAt: (wall) => between(wall, wall + 1).length > 0, instantOf };
}

/**
 * The rule by itself, without its end and its exceptions: starts in [from, to), at most {@link WINDOW_MS} apart. The
 * library counts in UTC, where no clock is ever changed; what the site's clocks make of a local time is decided here, and
 * is the same for a start that is given and for one that follows from a rule.
 */
function expander(rule: Recurrence, startWall: number): (from: number, to: number) => number[] {
  const { BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY, BYHOUR, BYMINUTE, BYSETPOS } = rule.by;
  const library = new RRuleTemporal({
    dtstart: Temporal.Instant.fromEpochMilliseconds(startWall).toZonedDateTimeISO('UTC'),
    freq: rule.frequency,
    interval: rule.interval,
    ...(rule.weekStart !== undefined && { wkst: rule.weekStart }),
    ...(rule.byDay && { byDay: [...rule.byDay] }),
    ...(BYMONTH && { byMonth: [...BYMONTH] }),
    ...(BYWEEKNO && { byWeekNo: [...BYWEEKNO] }),
    ...(BYYEARDAY && { byYearDay: [...BYYEARDAY] }),
    ...(BYMONTHDAY && { byMonthDay: [...BYMONTHDAY] }),
    ...(BYHOUR && { byHour: [...BYHOUR] }),
    ...(BYMINUTE && { byMinute: [...BYMINUTE] }),
    ...(BYSETPOS && { bySetPos: [...BYSETPOS] }),
    cache: false,
  });
  return (from, to) => {
    if (to <= from || to <= startWall) return [];
    const first = new Date(Math.max(from, startWall));
    return library.between(first, new Date(to - 1), true).map((time) => time.epochMilliseconds);
  };
}

/** The last of `count` starts; where they do not come within {@link LOOK_AHEAD_YEARS}, the end of that time. */
function nthWall(between: (from: number, to: number) => number[], startWall: number, count: number): number {
  const end = startWall + LOOK_AHEAD_YEARS * WINDOW_MS;
  let left = count;
  for (let from = startWall; from < end; from += WINDOW_MS) {
    const found = between(from, from + WINDOW_MS);
    const last = found[left - 1];
    if (last !== undefined) return last;
    left -= found.length;
  }
  return end;
}

function endOf(until: Moment, instantOf: (wall: number) => number): number {
  if (until.clock === 'utc') return until.ms;
  // A date is meant with all of its hours.
  return until.clock === 'local' ? instantOf(until.ms) : instantOf(until.ms + DAY_MS) - 1;
}

function exceptionsOf(exceptions: readonly Moment[], instantOf: (wall: number) => number): (wall: number) => boolean {
  const of = (clock: Moment['clock']) =>
    new Set(exceptions.flatMap((moment) => (moment.clock === clock ? [moment.ms] : [])));
  const dates = of('date');
  const locals = of('local');
  const instants = of('utc');
  return (wall) =>
    dates.has(Math.floor(wall / DAY_MS) * DAY_MS) ||
    locals.has(wall) ||
    (instants.size > 0 && instants.has(instantOf(wall)));
}

function toInstant(wall: number, timeZone: string): number {
  const shown = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime();
  // Of a time that comes twice the first; of one that is skipped, a moment before the clocks jump.
  const found = shown.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  const isSkipped = !found.toPlainDateTime().equals(shown);
  const jump = isSkipped ? found.getTimeZoneTransition('next') : undefined;
  return (jump ?? found).epochMilliseconds;
}

/**
 * A local time as the site file has it, `2026-07-01T09:00`, in ms as if that clock showed UTC; undefined where it is
 * none. Whether the site's clocks skip it does not matter here.
 */
export function readLocalTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text)) return undefined;
  try {
    return Temporal.PlainDateTime.from(text).toZonedDateTime('UTC').epochMilliseconds;
  } catch {
    // The library's way to say that there is no such day or hour.
    return undefined;
  }
}

function localTime(wall: number): string {
  return new Date(wall).toISOString().slice(0, 'YYYY-MM-DDTHH:MM'.length);
}
