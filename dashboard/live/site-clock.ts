import { type ReadonlySignal, signal } from '@preact/signals';

/**
 * The site's time as the page knows it: what the gateway said last, plus the real time since then at the site's rate.
 * It stands still while the gateway is silent, because a running clock over old figures looks live.
 */
export class SiteClock {
  readonly #now = signal(0);
  readonly #monotonicMs: () => number;
  #anchor: { siteMs: number; realMs: number } | undefined;
  #rate = 1;

  /** `monotonicMs` never goes back, e.g. `performance.now`. */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Epoch ms of site time, 0 before the first message. Changes with ticks only: messages come ten times a second, and
   * each age on the page would be drawn again for each.
   */
  get now(): ReadonlySignal<number> {
    return this.#now;
  }

  /** Site ms per real ms. */
  get rate(): number {
    return this.#rate;
  }

  /** The gateway said that it is `siteMs` now. */
  heard(siteMs: number, rate = this.#rate): void {
    this.#rate = rate;
    const first = this.#anchor === undefined;
    this.#anchor = { siteMs, realMs: this.#monotonicMs() };
    if (first) this.#now.value = siteMs;
  }

  /** Advances what is shown; called about once a second while data is live. */
  tick(): void {
    if (this.#anchor === undefined) return;
    const { siteMs, realMs } = this.#anchor;
    this.#now.value = Math.floor(siteMs + (this.#monotonicMs() - realMs) * this.#rate);
  }

  /** Puts the clock back to the last message, for as long as the gateway is silent. */
  hold(): void {
    if (this.#anchor !== undefined) this.#now.value = this.#anchor.siteMs;
  }
}
