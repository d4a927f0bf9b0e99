import type { BadValue } from '../values/decode.ts';

/** Longest time, site time, for which a unit that does not answer is not asked again, if the line has room for it. */
export const MAX_SKIP_MS = 30_000;

/**
 * What one unit of one link is known to do: nothing yet (`unknown`), answer, or keep silent. A silent unit is left out
 * of the polls and only tried now and then: at once, then after 1, 3, 7 … intervals. Each unit of each link has its own:
 * a dead unit 1 on one line says nothing of the unit 1 on another.
 */
export class Breaker {
  readonly #intervalMs: number;
  #state: 'unknown' | 'answers' | 'silent' = 'unknown';
  #misses = 0;
  #bad: BadValue = { reason: 'timeout' };
  #dueMs: number;

  /** @param intervalMs of the unit's fastest points, site time */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#dueMs = nowMs;
  }

  get state(): 'unknown' | 'answers' | 'silent' {
    return this.#state;
  }

  /** How many times in a row it was asked and did not answer. */
  get misses(): number {
    return this.#misses;
  }

  /** By what its silence was last seen: a time-out, or a gateway's word. */
  get bad(): BadValue {
    return this.#bad;
  }

  /** Site time from which on it is worth asking again. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** It answered, be it with a refusal. True if that is news: it was silent before. */
  answered(): boolean {
    const wasSilent = this.#state === 'silent';
    this.#state = 'answers';
    this.#misses = 0;
    return wasSilent;
  }

  /** It did not answer, or a gateway said so. True if that is news. */
  missed(bad: BadValue, nowMs: number): boolean {
    const wasSilent = this.#state === 'silent';
    this.#state = 'silent';
    this.#misses += 1;
    this.#bad = bad;
    this.#dueMs = nowMs + Math.min(this.#intervalMs * (2 ** Math.min(this.#misses - 1, 20) - 1), MAX_SKIP_MS);
    return !wasSilent;
  }
}
