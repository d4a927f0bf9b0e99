import type { Emit, LinkPlan } from '../../../model/adapter.ts';
import type { ReasonKey } from '../../../model/reason.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../../model/sample.ts';
import type { OpcuaAddress, OpcuaSettings } from '../schema.ts';
import { type Decoded, decodeValue, type NodeValue } from '../values/decode.ts';
import type { Watched } from './watched.ts';

const nothing: Decoded = { unknown: false, clockOff: false };

/**
 * Joins values into batches: what arrives in one turn of the event loop goes together, and what arrives while a batch
 * is written goes with the next. Holds one batch beside the one that is written; a notification that finds it full is
 * dropped and counted, because the next read of all nodes brings the value again.
 */
export class Reporter {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #emit: Emit;
  readonly #builder = new BatchBuilder();
  readonly #clockOff = new Set<number>();
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #storing = true;
  #serverClockOff = false;
  #dropped = 0;
  #closed = false;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>, emit: Emit) {
    this.#plan = plan;
    this.#emit = emit;
  }

  /** The server's clock shows another time than ours: its stamps are not used until it is told otherwise. */
  set serverClockOff(off: boolean) {
    this.#serverClockOff = off;
  }

  /** Takes a value that the server reported by itself, at `receivedMs`. */
  notify(entry: Watched, value: NodeValue, receivedMs: number): Decoded {
    entry.arrivals += 1;
    if (this.#closed || this.#builder.length + entry.points.length > MAX_BATCH_SAMPLES) {
      if (!this.#closed && this.#dropped++ === 0) {
        this.#plan.log.warn({}, 'samples wait for the disk; changes between two reads are lost');
      }
      return nothing;
    }
    return this.#add(entry, value, receivedMs);
  }

  /** Takes a value that was asked for; the caller has waited for `room`. */
  read(entry: Watched, value: NodeValue): Decoded {
    return this.#add(entry, value, this.#plan.clock.now());
  }

  /** Adds bad samples of a node that the server was not asked for, or for which there was no answer. */
  bad(entry: Watched, reason: ReasonKey, detail: string): void {
    const now = this.#plan.clock.now();
    for (const { number } of entry.points) this.#builder.bad(number, now, now, reason, detail);
    this.#schedule();
  }

  /** Resolves when `samples` more fit. */
  async room(samples: number): Promise<void> {
    while (this.#builder.length > 0 && this.#builder.length + samples > MAX_BATCH_SAMPLES && !this.#closed) {
      this.#flush();
      await this.#writing;
    }
  }

  /** Resolves when everything that was taken so far is on disk, or could not be brought there. */
  async settled(): Promise<void> {
    while ((this.#builder.length > 0 || this.#writing !== undefined) && !this.#closed) {
      this.#flush();
      await this.#writing;
    }
  }

  /** Nothing is emitted any more. */
  close(): void {
    this.#closed = true;
    if (this.#dropped > 0) this.#plan.log.info({ dropped: this.#dropped }, 'changes were lost while samples waited');
  }

  #add({ points }: Watched, value: NodeValue, receivedMs: number): Decoded {
    const { statusCode, value: held } = value;
    const from = this.#serverClockOff ? { statusCode, value: held, sourceTimestamp: null } : value;
    let decoded = nothing;
    for (const point of points) {
      decoded = decodeValue(this.#builder, point, from, receivedMs);
      if (decoded.clockOff || this.#clockOff.size > 0) this.#noteClock(point.number, decoded.clockOff);
    }
    this.#schedule();
    return decoded;
  }

  /** One line when the first point's source time turns out wrong and one when the last is right again. */
  #noteClock(point: number, off: boolean): void {
    if (off === this.#clockOff.has(point)) return;
    if (off) this.#clockOff.add(point);
    else this.#clockOff.delete(point);
    if (off && this.#clockOff.size === 1) {
      this.#plan.log.warn({ point }, 'source time is not plausible; gateway time is used');
    } else if (this.#clockOff.size === 0) {
      this.#plan.log.info({}, 'source time is plausible again');
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed || this.#writing !== undefined || this.#builder.length === 0) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      this.#flush();
    });
  }

  /**
   * A server holds nothing back for us, so a batch that could not be stored is not sent again; the rules have seen it
   * all the same, and the link is not the one at fault.
   */
  async #write(): Promise<void> {
    let stored = true;
    try {
      await this.#emit(this.#builder.take()).taken;
    } catch {
      stored = false;
    }
    if (stored === this.#storing || this.#closed) return;
    this.#storing = stored;
    if (stored) this.#plan.log.info({}, 'samples are stored again');
    else this.#plan.log.warn({}, 'samples cannot be stored');
  }
}
