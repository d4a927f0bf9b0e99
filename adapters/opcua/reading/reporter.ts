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

  /**
   * Resolves when everything that was taken so far is on disk, or could not be brought there. What is taken meanwhile is
   * not waited for: where a server reports faster than the disk writes, that would be for ever, and nothing would be read.
   */
  async settled(): Promise<void> {
    // The batch that is being written, and the one behind it.
    for (let batches = 0; batches < 2 && (this.#builder.length > 0 || this.#writing !== undefined); batches += 1) {
      if (this.#closed) return;
      this.#flush();
      await this.#writing;
    }
  }

  /** Nothing is emitted any more. */
  close(): void {
    this.#closed = true;
    if (this.#dropped > 0) this.#plan.log.info({ dropped: this.#dropped }, 'changes were lost while samples waited');
  }

  #add(entry: Watched, value: NodeValue, receivedMs: number): Decoded {
    const { statusCode, value: held } = value;
    const stamp = this.#stampOf(entry, value);
    const from = stamp === value.sourceTimestamp ? value : { statusCode, value: held, sourceTimestamp: stamp ?? null };
    let decoded = nothing;
    for (const point of entry.points) {
      decoded = decodeValue(this.#builder, point, from, receivedMs);
      if (decoded.clockOff || this.#clockOff.size > 0) this.#noteClock(point.number, decoded.clockOff);
    }
    if (this.#serverClockOff || decoded.clockOff) entry.gatewayMs = receivedMs;
    this.#schedule();
    return decoded;
  }

  /**
   * The stamp that is used. Once the gateway's time has been used for a node, because a clock was off, an older stamp of a
   * clock that is right again would make what is so now older than what was: then it has been so since that time.
   */
  #stampOf(entry: Watched, { sourceTimestamp: stamp }: NodeValue): Date | null | undefined {
    if (this.#serverClockOff) return null;
    if (entry.gatewayMs === 0 || !stamp) return stamp;
    if (stamp.getTime() < entry.gatewayMs) return new Date(entry.gatewayMs);
    entry.gatewayMs = 0;
    return stamp;
  }

  /** Whether any node's newest source time was off, as far as values show it. */
  get sourceClockOff(): boolean {
    return this.#clockOff.size > 0;
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
