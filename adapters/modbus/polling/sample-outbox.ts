import type { Emit, LinkPoint } from '../../../model/adapter.ts';
import type { Clock } from '../../../model/clock.ts';
import { BatchBuilder } from '../../../model/sample.ts';
import type { ModbusAddress, Order } from '../address.ts';
import { type BadValue, type Decoder, decoder } from '../values/decode.ts';
import type { Block } from './plan.ts';

/** A sample waits at most so long, real time, for others of its poll, so that a slow unit delays nobody's alarm. */
export const FLUSH_AFTER_MS = 100;

/** What an outbox is made for. */
export interface OutboxForm {
  readonly points: readonly LinkPoint<ModbusAddress>[];
  readonly wordOrder: Order;
  readonly byteOrder: Order;
  readonly clock: Clock;
  readonly emit: Emit;
  /** A batch was not taken: the run is over. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Decodes what units answer, gathers it into batches, and hands one on at a time. Bounded by whoever polls: while a batch
 * is under way no poll begins, so that what gathers here is what was being read already.
 */
export class SampleOutbox {
  readonly #form: OutboxForm;
  readonly #decoders: readonly Decoder[];
  readonly #numbers: Uint32Array;
  readonly #addresses: Uint16Array;
  readonly #builder: BatchBuilder;
  #underWay: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #again = false;
  #closed = false;

  constructor(form: OutboxForm) {
    const { points, wordOrder, byteOrder } = form;
    this.#form = form;
    this.#decoders = points.map(({ address, kind, states }) =>
      decoder({ address, kind, states, wordOrder, byteOrder }),
    );
    this.#numbers = Uint32Array.from(points, ({ number }) => number);
    this.#addresses = Uint16Array.from(points, ({ address }) => address.address);
    this.#builder = new BatchBuilder(points.length);
  }

  /** Resolves when the batch that is under way was taken; undefined where none is. Never rejects. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /** Makes samples of a block's data. */
  good(block: Block, bytes: Buffer): void {
    const nowMs = this.#form.clock.now();
    for (const member of block.members) {
      const number = this.#numbers[member] ?? 0;
      const value = this.#decoders[member]?.(bytes, (this.#addresses[member] ?? 0) - block.address);
      if (typeof value === 'number') this.#builder.good(number, nowMs, nowMs, value);
      else if (typeof value === 'string') this.#builder.text(number, nowMs, nowMs, value);
      else if (value !== undefined) this.#builder.bad(number, nowMs, nowMs, value.reason, value.detail);
    }
    this.#setTimer();
  }

  /** Says of each of these points why it has no value. */
  bad(members: readonly number[], { reason, detail }: BadValue): void {
    const nowMs = this.#form.clock.now();
    for (const member of members) this.#builder.bad(this.#numbers[member] ?? 0, nowMs, nowMs, reason, detail);
    this.#setTimer();
  }

  /** Hands on what there is, as soon as the batch before was taken. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed || this.#builder.length === 0) return;
    if (this.#underWay !== undefined) {
      this.#again = true;
      return;
    }
    this.#underWay = this.#form.emit(this.#builder.take()).taken.then(
      () => this.#onTaken(),
      (error: unknown) => this.#form.onFailed(error),
    );
  }

  /** Hands nothing on any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #onTaken(): void {
    this.#underWay = undefined;
    const again = this.#again;
    this.#again = false;
    if (again) this.flush();
  }

  #setTimer(): void {
    if (this.#timer !== undefined || this.#closed || this.#builder.length === 0) return;
    this.#timer = setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }
}
