/** Bytes of a body at the start. */
const FIRST_BYTES = 1024 * 1024;
/** Bytes of a body at most, well below what InfluxDB takes by default (25 MB). */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Bytes that a body may always have; a single line may be longer. */
export const MIN_BODY_BYTES = 4096;
/** Real ms within which a full body must be taken, so that the next may be larger. */
const FAST_MS = 300;
/** Real ms above which the next is smaller. */
const SLOW_MS = 3000;
const GROWTH = 1.5;

/** How large bodies are: they grow while the server is fast, and shrink where it is not, or says that they are too large. */
export class BodySize {
  #bytes = FIRST_BYTES;
  /** What was too large is not tried again. */
  #limit = MAX_BODY_BYTES;

  get bytes(): number {
    return this.#bytes;
  }

  /** A body of `bytes` was taken within `ms`. */
  taken(bytes: number, ms: number): void {
    if (ms > SLOW_MS) this.#set(this.#bytes / 2);
    // One that was not full says nothing about a larger one.
    else if (ms < FAST_MS && bytes > this.#bytes / 2) this.#set(this.#bytes * GROWTH);
  }

  /** A body of `bytes` got no answer in time. */
  timedOut(bytes: number): void {
    this.#set(Math.min(this.#bytes, bytes) / 2);
  }

  /** A body of `bytes` is more than the server takes. */
  tooLarge(bytes: number): void {
    this.#limit = Math.max(MIN_BODY_BYTES, Math.floor(Math.min(this.#limit, bytes) / 2));
    this.#set(this.#bytes);
  }

  #set(bytes: number): void {
    this.#bytes = Math.min(this.#limit, Math.max(MIN_BODY_BYTES, Math.floor(bytes)));
  }
}
