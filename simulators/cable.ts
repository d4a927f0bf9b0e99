import type { Log } from './log.ts';

/** A server or client that can be cut off from its network and come back. */
export interface Pluggable {
  unplug(): Promise<void> | void;
  /** May fail; it is then tried again. */
  plug(): Promise<void> | void;
}

/** Follows the wish to be plugged in or not, one change at a time. */
export class Cable {
  readonly #key: string;
  readonly #device: Pluggable;
  readonly #log: Log;
  #isCut = false;
  #wantsCut = false;
  #changing: Promise<void> | undefined;
  #lastFailure = '';

  constructor(key: string, device: Pluggable, log: Log) {
    this.#key = key;
    this.#device = device;
    this.#log = log;
  }

  /** To be called again and again: a change that failed is tried again with the next call. */
  follow(wantsCut: boolean): void {
    this.#wantsCut = wantsCut;
    if (this.#isCut !== wantsCut) this.#changing ??= this.#change();
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#changing;
  }

  async #change(): Promise<void> {
    const cut = this.#wantsCut;
    try {
      await (cut ? this.#device.unplug() : this.#device.plug());
      this.#isCut = cut;
      this.#lastFailure = '';
      this.#log(cut ? 'unplugged' : 'plugged in again', { link: this.#key });
    } catch (error) {
      const failure = String(error);
      if (failure !== this.#lastFailure) this.#log('cannot change the plug, trying on', { link: this.#key, failure });
      this.#lastFailure = failure;
    } finally {
      this.#changing = undefined;
    }
  }
}
