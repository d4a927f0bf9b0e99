const bits = new Float64Array(1);
const halves = new Uint32Array(bits.buffer);

/** How many places there are by what a sample says, and how many turns: together the nanoseconds of a millisecond. */
export const CONTENT_DIGITS = 1000;
const LAST_TURN = 999;

/**
 * A number below {@link CONTENT_DIGITS} that follows from what a sample says, so that one that comes twice has the same
 * place in its millisecond, and another one in all likelihood another.
 */
export function contentDigits(value: number, quality: number, text: string | undefined): number {
  // One form of "no number", and of zero, which are written alike.
  bits[0] = Number.isNaN(value) ? Number.NaN : value + 0;
  let hash = mix((halves[0] ?? 0) ^ quality, 0x9e3779b1);
  hash = mix(hash ^ (halves[1] ?? 0), 0x85ebca6b);
  for (let at = 0; text !== undefined && at < text.length; at++) hash = mix(hash ^ text.charCodeAt(at), 0xc2b2ae35);
  return (hash >>> 0) % CONTENT_DIGITS;
}

/** Spreads the bits of a number of 32 bits, as the finalizer of MurmurHash3 does. */
function mix(number: number, by: number): number {
  const product = Math.imul(number ^ (number >>> 16), by);
  return product ^ (product >>> 13);
}

/** Where the samples of one point have their place within a millisecond: in turn, and by what they say. */
export class SamplePlace {
  #pass: object | undefined;
  #ms = Number.NaN;
  #digits = -1;
  #turn = 0;

  /**
   * Nanoseconds below the millisecond `ms` of a block's next sample of the point, whose {@link contentDigits} are
   * `digits`; `pass` is an object of its own for each time that a block is gone through. Another value in the same millisecond of the same block comes after the one before it; the same again is
   * the same row, whether or not it was left out somewhere.
   */
  next(pass: object, ms: number, digits: number): number {
    if (pass !== this.#pass || ms !== this.#ms) {
      this.#pass = pass;
      this.#ms = ms;
      this.#turn = 0;
    } else if (digits !== this.#digits) this.#turn = Math.min(this.#turn + 1, LAST_TURN);
    this.#digits = digits;
    return this.#turn * CONTENT_DIGITS + digits;
  }
}
