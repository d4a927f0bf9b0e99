import type { Activation, AlarmChange, AlarmEvent } from '../model/alarm.ts';
import type { Change } from '../model/history.ts';
import type { LogRecord } from '../model/log.ts';
import { type Batch, Quality } from '../model/sample.ts';
import type { AlarmDefinition } from '../model/site.ts';
import {
  type AlarmMemory,
  acknowledgeAlarm,
  alarmState,
  closeActivation,
  createAlarmMemory,
  explainsOthers,
  isQuiet,
  isWaiting,
  stepAlarm,
} from './alarm.ts';
import {
  type AlarmPlan,
  type AssetPlan,
  type Bound,
  compileSite,
  DARK_SLOT,
  HOUR_SLOT,
  type Plan,
  type RateTrack,
} from './compile.ts';
import { systemFigures } from './figures.ts';
import { classify, className, classNumber } from './ledger.ts';
import { adoptSite, takeSnapshot } from './snapshot.ts';
import type { EngineState } from './state.ts';

/** A device stamp further ahead of the gateway's time than this is not believed. */
export const MAX_AHEAD_MS = 10_000;

/**
 * A child's alarm waits at most this long for its parent's next reply, which tells whether the parent is the cause; a
 * parent that stays silent for longer is no reason to keep quiet.
 */
export const PARENT_REPLY_BOUND_MS = 10_000;

/**
 * Takes one record of the log and says what changed. Pure but for `state`, which it changes in place: no clock, no
 * input or output, no randomness, so that the same records give the same changes, to the digit.
 */
export function step(state: EngineState, record: LogRecord): readonly Change[] {
  const beforeMs = state.logMs;
  state.logSeq = record.logSeq;
  state.logMs = record.logMs;
  switch (record.kind) {
    case 'points':
      renumber(state, record.numbers);
      if (state.plan) state.plan = compileSite(state.plan.site, state.numbers);
      return [];
    case 'site':
      return takeOverSite(state, record.site);
    case 'damaged':
      return [];
  }
  const plan = state.plan;
  if (!plan) return [];
  const run = new Run(state, plan);
  switch (record.kind) {
    case 'samples':
      run.samples(record.batch);
      break;
    case 'tick':
      run.tick();
      break;
    case 'link':
      run.link(record.link, record.up, record.atMs);
      break;
    case 'start':
      run.start(beforeMs);
      break;
    case 'action':
      if (record.action.type === 'acknowledge') run.acknowledge(record.action.activationId, record.action.by);
      break;
  }
  return run.changes;
}

/** Takes over numbers; a number that comes with another key has been renamed, and the former key stands for nothing. */
function renumber(state: EngineState, numbers: readonly (readonly [key: string, number: number])[]): void {
  const given = new Set(numbers.map(([, number]) => number));
  for (const [key, number] of state.numbers) if (given.has(number)) state.numbers.delete(key);
  for (const [key, number] of numbers) state.numbers.set(key, number);
}

/** The open activations, oldest first. */
export function openActivations(state: EngineState): readonly Activation[] {
  const plan = state.plan;
  if (!plan) return [];
  const open: Activation[] = [];
  for (const [asset, memories] of state.alarms) {
    const assetPlan = plan.assets[asset] as AssetPlan;
    memories.forEach((memory, no) => {
      if (memory.activationId !== '') open.push(activationOf(assetPlan, no, memory));
    });
  }
  return open.sort((a, b) => a.raisedMs - b.raisedMs || (a.activationId < b.activationId ? -1 : 1));
}

function takeOverSite(state: EngineState, site: Parameters<typeof adoptSite>[1]): readonly Change[] {
  const before = takeSnapshot(state);
  const openBefore = openActivations(state);
  adoptSite(state, site, before);
  const plan = state.plan as Plan;
  const stillOpen = new Set(openActivations(state).map((activation) => activation.activationId));
  const run = new Run(state, plan);
  for (const activation of openBefore) {
    // Whatever the new site file no longer knows cannot return by itself.
    if (!stillOpen.has(activation.activationId)) run.removed(activation);
  }
  run.siteValues();
  run.everything(before.logMs > 0 ? before.logMs : state.logMs);
  return run.changes;
}

/** What makes an asset be evaluated again, as its tracks need it. */
interface ClassChange {
  readonly asset: AssetPlan;
  readonly eventMs: number;
  readonly parentDead: boolean;
  /** It was down because of its parent when it was last evaluated. */
  readonly wasUnderDead: boolean;
}

/** How finely the sun is followed over a gap, ms, and how many steps that may take at most. */
const GAP_STEP_MS = 60_000;
const MAX_GAP_STEPS = 20_000;

/** The work of one record. */
class Run {
  readonly changes: Change[] = [];
  readonly #state: EngineState;
  readonly #plan: Plan;
  /** Assets to evaluate, with the time of the event that made it necessary. */
  readonly #dirty = new Map<number, number>();

  constructor(state: EngineState, plan: Plan) {
    this.#state = state;
    this.#plan = plan;
  }

  samples(batch: Batch): void {
    const { values, sourceMs, goodMs, replyMs, counters } = this.#state;
    const { slotOf, owner } = this.#plan;
    for (let row = 0; row < batch.length; row++) {
      const slot = slotOf[batch.point[row] as number];
      if (slot === undefined || slot < 0) {
        counters.unknownPoint++;
        continue;
      }
      const received = batch.receivedMs[row] as number;
      let source = batch.sourceMs[row] as number;
      if (!(source <= received + MAX_AHEAD_MS)) {
        counters.futureStamp++;
        source = received;
      }
      if (source < (sourceMs[slot] as number)) {
        // An older sample than the one that is known goes to history and changes no state.
        counters.outOfOrder++;
        continue;
      }
      const isGood = batch.quality[row] === Quality.good;
      const value = isGood ? (batch.value[row] as number) : Number.NaN;
      const asset = owner[slot] as number;
      if (isGood) {
        goodMs[slot] = received;
        sourceMs[slot] = source;
      }
      replyMs[slot] = received;
      if (Object.is(value, values[slot])) continue;
      const pending = this.#dirty.get(asset);
      // What came later in the same batch is not yet true at that time, also for the on-delays of alarms.
      if (pending !== undefined && source > pending)
        this.#evaluate(asset, pending, Math.min(source, this.#state.logMs));
      values[slot] = value;
      this.#mark(asset, source);
    }
    this.#evaluateDirty();
  }

  tick(): void {
    this.siteValues();
    const { values, replyMs, logMs } = this.#state;
    const { staleAfterMs, owner, slotKeys } = this.#plan;
    for (let slot = 0; slot < slotKeys.length; slot++) {
      if (logMs - (replyMs[slot] as number) > (staleAfterMs[slot] as number) && !Number.isNaN(values[slot])) {
        values[slot] = Number.NaN;
        this.#mark(owner[slot] as number, logMs);
      }
    }
    for (const asset of this.#state.waiting) this.#mark(asset, logMs);
    this.#evaluateDirty();
    this.#rates();
  }

  link(key: string, up: boolean, atMs: number): void {
    const index = this.#plan.linkIndex.get(key);
    const link = index === undefined ? undefined : this.#plan.assets[index];
    if (!link) return;
    const { values, goodMs, replyMs, logMs } = this.#state;
    for (const slot of link.slots) {
      values[slot] = up ? 1 : 0;
      goodMs[slot] = logMs;
      replyMs[slot] = logMs;
    }
    this.#mark(link.index, Math.min(atMs, logMs));
    if (!up) {
      for (const asset of this.#plan.assets) {
        if (asset.link === index) this.#forget(asset, logMs);
      }
    }
    this.#evaluateDirty();
  }

  /**
   * The gateway was not there since `beforeMs`: nothing that it knew holds any more. What was required is unknown from
   * then on; what the sun and the hour made required, or no longer required, in the meantime changes at its own time.
   */
  start(beforeMs: number): void {
    const { values, goodMs, logMs } = this.#state;
    for (const asset of this.#plan.assets) {
      // A link answered until the gateway ended, not just when it came up.
      if (!asset.asset) for (const slot of asset.slots) if (!Number.isNaN(values[slot])) goodMs[slot] = beforeMs;
      this.#forget(asset, beforeMs);
    }
    this.#evaluateDirty();
    const stepMs = Math.max(GAP_STEP_MS, (logMs - beforeMs) / MAX_GAP_STEPS);
    for (let atMs = beforeMs + stepMs; beforeMs > 0 && atMs < logMs; atMs += stepMs) {
      this.siteValues(atMs);
      this.#evaluateDirty();
    }
    this.siteValues();
    this.#evaluateDirty();
  }

  acknowledge(activationId: string, by: string): void {
    for (const [asset, memories] of this.#state.alarms) {
      const no = memories.findIndex((memory) => memory.activationId === activationId);
      const memory = memories[no];
      if (!memory) continue;
      if (!acknowledgeAlarm(memory, by, this.#state.logMs)) return;
      const assetPlan = this.#plan.assets[asset] as AssetPlan;
      this.#emit('acknowledged', assetPlan, no, memory);
      if (alarmState(memory) === 'normal') this.#close(assetPlan, no, memory);
      this.#tidy(asset, memories);
      return;
    }
  }

  /** Whoever was called hears that it is over. */
  removed(activation: Activation): void {
    const atMs = this.#state.logMs;
    if (activation.returnedMs === null) {
      const returned = { ...activation, state: 'returned-unacknowledged', returnedMs: atMs } as const;
      this.changes.push({ kind: 'alarm', event: 'returned', atMs, activation: returned });
    }
    this.closed({ ...activation, returnedMs: activation.returnedMs ?? atMs });
  }

  closed(activation: Activation): void {
    const atMs = this.#state.logMs;
    this.changes.push({ kind: 'alarm', event: 'normal', atMs, activation: { ...activation, state: 'normal' } });
  }

  everything(eventMs: number): void {
    for (const asset of this.#plan.assets) this.#mark(asset.index, eventMs);
    this.#evaluateDirty();
  }

  /** Sets what the site's sun and hour are now, and marks the assets whose expressions read them. */
  siteValues(atMs = this.#state.logMs): void {
    const { values } = this.#state;
    const { calendar } = this.#plan;
    const dark = calendar.dark(atMs) ? 1 : 0;
    const darkChanged = values[DARK_SLOT] !== dark;
    values[DARK_SLOT] = dark;
    values[HOUR_SLOT] = calendar.hour(atMs);
    for (const asset of this.#plan.readsHour) this.#mark(asset, atMs);
    if (darkChanged) for (const asset of this.#plan.readsDark) this.#mark(asset, atMs);
  }

  #forget(asset: AssetPlan, eventMs: number): void {
    for (const slot of asset.slots) this.#state.values[slot] = Number.NaN;
    this.#mark(asset.index, eventMs);
  }

  #mark(asset: number, eventMs: number): void {
    const pending = this.#dirty.get(asset);
    if (asset >= 0 && (pending === undefined || eventMs > pending)) this.#dirty.set(asset, eventMs);
  }

  #evaluateDirty(): void {
    // Parents have lower indexes than their children, so each pass settles causes before effects.
    while (this.#dirty.size > 0) {
      const pass = [...this.#dirty.keys()].sort((a, b) => a - b);
      for (const asset of pass) {
        const eventMs = this.#dirty.get(asset);
        if (eventMs !== undefined) this.#evaluate(asset, eventMs);
      }
    }
  }

  #evaluate(index: number, eventMs: number, nowMs = this.#state.logMs): void {
    this.#dirty.delete(index);
    const { values, dead, underDead } = this.#state;
    const asset = this.#plan.assets[index] as AssetPlan;
    const parentDead = asset.parent >= 0 && dead[asset.parent] === 1;
    const wasUnderDead = underDead[index] === 1;
    // What a child said while its parent still fed it is no reply of the time after.
    if (parentDead && !wasUnderDead) for (const slot of asset.slots) values[slot] = Number.NaN;
    underDead[index] = parentDead ? 1 : 0;

    const change = { eventMs, parentDead, wasUnderDead, asset };
    const classNo = this.#evaluateTrack(index, asset.required, asset.up, change, (fromMs) => {
      this.changes.push({ kind: 'ledger', asset: asset.key, class: className(this.#classOf(index)), fromMs });
    });
    for (const no of this.#plan.tracksOf.get(index) ?? []) {
      const track = this.#plan.rateTracks[no - this.#plan.assets.length] as RateTrack;
      this.#evaluateTrack(no, track.due, track.good, change);
    }

    const deadNow = parentDead || evaluate(asset.childrenDead, values, 0) === 1 ? 1 : 0;
    if (deadNow !== dead[index] || asset.children.some((child) => this.#plan.readsParent.has(child))) {
      dead[index] = deadNow;
      for (const child of asset.children) this.#mark(child, eventMs);
    }
    this.#evaluateAlarms(asset, classNo, eventMs, nowMs);
  }

  #classOf(track: number): number {
    return this.#state.classes[track] as number;
  }

  /** Settles a track's class by what is required and what is good; calls `onChange` with the time of a change. */
  #evaluateTrack(
    track: number,
    required: Bound | undefined,
    good: Bound | undefined,
    change: ClassChange,
    onChange?: (fromMs: number) => void,
  ): number {
    const { values } = this.#state;
    const isRequired = evaluate(required, values, 1);
    const classNo = classify(isRequired, evaluate(good, values, 1), change.parentDead);
    const fromMs = classNo === classNumber.unknown ? this.#unknownSince(track, required, good, change) : change.eventMs;
    if (this.#setClass(track, classNo, fromMs)) onChange?.(this.#state.sinceMs[track] as number);
    return classNo;
  }

  /**
   * Since when a track that cannot be told any more could not be told: since the last good reply of what is missing now
   * if that is what its class followed from, otherwise since what it did follow from ended.
   */
  #unknownSince(track: number, required: Bound | undefined, good: Bound | undefined, change: ClassChange): number {
    const { eventMs, asset, wasUnderDead } = change;
    if (this.#classOf(track) === classNumber.notRequired) return this.#lastKnown(eventMs, required);
    if (!wasUnderDead) return this.#lastKnown(eventMs, required, good);
    // It was down because of a parent: until that was no longer true, or no longer known.
    let sinceMs = eventMs;
    for (let index = asset.parent; index >= 0; ) {
      const parent = this.#plan.assets[index] as AssetPlan;
      sinceMs = Math.min(sinceMs, this.#lastKnown(eventMs, parent.childrenDead));
      index = parent.parent;
    }
    return sinceMs;
  }

  /** When the expressions could last be told: the latest good reply among their inputs that are missing now. */
  #lastKnown(eventMs: number, ...expressions: (Bound | undefined)[]): number {
    const { values, goodMs } = this.#state;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const expression of expressions) {
      for (const slot of expression?.slots ?? []) {
        if (Number.isNaN(values[slot])) lastMs = Math.max(lastMs, goodMs[slot] as number);
      }
    }
    return lastMs === Number.NEGATIVE_INFINITY ? eventMs : lastMs;
  }

  /** Ends the interval in progress at `fromMs`, kept within what is still open, and begins the next; false if same. */
  #setClass(track: number, classNo: number, fromMs: number): boolean {
    const { classes, sinceMs, times, logMs } = this.#state;
    const before = classes[track] as number;
    if (before === classNo) return false;
    const since = sinceMs[track] as number;
    // What a device says of itself once it answers again proves nothing about the time in which nobody heard it: unknown
    // ends as up when the answer came, whatever stamp it carries. A fault of that time counts from its own stamp.
    const isBack = before === classNumber.unknown && classNo === classNumber.up;
    const from = isBack ? logMs : Math.max(since, Math.min(fromMs, logMs));
    times.add(track, before, since, from, this.#plan.calendar);
    classes[track] = classNo;
    sinceMs[track] = from;
    return true;
  }

  #evaluateAlarms(asset: AssetPlan, classNo: number, eventMs: number, nowMs: number): void {
    const memories = this.#state.alarms.get(asset.index);
    const conditions = this.#conditions(asset, classNo);
    if (!memories && !conditions.includes(1)) return;
    const known = memories ?? asset.alarms.map(createAlarmMemory);
    if (!memories) this.#state.alarms.set(asset.index, known);
    asset.alarms.forEach((alarm, no) => {
      const { definition, when } = alarm;
      const memory = known[no] as AlarmMemory;
      const condition = conditions[no] as number;
      const before = memory.activationId === '' ? undefined : activationOf(asset, no, memory);
      const since = when || condition !== 1 ? eventMs : (this.#state.sinceMs[asset.index] as number);
      const masked = alarm.maskedBy.some((other) => {
        const { definition: mask } = asset.alarms[other] as AlarmPlan;
        return explainsOthers(known[other] as AlarmMemory, mask, conditions[other] as number, nowMs);
      });
      const held = condition !== 1 ? 'no' : masked ? 'wait' : this.#heldByCause(asset, definition, memory);
      const event = stepAlarm(memory, definition, { condition, eventMs: Math.min(since, nowMs), nowMs, held });
      if (event === 'raised') {
        if (before) this.closed(before);
        memory.activationId = `${asset.key}.${definition.key}.${this.#state.logSeq}.${this.changes.length}`;
        memory.children = definition.causesChildren ? this.#childKeys(asset) : [];
        this.#emit('raised', asset, no, memory);
      } else if (event === 'returned') {
        this.#emit('returned', asset, no, memory);
        if (alarmState(memory) === 'normal') this.#close(asset, no, memory);
      }
    });
    this.#tidy(asset.index, known);
  }

  #conditions(asset: AssetPlan, classNo: number): number[] {
    return asset.alarms.map(({ when }) =>
      when ? evaluate(when, this.#state.values, 0) : classNo === classNumber.unknown ? 1 : 0,
    );
  }

  /**
   * Whether a parent or the link explains the alarm (`afresh`), or has not answered since and may yet turn out to do so
   * (`wait`). Life safety is never held.
   */
  #heldByCause(asset: AssetPlan, definition: AlarmDefinition, memory: AlarmMemory): 'no' | 'wait' | 'afresh' {
    if (definition.priority === 1) return 'no';
    const { logMs, sinceMs: classSinceMs, replyMs } = this.#state;
    if (asset.link >= 0) {
      const link = this.#plan.assets[asset.link] as AssetPlan;
      const answers = link.slots.every((slot) => this.#state.values[slot] === 1);
      // A link that is not known to answer is the first suspect. A device that reports each minute has that minute, after
      // its link came up, before it counts as silent.
      if (!answers || this.#causes(link, definition.key)) return 'afresh';
      const upForMs = logMs - (classSinceMs[link.index] as number);
      if (definition.when === undefined && upForMs < asset.answersWithinMs) return 'afresh';
    }
    const sinceMs = Number.isNaN(memory.sinceMs) ? logMs : memory.sinceMs;
    for (let index = asset.parent; index >= 0; ) {
      const parent = this.#plan.assets[index] as AssetPlan;
      const cause = this.#causes(parent, definition.key);
      if (cause) return cause;
      if (parent.alarms.some((alarm) => explains(alarm.definition.causesChildren, definition.key))) {
        const answered = parent.slots.some((slot) => (replyMs[slot] as number) > sinceMs);
        if (!answered && logMs - sinceMs < PARENT_REPLY_BOUND_MS) return 'wait';
      }
      index = parent.parent;
    }
    return 'no';
  }

  /** How an asset's alarms explain one of its children's: one that is raised does, one that is about to be may. */
  #causes(cause: AssetPlan, alarm: string): 'wait' | 'afresh' | undefined {
    const memories = this.#state.alarms.get(cause.index);
    if (!memories) return undefined;
    const conditions = this.#conditions(cause, this.#classOf(cause.index));
    let found: 'wait' | undefined;
    for (const [no, { definition }] of cause.alarms.entries()) {
      const memory = memories[no] as AlarmMemory;
      if (!explains(definition.causesChildren, alarm)) continue;
      if (memory.active) return 'afresh';
      if (explainsOthers(memory, definition, conditions[no] as number, this.#state.logMs)) found = 'wait';
    }
    return found;
  }

  /** Keys of all that hangs on a cause: children and theirs; for a link, the assets that it reads. */
  #childKeys(cause: AssetPlan): readonly string[] {
    if (!cause.asset) return this.#plan.assets.filter((asset) => asset.link === cause.index).map((asset) => asset.key);
    const keys: string[] = [];
    const queue = [...cause.children];
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const child = this.#plan.assets[index] as AssetPlan;
      keys.push(child.key);
      queue.push(...child.children);
    }
    return keys;
  }

  #close(asset: AssetPlan, no: number, memory: AlarmMemory): void {
    this.#emit('normal', asset, no, memory);
    closeActivation(memory);
  }

  #tidy(asset: number, memories: AlarmMemory[]): void {
    if (memories.some(isWaiting)) this.#state.waiting.add(asset);
    else this.#state.waiting.delete(asset);
    if (memories.every(isQuiet)) this.#state.alarms.delete(asset);
  }

  #emit(event: AlarmEvent, asset: AssetPlan, no: number, memory: AlarmMemory): void {
    const change: AlarmChange = {
      kind: 'alarm',
      event,
      atMs: this.#state.logMs,
      activation: activationOf(asset, no, memory),
    };
    this.changes.push(change);
  }

  #rates(): void {
    const { logMs } = this.#state;
    const minute = Math.floor(logMs / 60_000);
    if (minute === this.#state.rateMinute) return;
    this.#state.rateMinute = minute;
    this.#plan.site.systems.forEach((system, systemNo) => {
      for (const figure of systemFigures(this.#state, this.#plan, systemNo, logMs)) {
        const { value, low, high, coverage } = figure;
        this.changes.push({
          kind: 'rate',
          system: system.key,
          rate: figure.key,
          atMs: logMs,
          value,
          low,
          high,
          coverage,
        });
      }
    });
  }
}

function evaluate(expression: Bound | undefined, values: Float64Array, absent: number): number {
  return expression ? expression.evaluate(values, expression.slots) : absent;
}

function explains(causesChildren: boolean | readonly string[] | undefined, alarm: string): boolean {
  return typeof causesChildren === 'object' ? causesChildren.includes(alarm) : causesChildren === true;
}

function activationOf(asset: AssetPlan, no: number, memory: AlarmMemory): Activation {
  const definition = asset.profile.alarms[no] as AssetPlan['profile']['alarms'][number];
  return {
    activationId: memory.activationId,
    asset: asset.key,
    alarm: definition.key,
    priority: definition.priority,
    state: alarmState(memory),
    sinceMs: memory.raisedSinceMs,
    raisedMs: memory.raisedMs,
    returnedMs: nullable(memory.returnedMs),
    acknowledgedMs: nullable(memory.acknowledgedMs),
    acknowledgedBy: memory.acknowledgedBy === '' ? null : memory.acknowledgedBy,
    text: definition.text,
    consequence: definition.consequence,
    action: definition.action,
    children: memory.children,
    silence: null,
    shelf: null,
    annunciations: 1,
    test: false,
    firstTold: null,
    chattering: false,
  };
}

function nullable(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}
