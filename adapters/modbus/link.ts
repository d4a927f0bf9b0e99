import { type AdapterLog, type Emit, LinkLost, type LinkPlan, SetupRefused, type Wire } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Text } from '../../model/text.ts';
import type { ModbusAddress } from './address.ts';
import { type BadValue, type Decoder, decoder } from './decode.ts';
import { type Endpoint, readEndpoint, shownEndpoint } from './endpoint.ts';
import { Line } from './line.ts';
import { CUT_MEMORY_MS, HOLE_MEMORY_MS, LinkMemory } from './memory.ts';
import { type Block, bisect, cutKey, planReads } from './plan.ts';
import { DEFAULT_POLL, ENDPOINT_TEXT, type ModbusSettings } from './schema.ts';

/** Polls in a row without any answer, on a connection that stands, after which the link counts as lost. */
const SILENT_POLLS = 3;
/** In the second and third of them so many units are asked; the first has asked them all. */
const PROBES_WHEN_SILENT = 4;
/** Time-outs after which the rest of a unit's requests are left out of this poll. */
const TIMEOUTS_PER_UNIT = 2;
/** Further requests by which one poll looks for the place that a device refused to give. */
const SEARCH_READS_PER_POLL = 32;

/** Exceptions after which a part of the block may still be had: illegal address, illegal value, device failure. */
const SPLITTING_EXCEPTIONS: ReadonlySet<number> = new Set([2, 3, 4]);
/** With these a gateway says that it has no answer from the unit. */
const UNIT_MISSING_EXCEPTIONS: ReadonlySet<number> = new Set([10, 11]);

const TIMEOUT: BadValue = { reason: 'timeout' };

const MIN_TIMEOUT_MS = 10;
const MAX_TIMEOUT_MS = 60_000;
const MIN_POLL_MS = 10;
const MAX_POLL_MS = 86_400_000;

/** Urgency on the line of what is polled. */
const POLL = 1;

/**
 * Holds a Modbus TCP link; see `Adapter.run`. One batch per poll; the next poll waits until it is on disk. `hold` is
 * told the line while there is one.
 */
export async function runModbusLink(
  plan: LinkPlan<ModbusSettings, ModbusAddress>,
  emit: Emit,
  signal: AbortSignal,
  up: () => void,
  hold: (line: Line | undefined) => void,
): Promise<void> {
  const settings = readSettings(plan.settings);
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) stop.abort();
  let line: Line | undefined;
  try {
    line = await Line.open({ ...settings, wire: plan.wire }, stop.signal);
    hold(line);
    await new Poller(plan, settings, line, stop, up).poll(emit, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    hold(undefined);
    await line?.close();
  }
}

/** A line besides the link's own, for what a person asks while the link holds none. Rejects as `Line.open` does. */
export function openPersonsLine(settings: ModbusSettings, wire: Wire, signal: AbortSignal): Promise<Line> {
  return Line.open({ ...readSettings(settings), wire }, signal);
}

interface LinkSettings {
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;
  readonly pollMs: number;
}

function readSettings(settings: ModbusSettings): LinkSettings {
  const endpoint = readEndpoint(settings);
  if (endpoint === undefined) {
    throw new SetupRefused({ zh: `endpoint 应为 ${ENDPOINT_TEXT.zh}`, en: `endpoint must be ${ENDPOINT_TEXT.en}` });
  }
  return {
    endpoint,
    timeoutMs: readDuration('timeout', settings.timeout ?? '1s', MIN_TIMEOUT_MS, MAX_TIMEOUT_MS),
    pollMs: readDuration('poll', settings.poll ?? DEFAULT_POLL, MIN_POLL_MS, MAX_POLL_MS),
  };
}

function readDuration(name: string, text: string, minMs: number, maxMs: number): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < minMs || ms > maxMs) {
    throw new SetupRefused({
      zh: `${name} 应为 ${minMs}ms 到 ${maxMs}ms 之间的时长，例如 1s`,
      en: `${name} must be a duration from ${minMs}ms to ${maxMs}ms, such as 1s`,
    });
  }
  return ms;
}

/** How reading a block went: all of it, not all of it, no answer. */
type BlockOutcome = 'whole' | 'faulty' | 'silent';

/** One run of a link: polls on one connection, or on its successors where the stream had to be begun anew. */
class Poller {
  readonly #plan: LinkPlan<ModbusSettings, ModbusAddress>;
  readonly #settings: LinkSettings;
  readonly #stop: AbortController;
  readonly #log: AdapterLog;
  readonly #addresses: readonly ModbusAddress[];
  readonly #decoders: readonly Decoder[];
  readonly #membersOfUnit: ReadonlyMap<number, readonly number[]>;
  readonly #memory = new LinkMemory();
  readonly #builder: BatchBuilder;
  readonly #up: () => void;
  readonly #line: Line;
  #blocksOfUnit = new Map<number, readonly Block[]>();
  #isUp = false;
  /** Why the link is gone; undefined while it stands. */
  #lost: Text | undefined;
  /** Whether anything at all, be it rubbish, came back in this poll. */
  #heard = false;
  /** By what the last silence was seen: a time-out, or a gateway's word. */
  #silence = TIMEOUT;
  #silentPolls = 0;
  #searchReads = 0;

  constructor(
    plan: LinkPlan<ModbusSettings, ModbusAddress>,
    settings: LinkSettings,
    line: Line,
    stop: AbortController,
    up: () => void,
  ) {
    this.#plan = plan;
    this.#settings = settings;
    this.#stop = stop;
    this.#log = plan.log;
    this.#up = up;
    this.#addresses = plan.points.map((point) => point.address);
    const { wordOrder = 'big', byteOrder = 'big' } = plan.settings;
    this.#decoders = plan.points.map(({ address, kind, states }) =>
      decoder({ address, kind, states, wordOrder, byteOrder }),
    );
    this.#membersOfUnit = Map.groupBy(plan.points.keys(), (index) => this.#address(index).unit);
    this.#builder = new BatchBuilder(plan.points.length);
    this.#line = line;
    line.onLost(() => this.#lose(line.lost ?? silentText(settings.endpoint)));
  }

  /** Polls at the link's interval until `signal` aborts; rejects with LinkLost when the link is gone. */
  async poll(emit: Emit, signal: AbortSignal): Promise<void> {
    const { clock } = this.#plan;
    const { pollMs } = this.#settings;
    if (this.#plan.points.length === 0) this.#rise();
    for (let dueMs = clock.now(); !signal.aborted; ) {
      await this.#pollOnce();
      if (this.#builder.length > 0 && !signal.aborted) await emit(this.#builder.take()).taken;
      if (signal.aborted) return;
      if (this.#lost !== undefined) throw new LinkLost(this.#lost);
      if (this.#silentPolls >= SILENT_POLLS) throw new LinkLost(silentText(this.#settings.endpoint));
      // Polls that a slow device or a slow disk made us miss are not made up for.
      dueMs = Math.max(dueMs + pollMs, clock.now());
      await clock.delay(dueMs - clock.now(), this.#stop.signal).catch((error: unknown) => {
        if (!this.#stop.signal.aborted) throw error;
      });
      if (!signal.aborted && this.#lost !== undefined) throw new LinkLost(this.#lost);
    }
  }

  async #pollOnce(): Promise<void> {
    const startMs = this.#plan.clock.now();
    this.#searchReads = 0;
    if (this.#memory.refresh(startMs) || this.#blocksOfUnit.size === 0) this.#replan();
    this.#heard = false;
    let asked = 0;
    for (const unit of this.#unitsInOrder()) {
      if (this.#ended()) return;
      const members = this.#membersOfUnit.get(unit) ?? [];
      const allSilent = this.#silentPolls > 0 && !this.#heard;
      if (allSilent ? asked >= PROBES_WHEN_SILENT : this.#memory.isSkipped(unit, startMs)) {
        this.#allBad(members, this.#memory.silence(unit) ?? TIMEOUT);
        continue;
      }
      if (await this.#readUnit(unit, members)) asked += 1;
    }
    if (asked > 0) this.#silentPolls = this.#heard ? 0 : this.#silentPolls + 1;
  }

  /** Those that answer first, so that a silent one costs the others nothing within the poll. */
  #unitsInOrder(): readonly number[] {
    return [...this.#membersOfUnit.keys()].sort((a, b) => this.#memory.misses(a) - this.#memory.misses(b) || a - b);
  }

  #replan(): void {
    const { cuts } = this.#memory;
    for (const [unit, members] of this.#membersOfUnit) {
      const askable = members.filter((member) => this.#memory.hole(member) === undefined);
      this.#blocksOfUnit.set(unit, planReads(this.#addresses, askable, cuts));
    }
  }

  /** False if the unit was not asked, because none of its points is worth asking for now. */
  async #readUnit(unit: number, members: readonly number[]): Promise<boolean> {
    for (const member of members) {
      const bad = this.#memory.hole(member);
      if (bad !== undefined) this.#allBad([member], bad);
    }
    const blocks = this.#blocksOfUnit.get(unit) ?? [];
    // A unit that is silent on one block may answer on the others: it is not tried on the same one each time.
    const first = this.#memory.misses(unit) % Math.max(1, blocks.length);
    const silent: Block[] = [];
    let answered = false;
    for (let i = 0; i < blocks.length && !this.#ended(); i++) {
      const block = blocks[(first + i) % blocks.length];
      if (block === undefined) continue;
      const givenUp = silent.length >= TIMEOUTS_PER_UNIT || (silent.length > 0 && !answered);
      if (givenUp) {
        this.#allBad(block.members, this.#silence);
        continue;
      }
      const outcome = await this.#readBlock(block);
      if (outcome === 'silent') silent.push(block);
      else answered = true;
    }
    if (blocks.length === 0) return false;
    if (this.#ended()) return true;
    this.#noteUnit(unit, answered);
    if (answered) for (const block of silent) this.#narrow(block);
    return true;
  }

  #noteUnit(unit: number, answered: boolean): void {
    const link = this.#plan.key;
    if (answered) {
      if (this.#memory.unitAnswered(unit)) this.#log.info({ link, unit }, 'unit answers again');
    } else if (this.#memory.unitSilent(unit, this.#silence, this.#settings.pollMs, this.#plan.clock.now())) {
      this.#log.warn({ link, unit }, 'unit does not answer');
    }
  }

  /** Reads a block; where the device refuses it, reads its parts, so that only what is wrong is bad. */
  async #readBlock(block: Block): Promise<BlockOutcome> {
    const reply = await this.#line.read(block, POLL);
    if (reply.kind !== 'timeout' && reply.kind !== 'lost') this.#heard = true;
    switch (reply.kind) {
      case 'data':
        this.#rise();
        this.#decode(block, reply.bytes);
        return 'whole';
      case 'lost':
        this.#lose(this.#line.lost ?? silentText(this.#settings.endpoint));
        return 'silent';
      case 'timeout':
        return this.#keepSilent(block, TIMEOUT);
      case 'exception': {
        this.#rise();
        const bad: BadValue = { reason: 'modbus-exception', detail: `exception ${reply.code}` };
        if (SPLITTING_EXCEPTIONS.has(reply.code)) return this.#readParts(block, bad);
        if (UNIT_MISSING_EXCEPTIONS.has(reply.code)) return this.#keepSilent(block, bad);
        this.#allBad(block.members, bad);
        return 'faulty';
      }
      case 'malformed':
        return this.#readParts(block, { reason: 'malformed-reply', detail: reply.detail });
    }
  }

  #keepSilent(block: Block, bad: BadValue): BlockOutcome {
    this.#silence = bad;
    this.#allBad(block.members, bad);
    return 'silent';
  }

  async #readParts(block: Block, bad: BadValue): Promise<BlockOutcome> {
    const parts = bisect(block, this.#addresses);
    if (parts === undefined) {
      this.#allBad(block.members, bad);
      this.#remember(block, bad);
      return 'faulty';
    }
    if (this.#searchReads + 2 > SEARCH_READS_PER_POLL) {
      this.#allBad(block.members, bad);
      return 'faulty';
    }
    this.#searchReads += 2;
    const [low, high] = parts;
    const lowOutcome = await this.#readBlock(low);
    if (this.#ended()) return 'faulty';
    if (lowOutcome === 'silent') {
      this.#allBad(high.members, this.#silence);
      return 'faulty';
    }
    const highOutcome = await this.#readBlock(high);
    if (lowOutcome === 'whole' && highOutcome === 'whole') {
      // Each half can be had, both together cannot: a gap between them, or more than the device gives at once.
      this.#memory.addCut(cutKey(block.unit, block.table, high.address), CUT_MEMORY_MS, this.#plan.clock.now());
    }
    return 'faulty';
  }

  /**
   * Some devices keep silent where they should refuse. A block that got no answer while its unit gave others is asked
   * for in halves from the next poll on, until one place is left: one time-out per poll, not one per place.
   */
  #narrow(block: Block): void {
    const parts = bisect(block, this.#addresses);
    if (parts === undefined) return this.#remember(block, TIMEOUT);
    this.#memory.addCut(cutKey(block.unit, block.table, parts[1].address), CUT_MEMORY_MS, this.#plan.clock.now());
  }

  /** Leaves the block's points alone for a while, and lets no other request reach over their place. */
  #remember(block: Block, bad: BadValue): void {
    const nowMs = this.#plan.clock.now();
    for (const member of block.members) this.#memory.addHole(member, bad, nowMs);
    for (const boundary of [block.address, block.address + block.count]) {
      this.#memory.addCut(cutKey(block.unit, block.table, boundary), HOLE_MEMORY_MS, nowMs);
    }
  }

  #lose(reason: Text): void {
    this.#lost ??= reason;
    this.#stop.abort();
  }

  #ended(): boolean {
    return this.#stop.signal.aborted;
  }

  #rise(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#up();
  }

  #decode(block: Block, bytes: Buffer): void {
    const nowMs = this.#plan.clock.now();
    for (const member of block.members) {
      const value = this.#decoders[member]?.(bytes, this.#address(member).address - block.address);
      const number = this.#number(member);
      if (typeof value === 'number') this.#builder.good(number, nowMs, nowMs, value);
      else if (typeof value === 'string') this.#builder.text(number, nowMs, nowMs, value);
      else if (value !== undefined) this.#builder.bad(number, nowMs, nowMs, value.reason, value.detail);
    }
  }

  #allBad(members: readonly number[], bad: BadValue): void {
    const nowMs = this.#plan.clock.now();
    for (const member of members) this.#builder.bad(this.#number(member), nowMs, nowMs, bad.reason, bad.detail);
  }

  #address(index: number): ModbusAddress {
    const point = this.#plan.points[index];
    if (point === undefined) throw new RangeError(`link ${this.#plan.key} has no point ${index}`);
    return point.address;
  }

  #number(index: number): number {
    return this.#plan.points[index]?.number ?? 0;
  }
}

function silentText(endpoint: Endpoint): Text {
  const where = shownEndpoint(endpoint);
  return {
    zh: `${where} 已连接，但连续 ${SILENT_POLLS} 轮无任何应答`,
    en: `${where} is connected but gave no answer in ${SILENT_POLLS} polls`,
  };
}
