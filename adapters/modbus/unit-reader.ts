import { setTimeout as realDelay } from 'node:timers/promises';
import type { Clock } from '../../model/clock.ts';
import type { ModbusAddress } from './address.ts';
import { Breaker } from './breaker.ts';
import type { Reply } from './connection.ts';
import type { BadValue } from './decode.ts';
import { meaningOf } from './exceptions.ts';
import type { Line } from './line.ts';
import type { LinkCondition } from './link-condition.ts';
import { type Hole, UnitMemory } from './memory.ts';
import { type Block, bisect, blockOf, planReads } from './plan.ts';
import { RoundTripCost } from './round-trip-cost.ts';
import type { SampleOutbox } from './sample-outbox.ts';

/** Time-outs in a row after which a unit that answered before, in the same poll, counts as silent. */
const TIMEOUTS_IN_A_ROW = 2;
/** How often, and after how long (real time, doubling), a busy unit is asked again within a poll. */
const BUSY_RETRIES = 3;
const BUSY_DELAY_MS = 50;
/** Polls in a row that a unit may call a long job before its points count as bad. */
const LONG_JOB_POLLS = 3;
/** Polls in a row that a unit may fail on a block, as it says, before it is asked for the block in parts. */
const FAILED_POLLS = 3;

export const TIMEOUT: BadValue = { reason: 'timeout' };

/** Those points of a unit that are due together. */
export interface Share {
  readonly intervalMs: number;
  /** On the line: the faster, the smaller. */
  readonly urgency: number;
  readonly members: readonly number[];
}

/** What readers of units share within one poll. */
export interface Poll {
  /** Further requests that may look for places that a device refuses. */
  searchReads: number;
}

/** What a unit's reader works with. */
export interface UnitForm {
  readonly unit: number;
  readonly timeoutMs: number;
  readonly maxRegisters: number;
  readonly maxBits: number;
  /** Fastest first; at least one. */
  readonly shares: readonly Share[];
  readonly addresses: readonly ModbusAddress[];
  readonly line: Line;
  readonly outbox: SampleOutbox;
  readonly condition: LinkCondition;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** An answer came, be it that of a gateway. */
  readonly onAnswer: () => void;
}

/** How reading a block went: all of it, not all of it, no answer; `given-up` where the line is gone. */
type BlockOutcome = 'whole' | 'faulty' | 'silent' | 'given-up';

/** How the first of a probe's requests is made. */
interface Probe {
  readonly timeoutMs: number;
}

/** Requests of one reading: how urgent they are, how long they may take, and what they may still look for. */
interface Asking {
  readonly poll: Poll;
  readonly urgency: number;
  readonly timeoutMs: number;
}

interface Plan {
  readonly version: number;
  readonly gapBytes: number;
  readonly blocks: readonly Block[];
}

/**
 * Reads one unit of a link, and knows of it what nobody else needs: whether it answers, what it refuses, what a request
 * to it costs. What it does not answer is no other unit's business.
 */
export class UnitReader {
  readonly breaker: Breaker;
  readonly #form: UnitForm;
  readonly #memory = new UnitMemory();
  readonly #cost = new RoundTripCost();
  readonly #plans = new Map<Share, Plan>();
  /** Shares that are being read, each with whether it is for a poll. */
  readonly #reading = new Map<Share, boolean>();
  /** Polls in a row in which a block ended so, by its place. */
  readonly #failures = new Map<string, number>();
  readonly #longJobs = new Map<string, number>();
  /** The last block on which the unit kept silent, and nothing was heard of it since. */
  #silentBlock: Block | undefined;
  /** By what the newest silence was seen: a time-out, or a gateway's word. */
  #silence: BadValue = TIMEOUT;

  constructor(form: UnitForm) {
    this.#form = form;
    this.breaker = new Breaker(form.shares[0]?.intervalMs ?? 0, form.clock.now());
  }

  get unit(): number {
    return this.#form.unit;
  }

  get timeoutMs(): number {
    return this.#form.timeoutMs;
  }

  /** As far as is known it is there. */
  get answers(): boolean {
    return this.breaker.state === 'answers';
  }

  get shares(): readonly Share[] {
    return this.#form.shares;
  }

  isReading(share: Share): boolean {
    return this.#reading.has(share);
  }

  /** True while the share is being read for a poll, rather than because the unit has just been found. */
  isPolling(share: Share): boolean {
    return this.#reading.get(share) === true;
  }

  get isBusy(): boolean {
    return this.#reading.size > 0;
  }

  /** Says of the share's points that they are bad because the unit keeps silent. */
  tellSilence(share: Share): void {
    this.#form.outbox.bad(share.members, this.breaker.bad);
  }

  /** Site time from which on a request is due that may well cost a time-out; infinite where there is none. */
  get doubtfulMs(): number {
    return this.answers ? this.#memory.nextSilentMs : this.breaker.dueMs;
  }

  /** Reads a share of the unit, for a poll or because the unit has just been found; not twice at once. */
  read(share: Share, poll: Poll, forPoll: boolean): Promise<void> {
    return this.#once(share, forPoll, () => this.#readShare(share, poll, undefined));
  }

  /**
   * Makes the request that may well cost a time-out, bounded by `timeoutMs` (real time): asks a silent unit for
   * something, and if it answers reads on; or tries a place on which a unit keeps silent that answers others.
   */
  async probe(timeoutMs: number, poll: Poll): Promise<void> {
    const [share] = this.#form.shares;
    if (share === undefined) return;
    if (this.answers) {
      const [hole] = this.#memory.dueHoles(true, this.#form.clock.now());
      if (hole === undefined) return;
      const outcome = await this.#tryHole(hole, { poll, urgency: share.urgency, timeoutMs });
      // Where there is nothing else to ask for, a silent place cannot be told from a silent unit.
      if (outcome === 'silent' && !this.#hasBlocks) this.#keptSilent(hole.block, share, []);
      return;
    }
    const readable = this.#form.shares.find((one) => this.#blocks(one).length > 0) ?? share;
    await this.#once(readable, false, () => this.#readShare(readable, poll, { timeoutMs }));
  }

  async #once(share: Share, forPoll: boolean, read: () => Promise<void>): Promise<void> {
    if (this.#reading.has(share)) return;
    this.#reading.set(share, forPoll);
    try {
      await read();
    } finally {
      this.#reading.delete(share);
    }
  }

  async #readShare(share: Share, poll: Poll, probe: Probe | undefined): Promise<void> {
    const nowMs = this.#form.clock.now();
    this.#memory.forgetOld(nowMs);
    const due = this.#memory
      .dueHoles(false, nowMs)
      .filter(({ block }) => share.members.includes(block.members[0] ?? -1));
    this.#tellHoles(share, due);
    const asking: Asking = { poll, urgency: share.urgency, timeoutMs: this.#form.timeoutMs };
    const read = new Set<number>();
    if (probe !== undefined) {
      const block = this.#probeBlock(share);
      const outcome = await this.#readBlock(block, { ...asking, timeoutMs: probe.timeoutMs });
      if (outcome === 'given-up') return;
      if (outcome === 'silent') {
        const asked = this.#blocks(share).flatMap(({ members }) => members);
        return this.#keptSilent(
          block,
          share,
          asked.filter((member) => !block.members.includes(member)),
        );
      }
      for (const member of block.members) read.add(member);
    }
    const goesOn = await this.#readBlocks(share, asking, read);
    if (goesOn) await this.#tryHoles(due, asking);
  }

  /** False where the unit fell silent or the line is gone. */
  async #readBlocks(share: Share, asking: Asking, read: ReadonlySet<number>): Promise<boolean> {
    let timeouts = read.size > 0 ? 0 : TIMEOUTS_IN_A_ROW - 1;
    const blocks = this.#blocks(share).filter((block) => !block.members.every((member) => read.has(member)));
    for (const [i, block] of blocks.entries()) {
      const lacking = this.#memory.lackingTable(block.table, this.#form.clock.now());
      if (lacking !== undefined) {
        this.#form.outbox.bad(block.members, lacking);
        continue;
      }
      if (this.breaker.state === 'silent') {
        this.#form.outbox.bad(block.members, this.breaker.bad);
        continue;
      }
      const outcome = await this.#readBlock(block, asking);
      if (outcome === 'given-up') return false;
      timeouts = outcome === 'silent' ? timeouts + 1 : 0;
      if (timeouts >= TIMEOUTS_IN_A_ROW) {
        this.#keptSilent(
          block,
          share,
          blocks.slice(i + 1).flatMap(({ members }) => members),
        );
        return false;
      }
      if (outcome === 'silent') this.#silentPlace(block);
    }
    return true;
  }

  /**
   * The unit did not answer, as far as is known: it is left out until it does. `rest` are the points of the share that
   * nobody was told of in this poll.
   */
  #keptSilent(block: Block, share: Share, rest: readonly number[]): void {
    const { breaker } = this;
    this.#silentBlock = block;
    if (!breaker.missed(this.#silence, this.#form.clock.now())) return;
    this.#form.condition.unitSilent(this.unit);
    this.#form.outbox.bad(rest, breaker.bad);
    for (const other of this.#form.shares) if (other !== share) this.tellSilence(other);
  }

  /** The unit keeps silent on this block, and answers others. */
  #silentPlace(block: Block): void {
    this.#memory.keptSilent(block, TIMEOUT, this.#form.addresses, this.#form.clock.now());
  }

  #heard(block: Block): void {
    const suspect = this.#silentBlock;
    this.#silentBlock = undefined;
    if (this.breaker.answered()) this.#form.condition.unitAnswers(this.unit);
    if (suspect === undefined) return;
    // It kept silent on one block and answers another: perhaps it is not the unit but the block.
    const others = suspect.members.filter((member) => !block.members.includes(member));
    if (others.length === 0) return;
    this.#silentPlace(blockOf(suspect, others, this.#form.addresses));
  }

  /**
   * A unit that is silent on one block may answer on the others: it is not tried on the same one each time, and where it
   * has only one, now on this half of it and now on that.
   */
  #probeBlock(share: Share): Block {
    const blocks = this.#blocks(share);
    const [first = this.#memory.hole(share.members[0] ?? -1)?.block, second] = blocks;
    if (first === undefined) throw new RangeError(`unit ${this.unit} has nothing to ask for`);
    const candidates = second === undefined ? [first, ...(bisect(first, this.#form.addresses) ?? [])] : blocks;
    // What was lost once is asked for again first: a lost packet is more common than a silent place.
    return candidates[Math.max(0, this.breaker.misses - 1) % candidates.length] ?? first;
  }

  get #hasBlocks(): boolean {
    return this.#form.shares.some((share) => this.#blocks(share).length > 0);
  }

  #blocks(share: Share): readonly Block[] {
    const gapBytes = this.#cost.gapBytes();
    const { version } = this.#memory;
    const known = this.#plans.get(share);
    if (known?.version === version && known.gapBytes === gapBytes) return known.blocks;
    const { addresses, maxRegisters, maxBits } = this.#form;
    const askable = share.members.filter((member) => this.#memory.hole(member) === undefined);
    const limits = { maxRegisters, maxBits, gapRegisters: gapBytes / 2, gapBits: gapBytes * 8 };
    const blocks = planReads(addresses, askable, this.#memory.boundaries(), limits);
    this.#plans.set(share, { version, gapBytes, blocks });
    return blocks;
  }

  #tellHoles(share: Share, due: readonly Hole[]): void {
    for (const member of share.members) {
      const hole = this.#memory.hole(member);
      if (hole !== undefined && !due.includes(hole)) this.#form.outbox.bad([member], hole.bad);
    }
  }

  /** Tries places again that the unit refused; that costs no time-out, but a request each. */
  async #tryHoles(holes: readonly Hole[], asking: Asking): Promise<void> {
    for (const hole of holes) {
      const lacking = this.#memory.lackingTable(hole.block.table, this.#form.clock.now());
      if (lacking !== undefined || asking.poll.searchReads < 1) this.#form.outbox.bad(hole.block.members, hole.bad);
      else {
        asking.poll.searchReads -= 1;
        const outcome = await this.#tryHole(hole, asking);
        if (outcome === 'silent' || outcome === 'given-up') return;
      }
    }
  }

  async #tryHole(hole: Hole, asking: Asking): Promise<BlockOutcome> {
    const outcome = await this.#readBlock(hole.block, asking);
    if (outcome === 'silent') this.#silentPlace(hole.block);
    return outcome;
  }

  /** Reads a block; where the unit refuses it, reads its parts, so that only what is wrong is bad. */
  async #readBlock(block: Block, asking: Asking): Promise<BlockOutcome> {
    const reply = await this.#ask(block, asking);
    switch (reply.kind) {
      case 'data':
        this.#form.onAnswer();
        this.#heard(block);
        this.#memory.readable(block.members);
        this.#memory.hasTable(block.table);
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
        this.#heard(block);
        return this.#readParts(block, { reason: 'malformed-reply', detail: reply.detail }, asking);
    }
  }

  /** Asks for a block; asks again, a few times, where the unit says that it is busy. Others have the line meanwhile. */
  async #ask(block: Block, { urgency, timeoutMs }: Asking): Promise<Reply> {
    for (let tries = 0; ; tries++) {
      const { reply, roundTripMs } = await this.#form.line.read(block, urgency, timeoutMs);
      if (reply.kind === 'data') this.#cost.note(reply.bytes.length, roundTripMs);
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
    if (meaning !== 'unit-missing') this.#heard(block);
    switch (meaning) {
      case 'unit-missing':
        return this.#silent(block, bad);
      case 'refused':
        return this.#readParts(block, bad, asking);
      case 'no-function':
        outbox.bad(block.members, bad);
        if (this.#memory.lacksTable(block.table, bad, clock.now())) condition.lacksTable(this.unit, block.table);
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
    // A unit that was silent before has been told of with its poll.
    if (this.breaker.state !== 'silent') this.#form.outbox.bad(block.members, bad);
    return 'silent';
  }

  #count(counts: Map<string, number>, block: Block): number {
    const key = placeOf(block);
    const count = (counts.get(key) ?? 0) + 1;
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
    if (parts === undefined) return this.#memory.refused(block, bad, clock.now());
    for (const part of parts) this.#failures.set(placeOf(part), FAILED_POLLS - 1);
    this.#memory.cut(parts[1], clock.now());
  }

  async #readParts(block: Block, bad: BadValue, asking: Asking): Promise<BlockOutcome> {
    const { addresses, outbox, clock } = this.#form;
    const parts = bisect(block, addresses);
    if (parts === undefined) {
      outbox.bad(block.members, bad);
      this.#memory.refused(block, bad, clock.now());
      return 'faulty';
    }
    if (asking.poll.searchReads < 2) {
      outbox.bad(block.members, bad);
      return 'faulty';
    }
    asking.poll.searchReads -= 2;
    const [low, high] = parts;
    const lowOutcome = await this.#readBlock(low, asking);
    if (lowOutcome === 'given-up') return lowOutcome;
    if (lowOutcome === 'silent') {
      this.#silentPlace(low);
      outbox.bad(high.members, this.#silence);
      return 'faulty';
    }
    const highOutcome = await this.#readBlock(high, asking);
    if (highOutcome === 'silent') this.#silentPlace(high);
    if (lowOutcome === 'whole' && highOutcome === 'whole') {
      // Each half can be had, both together cannot: a gap between them, or more than the device gives at once.
      this.#memory.cut(high, clock.now());
    }
    return highOutcome === 'given-up' ? highOutcome : 'faulty';
  }
}

function placeOf({ table, address, count }: Block): string {
  return `${table} ${address} ${count}`;
}
