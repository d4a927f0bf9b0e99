import type { Delivery, Emit } from '../../model/adapter.ts';
import { BatchBuilder } from '../../model/sample.ts';

/** Whom to tell what becomes of a message's samples. */
export interface Hearer {
  /** The rules can see them, or never will, which the error says; `kept`: they are on disk, too. */
  taken?(kept: boolean, error?: Error): void;
  /** They are on disk, or could not be brought there. */
  kept?(error?: Error): void;
}

/** Who has many messages on their way at once, and hears of them together. */
export interface Receiver {
  /** As {@link Hearer.taken}, once for all of its messages in a batch. */
  taken(kept: boolean, error?: Error): void;
  /** The messages of these ids are on disk, or could not be brought there; `late`: it was told before that they are not yet. */
  kept(ids: readonly number[], late: boolean, error?: Error): void;
  /** There is room again for the message that found none. */
  hasRoom(): void;
}

interface Receipt {
  readonly receiver: Receiver;
  readonly ids: number[];
}

/**
 * Samples of one batch. Where more comes than can be taken, this is what is read and what the rules work in at a time:
 * small enough that others have their turn in between, large enough that a batch costs little by itself.
 */
const BATCH_SAMPLES = 2_500;
/** Batches that are under way at a time, at most. */
const MAX_UNDER_WAY = 4;
/** Messages that wait for the disk at most, while it fails and the rules see them all the same. */
const MAX_UNKEPT = 100_000;

/**
 * Joins the samples of many messages into one commit without delaying a lone one: what arrives in one turn of the
 * event loop goes together, and what arrives while a commit is under way goes with the next, or before it where a batch
 * is full. Holds at most {@link MAX_UNDER_WAY} batches and one that fills; messages that find all of them full wait in
 * turn, and their sources with them, because nobody reads their sockets meanwhile. While the disk fails, what is under way
 * is what the rules have not seen yet.
 */
export class Collector {
  readonly #emit: Emit;
  readonly #capacity: number;
  readonly #builder = new BatchBuilder();
  #hearers: Hearer[] = [];
  #receipts: Receipt[] = [];
  #unkept = 0;
  #waiting: { readonly samples: number; readonly take: () => void }[] = [];
  #admitting = false;
  #scheduled = false;
  #underWay = 0;
  #closed = false;

  /** `capacity`: samples of one batch, beyond which the next message waits. */
  constructor(emit: Emit, capacity = BATCH_SAMPLES) {
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
    this.#wait(samples, take);
    return false;
  }

  /**
   * The same for a receiver, without a closure for each message: gives the batch that collects, for the caller to add
   * the message's `samples` at once. Undefined where there is no room: then `receiver.hasRoom` is called in its turn. An
   * `id` is given back with `kept`; 0 asks for none.
   */
  place(samples: number, receiver: Receiver, id: number): BatchBuilder | undefined {
    const inTurn = this.#waiting.length === 0 || this.#admitting;
    if (!inTurn || !this.#fits(samples)) {
      this.#wait(samples, () => receiver.hasRoom());
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
    this.#hearers = [];
    this.#receipts = [];
  }

  /** An empty batch takes any message, so that one with more points than a batch holds is not stuck. */
  #fits(samples: number): boolean {
    if (this.#unkept >= MAX_UNKEPT) return false;
    return this.#builder.length === 0 || this.#builder.length + samples <= this.#capacity;
  }

  #wait(samples: number, take: () => void): void {
    this.#waiting.push({ samples, take });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    // What fills while others are under way goes once it is full, or they are through.
    const isFull = this.#waiting.length > 0;
    if (this.#underWay > 0 && !(isFull && this.#underWay < MAX_UNDER_WAY)) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#closed || this.#isEmpty()) return;
    const told = new Told(this.#hearers, this.#receipts);
    this.#hearers = [];
    this.#receipts = [];
    const batch = this.#builder.take();
    this.#underWay++;
    // The next batch fills while this one is written.
    const delivery: Delivery = batch.length === 0 ? nothing : this.#emit(batch);
    this.#admit();
    const taken = await delivery.taken.catch((error: unknown) => ({ kept: false, error: asError(error) }));
    this.#underWay--;
    if (this.#closed) return;
    const error = 'error' in taken ? taken.error : undefined;
    told.taken(taken.kept, error);
    if (taken.kept || error) told.kept(false, error);
    else this.#awaitKept(delivery.kept, told.waiting());
    if (!this.#isEmpty()) this.#schedule();
  }

  #isEmpty(): boolean {
    return this.#hearers.length === 0 && this.#receipts.length === 0;
  }

  /** The rules have seen them; the disk may take its time. */
  #awaitKept(kept: Promise<unknown>, told: Told): void {
    const { messages } = told;
    this.#unkept += messages;
    const end = (error?: Error) => {
      this.#unkept -= messages;
      if (this.#closed) return;
      told.kept(true, error);
      this.#admit();
    };
    kept.then(
      () => end(),
      (error: unknown) => end(asError(error)),
    );
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

/** All who hear of one batch. */
class Told {
  readonly #hearers: readonly Hearer[];
  readonly #receipts: readonly Receipt[];

  constructor(hearers: readonly Hearer[], receipts: readonly Receipt[]) {
    this.#hearers = hearers;
    this.#receipts = receipts;
  }

  get messages(): number {
    return this.#receipts.reduce((sum, { ids }) => sum + ids.length, this.#hearers.length);
  }

  /** Those who want to hear when it is on disk. */
  waiting(): Told {
    return new Told(
      this.#hearers.filter((hearer) => hearer.kept !== undefined),
      this.#receipts.filter(({ ids }) => ids.length > 0),
    );
  }

  taken(kept: boolean, error: Error | undefined): void {
    for (const hearer of this.#hearers) hearer.taken?.(kept, error);
    for (const { receiver } of this.#receipts) receiver.taken(kept, error);
  }

  kept(late: boolean, error: Error | undefined): void {
    for (const hearer of this.#hearers) hearer.kept?.(error);
    for (const { receiver, ids } of this.#receipts) if (ids.length > 0) receiver.kept(ids, late, error);
  }
}

const nothing: Delivery = { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('emit failed', { cause: error });
}
