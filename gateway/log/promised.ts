/**
 * What becomes of something, told to whoever asks. The promise is made only then: while a disk takes nothing, hundreds
 * of thousands of entries wait for it, and few callers want to hear of theirs.
 */
export class Promised<T> {
  #settled: { readonly value: T } | { readonly reason: unknown } | undefined;
  #heard: PromiseWithResolvers<T> | undefined;

  /** Whether anybody has asked. */
  get isHeard(): boolean {
    return this.#heard !== undefined;
  }

  /** The same one each time. Nobody has to hear it. */
  get promise(): Promise<T> {
    if (!this.#heard) {
      this.#heard = Promise.withResolvers<T>();
      this.#heard.promise.catch(() => undefined);
      this.#tell();
    }
    return this.#heard.promise;
  }

  /** Only the first of `resolve` and `reject` counts. */
  resolve(value: T): void {
    this.#settled ??= { value };
    this.#tell();
  }

  reject(reason: unknown): void {
    this.#settled ??= { reason };
    this.#tell();
  }

  #tell(): void {
    if (!this.#settled || !this.#heard) return;
    if ('value' in this.#settled) this.#heard.resolve(this.#settled.value);
    else this.#heard.reject(this.#settled.reason);
  }
}
