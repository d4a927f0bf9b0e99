/** The functions of expressions that look back over time. */
export type WindowKind = 'avg' | 'min' | 'max' | 'delta' | 'increase' | 'count' | 'changes' | 'held' | 'since';

/** A window is kept in this many panes, and slides by one of them. */
export const PANES = 60;

/** Where less of a window's length than this share is known, its result is unknown. */
export const MIN_KNOWN_SHARE = 0.5;

/** A window's state for a snapshot: plain JSON, always of the same length for the same kind; NaN is null. */
export type SavedWindow = readonly (number | null)[];

/**
 * One window over the values of an expression, its argument.
 *
 * **The argument** is a function of time in steps: the value that was put at a time holds until the next one, NaN is
 * unknown, and before the first one it is unknown. Times are whole epoch ms (fractions are cut off). A value that is
 * replaced within the same millisecond never was, so that results do not depend on how samples were cut into batches. A
 * value earlier than the last change counts as put at that change; an equal value changes nothing, not even that time.
 * Infinite values are unknown.
 *
 * **The time covered**, for all kinds but `held` and `since`: a pane is d/60, d being the window's length, and panes are
 * aligned to multiples of d/60 since the epoch. Covered is [start, now], start being the last border of panes at or
 * before now − d: at least d, at most d + d/60. A value counts in it that holds for a part of it longer than no time, or
 * holds now; a change counts that happens after start and not after now. All of these are unknown where less than half
 * of d (`MIN_KNOWN_SHARE`) is known within it, so a window is unknown for half its length after its start.
 *
 * - `avg`: the mean of the value over the known time, weighted by time
 * - `min`, `max`: the lowest, the highest of the known values
 * - `delta`: the value now minus the value at start; unknown where either is
 * - `count`: how often the argument became true
 * - `changes`: how often the value became another
 * - `increase`: the sum of rises of a counter; after a fall, which is a reset, the value counts from zero
 *
 * For the last three, what was unknown in between is bridged: known values before and after it are compared as if they
 * followed each other. Such a change happened at some time of the gap, so it counts only while the whole gap is covered:
 * it is dated to the gap's begin. These figures are thus what is proven to have happened within the time covered.
 *
 * - `held`, exact to the ms: 1 where the argument has been true for at least d; 0 where it is false, or has been true for
 *   less than d and was false before; unknown where it is unknown, or has been true for less than d and was unknown before
 * - `since`, exact to the ms: seconds since the argument was last known to be true, 0 while it is; unknown if it never was.
 *   A gap of unknown is no proof of anything, so the seconds go on
 *
 * Memory is fixed. `put` and `result` are O(1) but for the first after a pane's border, which is O(panes), also after
 * a week without either. `result` changes nothing that a later result or `save` would show.
 */
export class Window {
  readonly #kind: WindowKind;
  readonly #durationMs: number;
  readonly #measure: Measure | undefined;
  /** The settled value: it holds from #sinceMs to #latestMs at least. The panes hold all that was before #sinceMs. */
  #value = Number.NaN;
  #sinceMs = 0;
  /** The value from #latestMs on, which another one within the same ms would still replace. */
  #latest = Number.NaN;
  #latestMs = 0;
  /** The known value before the settled one, and its end; of `since`, the last true one. */
  #former = Number.NaN;
  #formerMs = 0;
  /** Known time, in 1/60 ms, and figure by pane; a covered time has one more of them than a window's length. */
  readonly #knownTimes: Float64Array;
  readonly #figures: Float64Array;
  /** The same of the panes from #joinedFrom to before #joinedTo together, kept until another pane closes. */
  #joinedFrom = 0;
  #joinedTo = -1;
  #joinedTime = 0;
  #joinedFigure = 0;

  /**
   * `durationMs`: d, whole ms; `since` has none. `saved`: what `save` gave of a window of the same kind and length;
   * throws where it cannot be that.
   */
  constructor(kind: WindowKind, durationMs: number, saved?: SavedWindow) {
    this.#kind = kind;
    this.#durationMs = durationMs;
    this.#measure = kind === 'held' || kind === 'since' ? undefined : measures[kind];
    const panes = this.#measure === undefined ? 0 : PANES + 1;
    this.#knownTimes = new Float64Array(panes);
    this.#figures = new Float64Array(panes);
    if (saved) this.#restore(saved);
  }

  /** The argument has this value from `atMs` on; NaN is unknown. */
  put(atMs: number, value: number): void {
    // JSON has no minus zero, and a restored window would give another result.
    const next = Number.isFinite(value) ? value + 0 : Number.NaN;
    if (Object.is(next, this.#latest)) return;
    const at = Math.max(Math.floor(atMs), this.#latestMs);
    if (at > this.#latestMs) this.#settle();
    this.#latest = next;
    this.#latestMs = at;
  }

  /** The window's figure at `nowMs`; NaN is unknown. A time before the last change counts as the time of that change. */
  result(nowMs: number): number {
    const now = Math.max(Math.floor(nowMs), this.#latestMs);
    if (this.#measure) return this.#covered(this.#measure, now);
    return this.#kind === 'held' ? this.#held(now) : this.#since(now);
  }

  save(): SavedWindow {
    const steps = [this.#value, this.#sinceMs, this.#latest, this.#latestMs, this.#former, this.#formerMs];
    return [...steps, ...this.#knownTimes, ...this.#figures].map((number) => (Number.isNaN(number) ? null : number));
  }

  #restore(saved: SavedWindow): void {
    const panes = this.#figures.length;
    if (saved.length !== STEP_FIELDS + 2 * panes) {
      throw new Error(`no saved window ${this.#kind}: ${saved.length} numbers`);
    }
    const number = (index: number) => saved[index] ?? Number.NaN;
    this.#value = number(0);
    this.#sinceMs = number(1);
    this.#latest = number(2);
    this.#latestMs = number(3);
    this.#former = number(4);
    this.#formerMs = number(5);
    for (let place = 0; place < panes; place++) {
      this.#knownTimes[place] = number(STEP_FIELDS + place);
      this.#figures[place] = number(STEP_FIELDS + panes + place);
    }
  }

  /** What comes now is later than the latest value, which can no longer be replaced. */
  #settle(): void {
    if (Object.is(this.#latest, this.#value)) return;
    if (this.#measure) this.#hold(this.#measure);
    if (this.#kind === 'since' ? this.#value === 1 : !Number.isNaN(this.#value)) {
      this.#former = this.#value;
      this.#formerMs = this.#latestMs;
    }
    this.#value = this.#latest;
    this.#sinceMs = this.#latestMs;
    if (this.#measure?.change) this.#date(this.#measure.change);
  }

  /** Writes into the panes that the settled value held until the latest one. */
  #hold(measure: Measure): void {
    const from = this.#sinceMs * PANES;
    const to = this.#latestMs * PANES;
    const last = this.#paneBefore(this.#latestMs);
    // However long it held, only as many panes as there are can still be covered.
    for (let pane = Math.max(Math.floor(from / this.#durationMs), last - PANES); pane <= last; pane++) {
      const border = pane * this.#durationMs;
      const begin = Math.max(from, border);
      const place = pane % (PANES + 1);
      if (begin === border) {
        this.#knownTimes[place] = 0;
        this.#figures[place] = measure.open(this.#value);
      }
      if (Number.isNaN(this.#value)) continue;
      const time = Math.min(to, border + this.#durationMs) - begin;
      const known = (this.#knownTimes[place] as number) + time;
      this.#knownTimes[place] = known;
      this.#figures[place] = measure.hold(this.#figures[place] as number, this.#value, share(time, known));
    }
  }

  /**
   * Counts the change to the settled value in the pane in which the known value before it ended. That is the last pane, or
   * was until now, so it is among none that were joined before.
   */
  #date(change: ChangeWorth): void {
    if (Number.isNaN(this.#value) || Number.isNaN(this.#former)) return;
    const last = this.#paneBefore(this.#sinceMs);
    const pane = this.#paneBefore(this.#formerMs);
    if (pane < last - PANES) return;
    const place = pane % (PANES + 1);
    this.#figures[place] = (this.#figures[place] as number) + change(this.#former, this.#value);
  }

  /** The pane of the instant before this time, which is the last that is written when a value held until then. */
  #paneBefore(ms: number): number {
    return Math.floor((ms * PANES - 1) / this.#durationMs);
  }

  /** The figure over [start, now]: of the panes, then of the settled value after them, then of the latest. */
  #covered(measure: Measure, nowMs: number): number {
    const now = nowMs * PANES;
    const first = Math.max(0, Math.floor(now / this.#durationMs) - PANES);
    const start = first * this.#durationMs;
    const since = this.#sinceMs * PANES;
    const latest = this.#latestMs * PANES;
    const last = this.#paneBefore(this.#sinceMs);
    let known = 0;
    let figure: number;
    if (first <= last) {
      this.#join(measure, first, last);
      const place = last % (PANES + 1);
      const time = this.#knownTimes[place] as number;
      known = this.#joinedTime + time;
      figure = this.#figures[place] as number;
      if (first < last) figure = measure.join(this.#joinedFigure, figure, share(time, known));
    } else {
      figure = measure.open(start < latest ? this.#value : this.#latest);
    }
    const isReplaced = !Object.is(this.#value, this.#latest);
    const settledTime = (isReplaced ? latest : now) - Math.max(start, since);
    if (settledTime > 0 && !Number.isNaN(this.#value)) {
      known += settledTime;
      figure = measure.hold(figure, this.#value, share(settledTime, known));
    }
    if (isReplaced && !Number.isNaN(this.#latest)) {
      const latestTime = now - Math.max(start, latest);
      known += latestTime;
      figure = measure.hold(figure, this.#latest, share(latestTime, known));
      if (measure.change) figure += this.#latestChange(measure.change, start);
    }
    if (known < MIN_KNOWN_SHARE * this.#durationMs * PANES) return Number.NaN;
    const result = measure.finish ? measure.finish(figure, this.#latest) : figure;
    return Number.isFinite(result) ? result : Number.NaN;
  }

  /** Joins the panes from `first` to before `last`, oldest first, so that the sum is the same whenever it is made. */
  #join(measure: Measure, first: number, last: number): void {
    if (first === this.#joinedFrom && last === this.#joinedTo) return;
    this.#joinedFrom = first;
    this.#joinedTo = last;
    this.#joinedTime = 0;
    for (let pane = first; pane < last; pane++) {
      const place = pane % (PANES + 1);
      const time = this.#knownTimes[place] as number;
      const figure = this.#figures[place] as number;
      this.#joinedTime += time;
      this.#joinedFigure =
        pane === first ? figure : measure.join(this.#joinedFigure, figure, share(time, this.#joinedTime));
    }
  }

  /** What the change to the latest value adds, which is in no pane yet. */
  #latestChange(change: ChangeWorth, start: number): number {
    const isBridged = Number.isNaN(this.#value);
    const before = isBridged ? this.#former : this.#value;
    const endedMs = isBridged ? this.#formerMs : this.#latestMs;
    return Number.isNaN(before) || endedMs * PANES <= start ? 0 : change(before, this.#latest);
  }

  #held(nowMs: number): number {
    if (this.#latest !== 1) return this.#latest;
    const isReplaced = this.#value !== 1;
    const sinceMs = isReplaced ? this.#latestMs : this.#sinceMs;
    if (nowMs - sinceMs >= this.#durationMs) return 1;
    const wasKnown = isReplaced
      ? !Number.isNaN(this.#value)
      : !Number.isNaN(this.#former) && this.#formerMs === this.#sinceMs;
    return wasKnown ? 0 : Number.NaN;
  }

  #since(nowMs: number): number {
    if (this.#latest === 1) return 0;
    if (this.#value === 1) return (nowMs - this.#latestMs) / 1000;
    return Number.isNaN(this.#former) ? Number.NaN : (nowMs - this.#formerMs) / 1000;
  }
}

/** Numbers of a saved window before its panes. */
const STEP_FIELDS = 6;

/** What a change between two known values adds to a pane's figure. */
type ChangeWorth = (from: number, to: number) => number;

/** What a kind of window does with time. A share is that of the time that is added in the known time with it, 0 to 1. */
interface Measure {
  /** The figure of a pane at whose border this value holds, before anything else is known of the pane. */
  readonly open: (value: number) => number;
  /** The figure after a known value held for a time. */
  readonly hold: (figure: number, value: number, share: number) => number;
  readonly join: (earlier: number, later: number, share: number) => number;
  readonly change?: ChangeWorth;
  /** The result of a figure, with the value that holds now; the figure itself, if absent. */
  readonly finish?: (figure: number, now: number) => number;
}

function share(time: number, known: number): number {
  return known > 0 ? time / known : 0;
}

const zero = () => 0;
const itself = (figure: number) => figure;
const sum = (a: number, b: number) => a + b;
/** Not a sum divided in the end: the mean of a constant has to be that constant, to the digit, for `avg(x, d) > 0.3`. */
const mean = (a: number, b: number, share: number) => a + (b - a) * share;
const lower = (a: number, b: number) => (Number.isNaN(a) || b < a ? b : a);
const higher = (a: number, b: number) => (Number.isNaN(a) || b > a ? b : a);
const counting = (change: ChangeWorth): Measure => ({ open: zero, hold: itself, join: sum, change });

const measures: Readonly<Record<Exclude<WindowKind, 'held' | 'since'>, Measure>> = {
  avg: { open: zero, hold: mean, join: mean },
  min: { open: itself, hold: lower, join: lower },
  max: { open: itself, hold: higher, join: higher },
  delta: { open: itself, hold: itself, join: itself, finish: (figure, now) => now - figure },
  count: counting((from, to) => (from < to ? 1 : 0)),
  changes: counting((from, to) => (from === to ? 0 : 1)),
  increase: counting((from, to) => (to >= from ? to - from : Math.max(0, to))),
};
