/** Bytes that are read along between two points while nothing is measured yet: 16 registers. */
export const DEFAULT_GAP_BYTES = 32;
const MIN_GAP_BYTES = 8;
/** Beyond this a gap is more likely to hold a place that the device refuses than to save anything. */
export const MAX_GAP_BYTES = 128;

/** Weight of what was measured before at each new measurement: the newest hundred or so count. */
const KEEP = 0.99;
const MIN_WEIGHT = 20;
/** Standard deviation of the sizes, bytes, below which they are too alike to tell the cost of a byte from them. */
const MIN_SPREAD_BYTES = 6;

/**
 * What a request costs by itself, and what each byte of its answer: a line through the round trips of one unit, by least
 * squares with exponential forgetting. From it follows the gap up to which two points are read with one request rather
 * than two: as many bytes as cost what a request costs. On 9600 baud that is a few registers, on a network dozens.
 */
export class RoundTripCost {
  #weight = 0;
  #bytes = 0;
  #ms = 0;
  #bytesBytes = 0;
  #bytesMs = 0;
  #gapBytes = DEFAULT_GAP_BYTES;

  /** Notes an answer with so many bytes of data, `roundTripMs` of real time after its request. */
  note(dataBytes: number, roundTripMs: number): void {
    this.#weight = this.#weight * KEEP + 1;
    this.#bytes = this.#bytes * KEEP + dataBytes;
    this.#ms = this.#ms * KEEP + roundTripMs;
    this.#bytesBytes = this.#bytesBytes * KEEP + dataBytes * dataBytes;
    this.#bytesMs = this.#bytesMs * KEEP + dataBytes * roundTripMs;
  }

  /**
   * Bytes worth reading along. A power of two that is left only for one twice away from it, so that plans do not change
   * with every measurement.
   */
  gapBytes(): number {
    const measured = this.#measuredGap();
    if (measured === undefined) return this.#gapBytes;
    const bounded = Math.min(MAX_GAP_BYTES, Math.max(MIN_GAP_BYTES, measured));
    const steps = Math.log2(bounded / this.#gapBytes);
    if (Math.abs(steps) >= 1) this.#gapBytes *= 2 ** Math.trunc(steps);
    return this.#gapBytes;
  }

  #measuredGap(): number | undefined {
    if (this.#weight < MIN_WEIGHT) return undefined;
    const meanBytes = this.#bytes / this.#weight;
    const meanMs = this.#ms / this.#weight;
    const variance = this.#bytesBytes / this.#weight - meanBytes * meanBytes;
    if (variance < MIN_SPREAD_BYTES ** 2) return undefined;
    const msPerByte = (this.#bytesMs / this.#weight - meanBytes * meanMs) / variance;
    const msPerRequest = meanMs - msPerByte * meanBytes;
    // Where the size does not show in the time, a byte costs nothing.
    return msPerByte <= 0 ? MAX_GAP_BYTES : msPerRequest / msPerByte;
  }
}
