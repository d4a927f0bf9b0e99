import type { BadValue } from '../values/decode.ts';

/** Longest time, site time, for which a unit that does not answer is not asked again, if the line has room for it. */
export const MAX_SKIP_MS = 30_000;
/** Tries in a row without an answer after which a unit counts as silent, though each was shorter than its time-out. */
export const SILENT_AFTER = 3;
/** So long, site time, after the first of them it counts as silent in any case, however few the line had time for. */
export const SILENT_AFTER_MS = 30_000;
/** Share of a unit's slowest round trip that is left of it after each answer. */
const SLOWEST_KEEP = 0.99;

/** How long a try lasted: short beside the unit's time-out, as long as the line leaves room for, or all of it. */
export type TryLength = 'short' | 'long' | 'whole';

/**
 * What one unit of one link is known to do: nothing yet (`unknown`), answer, or keep silent. A silent unit is left out
 * of the polls and only tried now and then: at once, then after 1, 3, 7 … intervals. Each unit of each link has its own:
 * a dead unit 1 on one line says nothing of the unit 1 on another. It outlives connections: see {@link connected}.
 */
export class Breaker {
  readonly #intervalMs: number;
  #state: 'unknown' | 'answers' | 'silent' = 'unknown';
  #misses = 0;
  #missedSinceMs = 0;
  #bad: BadValue = { reason: 'timeout' };
  #dueMs: number;
  #isTried = false;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #longMs = Number.NEGATIVE_INFINITY;
  #wholeMs: number;
  #roundTripMs = 0;
  #isHeardLate = false;
  #lateTryMs = Number.NEGATIVE_INFINITY;

  /** @param intervalMs of the unit's fastest points, site time */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#dueMs = nowMs;
    this.#wholeMs = nowMs;
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

  /** It was asked on this connection. */
  get isTried(): boolean {
    return this.#isTried;
  }

  /** Site time of its newest answer; -∞ before the first. */
  get answeredMs(): number {
    return this.#answeredMs;
  }

  /** Site time of the first of its {@link misses}. */
  get missedSinceMs(): number {
    return this.#missedSinceMs;
  }

  /** Site time of the newest try that was as long as the line could be spared; -∞ before the first. */
  get longMs(): number {
    return this.#longMs;
  }

  /** Site time of the newest try with all of its time-out, or of the link's start. */
  get wholeMs(): number {
    return this.#wholeMs;
  }

  /** Its slowest round trip of late, real ms; 0 before the first. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** It was heard after it had been given up: it is there, and only slow. */
  get isHeardLate(): boolean {
    return this.#isHeardLate;
  }

  /**
   * A new connection stands. Who answered has to show that it still does; who kept silent is tried when it would have
   * been all the same, unless `atOnce`.
   */
  connected(nowMs: number, atOnce: boolean): void {
    this.#isTried = false;
    this.#isHeardLate = false;
    if (this.#state === 'answers') this.#misses = 0;
    if (this.#state !== 'silent') this.#state = 'unknown';
    if (this.#state !== 'silent' || atOnce) this.#dueMs = Math.min(this.#dueMs, nowMs);
  }

  /** It is asked now. */
  tried(length: TryLength, nowMs: number): void {
    this.#isTried = true;
    if (this.#isHeardLate) this.#lateTryMs = nowMs;
    this.#isHeardLate = false;
    if (length !== 'short') this.#longMs = nowMs;
    if (length === 'whole') this.#wholeMs = nowMs;
  }

  /** An answer of it came so long, real time, after its request. */
  took(roundTripMs: number): void {
    this.#roundTripMs = Math.max(roundTripMs, this.#roundTripMs * SLOWEST_KEEP);
  }

  /**
   * An answer came so late that nobody waited for it any more. It is asked again at once, with all of its time-out;
   * but once in {@link MAX_SKIP_MS}, since the others wait meanwhile.
   */
  heardLate(afterMs: number, nowMs: number): void {
    this.took(afterMs);
    if (this.#state === 'answers' || nowMs - this.#lateTryMs < MAX_SKIP_MS) return;
    this.#isHeardLate = true;
    this.#dueMs = Math.min(this.#dueMs, nowMs);
  }

  /** It answered, be it with a refusal. True if that is news: it was silent before. */
  answered(nowMs: number): boolean {
    const wasSilent = this.#state === 'silent';
    this.#state = 'answers';
    this.#isTried = true;
    this.#isHeardLate = false;
    this.#misses = 0;
    this.#answeredMs = nowMs;
    return wasSilent;
  }

  /**
   * It did not answer, or a gateway said so. True if that is news: it counts as silent from now on.
   *
   * @param isSure it had time enough, or a gateway said so: one such miss is enough
   */
  missed(bad: BadValue, nowMs: number, isSure: boolean): boolean {
    const before = this.#state;
    if (this.#misses === 0) this.#missedSinceMs = nowMs;
    this.#misses += 1;
    this.#bad = bad;
    if (isSure || this.#misses >= SILENT_AFTER) this.#state = 'silent';
    this.#dueMs = nowMs + Math.min(this.#intervalMs * (2 ** Math.min(this.#misses - 1, 20) - 1), MAX_SKIP_MS);
    return this.#state !== before;
  }

  /** True if it counts as silent from now on, because it has not been heard for long. */
  unheard(nowMs: number): boolean {
    if (this.#state !== 'unknown' || this.#misses === 0 || nowMs - this.#missedSinceMs < SILENT_AFTER_MS) return false;
    this.#state = 'silent';
    return true;
  }
}
