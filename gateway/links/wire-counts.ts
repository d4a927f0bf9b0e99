import type { Wire } from '../../model/adapter.ts';
import type { CertificateEnds } from '../../model/certificates.ts';
import type { Text } from '../../model/text.ts';
import type { LinkError, WireFacts } from './link-facts.ts';

/** Real ms of one slot of the recent window; whoever holds the counts calls {@link WireCounts.turn} as often. */
export const WIRE_SLOT_MS = 10_000;
/** Slots of the window over which errors and round trips are recent: five minutes. */
export const WIRE_SLOTS = 30;
/** Newest round trips that are kept. */
export const ROUND_TRIPS = 256;

const timeoutText: Text = { zh: '应答超时', en: 'no answer in time' };

/** What had been counted when a slot began. */
interface Totals {
  readonly asked: number;
  readonly errors: number;
  readonly answers: number;
}

/**
 * Counts what an adapter tells of its wire, from the start of the link on. Telling costs an addition and no look at a
 * clock, but for errors: adapters do it for each request. The recent window moves on by {@link turn}.
 */
export class WireCounts implements Wire {
  readonly #now: () => number;
  readonly #roundTripsMs = new Float64Array(ROUND_TRIPS);
  #slots: Totals[] = [{ asked: 0, errors: 0, answers: 0 }];
  #answers = 0;
  #timeouts = 0;
  #failures = 0;
  #messages = 0;
  #overruns = 0;
  #revision: Text | null = null;
  #address: string | null = null;
  #clockOff = false;
  #certificates: WireFacts['certificates'] = null;
  #lastError: LinkError | null = null;

  /** @param now epoch ms of site time, for when an error was */
  constructor(now: () => number) {
    this.#now = now;
  }

  answered(roundTripMs: number): void {
    this.#roundTripsMs[this.#answers % ROUND_TRIPS] = roundTripMs;
    this.#answers += 1;
  }

  timedOut(): void {
    this.#timeouts += 1;
    this.#lastError = { text: timeoutText, atMs: this.#now() };
  }

  failed(reason: Text): void {
    this.#failures += 1;
    this.#lastError = { text: reason, atMs: this.#now() };
  }

  heard(messages: number): void {
    this.#messages += messages;
  }

  revised(what: Text | null): void {
    this.#revision = what;
  }

  using(address: string | null): void {
    this.#address = address;
  }

  clockOff(off: boolean): void {
    this.#clockOff = off;
  }

  /** Whether the device's clock is off, as its adapter told last. */
  get isClockOff(): boolean {
    return this.#clockOff;
  }

  overran(): void {
    this.#overruns += 1;
  }

  certified(certificates: CertificateEnds): void {
    this.#certificates = certificates;
  }

  /** The newest error; null where there was none. */
  get lastError(): LinkError | null {
    return this.#lastError;
  }

  /** Begins another slot, and forgets the oldest beyond {@link WIRE_SLOTS}. */
  turn(): void {
    this.#slots.push(this.#totals());
    if (this.#slots.length > WIRE_SLOTS) this.#slots.shift();
  }

  facts(): WireFacts {
    const { asked, errors, answers } = this.#sinceOldestSlot();
    return {
      requests: this.#answers + this.#timeouts,
      messages: this.#messages,
      timeouts: this.#timeouts,
      failures: this.#failures,
      overruns: this.#overruns,
      // A fault may be told of what nobody counted as asked or heard, such as a message that could not be taken apart.
      errorRatio: asked + errors === 0 ? null : Math.min(1, errors / Math.max(asked, errors)),
      roundTripMs: this.#recentRoundTrips(Math.min(answers, ROUND_TRIPS)),
      revision: this.#revision,
      address: this.#address,
      certificates: this.#certificates,
    };
  }

  #totals(): Totals {
    return {
      asked: this.#answers + this.#timeouts + this.#messages,
      errors: this.#timeouts + this.#failures,
      answers: this.#answers,
    };
  }

  #sinceOldestSlot(): Totals {
    const now = this.#totals();
    const from = this.#slots[0] ?? now;
    return { asked: now.asked - from.asked, errors: now.errors - from.errors, answers: now.answers - from.answers };
  }

  /** Of the newest `count` answers; the percentile is that of the nearest rank. */
  #recentRoundTrips(count: number): WireFacts['roundTripMs'] {
    if (count === 0) return null;
    const newest = Array.from(
      { length: count },
      (_, i) => this.#roundTripsMs[(this.#answers - 1 - i) % ROUND_TRIPS] ?? 0,
    );
    const [last = 0] = newest;
    newest.sort((a, b) => a - b);
    const atRank = (share: number) => newest[Math.ceil(share * count) - 1] ?? 0;
    return { last: rounded(last), median: rounded(atRank(0.5)), p95: rounded(atRank(0.95)) };
  }
}

/** Nobody reads more of a round trip than tenths of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
