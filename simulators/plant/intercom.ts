import { between, type Random } from './random.ts';

const REGISTER_S = 3600;
const TEST_CALL_MS = 3 * 86_400_000;

/** The intercom of one lift car, as the exchange sees it: registers hourly, is called for a test every three days. */
export class Intercom {
  readonly key: string;
  reachable = true;
  readonly batteryOk = true;
  roundtripUsec: number;
  lastTestCallMs: number;
  readonly #random: Random;
  #registeredMs: number;
  #nowMs: number;

  constructor(key: string, random: Random, startMs: number) {
    this.key = key;
    this.#random = random;
    this.#nowMs = startMs;
    this.roundtripUsec = Math.round(between(random, 9_000, 26_000));
    this.#registeredMs = startMs - Math.round(between(random, 0, REGISTER_S * 500));
    this.lastTestCallMs = startMs - Math.round(between(random, 0.05, 0.9) * TEST_CALL_MS);
  }

  get status(): 'Reachable' | 'Unreachable' {
    return this.reachable ? 'Reachable' : 'Unreachable';
  }

  /** Seconds until the registration runs out; 0 once it has. */
  get regExpireS(): number {
    return Math.max(0, REGISTER_S - Math.floor((this.#nowMs - this.#registeredMs) / 1000));
  }

  /** Brings the station to its next second. */
  step(nowMs: number): void {
    this.#nowMs = nowMs;
    if (!this.reachable) return;
    const drift = (18_000 - this.roundtripUsec) * 0.01 + (this.#random() - 0.5) * 900;
    this.roundtripUsec = Math.max(2_000, Math.round(this.roundtripUsec + drift));
    // A station renews its registration at half of its time.
    if (nowMs - this.#registeredMs >= REGISTER_S * 500) this.#registeredMs = nowMs;
    if (nowMs - this.lastTestCallMs >= TEST_CALL_MS) this.lastTestCallMs = nowMs;
  }
}
