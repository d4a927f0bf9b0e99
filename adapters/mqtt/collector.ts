import type { Emit } from '../../model/adapter.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../model/sample.ts';

/** Who has many messages on their way at once. */
export interface Receiver {
  /** The messages of these ids are on disk, or could not be brought there. Those that want no acknowledgement have none. */
  settled(ids: readonly number[], error?: Error): void;
  /** There is room again for the message that found none. */
  hasRoom(): void;
}

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
  #receipts: { readonly receiver: Receiver; readonly ids: number[] }[] = [];
  #waiting: { readonly samples: number; readonly take: () => void }[] = [];
  #admitting = false;
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

  /**
   * The same for a receiver, without a closure for each message: gives the batch that collects, for the caller to add
   * the message's `samples` at once. Undefined where there is no room: then `receiver.hasRoom` is called in its turn. An
   * `id` is given back with `settled`; 0 asks for none.
   */
  place(samples: number, receiver: Receiver, id: number): BatchBuilder | undefined {
    const inTurn = this.#waiting.length === 0 || this.#admitting;
    if (!inTurn || !this.#fits(samples)) {
      this.#waiting.push({ samples, take: () => receiver.hasRoom() });
      return undefined;
    }
    // Messages of one connection come many at a time, so that the last receipt is mostly theirs.
    let receipt = this.#receipts.at(-1);
    if (receipt?.receiver !== receiver) {
      receipt = { receiver, ids: [] };
      this.#receipts.push(receipt);
    }
    if (id !== 0) receipt.ids.push(id);
    this.#schedule();
    return this.#builder;
  }

  /** Forgets everything that is not committed yet; nobody is told any more. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#settled = [];
    this.#receipts = [];
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
    if (this.#closed || this.#isEmpty()) return;
    const settled = this.#settled;
    const receipts = this.#receipts;
    this.#settled = [];
    this.#receipts = [];
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
    for (const { receiver, ids } of receipts) receiver.settled(ids, failure);
    if (!this.#isEmpty()) this.#schedule();
  }

  #isEmpty(): boolean {
    return this.#settled.length === 0 && this.#receipts.length === 0;
  }

  /** Who is let in may bring more than it asked room for, and waits again, behind the others, where that is too much. */
  #admit(): void {
    this.#admitting = true;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!this.#fits(first.samples)) break;
      this.#waiting.shift();
      first.take();
    }
    this.#admitting = false;
  }
}
