import { type LedgerClass, ledgerClasses } from '../../model/ledger.ts';
import type { Calendar } from '../time/calendar.ts';

/** Number of a class, as columns and snapshots hold it: its place in {@link ledgerClasses}. */
export const classNumber = Object.fromEntries(ledgerClasses.map((name, index) => [name, index])) as Record<
  LedgerClass,
  number
>;

/** Name of a class number. */
export function className(number: number): LedgerClass {
  const name = ledgerClasses[number];
  if (name === undefined) throw new RangeError(`no ledger class ${number}`);
  return name;
}

/** What a class follows from: 1, 0 or NaN where a number, NaN being "cannot be told". */
export interface ClassInput {
  readonly required: number;
  readonly up: number;
  /** Of standby equipment: a test proves that it would work. 1 where no proof is asked for. */
  readonly proven: number;
  readonly parentDead: boolean;
  readonly commissioning: boolean;
  /** Planned work is registered for now. */
  readonly planned: boolean;
  /** It was down when that work began, and has been since. */
  readonly downBefore: boolean;
}

/**
 * The class that follows from what is known of an asset, apart from planned work.
 *
 * Not required comes first: nothing that is not due can fail. A dead parent proves its children down although they are
 * silent. An unknown requirement or state is unknown, never up; so is a standby whose proof is overdue.
 */
export function observedClass({ required, up, proven, parentDead, commissioning }: ClassInput): number {
  if (commissioning || required === 0) return classNumber.notRequired;
  if (parentDead) return classNumber.down;
  if (Number.isNaN(required) || Number.isNaN(up)) return classNumber.unknown;
  if (up !== 1) return classNumber.down;
  return proven === 1 ? classNumber.up : classNumber.unknown;
}

/**
 * The class of an asset. Planned work excuses what would be down or unknown while it lasts; it takes no time away that
 * is provably up, and it never excuses what was down before it began.
 */
export function classify(input: ClassInput): number {
  const observed = observedClass(input);
  if (!input.planned || input.downBefore) return observed;
  return observed === classNumber.unknown || observed === classNumber.down ? classNumber.planned : observed;
}

const CLASSES = ledgerClasses.length;

/** Half days of one page of {@link ClassTimes}: 31 days. */
const PAGE_HALVES = 62;
/** Pages that are kept: 13 × 31 days, a year and the month before it. */
const PAGES_KEPT = 13;

/** A stretch of half days for all tracks: Uint32 ms by track, half day and class. */
export interface TimesPage {
  /** Index of the page's first half day, divided by {@link PAGE_HALVES}. */
  readonly number: number;
  readonly sums: Uint32Array<ArrayBuffer>;
}

/**
 * Time by class of many tracks (an asset's ledger, or a rate of its own) in half site days, for a year, in whole
 * milliseconds. Memory is fixed: a page of tracks × 62 × 5 × 4 bytes for each 31 days, 13 of them at most.
 */
export class ClassTimes {
  readonly tracks: number;
  readonly pages = new Map<number, TimesPage>();

  constructor(tracks: number, pages: readonly TimesPage[] = []) {
    this.tracks = tracks;
    for (const page of pages) this.pages.set(page.number, page);
  }

  /** Adds [fromMs, toMs) of one class, split at the site's noons and midnights; takes it away with `sign` -1. */
  add(track: number, classNo: number, fromMs: number, toMs: number, calendar: Calendar, sign: 1 | -1 = 1): void {
    let from = fromMs;
    while (from < toMs) {
      const half = calendar.halfDay(from);
      const to = Math.min(toMs, half.endMs);
      const { sums } = this.#page(Math.floor(half.index / PAGE_HALVES));
      const cell = (track * PAGE_HALVES + (half.index % PAGE_HALVES)) * CLASSES + classNo;
      sums[cell] = (sums[cell] as number) + sign * (to - from);
      from = to;
    }
  }

  /** Milliseconds per class, in the order of {@link ledgerClasses}, over the half days `first` to `last` inclusive. */
  total(track: number, first: number, last: number, into: Float64Array): Float64Array {
    for (const { number, sums } of this.pages.values()) {
      const from = Math.max(first - number * PAGE_HALVES, 0);
      const to = Math.min(last - number * PAGE_HALVES, PAGE_HALVES - 1);
      for (let half = from; half <= to; half++) {
        const row = (track * PAGE_HALVES + half) * CLASSES;
        for (let c = 0; c < CLASSES; c++) into[c] = (into[c] as number) + (sums[row + c] as number);
      }
    }
    return into;
  }

  /** Copies what another set of columns holds of one of its tracks. */
  carry(track: number, before: ClassTimes, old: number): void {
    const length = PAGE_HALVES * CLASSES;
    for (const { number, sums } of before.pages.values()) {
      const row = sums.subarray(old * length, (old + 1) * length);
      if (row.some((ms) => ms > 0)) this.#page(number).sums.set(row, track * length);
    }
  }

  #page(number: number): TimesPage {
    const known = this.pages.get(number);
    if (known) return known;
    const page = { number, sums: new Uint32Array(this.tracks * PAGE_HALVES * CLASSES) };
    this.pages.set(number, page);
    if (this.pages.size > PAGES_KEPT) this.pages.delete(Math.min(...this.pages.keys()));
    return page;
  }
}

/** A stretch of one class, epoch ms, half-open. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly classNo: number;
}

/** Closed stretches that are kept of each track; half of them at least, since the older half goes at once. */
export const STRETCHES_KEPT = 512;
const FIRST_ROOM = 4;
/** A stretch is one number, so that a million of them are no objects: eight times its start, plus its class. */
const CLASS_BASE = 8;

/** The class of every track: what it is, since when, what it was, and the sums of it. */
export class Ledger {
  readonly classes: Uint8Array<ArrayBuffer>;
  readonly sinceMs: Float64Array<ArrayBuffer>;
  readonly times: ClassTimes;
  /** By track: closed stretches, oldest first, each ending where the next begins, the last one at `sinceMs`. */
  readonly #past: (Float64Array<ArrayBuffer> | undefined)[];
  readonly #lengths: Uint16Array;

  constructor(tracks: number, sinceMs: number) {
    this.classes = new Uint8Array(tracks).fill(classNumber.unknown);
    this.sinceMs = new Float64Array(tracks).fill(Math.floor(sinceMs));
    this.times = new ClassTimes(tracks);
    this.#past = new Array(tracks);
    this.#lengths = new Uint16Array(tracks);
  }

  /** Ends the stretch in progress at `fromMs` (not before its start) and begins the next; false where it is the same. */
  set(track: number, classNo: number, fromMs: number, calendar: Calendar): boolean {
    const before = this.classes[track] as number;
    if (before === classNo) return false;
    const since = this.sinceMs[track] as number;
    const from = Math.max(since, Math.floor(fromMs));
    this.times.add(track, before, since, from, calendar);
    if (from > since) this.#push(track, since * CLASS_BASE + before);
    this.classes[track] = classNo;
    this.sinceMs[track] = from;
    return true;
  }

  /** The earliest moment of which the track's class is still known stretch by stretch. */
  knownFromMs(track: number): number {
    const past = this.past(track);
    return past.length > 0 ? startOf(past[0] as number) : (this.sinceMs[track] as number);
  }

  /** Closed stretches of a track, as they go into a snapshot. */
  past(track: number): Float64Array {
    return (this.#past[track] ?? NOTHING).subarray(0, this.#lengths[track]);
  }

  /** Takes over closed stretches as {@link past} gave them. */
  restorePast(track: number, past: Float64Array): void {
    this.#past[track] = Float64Array.from(past);
    this.#lengths[track] = past.length;
  }

  /** The stretches of [fromMs, toMs) that are known, in order. */
  stretches(track: number, fromMs: number, toMs: number): Stretch[] {
    const past = this.past(track);
    const found: Stretch[] = [];
    const add = (from: number, to: number, classNo: number) => {
      const cut = { fromMs: Math.max(from, fromMs), toMs: Math.min(to, toMs), classNo };
      if (cut.fromMs < cut.toMs) found.push(cut);
    };
    const since = this.sinceMs[track] as number;
    for (let n = 0; n < past.length; n++) {
      const to = n + 1 < past.length ? startOf(past[n + 1] as number) : since;
      if (to > fromMs) add(startOf(past[n] as number), to, classOf(past[n] as number));
    }
    add(since, toMs, this.classes[track] as number);
    return found;
  }

  /**
   * Corrects the past: what was of class c in [fromMs, toMs), as far as it is known, is of class `replace(c, stretch)`
   * after all. `toMs` is not later than now. Gives the stretches that are of another class now; what is true from
   * `toMs` on stays.
   */
  rewrite(
    track: number,
    fromMs: number,
    toMs: number,
    calendar: Calendar,
    replace: (classNo: number, stretch: Stretch) => number,
  ): Stretch[] {
    const changed: Stretch[] = [];
    for (const stretch of this.stretches(track, Math.floor(fromMs), Math.floor(toMs))) {
      const classNo = replace(stretch.classNo, stretch);
      if (classNo !== stretch.classNo) changed.push({ ...stretch, classNo });
    }
    for (const stretch of changed) this.#replace(track, stretch, calendar);
    return changed;
  }

  #replace(track: number, { fromMs, toMs, classNo }: Stretch, calendar: Calendar): void {
    const since = this.sinceMs[track] as number;
    if (toMs > since) {
      // The stretch in progress is cut: what comes before `toMs` is closed as it was, so that it can be corrected.
      this.times.add(track, this.classes[track] as number, since, toMs, calendar);
      this.#push(track, since * CLASS_BASE + (this.classes[track] as number));
      this.sinceMs[track] = toMs;
    }
    const past = this.past(track);
    const rebuilt: number[] = [];
    const put = (from: number, of: number) => {
      const last = rebuilt.at(-1);
      if (last !== undefined && startOf(last) === from) rebuilt.pop();
      const before = rebuilt.at(-1);
      if (before === undefined || classOf(before) !== of) rebuilt.push(from * CLASS_BASE + of);
    };
    for (let n = 0; n < past.length; n++) {
      const from = startOf(past[n] as number);
      const to = n + 1 < past.length ? startOf(past[n + 1] as number) : (this.sinceMs[track] as number);
      const before = classOf(past[n] as number);
      const cutFrom = Math.max(from, fromMs);
      const cutTo = Math.min(to, toMs);
      put(from, before);
      if (cutFrom >= cutTo) continue;
      this.times.add(track, before, cutFrom, cutTo, calendar, -1);
      this.times.add(track, classNo, cutFrom, cutTo, calendar);
      put(cutFrom, classNo);
      if (cutTo < to) put(cutTo, before);
    }
    this.restorePast(track, Float64Array.from(rebuilt.slice(-STRETCHES_KEPT)));
  }

  #push(track: number, stretch: number): void {
    const length = this.#lengths[track] as number;
    let room = this.#past[track] ?? new Float64Array(FIRST_ROOM);
    let at = length;
    if (at >= STRETCHES_KEPT) {
      room.copyWithin(0, STRETCHES_KEPT / 2);
      at = STRETCHES_KEPT / 2;
    } else if (at >= room.length) {
      const wider = new Float64Array(Math.min(STRETCHES_KEPT, Math.max(FIRST_ROOM, at * 2)));
      wider.set(room);
      room = wider;
    }
    room[at] = stretch;
    this.#past[track] = room;
    this.#lengths[track] = at + 1;
  }
}

const NOTHING = new Float64Array(0);

function startOf(stretch: number): number {
  return Math.floor(stretch / CLASS_BASE);
}

function classOf(stretch: number): number {
  return stretch % CLASS_BASE;
}
