import { setTimeout as realDelay } from 'node:timers/promises';
import type { Clock } from '../../../model/clock.ts';
import type { ModbusAddress } from '../address.ts';
import type { Reply } from '../transport/connection.ts';
import type { BadValue } from '../values/decode.ts';
import { meaningOf } from './exceptions.ts';
import type { Exchange, PolledLine } from './line.ts';
import type { LinkCondition } from './link-condition.ts';
import type { UnitMemory } from './memory.ts';
import { type Block, bisect } from './plan.ts';
import type { RoundTripCost } from './round-trip-cost.ts';
import type { SampleOutbox } from './sample-outbox.ts';

/** How often, and after how long (real time, doubling), a busy unit is asked again within a poll. */
const BUSY_RETRIES = 3;
const BUSY_DELAY_MS = 50;
/** Polls in a row that a unit may call a long job before its points count as bad. */
const LONG_JOB_POLLS = 3;
/** Polls in a row that a unit may fail on a block, as it says, before it is asked for the block in parts. */
const FAILED_POLLS = 3;

/** Blocks of which it is counted how often in a row they ended so; more are begun to be counted anew. */
const MAX_COUNTED = 1000;

const TIMEOUT: BadValue = { reason: 'timeout' };

/** What readers of units share within one poll. */
export interface Poll {
  /** Further requests that may look for places that a device refuses. */
  searchReads: number;
}

/** How reading a block went: all of it, not all of it, no answer; `given-up` where the line is gone. */
export type BlockOutcome = 'whole' | 'faulty' | 'silent' | 'given-up';

/** Requests of one reading: how urgent they are, how long they may take, and what they may still look for. */
export interface Asking {
  readonly poll: Poll;
  readonly urgency: number;
  readonly timeoutMs: number;
}

/** What a reader of a unit's blocks works with. */
export interface BlockForm {
  readonly unit: number;
  readonly addresses: readonly ModbusAddress[];
  readonly line: PolledLine;
  readonly outbox: SampleOutbox;
  readonly condition: LinkCondition;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly memory: UnitMemory;
  readonly cost: RoundTripCost;
  /** An answer came, be it that of a gateway. */
  readonly onAnswer: () => void;
  /** The unit is not known to answer: whoever asks tells of its silence. */
  readonly isDoubtful: () => boolean;
  /** The unit itself was heard, by what it answered to a request for this block. */
  readonly onHeard: (block: Block) => void;
  /** What became of each request, and after how long, real ms. */
  readonly onExchange: (exchange: Exchange) => void;
}

/** Reads blocks of one unit, and does with each answer what it says: samples, parts, patience, or a note for later. */
export class BlockReader {
  readonly #form: BlockForm;
  /** Polls in a row in which a block ended so, by its place. */
  readonly #failures = new Map<string, number>();
  readonly #longJobs = new Map<string, number>();
  #silence: BadValue = TIMEOUT;

  constructor(form: BlockForm) {
    this.#form = form;
  }

  /** By what the newest silence was seen: a time-out, or a gateway's word. */
  get silence(): BadValue {
    return this.#silence;
  }

  /** Asks for a block to hear how the line is; what it says is for the next poll. */
  async hear(block: Block, urgency: number, timeoutMs: number): Promise<void> {
    this.#form.onExchange(await this.#form.line.read(block, urgency, timeoutMs));
  }

  /** Notes that the unit keeps silent on this block, and answers others. */
  silentPlace(block: Block): void {
    this.#form.memory.keptSilent(block, TIMEOUT, this.#form.addresses, this.#form.clock.now());
  }

  /** Reads a block; where the unit refuses it, reads its parts, so that only what is wrong is bad. */
  async read(block: Block, asking: Asking): Promise<BlockOutcome> {
    const reply = await this.#ask(block, asking);
    switch (reply.kind) {
      case 'data':
        this.#form.onAnswer();
        this.#form.onHeard(block);
        this.#form.memory.readable(block.members);
        this.#form.memory.hasTable(block.table);
        this.#forget(block);
        this.#form.outbox.good(block, reply.bytes);
        return 'whole';
      case 'lost':
        return 'given-up';
      case 'timeout':
        return this.#silent(block, TIMEOUT);
      case 'exception':
        return this.#excepted(block, reply.code, asking);
      case 'malformed':
        this.#form.onHeard(block);
        return this.#readParts(block, { reason: 'malformed-reply', detail: reply.detail }, asking);
    }
  }

  /** Asks for a block; asks again, a few times, where the unit says that it is busy. Others have the line meanwhile. */
  async #ask(block: Block, { urgency, timeoutMs }: Asking): Promise<Reply> {
    for (let tries = 0; ; tries++) {
      const exchange = await this.#form.line.read(block, urgency, timeoutMs);
      const { reply, roundTripMs } = exchange;
      this.#form.onExchange(exchange);
      if (reply.kind === 'data') this.#form.cost.note(reply.bytes.length, roundTripMs);
      const busy = reply.kind === 'exception' && meaningOf(reply.code) === 'busy';
      if (!busy || tries >= BUSY_RETRIES) return reply;
      const { signal } = this.#form;
      await realDelay(BUSY_DELAY_MS * 2 ** tries, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return { kind: 'lost' };
    }
  }

  /** Does with an exception what it says. */
  async #excepted(block: Block, code: number, asking: Asking): Promise<BlockOutcome> {
    const { outbox, condition, clock } = this.#form;
    const detail = `exception ${code}`;
    const bad: BadValue = { reason: 'modbus-exception', detail };
    const meaning = meaningOf(code);
    this.#form.onAnswer();
    if (meaning !== 'unit-missing') this.#form.onHeard(block);
    switch (meaning) {
      case 'unit-missing':
        return this.#silent(block, bad);
      case 'refused':
        return this.#readParts(block, bad, asking);
      case 'no-function':
        outbox.bad(block.members, bad);
        if (this.#form.memory.lacksTable(block.table, bad, clock.now()))
          condition.lacksTable(this.#form.unit, block.table);
        return 'faulty';
      case 'busy':
        outbox.bad(block.members, { reason: 'device-busy', detail });
        return 'faulty';
      case 'long-job':
        // The value comes later, it has not failed: the one before stands until it is too old by itself.
        if (this.#count(this.#longJobs, block) > LONG_JOB_POLLS) {
          outbox.bad(block.members, { reason: 'device-busy', detail });
        }
        return 'faulty';
      case 'failure':
        outbox.bad(block.members, bad);
        // Some devices call it a failure that they have nothing at a place. That place is looked for from poll to poll.
        if (this.#count(this.#failures, block) >= FAILED_POLLS) this.#narrow(block, bad);
        return 'faulty';
    }
  }

  #silent(block: Block, bad: BadValue): BlockOutcome {
    this.#silence = bad;
    if (!this.#form.isDoubtful()) this.#form.outbox.bad(block.members, bad);
    return 'silent';
  }

  #count(counts: Map<string, number>, block: Block): number {
    const key = placeOf(block);
    const count = (counts.get(key) ?? 0) + 1;
    if (counts.size >= MAX_COUNTED) counts.clear();
    counts.set(key, count);
    return count;
  }

  #forget(block: Block): void {
    if (this.#failures.size > 0) this.#failures.delete(placeOf(block));
    if (this.#longJobs.size > 0) this.#longJobs.delete(placeOf(block));
  }

  /** Asks for the two halves apart from the next poll on; leaves alone what cannot be halved. */
  #narrow(block: Block, bad: BadValue): void {
    this.#failures.delete(placeOf(block));
    const { addresses, clock } = this.#form;
    const parts = bisect(block, addresses);
    if (parts === undefined) return this.#form.memory.refused(block, bad, clock.now());
    for (const part of parts) this.#failures.set(placeOf(part), FAILED_POLLS - 1);
    this.#form.memory.cut(parts[1], clock.now());
  }

  async #readParts(block: Block, bad: BadValue, asking: Asking): Promise<BlockOutcome> {
    const { addresses, outbox, clock } = this.#form;
    const parts = bisect(block, addresses);
    if (parts === undefined) {
      outbox.bad(block.members, bad);
      this.#form.memory.refused(block, bad, clock.now());
      return 'faulty';
    }
    if (asking.poll.searchReads < 2) {
      outbox.bad(block.members, bad);
      return 'faulty';
    }
    asking.poll.searchReads -= 2;
    const [low, high] = parts;
    const lowOutcome = await this.read(low, asking);
    if (lowOutcome === 'given-up') return lowOutcome;
    if (lowOutcome === 'silent') {
      this.silentPlace(low);
      outbox.bad(high.members, this.#silence);
      return 'faulty';
    }
    const highOutcome = await this.read(high, asking);
    if (highOutcome === 'silent') this.silentPlace(high);
    if (lowOutcome === 'whole' && highOutcome === 'whole') {
      // Each half can be had, both together cannot: a gap between them, or more than the device gives at once.
      this.#form.memory.cut(high, clock.now());
    }
    return highOutcome === 'given-up' ? highOutcome : 'faulty';
  }
}

function placeOf({ table, address, count }: Block): string {
  return `${table} ${address} ${count}`;
}
