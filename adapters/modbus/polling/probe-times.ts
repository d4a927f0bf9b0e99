import type { Clock } from '../../../model/clock.ts';

/** An answer is waited for at least so long, real time, or it is not asked for. */
const MIN_PATIENCE_MS = 20;
/** A unit is given at least so many times the slowest round trip of the line. */
const PATIENCE_ROUND_TRIPS = 4;
/** A time-out may be seen so much late, real time: what is spared for the others' next turn. */
const GUARD_MS = 5;
/** A request with less than its whole time-out is made with all of it once in so long, site time: the unit may be slow. */
export const WHOLE_PROBE_EVERY_MS = 300_000;
/** After so long, site time, a request for which the line never has time to spare is made all the same. */
export const RARELY_MS = 60_000;

/** What is asked for: a unit that may not answer. */
interface Doubtful {
  readonly timeoutMs: number;
  readonly doubtfulMs: number;
  readonly breaker: { readonly state: 'unknown' | 'answers' | 'silent' };
}

/**
 * Decides how long a request may take that may well not be answered: not into the next turn of those who answer. A unit
 * that was never asked is given its whole time-out all the same, and one for which there is never time is asked rarely.
 */
export class ProbeTimes {
  readonly #clock: Clock;
  readonly #wholeMs = new WeakMap<Doubtful, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The time-out, real ms, of a request that is due now; undefined where it must wait.
   *
   * @param spareMs site time until others need the line
   * @param hasRoom another request would go at once
   * @param slowestMs slowest round trip on this line of late, real ms
   */
  timeoutMs(unit: Doubtful, spareMs: number, hasRoom: boolean, slowestMs: number): number | undefined {
    const nowMs = this.#clock.now();
    const wholeMs = this.#wholeMs.get(unit);
    const sinceWholeMs = nowMs - (wholeMs ?? Number.NEGATIVE_INFINITY);
    const waitedMs = nowMs - Math.max(unit.doubtfulMs, wholeMs ?? unit.doubtfulMs);
    if (!hasRoom) return waitedMs >= RARELY_MS ? this.#whole(unit, nowMs) : undefined;
    const spareRealMs = spareMs / this.#clock.rate - GUARD_MS;
    const isFirst = unit.breaker.state === 'unknown';
    if (isFirst || spareRealMs >= unit.timeoutMs || (sinceWholeMs >= WHOLE_PROBE_EVERY_MS && wholeMs !== undefined)) {
      return this.#whole(unit, nowMs);
    }
    const patienceMs = Math.min(unit.timeoutMs, Math.max(MIN_PATIENCE_MS, PATIENCE_ROUND_TRIPS * slowestMs));
    if (spareRealMs >= patienceMs) return Math.floor(spareRealMs);
    return waitedMs >= RARELY_MS ? this.#whole(unit, nowMs) : undefined;
  }

  #whole(unit: Doubtful, nowMs: number): number {
    this.#wholeMs.set(unit, nowMs);
    return unit.timeoutMs;
  }
}
