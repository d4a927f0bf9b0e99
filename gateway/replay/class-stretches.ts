import { type LedgerChange, type LedgerClass, ledgerClasses } from '../../model/ledger.ts';

/** Milliseconds by class. */
export type ClassTimes = Readonly<Record<LedgerClass, number>>;

/** The classes of one asset over a span that begins at a time, as changes come. */
export class ClassStretches {
  readonly #startMs: number;
  /** Begin of each stretch, rising, and its class; null where the site did not know the asset. */
  readonly #fromMs: number[];
  readonly #class: (LedgerClass | null)[];

  /** The asset is of class `first` from `startMs` on, and what is told of the time before is cut off. */
  constructor(startMs: number, first: LedgerClass) {
    this.#startMs = startMs;
    this.#fromMs = [startMs];
    this.#class = [first];
  }

  get length(): number {
    return this.#fromMs.length;
  }

  take({ fromMs, class: name, correction }: LedgerChange): void {
    if (!correction) {
      this.#keepBefore(fromMs);
      this.#add(fromMs, name);
      return;
    }
    // The past changes; what has begun after the corrected part stays as it is.
    const later = this.#fromMs.findIndex((ms) => ms > correction.toMs);
    const end = later < 0 ? this.#fromMs.length : later;
    const rest = { fromMs: this.#fromMs.slice(end), class: this.#class.slice(end) };
    this.#keepBefore(fromMs);
    this.#add(fromMs, name);
    this.#add(correction.toMs, correction.after);
    this.#fromMs.push(...rest.fromMs);
    this.#class.push(...rest.class);
  }

  /** The site no longer knows the asset. */
  end(atMs: number): void {
    this.#add(atMs, null);
  }

  /** Time by class until `toMs`. */
  times(toMs: number): ClassTimes {
    const times = Object.fromEntries(ledgerClasses.map((name) => [name, 0])) as Record<LedgerClass, number>;
    this.#class.forEach((name, index) => {
      const from = this.#fromMs[index] as number;
      const to = Math.min(toMs, this.#fromMs[index + 1] ?? toMs);
      if (name !== null && to > from) times[name] += to - from;
    });
    return times;
  }

  #keepBefore(ms: number): void {
    while (this.#fromMs.length > 0 && (this.#fromMs.at(-1) as number) >= ms) {
      this.#fromMs.pop();
      this.#class.pop();
    }
  }

  #add(fromMs: number, name: LedgerClass | null): void {
    this.#fromMs.push(Math.max(fromMs, this.#startMs));
    this.#class.push(name);
  }
}
