/** Urgency of what a person asks for; polls have 1 and more, the smaller the sooner. */
export const PERSON = 0;

/** What waits for its turn on a line. */
export interface Waiting {
  readonly unit: number;
  /** {@link PERSON}, or a number above: the smaller goes first. */
  readonly urgency: number;
}

/**
 * Decides whose request goes next on a line: of the units that have none under way, the most urgent, and of those the
 * one that came first. A unit never has two under way, as most devices serve one at a time; people's requests go first,
 * yet never two in a row while a poll waits, so that nobody who reads a whole device stops the polling.
 */
export class RequestQueue<T extends Waiting> {
  readonly #parallel: number;
  /** By urgency, then in the order in which they came. */
  readonly #waiting: T[] = [];
  readonly #underWay = new Set<number>();
  #personWentLast = false;

  /** @param parallel how many requests may be under way at once */
  constructor(parallel: number) {
    this.#parallel = parallel;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** True where a request would go at once, if its unit has none under way. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#underWay.size < this.#parallel;
  }

  add(entry: T): void {
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.urgency ?? 0) > entry.urgency) at -= 1;
    this.#waiting.splice(at, 0, entry);
  }

  /** Takes an entry back that has not gone yet; false where it has. */
  remove(entry: T): boolean {
    const at = this.#waiting.indexOf(entry);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  /** The entry that goes now; its unit is under way until {@link done}. Undefined where none may. */
  next(): T | undefined {
    if (this.#underWay.size >= this.#parallel) return undefined;
    const free = (entry: T) => !this.#underWay.has(entry.unit);
    const ofPolls = (entry: T) => entry.urgency !== PERSON && free(entry);
    let at = this.#personWentLast ? this.#waiting.findIndex(ofPolls) : -1;
    if (at < 0) at = this.#waiting.findIndex(free);
    const [entry] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (entry === undefined) return undefined;
    this.#underWay.add(entry.unit);
    this.#personWentLast = entry.urgency === PERSON;
    return entry;
  }

  /** The unit's request is over. */
  done(unit: number): void {
    this.#underWay.delete(unit);
  }

  /** Takes out all that wait. */
  drain(): T[] {
    return this.#waiting.splice(0);
  }
}
