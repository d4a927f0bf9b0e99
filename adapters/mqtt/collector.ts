import type { Emit } from '../../model/adapter.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../model/sample.ts';

/** Told when a message's samples are on disk, or that they could not be brought there. */
export type Settled = (error?: Error) => void;

/**
 * Joins the samples of many messages into one commit without delaying a lone one: what arrives in one turn of the
 * event loop goes together, and what arrives while a commit is under way goes with the next. Holds at most two
 * batches, one under way and one that fills; messages that find both full wait in `room`'s queue, and their sources
 * with them, because nobody reads their sockets meanwhile.
 */
export class Collector {
  readonly #emit: Emit;
  readonly #capacity: number;
  readonly #builder = new BatchBuilder();
  #settled: Settled[] = [];
  #waiting: { readonly samples: number; readonly take: () => void }[] = [];
  #scheduled = false;
  #underWay = false;
  #closed = false;

  /** `capacity`: samples of one batch, beyond which the next message waits. */
  constructor(emit: Emit, capacity = MAX_BATCH_SAMPLES) {
    this.#emit = emit;
    this.#capacity = capacity;
  }

  /**
   * Calls `fill` with the batch that collects, at once or as soon as there is room for `samples` more, in the order of
   * the calls; then `settled` when they are committed. Returns false where the message has to wait.
   */
  add(samples: number, fill: (into: BatchBuilder) => void, settled: Settled): boolean {
    if (this.#closed) return true;
    const take = () => {
      fill(this.#builder);
      this.#settled.push(settled);
      this.#schedule();
    };
    if (this.#waiting.length === 0 && this.#fits(samples)) {
      take();
      return true;
    }
    this.#waiting.push({ samples, take });
    return false;
  }

  /** Forgets everything that is not committed yet; nobody is told any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#settled = [];
  }

  /** An empty batch takes any message, so that one with more points than a batch holds is not stuck. */
  #fits(samples: number): boolean {
    return this.#builder.length === 0 || this.#builder.length + samples <= this.#capacity;
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#closed || this.#settled.length === 0) return;
    const settled = this.#settled;
    this.#settled = [];
    const batch = this.#builder.take();
    this.#underWay = true;
    let failure: Error | undefined;
    // The next batch fills while this one is written.
    const writing = batch.length === 0 ? undefined : this.#emit(batch);
    this.#admit();
    try {
      await writing;
    } catch (error) {
      failure = error instanceof Error ? error : new Error('emit failed', { cause: error });
    }
    this.#underWay = false;
    if (this.#closed) return;
    for (const tell of settled) tell(failure);
    if (this.#settled.length > 0) this.#schedule();
  }

  #admit(): void {
    const waiting = this.#waiting;
    let taken = 0;
    for (const { samples, take } of waiting) {
      if (!this.#fits(samples)) break;
      take();
      taken += 1;
    }
    this.#waiting = waiting.slice(taken);
  }
}
