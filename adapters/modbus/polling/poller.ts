import { type Emit, LinkLost, type LinkPlan } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import type { ModbusAddress } from '../address.ts';
import type { LinkSettings } from '../link-settings.ts';
import type { ModbusSettings } from '../schema.ts';
import type { LateReply } from '../transport/connection.ts';
import { shownEndpoint } from '../transport/endpoint.ts';
import type { Poll } from './block-reader.ts';
import { meaningOf } from './exceptions.ts';
import type { KnownUnits } from './known-units.ts';
import type { PolledLine } from './line.ts';
import { LinkCondition } from './link-condition.ts';
import type { LineNow, Try } from './probe-times.ts';
import { SampleOutbox } from './sample-outbox.ts';
import { type Grid, nextOnGrid, phaseOf } from './schedule.ts';
import type { ToldChanges } from './told-changes.ts';
import { type Share, UnitReader } from './unit-reader.ts';

/** Polls in a row without any answer, on a connection that stands, after which the link counts as lost. */
const SILENT_POLLS = 3;
/** In the second and third of them so many units are asked, with all of their time-out; in the first each was. */
const PROBES_WHEN_SILENT = 4;
/** Longest time between these polls, site time. */
const MAX_SILENT_POLL_MS = 5000;
/** Further requests by which one poll looks for the places that devices refuse to give. */
const SEARCH_READS_PER_POLL = 32;
/** After so long, real ms, is it asked again whether the line is free, if nobody said so and no poll tells it. */
const HEAR_EVERY_MS = 5000;
/** Longest wait, ms of site time, before the clock is looked at again: it may have leapt. */
const MAX_DELAY_MS = 60_000;

/** The points of a link that have one interval, and when they are due. */
interface Group extends Grid {
  dueMs: number;
}

/**
 * One run of a link: polls each group of points on its grid, and puts what may cost a time-out into the time that the
 * line has to spare. It ends when the line does, or when a batch is not taken.
 */
export class Poller {
  readonly #plan: LinkPlan<ModbusSettings, ModbusAddress>;
  readonly #settings: LinkSettings;
  readonly #line: PolledLine;
  readonly #stop: AbortController;
  readonly #up: () => void;
  readonly #condition: LinkCondition;
  readonly #outbox: SampleOutbox;
  readonly #groups: readonly Group[];
  readonly #units: readonly UnitReader[];
  readonly #known: KnownUnits;
  readonly #groupOfShare = new Map<Share, Group>();
  /** In the order in which they were found, so that who is found now makes nobody's poll later. */
  #inTurn: readonly UnitReader[];
  /** What is being read now. */
  readonly #readings = new Set<Promise<void>>();
  #sharesOfPolls = 0;
  #isUp = false;
  #failure: { readonly error: unknown } | undefined;
  /** Why the link counts as lost although its connection stands. */
  #silence: Text | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #isLinkProbed = false;
  /** Real time from which on a unit may be asked whether the line is free. */
  #hearFromMs = 0;

  constructor(
    plan: LinkPlan<ModbusSettings, ModbusAddress>,
    {
      settings,
      line,
      emit,
      stop,
      up,
      told,
      known,
    }: {
      readonly settings: LinkSettings;
      readonly line: PolledLine;
      readonly emit: Emit;
      /** Aborted by whoever wants the run to end, and by the run itself when it has to. */
      readonly stop: AbortController;
      readonly up: () => void;
      /** What was told of the link, and what is known of its units: both outlive the run. */
      readonly told: ToldChanges;
      readonly known: KnownUnits;
    },
  ) {
    this.#plan = plan;
    this.#settings = settings;
    this.#line = line;
    this.#stop = stop;
    this.#up = up;
    this.#known = known;
    this.#condition = new LinkCondition(plan, told);
    const { wordOrder = 'big', byteOrder = 'big' } = plan.settings;
    const onFailed = (error: unknown) => this.#fail(error);
    this.#outbox = new SampleOutbox({ points: plan.points, wordOrder, byteOrder, clock: plan.clock, emit, onFailed });
    this.#groups = this.#makeGroups();
    this.#units = this.#makeUnits();
    this.#inTurn = this.#units;
    known.connected();
    for (const unit of known.silent) this.#condition.stillSilent(unit);
    line.onLost(() => stop.abort());
    line.onLate((late) => this.#heardLate(late));
    line.onHabit(() => this.#closesConnection());
  }

  /** Polls until the stop aborts; rejects with LinkLost when the link is gone. Nothing of it goes on afterwards. */
  async run(): Promise<void> {
    if (this.#units.length === 0) this.#rise();
    const polling = this.#groups.map((group) => this.#pollGroup(group).catch((error: unknown) => this.#fail(error)));
    this.#probe();
    await this.#stopped();
    clearTimeout(this.#probeTimer);
    await this.#line.close();
    await Promise.all([...polling, ...this.#readings]);
    // What was read before the link was lost is handed on all the same.
    if (this.#failure === undefined) this.#outbox.flush();
    await this.#outbox.underWay;
    this.#outbox.close();
    if (this.#failure !== undefined) throw this.#failure.error;
    const lost = this.#line.lost ?? this.#silence;
    if (lost !== undefined) throw new LinkLost(lost);
  }

  #makeGroups(): readonly Group[] {
    const { key, points, clock } = this.#plan;
    const intervals = new Set(points.map(({ address }) => this.#intervalOf(address)));
    const nowMs = clock.now();
    return [...intervals]
      .sort((a, b) => a - b)
      .map((intervalMs) => ({ intervalMs, phaseMs: phaseOf(key, intervalMs), dueMs: nowMs }));
  }

  #intervalOf({ reading }: ModbusAddress): number {
    return reading?.pollMs ?? this.#settings.pollMs;
  }

  #makeUnits(): readonly UnitReader[] {
    const { points, clock } = this.#plan;
    const addresses = points.map(({ address }) => address);
    const byUnit = Map.groupBy(addresses.keys(), (member) => addresses[member]?.unit ?? 0);
    return [...byUnit]
      .sort(([a], [b]) => a - b)
      .map(([unit, members]) => {
        const own = members.flatMap((member) => addresses[member] ?? []);
        const shares = this.#sharesOf(members, addresses);
        return new UnitReader({
          unit,
          ...this.#limitsOf(own),
          shares,
          addresses,
          line: this.#line,
          outbox: this.#outbox,
          condition: this.#condition,
          clock,
          breaker: this.#known.breaker(unit, shares[0]?.intervalMs ?? 0),
          patience: this.#known.patience,
          signal: this.#stop.signal,
          onAnswer: () => this.#rise(),
        });
      });
  }

  /** Where assets of one unit say different things, the more careful one holds. */
  #limitsOf(addresses: readonly ModbusAddress[]): { timeoutMs: number; maxRegisters: number; maxBits: number } {
    const said = <K extends 'timeoutMs' | 'maxRegisters' | 'maxBits'>(key: K) =>
      addresses.flatMap(({ reading }) => reading?.[key] ?? []);
    const { timeoutMs, maxRegisters, maxBits } = this.#settings;
    const timeouts = said('timeoutMs');
    return {
      timeoutMs: timeouts.length > 0 ? Math.max(...timeouts) : timeoutMs,
      maxRegisters: Math.min(maxRegisters, ...said('maxRegisters')),
      maxBits: Math.min(maxBits, ...said('maxBits')),
    };
  }

  #sharesOf(members: readonly number[], addresses: readonly ModbusAddress[]): readonly Share[] {
    return this.#groups.flatMap((group, index) => {
      const { intervalMs } = group;
      const own = members.filter((member) => {
        const address = addresses[member];
        return address !== undefined && this.#intervalOf(address) === intervalMs;
      });
      if (own.length === 0) return [];
      const share: Share = { intervalMs, urgency: index + 1, members: own };
      this.#groupOfShare.set(share, group);
      return share;
    });
  }

  /** Polls a group at once, and then on its grid. Polls that could not begin in time are not made up for. */
  async #pollGroup(group: Group): Promise<void> {
    const { clock } = this.#plan;
    while (!this.#ended) {
      await this.#outbox.underWay;
      if (this.#ended) return;
      group.dueMs = nextOnGrid(group, clock.now());
      this.#beginPoll(group);
      await this.#until(group.dueMs);
      // While a batch is not taken no poll begins: this one is late, or left out if the next is due by then.
      if (this.#outbox.underWay === undefined) continue;
      await this.#outbox.underWay;
      if (clock.now() >= group.dueMs + group.intervalMs) this.#condition.overran(group.intervalMs);
    }
  }

  #beginPoll(group: Group): void {
    const { intervalMs } = group;
    const poll: Poll = { searchReads: SEARCH_READS_PER_POLL };
    this.#condition.tellOverdue();
    let leftOut = false;
    for (const reader of this.#inTurn) {
      const share = reader.shares.find((one) => one.intervalMs === intervalMs);
      if (share === undefined) continue;
      reader.tellIfUnheard();
      if (reader.breaker.state === 'silent') reader.tellSilence(share);
      else if (reader.isPolling(share)) leftOut = true;
      else if (reader.answers && !reader.isReading(share)) this.#readShare(reader, share, poll, true);
    }
    if (leftOut) this.#condition.overran(intervalMs);
    else this.#condition.kept(intervalMs);
    if (this.#sharesOfPolls === 0) this.#outbox.flush();
    this.#probe();
  }

  #readShare(reader: UnitReader, share: Share, poll: Poll, forPoll: boolean): void {
    this.#sharesOfPolls += 1;
    this.#follow(
      reader.read(share, poll, forPoll).finally(() => {
        this.#sharesOfPolls -= 1;
        if (this.#sharesOfPolls === 0) this.#outbox.flush();
      }),
    );
  }

  #follow(reading: Promise<void>): void {
    const followed = reading
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#readings.delete(followed);
        if (this.#ended) return;
        if (this.#readings.size < this.#line.parallel) this.#probe();
        if (this.#readings.size === 0) this.#outbox.flush();
      });
    this.#readings.add(followed);
  }

  /** Makes requests that may well cost a time-out, as far as the line has time to spare for them. */
  #probe(): void {
    clearTimeout(this.#probeTimer);
    if (this.#ended || this.#isLinkProbed) return;
    if (this.#isWithoutAnswer) return this.#follow(this.#probeLink());
    // What probes read gathers in the outbox as well: it is bounded by not reading while a batch is not taken.
    if (this.#outbox.underWay !== undefined) return void this.#outbox.underWay.then(() => this.#probe());
    for (let tries = 0; tries < this.#line.parallel; tries++) {
      const lineNow = this.#lineNow();
      if (!this.#mayTry(lineNow)) break;
      const next = this.#known.times.next(this.#units, lineNow);
      if (next === undefined) break;
      this.#follow(this.#probeUnit(next));
    }
    this.#setProbeTimer();
  }

  /** Nobody answers, and everybody whose turn it is was asked. */
  get #isWithoutAnswer(): boolean {
    if (this.#line.unanswered === 0) return false;
    const nowMs = this.#plan.clock.now();
    return this.#units.every(
      ({ answers, isBusy, breaker }) => !answers && !isBusy && (breaker.isTried || breaker.dueMs > nowMs),
    );
  }

  /** How things stand on the line now. */
  #lineNow(): LineNow<UnitReader> & { readonly idleMs: number } {
    const nowMs = this.#plan.clock.now();
    let intervalMs = Number.POSITIVE_INFINITY;
    // Of those who answer: when the first is due, and when the first that is another unit.
    let first: { readonly unit: UnitReader; readonly dueMs: number } | undefined;
    let secondMs = Number.POSITIVE_INFINITY;
    for (const unit of this.#units) {
      if (!unit.answers) continue;
      let dueMs = Number.POSITIVE_INFINITY;
      for (const share of unit.shares) {
        intervalMs = Math.min(intervalMs, share.intervalMs);
        dueMs = Math.min(dueMs, this.#groupOfShare.get(share)?.dueMs ?? Number.POSITIVE_INFINITY);
      }
      if (first === undefined || dueMs < first.dueMs) {
        secondMs = first?.dueMs ?? secondMs;
        first = { unit, dueMs };
      } else secondMs = Math.min(secondMs, dueMs);
    }
    const dueBesides = (unit: UnitReader) => (unit === first?.unit ? secondMs : (first?.dueMs ?? secondMs));
    return {
      nowMs,
      intervalMs,
      spareMs: (unit) => dueBesides(unit) - nowMs,
      idleMs: (first?.dueMs ?? Number.POSITIVE_INFINITY) - nowMs,
      hasRoom: this.#readings.size < this.#line.parallel,
    };
  }

  /** False while it is to be heard first whether tries that were given up still hold the line. */
  #mayTry({ nowMs, hasRoom, idleMs }: { nowMs: number; hasRoom: boolean; idleMs: number }): boolean {
    const { patience } = this.#known;
    if (patience.isProven || this.#units.every(({ answers }) => !answers)) return true;
    if (!this.#units.some(({ isBusy, doubtfulMs }) => !isBusy && doubtfulMs <= nowMs)) return true;
    const free = this.#inTurn.find(({ answers, isBusy }) => answers && !isBusy);
    const isTime = performance.now() >= this.#hearFromMs;
    // Where a poll is due before the answer its own answers tell.
    const answerMs = Math.max(patience.sliceMs, patience.heldMs(nowMs));
    const hasTime = idleMs / this.#plan.clock.rate > answerMs;
    if (free === undefined || !isTime || !hasRoom || !hasTime) return false;
    this.#follow(this.#hear(free));
    return false;
  }

  async #hear(reader: UnitReader): Promise<void> {
    this.#hearFromMs = Number.POSITIVE_INFINITY;
    await reader.hear();
    this.#hearFromMs = this.#known.patience.isProven ? 0 : performance.now() + HEAR_EVERY_MS;
  }

  #closesConnection(): void {
    if (this.#known.closesConnection) return;
    this.#known.closesConnection = true;
    this.#condition.closesConnection();
  }

  #heardLate({ unit, exception, afterMs }: LateReply): void {
    const isOfGateway = exception !== undefined && meaningOf(exception) === 'unit-missing';
    const reader = this.#units.find((one) => one.unit === unit);
    if (isOfGateway) this.#known.patience.held(afterMs, this.#plan.clock.now());
    else reader?.heardLate(afterMs);
    this.#probe();
  }

  #setProbeTimer(): void {
    clearTimeout(this.#probeTimer);
    const nowMs = this.#plan.clock.now();
    let nextMs = this.#known.times.nextMs(this.#units, nowMs);
    for (const reader of this.#units) {
      if (reader.doubtfulMs > nowMs && reader.doubtfulMs < nextMs) nextMs = reader.doubtfulMs;
    }
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(nextMs - nowMs, MAX_DELAY_MS) / this.#plan.clock.rate;
    this.#probeTimer = setTimeout(() => this.#probe(), delayMs);
  }

  async #probeUnit({ unit: reader, timeoutMs, length }: Try<UnitReader>): Promise<void> {
    const answeredBefore = reader.answers;
    await reader.probe({ timeoutMs, length }, { searchReads: SEARCH_READS_PER_POLL });
    if (answeredBefore || !reader.answers || this.#ended) return;
    this.#inTurn = [...this.#inTurn.filter((one) => one !== reader), reader];
    // It is there (again): what is due only in an hour is read now, too.
    const poll: Poll = { searchReads: SEARCH_READS_PER_POLL };
    for (const share of reader.shares.slice(1)) this.#readShare(reader, share, poll, false);
  }

  /** No unit answers any more: two further polls, in which a few are asked, decide whether the link is lost. */
  async #probeLink(): Promise<void> {
    const { clock } = this.#plan;
    const pollMs = Math.min(this.#groups[0]?.intervalMs ?? MAX_SILENT_POLL_MS, MAX_SILENT_POLL_MS);
    this.#isLinkProbed = true;
    try {
      for (let polls = 1; polls < SILENT_POLLS; polls++) {
        const dueMs = clock.now() + pollMs;
        // Those that had their whole time-out the longest ago: so it comes to each, on one connection or the next.
        const units = [...this.#units].sort(
          ({ breaker: a }, { breaker: b }) => a.wholeMs - b.wholeMs || a.misses - b.misses,
        );
        for (const reader of units.slice(0, PROBES_WHEN_SILENT)) {
          await this.#probeUnit({ unit: reader, timeoutMs: reader.timeoutMs, length: 'whole' });
          if (this.#ended || this.#line.unanswered === 0) return;
        }
        if (polls < SILENT_POLLS - 1) await this.#until(dueMs);
        if (this.#ended || this.#line.unanswered === 0) return;
      }
      const where = shownEndpoint(this.#settings.endpoint);
      const zh = `${where} 已连接，但连续 ${SILENT_POLLS} 轮无任何应答`;
      const en = `${where} is connected but gave no answer in ${SILENT_POLLS} polls`;
      this.#silence = { zh, en };
      this.#stop.abort();
    } finally {
      this.#isLinkProbed = false;
    }
  }

  #rise(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#up();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
  }

  get #ended(): boolean {
    return this.#stop.signal.aborted;
  }

  #stopped(): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Waits until it is so late, site time, or the run ends. */
  async #until(dueMs: number): Promise<void> {
    const { clock } = this.#plan;
    const { signal } = this.#stop;
    for (let waitMs = dueMs - clock.now(); waitMs > 0 && !signal.aborted; waitMs = dueMs - clock.now()) {
      await clock.delay(Math.min(waitMs, MAX_DELAY_MS), signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }
}
