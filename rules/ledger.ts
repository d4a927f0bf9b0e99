import { type LedgerClass, ledgerClasses } from '../model/ledger.ts';
import type { Calendar } from './calendar.ts';

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

/**
 * The class that follows from what is known of an asset: 1, 0 or NaN each.
 *
 * Not required comes first: nothing that is not due can fail. A dead parent proves its children down although they are
 * silent. An unknown requirement or state is unknown, never up.
 */
export function classify(required: number, up: number, parentDead: boolean): number {
  if (required === 0) return classNumber.notRequired;
  if (parentDead) return classNumber.down;
  if (Number.isNaN(required) || Number.isNaN(up)) return classNumber.unknown;
  return up === 1 ? classNumber.up : classNumber.down;
}

const CLASSES = ledgerClasses.length;

/** Half days that are kept: a month, the month before it to 12 days, and the night across. */
export const HALF_DAYS_KEPT = 90;

/**
 * Time by class of many tracks (an asset's ledger, or a rate of its own): a ring of half site days per track, in
 * milliseconds. Memory is fixed: tracks × {@link HALF_DAYS_KEPT} × 5 doubles.
 */
export class ClassTimes {
  readonly tracks: number;
  /** Half-day index that each ring row of each track holds; -1 where empty. */
  readonly halves: Int32Array;
  readonly sums: Float64Array;

  constructor(tracks: number) {
    this.tracks = tracks;
    this.halves = new Int32Array(tracks * HALF_DAYS_KEPT).fill(-1);
    this.sums = new Float64Array(tracks * HALF_DAYS_KEPT * CLASSES);
  }

  /** Adds [fromMs, toMs) of one class, split at the site's noons and midnights. */
  add(track: number, classNo: number, fromMs: number, toMs: number, calendar: Calendar): void {
    let from = fromMs;
    while (from < toMs) {
      const half = calendar.halfDay(from);
      const to = Math.min(toMs, half.endMs);
      const row = track * HALF_DAYS_KEPT + (half.index % HALF_DAYS_KEPT);
      if (this.halves[row] !== half.index) {
        this.halves[row] = half.index;
        this.sums.fill(0, row * CLASSES, (row + 1) * CLASSES);
      }
      const cell = row * CLASSES + classNo;
      this.sums[cell] = (this.sums[cell] as number) + (to - from);
      from = to;
    }
  }

  /** Milliseconds per class, in the order of {@link ledgerClasses}, over the half days `fromIndex` to `toIndex` inclusive. */
  total(track: number, fromIndex: number, toIndex: number, into: Float64Array): Float64Array {
    const first = Math.max(fromIndex, toIndex - HALF_DAYS_KEPT + 1);
    for (let index = first; index <= toIndex; index++) {
      const row = track * HALF_DAYS_KEPT + (index % HALF_DAYS_KEPT);
      if (this.halves[row] !== index) continue;
      for (let c = 0; c < CLASSES; c++) into[c] = (into[c] as number) + (this.sums[row * CLASSES + c] as number);
    }
    return into;
  }
}
