import { type Breaker, SILENT_AFTER, type TryLength } from './breaker.ts';
import type { LinePatience } from './line-patience.ts';

/** A time-out may be seen so much late, real time: what is spared for the others' next turn. */
const GUARD_MS = 5;
/** Each further try of a unit is so many times as long as the one before, until it counts as silent. */
const GROWTH = 4;
/** A try may reach so far, as a share of their interval, into the turn of those who answer; once in an interval. */
export const MAX_LATE_SHARE = 0.04;
/** Where there is no room at all a unit is looked at for the first time all the same; after one in vain, so many intervals later. */
const LOOK_INTERVALS = 5;
/** A long try is at least this share of the interval of those who answer, if it cannot be the whole time-out. */
const LONG_SHARE = 0.5;
/** So often, site time, each silent unit has a long try, as far as the line is idle for it. */
export const LONG_EVERY_MS = 300_000;
/** Once in so long, site time, one unit of the link has its whole time-out though others wait: it may be that slow. */
export const WHOLE_EVERY_MS = 300_000;
/** Only those of which that is so long ago, site time. */
const WHOLE_AFTER_MS = 2 * LONG_EVERY_MS;
/** Once in so long, site time, a try is made for which the line never has time to spare. */
export const RARELY_MS = 60_000;
/** Neighbours are often dead together: the golden section leads away from each of them. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** What is asked for: a unit that may not answer, or a place of one that answers others. */
export interface Doubtful {
  readonly unit: number;
  readonly timeoutMs: number;
  /** Site time from which on it is due; infinite where it is not. */
  readonly doubtfulMs: number;
  /** It is being asked. */
  readonly isBusy: boolean;
  readonly breaker: Pick<
    Breaker,
    | 'state'
    | 'misses'
    | 'missedSinceMs'
    | 'isTried'
    | 'isHeardLate'
    | 'answeredMs'
    | 'longMs'
    | 'wholeMs'
    | 'roundTripMs'
  >;
}

/** How things stand on the line. */
export interface LineNow<U> {
  /** Site time. */
  readonly nowMs: number;
  /** Site time until the line is needed by those who answer, other than this unit; infinite where there are none. */
  readonly spareMs: (unit: U) => number;
  /** Shortest interval of those who answer, site time; infinite where nobody does. */
  readonly intervalMs: number;
  /** Another request would go at once. */
  readonly hasRoom: boolean;
}

/** A request to be made now, bounded by `timeoutMs` of real time. */
export interface Try<U> {
  readonly unit: U;
  readonly timeoutMs: number;
  readonly length: TryLength;
}

/**
 * Decides which unit that may well not answer is asked next, and how long it may hold the line: a short slice first,
 * longer ones as it has been missed before and the line is idle, and never into the turn of those who answer by more
 * than a small share of their interval. What it may do beyond that is rare, and counted over all units of the link.
 */
export class ProbeTimes {
  readonly #rate: number;
  readonly #patience: Pick<LinePatience, 'sliceMs' | 'heldMs'>;
  /** Site times at which the line was last taken from those who answer: by a little, for want of any room, for long. */
  #overMs = Number.NEGATIVE_INFINITY;
  /** Site time at which there was last room for a try. */
  #fittedMs = Number.NEGATIVE_INFINITY;
  /** The newest first look at a unit for which there was no room; only one that was in vain cost anything. */
  #looked: { readonly unit: Doubtful; readonly atMs: number } | undefined;
  #rareMs = Number.NEGATIVE_INFINITY;
  #wholeMs: number;

  /**
   * @param rate seconds of site time per second of real time
   * @param nowMs site time
   */
  constructor(rate: number, patience: Pick<LinePatience, 'sliceMs' | 'heldMs'>, nowMs: number) {
    this.#rate = rate;
    this.#patience = patience;
    this.#wholeMs = nowMs;
  }

  /** The request to be made now; undefined where all must wait. */
  next<U extends Doubtful>(units: readonly U[], line: LineNow<U>): Try<U> | undefined {
    const { nowMs } = line;
    const due = units.filter((unit) => !unit.isBusy && unit.doubtfulMs <= nowMs);
    due.sort(byTurn);
    const late = due.find((unit) => unit.breaker.isHeardLate && this.#isTimeForLate(unit, line));
    if (late !== undefined) return { unit: late, timeoutMs: late.timeoutMs, length: 'whole' };
    for (const unit of due) {
      const chosen = this.#regular(unit, line, due.length === 1);
      if (chosen !== undefined) return chosen;
    }
    return this.#long(units, line) ?? this.#whole(units, line);
  }

  /** When, site time, {@link next} is worth being asked again though no unit is due by itself; infinite where never. */
  nextMs(units: readonly Doubtful[], nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { breaker } of units) {
      // Who has had none is owed it as soon as there is time: no moment is better than another.
      const dueMs = breaker.state === 'silent' ? breaker.longMs + LONG_EVERY_MS : Number.POSITIVE_INFINITY;
      if (dueMs > nowMs && dueMs < nextMs) nextMs = dueMs;
    }
    return nextMs;
  }

  /** It is there, so that it is owed its time as those who answer are, and does not wait for it longer than one interval. */
  #isTimeForLate<U extends Doubtful>(unit: U, line: LineNow<U>): boolean {
    return this.#fitMs(unit, line) >= unit.breaker.roundTripMs || line.nowMs - unit.doubtfulMs >= line.intervalMs;
  }

  #regular<U extends Doubtful>(unit: U, line: LineNow<U>, isAlone: boolean): Try<U> | undefined {
    const { breaker, timeoutMs } = unit;
    const shortMs = this.#shortMs(unit, line);
    const fitMs = this.#fitMs(unit, line);
    const isGrowing = breaker.misses < SILENT_AFTER;
    const grownMs = Math.min(timeoutMs, isGrowing ? shortMs * GROWTH ** breaker.misses : shortMs);
    // A place that is silent is not told from a slow one by a short try, and its unit is there.
    const wishedMs = isAlone || breaker.state === 'answers' ? timeoutMs : grownMs;
    if (fitMs >= shortMs) {
      this.#fittedMs = line.nowMs;
      return this.#try(unit, line, Math.min(wishedMs, fitMs));
    }
    const since = (ms: number) => line.nowMs - ms;
    if (breaker.state !== 'answers' && since(this.#overMs) >= line.intervalMs) {
      const overMs = shortMs - Math.max(0, fitMs);
      if (overMs <= (MAX_LATE_SHARE * line.intervalMs) / this.#rate) {
        this.#overMs = line.nowMs;
        return this.#try(unit, line, shortMs);
      }
    }
    if (breaker.state === 'unknown' && !breaker.isTried && this.#mayLook(line)) {
      this.#looked = { unit, atMs: line.nowMs };
      return this.#try(unit, line, shortMs);
    }
    if (since(unit.doubtfulMs) < RARELY_MS || since(this.#rareMs) < RARELY_MS) return undefined;
    this.#rareMs = line.nowMs;
    return this.#try(unit, line, breaker.state === 'answers' ? timeoutMs : shortMs);
  }

  #mayLook<U>({ nowMs, intervalMs }: LineNow<U>): boolean {
    if (nowMs - this.#fittedMs < intervalMs) return false;
    if (this.#looked === undefined || this.#looked.unit.breaker.state === 'answers') return true;
    return nowMs - this.#looked.atMs >= LOOK_INTERVALS * intervalMs;
  }

  /** Nobody is due: the time is given to whoever had a long try the longest ago, or none since it is silent. */
  #long<U extends Doubtful>(units: readonly U[], line: LineNow<U>): Try<U> | undefined {
    const unit = longestAgo(units, 'longMs');
    if (unit === undefined || (hadLong(unit) && line.nowMs - unit.breaker.longMs < LONG_EVERY_MS)) return undefined;
    const fitMs = this.#fitMs(unit, line);
    return fitMs >= this.#leastLongMs(unit, line) ? this.#try(unit, line, fitMs) : undefined;
  }

  #whole<U extends Doubtful>(units: readonly U[], line: LineNow<U>): Try<U> | undefined {
    if (line.nowMs - this.#wholeMs < WHOLE_EVERY_MS) return undefined;
    const unit = longestAgo(units, 'wholeMs');
    if (unit === undefined || line.nowMs - unit.breaker.wholeMs < WHOLE_AFTER_MS) return undefined;
    this.#wholeMs = line.nowMs;
    return this.#try(unit, line, unit.timeoutMs);
  }

  #try<U extends Doubtful>(unit: U, line: LineNow<U>, ms: number): Try<U> {
    const timeoutMs = Math.min(unit.timeoutMs, Math.ceil(ms));
    if (timeoutMs >= unit.timeoutMs) return { unit, timeoutMs, length: 'whole' };
    return { unit, timeoutMs, length: timeoutMs >= this.#leastLongMs(unit, line) ? 'long' : 'short' };
  }

  /** Real ms that the line is free for this unit. */
  #fitMs<U extends Doubtful>(unit: U, line: LineNow<U>): number {
    return line.hasRoom ? line.spareMs(unit) / this.#rate - GUARD_MS : 0;
  }

  #leastLongMs<U extends Doubtful>({ timeoutMs }: U, { intervalMs }: LineNow<U>): number {
    return Math.min(timeoutMs, (LONG_SHARE * intervalMs) / this.#rate);
  }

  /** By what others take and by what the unit itself took; no more than there can be room for, unless it costs that anyway. */
  #shortMs<U extends Doubtful>(unit: U, line: LineNow<U>): number {
    const usualMs = Math.max(this.#patience.sliceMs, GROWTH * unit.breaker.roundTripMs);
    const heldMs = this.#patience.heldMs(line.nowMs);
    return Math.min(unit.timeoutMs, Math.max(heldMs, Math.min(usualMs, this.#leastLongMs(unit, line))));
  }
}

/** Who was not asked on this connection goes first, and of those who answered before; then who was missed least. */
function byTurn(a: Doubtful, b: Doubtful): number {
  const { breaker: one } = a;
  const { breaker: other } = b;
  if (one.isTried !== other.isTried) return one.isTried ? 1 : -1;
  if (!one.isTried && one.answeredMs !== other.answeredMs) return one.answeredMs > other.answeredMs ? -1 : 1;
  // Since when they are due says nothing of units that were all first known in the same moment, or nearly.
  const byDue = one.isTried ? a.doubtfulMs - b.doubtfulMs : 0;
  return one.misses - other.misses || byDue || scattered(a.unit) - scattered(b.unit);
}

function scattered(unit: number): number {
  return (unit * GOLDEN) % 1;
}

function hadLong({ breaker }: Doubtful): boolean {
  return breaker.longMs >= breaker.missedSinceMs;
}

function longestAgo<U extends Doubtful>(units: readonly U[], which: 'longMs' | 'wholeMs'): U | undefined {
  let oldest: U | undefined;
  for (const unit of units) {
    if (unit.isBusy || unit.breaker.state !== 'silent') continue;
    if (oldest === undefined || unit.breaker[which] < oldest.breaker[which]) oldest = unit;
  }
  return oldest;
}
