import { type Asking, type BlockForm, type BlockOutcome, BlockReader, type Poll } from './block-reader.ts';
import type { Breaker, TryLength } from './breaker.ts';
import type { Exchange } from './line.ts';
import type { LinePatience } from './line-patience.ts';
import { type Hole, UnitMemory } from './memory.ts';
import { type Block, bisect, blockOf, planReads } from './plan.ts';
import { RoundTripCost } from './round-trip-cost.ts';

/** Time-outs in a row after which a unit that answered before, in the same poll, counts as silent. */
const TIMEOUTS_IN_A_ROW = 2;
/** After all polls, whatever their interval. */
const LAST = Number.MAX_SAFE_INTEGER;

/** Those points of a unit that are due together. */
export interface Share {
  readonly intervalMs: number;
  /** On the line: the faster, the smaller. */
  readonly urgency: number;
  readonly members: readonly number[];
}

/** What a unit's reader works with. */
export interface UnitForm extends Omit<BlockForm, 'memory' | 'cost' | 'isDoubtful' | 'onHeard' | 'onExchange'> {
  /** What is known of the unit, on earlier connections as well. */
  readonly breaker: Breaker;
  readonly patience: LinePatience;
  readonly timeoutMs: number;
  readonly maxRegisters: number;
  readonly maxBits: number;
  /** Fastest first; at least one. */
  readonly shares: readonly Share[];
}

/** How the first of a probe's requests is made. */
interface Probe {
  readonly timeoutMs: number;
  readonly length: TryLength;
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
  readonly #members = new Map<Share, ReadonlySet<number>>();
  /** Shares that are being read, each with whether it is for a poll. */
  readonly #reading = new Map<Share, boolean>();
  readonly #reader: BlockReader;
  #isTryingHole = false;
  /** The last block on which the unit kept silent, and nothing was heard of it since. */
  #silentBlock: Block | undefined;

  constructor(form: UnitForm) {
    this.#form = form;
    this.breaker = form.breaker;
    this.#reader = new BlockReader({
      ...form,
      memory: this.#memory,
      cost: this.#cost,
      isDoubtful: () => !this.answers,
      onHeard: (block) => this.#heard(block),
      onExchange: (exchange) => this.#exchanged(exchange),
    });
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
    return this.#reading.size > 0 || this.#isTryingHole;
  }

  /** Tells of the unit once it was tried in vain for long, though the line had no time for a longer try. */
  tellIfUnheard(): void {
    if (!this.breaker.unheard(this.#form.clock.now())) return;
    this.#form.condition.unitSilent(this.unit);
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
  async probe(probe: Probe, poll: Poll): Promise<void> {
    const [share] = this.#form.shares;
    if (share === undefined) return;
    if (this.answers) return this.#probeHole(share, probe, poll);
    this.breaker.tried(probe.length, this.#form.clock.now());
    const readable = this.#form.shares.find((one) => this.#blocks(one).length > 0) ?? share;
    await this.#once(readable, false, () => this.#readShare(readable, poll, probe));
  }

  /** Asks a unit that answers for something, to hear whether the line is free; bounded by its own time-out. */
  async hear(): Promise<void> {
    const block = this.#form.shares.flatMap((share) => this.#blocks(share)).at(0);
    if (block !== undefined) await this.#reader.hear(block, LAST, this.#form.timeoutMs);
  }

  /** The unit answered a request, `afterMs` of real time after it, that had been given up. */
  heardLate(afterMs: number): void {
    if (afterMs <= this.#form.timeoutMs) this.breaker.heardLate(afterMs, this.#form.clock.now());
  }

  async #probeHole(share: Share, { timeoutMs }: Probe, poll: Poll): Promise<void> {
    const [hole] = this.#memory.dueHoles(true, this.#form.clock.now());
    if (hole === undefined) return;
    this.#isTryingHole = true;
    try {
      const outcome = await this.#tryHole(hole, { poll, urgency: share.urgency, timeoutMs });
      // Where there is nothing else to ask for, a silent place cannot be told from a silent unit.
      if (outcome === 'silent' && !this.#hasBlocks) this.#keptSilent(hole.block, share, [], true);
    } finally {
      this.#isTryingHole = false;
    }
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
    const members = this.#membersOf(share);
    const due = this.#memory.dueHoles(false, nowMs).filter(({ block }) => members.has(block.members[0] ?? -1));
    this.#tellHoles(share, due);
    const asking: Asking = { poll, urgency: share.urgency, timeoutMs: this.#form.timeoutMs };
    const read = new Set<number>();
    if (probe !== undefined) {
      const block = this.#probeBlock(share);
      const outcome = await this.#reader.read(block, { ...asking, timeoutMs: probe.timeoutMs });
      if (outcome === 'given-up') return;
      if (outcome === 'silent') {
        const isSure = probe.length !== 'short' || this.#reader.silence.reason !== 'timeout';
        const asked = this.#blocks(share).flatMap(({ members: own }) => own);
        return this.#keptSilent(block, share, asked, isSure);
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
      const outcome = await this.#reader.read(block, asking);
      if (outcome === 'given-up') return false;
      timeouts = outcome === 'silent' ? timeouts + 1 : 0;
      if (timeouts >= TIMEOUTS_IN_A_ROW) {
        this.#keptSilent(
          block,
          share,
          blocks.slice(i + 1).flatMap(({ members }) => members),
          true,
        );
        return false;
      }
      if (outcome === 'silent') this.#reader.silentPlace(block);
    }
    return true;
  }

  /**
   * The unit did not answer, as far as is known: it is left out until it does. `rest` are the points of the share that
   * nobody was told of in this poll. Unless it `isSure` the unit may have been too slow for the try.
   */
  #keptSilent(block: Block, share: Share, rest: readonly number[], isSure: boolean): void {
    const { breaker } = this;
    if (isSure) this.#silentBlock = block;
    if (!breaker.missed(this.#reader.silence, this.#form.clock.now(), isSure)) return;
    this.#form.condition.unitSilent(this.unit);
    this.#form.outbox.bad(rest, breaker.bad);
    for (const other of this.#form.shares) if (other !== share) this.tellSilence(other);
  }

  #heard(block: Block): void {
    const suspect = this.#silentBlock;
    this.#silentBlock = undefined;
    if (this.breaker.answered(this.#form.clock.now())) this.#form.condition.unitAnswers(this.unit);
    if (suspect === undefined) return;
    // It kept silent on one block and answers another: perhaps it is not the unit but the block.
    const heard = new Set(block.members);
    const others = suspect.members.filter((member) => !heard.has(member));
    if (others.length === 0) return;
    this.#reader.silentPlace(blockOf(suspect, others, this.#form.addresses));
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
    const tried = new Set(due);
    for (const member of share.members) {
      const hole = this.#memory.hole(member);
      if (hole !== undefined && !tried.has(hole)) this.#form.outbox.bad([member], hole.bad);
    }
  }

  #membersOf(share: Share): ReadonlySet<number> {
    const known = this.#members.get(share) ?? new Set(share.members);
    this.#members.set(share, known);
    return known;
  }

  #exchanged({ reply, roundTripMs }: Exchange): void {
    if (reply.kind === 'lost') return;
    const { breaker } = this;
    const atMs = performance.now();
    if (reply.kind === 'timeout') return this.#form.patience.gaveUp(atMs - roundTripMs);
    this.#form.patience.answered(roundTripMs, breaker.roundTripMs, atMs, this.#form.clock.now());
    if (reply.kind === 'data') breaker.took(roundTripMs);
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
    const outcome = await this.#reader.read(hole.block, asking);
    if (outcome === 'silent') this.#reader.silentPlace(hole.block);
    return outcome;
  }
}
