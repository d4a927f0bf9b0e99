import type { Delivery, Emit } from '../../model/adapter.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../model/sample.ts';

/** Whom to tell what becomes of a message's samples. */
export interface Hearer {
  /** The rules can see them, or never will, which the error says; `kept`: they are on disk, too. */
  taken?(kept: boolean, error?: Error): void;
  /** They are on disk, or could not be brought there. */
  kept?(error?: Error): void;
}

/** Messages that wait for the disk at most, while it fails and the rules see them all the same. */
const MAX_UNKEPT = 100_000;

/**
 * Joins the samples of many messages into one commit without delaying a lone one: what arrives in one turn of the
 * event loop goes together, and what arrives while a commit is under way goes with the next. Holds at most two
 * batches, one under way and one that fills; messages that find both full wait in `room`'s queue, and their sources
 * with them, because nobody reads their sockets meanwhile. While the disk fails, what is under way is what the rules have
 * not seen yet.
 */
export class Collector {
  readonly #emit: Emit;
  readonly #capacity: number;
  readonly #builder = new BatchBuilder();
  #hearers: Hearer[] = [];
  #unkept = 0;
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
   * the calls; then tells `hearer`. Returns false where the message has to wait.
   */
  add(samples: number, fill: (into: BatchBuilder) => void, hearer: Hearer): boolean {
    if (this.#closed) return true;
    const take = () => {
      fill(this.#builder);
      this.#hearers.push(hearer);
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
    this.#hearers = [];
  }

  /** An empty batch takes any message, so that one with more points than a batch holds is not stuck. */
  #fits(samples: number): boolean {
    if (this.#unkept >= MAX_UNKEPT) return false;
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
    if (this.#closed || this.#hearers.length === 0) return;
    const hearers = this.#hearers;
    this.#hearers = [];
    const batch = this.#builder.take();
    this.#underWay = true;
    // The next batch fills while this one is written.
    const delivery: Delivery = batch.length === 0 ? nothing : this.#emit(batch);
    this.#admit();
    const taken = await delivery.taken.catch((error: unknown) => ({ kept: false, error: asError(error) }));
    this.#underWay = false;
    if (this.#closed) return;
    const error = 'error' in taken ? taken.error : undefined;
    for (const hearer of hearers) hearer.taken?.(taken.kept, error);
    if (taken.kept || error) tellKept(hearers, error);
    else this.#awaitKept(delivery.kept, hearers);
    if (this.#hearers.length > 0) this.#schedule();
  }

  /** The rules have seen them; the disk may take its time. */
  #awaitKept(kept: Promise<unknown>, all: readonly Hearer[]): void {
    const hearers = all.filter((hearer) => hearer.kept !== undefined);
    this.#unkept += hearers.length;
    const end = (error?: Error) => {
      this.#unkept -= hearers.length;
      if (this.#closed) return;
      tellKept(hearers, error);
      this.#admit();
    };
    kept.then(
      () => end(),
      (error: unknown) => end(asError(error)),
    );
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

const nothing: Delivery = { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('emit failed', { cause: error });
}

function tellKept(hearers: readonly Hearer[], error: Error | undefined): void {
  for (const hearer of hearers) hearer.kept?.(error);
}
