/** A try lasts at least so long, real ms: less could be a pause of this machine. */
export const MIN_SLICE_MS = 20;
/** So long, real ms, is a first try while nothing is known of the line; doubled with each few that nobody answers. */
export const FIRST_SLICE_MS = 100;
export const MAX_FIRST_SLICE_MS = 400;
const DOUBLED_EVERY = 4;

/** Weight of a new round trip in their mean, and of its distance from the mean in that of the distances. */
const WEIGHT = 1 / 16;
/** A unit of the line is given the mean and so many mean distances: the rule of RFC 6298, 2. */
const DEVIATIONS = 4;

/** So many times its usual time, and so much more (real ms), is an answer late: somebody held the line. */
const HELD_TIMES = 3;
const HELD_MS = 50;
/** For so long, site time, is it reckoned with that the line is held by a unit that does not answer. */
export const HELD_MEMORY_MS = 600_000;
/** Most tries in a row without hearing anybody in between who is known to answer. */
export const MAX_TRUST = 32;

/**
 * How long a unit of one line that may not be there is worth waiting for, by what those that are there take. A gateway
 * to a serial line may itself wait for the dead unit, longer than we do: then the next answer comes late, the line is
 * known to be held, and a try is given as long as that. So that this is found after one try and not after a hundred
 * that the gateway still has to work off, tries wait until somebody was heard after them; of those that did no harm
 * twice as many may follow.
 */
export class LinePatience {
  #meanMs = 0;
  #deviationMs = 0;
  #isHeard = false;
  #givenUp = 0;
  #givenUpSinceMs = 0;
  #trust = 1;
  #heldMs = 0;
  #heldUntilMs = Number.NEGATIVE_INFINITY;

  /** False while too many tries were given up since somebody was heard. */
  get isProven(): boolean {
    return this.#givenUp < this.#trust;
  }

  /** How long a unit is worth waiting for by what others take, real ms. */
  get sliceMs(): number {
    if (this.#isHeard) return Math.max(MIN_SLICE_MS, this.#meanMs + DEVIATIONS * this.#deviationMs);
    const doubled = FIRST_SLICE_MS * 2 ** Math.floor(Math.min(this.#givenUp, 100) / DOUBLED_EVERY);
    return Math.min(MAX_FIRST_SLICE_MS, doubled);
  }

  /** How long a unit that does not answer holds the line, whatever we do, real ms, at site time `nowMs`; 0 if not at all. */
  heldMs(nowMs: number): number {
    return nowMs < this.#heldUntilMs ? this.#heldMs : 0;
  }

  /** A request that was sent at `sentMs` of the real clock was given up. */
  gaveUp(sentMs: number): void {
    if (this.#givenUp === 0) this.#givenUpSinceMs = sentMs;
    this.#givenUp += 1;
  }

  /**
   * An answer came `roundTripMs` after its request, real time, at `atMs` of the real clock and `nowMs` of the site's.
   *
   * @param usualMs slowest that this unit has taken of late; 0 where that is not known
   */
  answered(roundTripMs: number, usualMs: number, atMs: number, nowMs: number): void {
    const givenUp = this.#givenUp;
    this.#givenUp = 0;
    if (givenUp > 0 && usualMs > 0) {
      if (roundTripMs > HELD_TIMES * usualMs + HELD_MS) {
        return this.held((atMs - this.#givenUpSinceMs) / givenUp, nowMs);
      }
      this.#trust = Math.min(this.#trust * 2, MAX_TRUST);
    }
    this.#note(roundTripMs);
  }

  /** A unit that does not answer holds the line for so long, real ms. */
  held(forMs: number, nowMs: number): void {
    this.#trust = 1;
    this.#heldMs = nowMs < this.#heldUntilMs ? Math.max(this.#heldMs, forMs) : forMs;
    this.#heldUntilMs = nowMs + HELD_MEMORY_MS;
  }

  #note(roundTripMs: number): void {
    if (!this.#isHeard) {
      this.#isHeard = true;
      this.#meanMs = roundTripMs;
      this.#deviationMs = roundTripMs / 2;
      return;
    }
    this.#deviationMs += (Math.abs(roundTripMs - this.#meanMs) - this.#deviationMs) * WEIGHT;
    this.#meanMs += (roundTripMs - this.#meanMs) * WEIGHT;
  }
}
