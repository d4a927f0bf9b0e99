import type { PointKey, PointNumber } from '../../model/point.ts';

/** A point key whose number is asked for; `formerly` is what the same point was called before. */
export interface WantedPoint {
  readonly key: PointKey;
  readonly formerly?: PointKey;
}

type Pairs = readonly (readonly [key: string, number: number])[];

/** Which number each point key has. Numbers are given from 1, once, for good. */
export class PointNumbers {
  readonly #numbers = new Map<PointKey, PointNumber>();
  readonly #keys = new Map<PointNumber, PointKey>();
  #next: number;
  #turn: Promise<unknown> = Promise.resolve();

  /** No number below `next` is given. */
  constructor(pairs: Pairs, next = 1) {
    this.#next = next;
    this.apply(pairs);
  }

  get current(): ReadonlyMap<PointKey, PointNumber> {
    return this.#numbers;
  }

  /** Takes over what a points record says; a number that comes with another key has been renamed. */
  apply(pairs: Pairs): void {
    for (const [key, number] of pairs) {
      const former = this.#keys.get(number);
      if (former !== undefined && this.#numbers.get(former) === number) this.#numbers.delete(former);
      this.#numbers.set(key, number);
      this.#keys.set(number, key);
      this.#next = Math.max(this.#next, number + 1);
    }
  }

  /**
   * The numbers of `wanted`; `append` writes the pairs that are new and brings them to {@link apply}. One call at a
   * time, so that no number is given twice; a failed append gives none.
   */
  give(
    wanted: readonly WantedPoint[],
    append: (pairs: Pairs) => Promise<unknown>,
  ): Promise<Map<PointKey, PointNumber>> {
    const given = this.#turn.then(async () => {
      const pairs = this.#missing(wanted);
      if (pairs.length > 0) await append(pairs);
      return new Map(wanted.map(({ key }) => [key, this.#numbers.get(key) ?? this.#lost(key)]));
    });
    // The failure belongs to the caller of this turn; the next turn starts from what is known then.
    this.#turn = given.catch(() => undefined);
    return given;
  }

  /** Renames first, so that a former name that stands for a new point gets a new number. */
  #missing(wanted: readonly WantedPoint[]): [PointKey, PointNumber][] {
    const pairs = new Map<PointKey, PointNumber>();
    const taken = new Set<PointKey>();
    for (const { key, formerly } of wanted) {
      if (formerly === undefined || this.#numbers.has(key) || pairs.has(key) || taken.has(formerly)) continue;
      const number = this.#numbers.get(formerly);
      if (number === undefined) continue;
      pairs.set(key, number);
      taken.add(formerly);
    }
    let next = this.#next;
    for (const { key } of wanted) {
      if (pairs.has(key) || (this.#numbers.has(key) && !taken.has(key))) continue;
      pairs.set(key, next++);
    }
    return [...pairs];
  }

  #lost(key: PointKey): never {
    throw new Error(`the log has given ${key} no number`);
  }
}
