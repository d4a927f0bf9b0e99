import type { Clock } from '../../../model/clock.ts';
import { Breaker } from './breaker.ts';
import { LinePatience } from './line-patience.ts';
import { ProbeTimes } from './probe-times.ts';

/**
 * What a link knows of its units and of its line from one connection to the next: who keeps silent and when it is tried
 * again, how long answers take, when the line was last taken from those who answer. So a link that comes and goes does
 * not begin anew with hundreds of dead units. As many entries as the link has units, 256 at most.
 */
export class KnownUnits {
  readonly patience = new LinePatience();
  readonly times: ProbeTimes;
  /** The device closes connections by itself, and that was told. */
  closesConnection = false;
  readonly #clock: Clock;
  readonly #breakers = new Map<number, Breaker>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.times = new ProbeTimes(clock.rate, this.patience, clock.now());
  }

  /** What is known of a unit; `intervalMs` is that of its fastest points, site time. */
  breaker(unit: number, intervalMs: number): Breaker {
    const known = this.#breakers.get(unit) ?? new Breaker(intervalMs, this.#clock.now());
    this.#breakers.set(unit, known);
    return known;
  }

  /** Units that keep silent, as far as is known, in the order of their numbers. */
  get silent(): readonly number[] {
    return [...this.#breakers].flatMap(([unit, { state }]) => (state === 'silent' ? unit : [])).sort((a, b) => a - b);
  }

  /** A new connection stands. Where nobody is known but silent units, all of them are tried at once. */
  connected(): void {
    const breakers = [...this.#breakers.values()];
    const atOnce = breakers.every(({ state }) => state === 'silent');
    for (const breaker of breakers) breaker.connected(this.#clock.now(), atOnce);
  }
}
