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
  isQuiet,
  isStanding,
  isWaiting,
  stepAlarm,
} from './alarm.ts';
import { type AssetPlan, type Bound, compileSite, DARK_SLOT, HOUR_SLOT, type Plan, type RateTrack } from './compile.ts';
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
  state.logSeq = record.logSeq;
  state.logMs = record.logMs;
  switch (record.kind) {
    case 'points':
      for (const [key, number] of record.numbers) state.numbers.set(key, number);
      if (state.plan) state.plan = compileSite(state.plan.site, state.numbers);
      return [];
    case 'site':
      return takeOverSite(state, record.site);
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
      run.start();
      break;
    case 'action':
      run.acknowledge(record.action.activationId, record.action.by);
      break;
  }
  return run.changes;
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
    if (!stillOpen.has(activation.activationId)) run.closed(activation);
  }
  run.siteValues();
  run.everything(before.logMs > 0 ? before.logMs : state.logMs);
  return run.changes;
}

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
      if (pending !== undefined && source > pending) this.#evaluate(asset, pending);
      values[slot] = value;
      this.#dirty.set(asset, source);
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
        if (asset.link === index) this.#forget(asset);
      }
    }
    this.#evaluateDirty();
  }

  /** The gateway was not there since the record before: nothing that it knew holds any more. */
  start(): void {
    this.siteValues();
    for (const asset of this.#plan.assets) this.#forget(asset);
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

  closed(activation: Activation): void {
    const atMs = this.#state.logMs;
    this.changes.push({ kind: 'alarm', event: 'normal', atMs, activation: { ...activation, state: 'normal' } });
  }

  everything(eventMs: number): void {
    for (const asset of this.#plan.assets) this.#mark(asset.index, eventMs);
    this.#evaluateDirty();
  }

  /** Sets what the site's sun and hour are now, and marks the assets whose expressions read them. */
  siteValues(): void {
    const { values, logMs } = this.#state;
    const { calendar } = this.#plan;
    const dark = calendar.dark(logMs) ? 1 : 0;
    const darkChanged = values[DARK_SLOT] !== dark;
    values[DARK_SLOT] = dark;
    values[HOUR_SLOT] = calendar.hour(logMs);
    for (const asset of this.#plan.readsHour) this.#mark(asset, logMs);
    if (darkChanged) for (const asset of this.#plan.readsDark) this.#mark(asset, logMs);
  }

  #forget(asset: AssetPlan): void {
    for (const slot of asset.slots) this.#state.values[slot] = Number.NaN;
    this.#mark(asset.index, this.#state.logMs);
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

  #evaluate(index: number, eventMs: number): void {
    this.#dirty.delete(index);
    const { values, dead } = this.#state;
    const asset = this.#plan.assets[index] as AssetPlan;
    const parentDead = asset.parent >= 0 && dead[asset.parent] === 1;
    const classNo = classify(evaluate(asset.required, values, 1), evaluate(asset.up, values, 1), parentDead);
    const fromMs = classNo === classNumber.unknown ? this.#lastKnown(eventMs, asset.required, asset.up) : eventMs;
    if (this.#setClass(index, classNo, fromMs)) {
      const since = this.#state.sinceMs[index] as number;
      this.changes.push({ kind: 'ledger', asset: asset.key, class: className(classNo), fromMs: since });
    }
    for (const track of this.#plan.tracksOf.get(index) ?? []) this.#evaluateTrack(track, parentDead, eventMs);

    const deadNow = parentDead || evaluate(asset.childrenDead, values, 0) === 1 ? 1 : 0;
    if (deadNow !== dead[index] || asset.children.some((child) => this.#plan.readsParent.has(child))) {
      dead[index] = deadNow;
      for (const child of asset.children) this.#mark(child, eventMs);
    }
    this.#evaluateAlarms(asset, classNo, eventMs);
  }

  #evaluateTrack(trackNo: number, parentDead: boolean, eventMs: number): void {
    const { values } = this.#state;
    const track = this.#plan.rateTracks[trackNo - this.#plan.assets.length] as RateTrack;
    const classNo = classify(evaluate(track.due, values, 1), evaluate(track.good, values, 1), parentDead);
    const fromMs = classNo === classNumber.unknown ? this.#lastKnown(eventMs, track.due, track.good) : eventMs;
    this.#setClass(trackNo, classNo, fromMs);
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

  #evaluateAlarms(asset: AssetPlan, classNo: number, eventMs: number): void {
    const { values, logMs } = this.#state;
    const memories = this.#state.alarms.get(asset.index);
    const conditions = asset.alarms.map(({ when }) =>
      when ? evaluate(when, values, 0) : classNo === classNumber.unknown ? 1 : 0,
    );
    if (!memories && !conditions.includes(1)) return;
    const known = memories ?? asset.alarms.map(createAlarmMemory);
    if (!memories) this.#state.alarms.set(asset.index, known);
    asset.alarms.forEach(({ definition, maskedBy, when }, no) => {
      const memory = known[no] as AlarmMemory;
      const condition = conditions[no] as number;
      const before = memory.activationId === '' ? undefined : activationOf(asset, no, memory);
      const since = when || condition !== 1 ? eventMs : (this.#state.sinceMs[asset.index] as number);
      const held =
        condition === 1 &&
        (maskedBy.some((other) => conditions[other] === 1 || isStanding(known[other] as AlarmMemory)) ||
          (definition.priority > 1 && this.#heldByCause(asset, definition, memory)));
      const event = stepAlarm(memory, definition, { condition, eventMs: Math.min(since, logMs), nowMs: logMs, held });
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

  /** True while a parent or the link stands as the cause, or has not answered since and may yet turn out to be it. */
  #heldByCause(asset: AssetPlan, { key: alarm, when }: AlarmDefinition, memory: AlarmMemory): boolean {
    if (asset.link >= 0) {
      const link = this.#plan.assets[asset.link] as AssetPlan;
      if (this.#linkIsCause(link, alarm)) return true;
      // A device that reports each minute has that minute, after its link came up, before it counts as silent.
      const upForMs = this.#state.logMs - (this.#state.sinceMs[link.index] as number);
      if (when === undefined && upForMs < asset.answersWithinMs) return true;
    }
    const sinceMs = Number.isNaN(memory.sinceMs) ? this.#state.logMs : memory.sinceMs;
    for (let index = asset.parent; index >= 0; ) {
      const parent = this.#plan.assets[index] as AssetPlan;
      if (this.#causes(parent, alarm)) return true;
      if (parent.alarms.some(({ definition }) => explains(definition.causesChildren, alarm))) {
        const answered = parent.slots.some((slot) => (this.#state.replyMs[slot] as number) > sinceMs);
        if (!answered && this.#state.logMs - sinceMs < PARENT_REPLY_BOUND_MS) return true;
      }
      index = parent.parent;
    }
    return false;
  }

  /** A link that is not known to answer is the first suspect; that it does not is its own alarm. */
  #linkIsCause(link: AssetPlan, alarm: string): boolean {
    const answers = link.slots.every((slot) => this.#state.values[slot] === 1);
    return !answers || this.#causes(link, alarm);
  }

  #causes(cause: AssetPlan, alarm: string): boolean {
    const memories = this.#state.alarms.get(cause.index);
    return (
      memories !== undefined &&
      cause.alarms.some(
        ({ definition }, no) => explains(definition.causesChildren, alarm) && isStanding(memories[no] as AlarmMemory),
      )
    );
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
  };
}

function nullable(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}
