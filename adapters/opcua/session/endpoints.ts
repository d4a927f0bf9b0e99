import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { OpcuaSettings } from '../schema.ts';

/**
 * Which of a link's redundant endpoints is tried. The one that worked last is tried once more when it is lost, since its
 * session may still be there; after that the next in the order of the site file, and after the last the first again. It
 * stays where it works: going back to the first one costs a gap, and is left to the next loss.
 */
export class Endpoints {
  readonly #all: readonly string[];
  #at = 0;
  /** Endpoints in a row that refused the set-up itself. */
  #refusals = 0;

  constructor({ endpoint, alternatives = [] }: Pick<OpcuaSettings, 'endpoint' | 'alternatives'>) {
    this.#all = [endpoint, ...alternatives];
  }

  get current(): string {
    return this.#all[this.#at] ?? '';
  }

  /** Whether there is a choice. */
  get several(): boolean {
    return this.#all.length > 1;
  }

  /**
   * The current one was lost after it had answered, or did not come to it. Gives what to tell the supervisor: as long as
   * not all have refused the set-up, the next is worth a try soon.
   */
  failed(error: LinkLost | SetupRefused, hadAnswered: boolean): LinkLost | SetupRefused {
    const isRefusal = error instanceof SetupRefused;
    this.#refusals = isRefusal ? this.#refusals + 1 : 0;
    if (isRefusal || !hadAnswered) this.#at = (this.#at + 1) % this.#all.length;
    if (!isRefusal || this.#refusals >= this.#all.length) return error;
    return new LinkLost(error.reason, { cause: error });
  }
}
