import type { Activation, Silence } from '../../model/alarm.ts';
import { type AlarmPlan, type AssetPlan, NONE } from '../compile.ts';
import { conditionsOf, type Look, lastKnown, resultOf } from '../look.ts';
import type { EngineState } from '../state.ts';
import type { Work } from '../work.ts';
import { activationOf, alarmChange } from './activation.ts';
import {
  type AlarmMemory,
  alarmState,
  annunciate,
  closeActivation,
  createAlarmMemory,
  ESCALATE_MS,
  explainsOthers,
  isQuiet,
  isWaiting,
  stepAlarm,
} from './alarm.ts';
import { countAnnunciation, countReturn } from './alarm-health.ts';
import { concernedKeys, heldByCause } from './cause.ts';

/** What is told of longer ago than this is history. */
const STORED_MS = 10_000;

/** Takes each alarm of an asset one step further, and says what became of it. `observed` is the asset's class. */
export function settleAlarms(work: Work, look: Look, observed: number): void {
  const { asset } = look;
  const { state } = work;
  const stored = state.alarms.get(asset.index);
  const conditions = conditionsOf(state, asset, observed);
  if (!stored && !conditions.includes(1)) return;
  const memories = stored ?? new Array<AlarmMemory | undefined>(asset.alarms.length).fill(undefined);
  if (!stored) state.alarms.set(asset.index, memories);
  for (let no = 0; no < memories.length; no++) {
    if (!memories[no] && conditions[no] !== 1) continue;
    const memory = memories[no] ?? createAlarmMemory();
    memories[no] = memory;
    endShelf(memory, look.nowMs);
    stepOne(work, look, no, memory, memories, conditions);
    if (memory.activationId !== '') followSilence(work, look, no, memory);
  }
  tidy(state, asset, memories);
}

function stepOne(
  work: Work,
  look: Look,
  no: number,
  memory: AlarmMemory,
  memories: readonly (AlarmMemory | undefined)[],
  conditions: readonly number[],
): void {
  const { asset, eventMs, nowMs } = look;
  const alarm = asset.alarms[no] as AlarmPlan;
  const condition = withDeadband(work.state, asset, alarm, memory, conditions[no] as number);
  const before = memory.activationId === '' ? undefined : activationOf(asset, no, memory);
  const wasChattering = memory.chattering;
  // Its class may be unknown for longer, for want of a proof, or planned.
  const since =
    alarm.when === NONE && condition === 1
      ? Math.max(
          work.state.ledger.sinceMs[asset.index] as number,
          lastKnown(
            work.state,
            Number.NEGATIVE_INFINITY,
            [asset.required, asset.up].flatMap((place) => asset.expressions[place] ?? []),
          ),
        )
      : eventMs;
  const masked = alarm.maskedBy.some((other) =>
    explainsOthers(memories[other], (asset.alarms[other] as AlarmPlan).definition, conditions[other] as number, nowMs),
  );
  // What a device stored is not raised at its own time: whether it still stands is known once all of it is read.
  const isStored = nowMs < work.state.logMs - STORED_MS;
  const held =
    condition !== 1 ? 'no' : masked || isStored ? 'wait' : heldByCause(work.state, asset, alarm.definition, memory);
  const event = stepAlarm(memory, alarm.definition, { condition, eventMs: Math.min(since, nowMs), nowMs, held });
  if (event === 'raised') raise(work, look, no, memory, before, wasChattering);
  else if (event === 'returned') giveBack(work, asset, no, memory);
}

/** A raised alarm with a deadband returns only where its own condition for that holds. */
function withDeadband(
  state: EngineState,
  asset: AssetPlan,
  alarm: AlarmPlan,
  memory: AlarmMemory,
  condition: number,
): number {
  if (!memory.active || alarm.returnWhen === NONE || condition === 1) return condition;
  const isBack = resultOf(state, asset, alarm.returnWhen, 1);
  return Number.isNaN(isBack) ? Number.NaN : 1 - isBack;
}

function raise(
  work: Work,
  look: Look,
  no: number,
  memory: AlarmMemory,
  before: Activation | undefined,
  wasChattering: boolean,
): void {
  const { asset } = look;
  const { state } = work;
  const alarm = asset.alarms[no] as AlarmPlan;
  if (before) work.changes.push(alarmChange('normal', state.logMs, { ...before, state: 'normal' }));
  memory.activationId = `${asset.key}.${alarm.definition.key}.${state.logSeq}.${work.changes.length}`;
  memory.children = concernedKeys(state, work.plan, asset, alarm.definition);
  memory.test = isTest(state, asset, alarm);
  memory.silence = silenceOf(state, asset, alarm, memory);
  if (memory.silence === null) call(work, look, alarm, no, memory);
  work.emit('raised', asset, no, memory);
  if (memory.chattering && !wasChattering) work.emit('chattering', asset, no, memory);
}

/** People are called: counted, and by whom first. */
function call(work: Work, look: Look, alarm: AlarmPlan, no: number, memory: AlarmMemory): void {
  const { asset, nowMs } = look;
  annunciate(memory, nowMs);
  const opener = alarm.definition.priority === 1 ? jobAt(work, asset) : undefined;
  if (memory.test && opener !== undefined) {
    memory.firstTold = opener;
    memory.escalateMs = nowMs + ESCALATE_MS;
  }
  countAnnunciation(work.state.health, activationOf(asset, no, memory), work.state.logMs);
}

function giveBack(work: Work, asset: AssetPlan, no: number, memory: AlarmMemory): void {
  const { definition } = asset.alarms[no] as AlarmPlan;
  if (memory.shelf?.untilMs === null) memory.shelf = null;
  work.emit('returned', asset, no, memory);
  countReturn(work.state.health, activationOf(asset, no, memory), work.state.logMs);
  if (alarmState(memory, definition.latching === true) === 'normal') closeAlarm(work, asset, no, memory);
}

/** Ends an activation that asks nothing of anybody any more. */
export function closeAlarm(work: Work, asset: AssetPlan, no: number, memory: AlarmMemory): void {
  const activation = activationOf(asset, no, memory);
  work.changes.push(alarmChange('normal', work.state.logMs, { ...activation, state: 'normal' }));
  closeActivation(memory);
}

/** What time and other facts do to an open activation: silences, tests, re-alarms, whom to tell next. */
function followSilence(work: Work, look: Look, no: number, memory: AlarmMemory): void {
  const { asset, nowMs } = look;
  const alarm = asset.alarms[no] as AlarmPlan;
  const { state } = work;
  const silence = silenceOf(state, asset, alarm, memory);
  const was = memory.silence;
  // What is gone and only waits for its off-delay calls nobody: it stays as silent, and as much of a test, as it was.
  if (silence === null && memory.active && !Number.isNaN(memory.clearMs)) return;
  memory.silence = silence;
  const realNow = memory.active && memory.test && !isTest(state, asset, alarm);
  if (realNow) memory.test = false;
  const { reAlarmMs } = alarm.definition;
  const isOverdue = memory.active && reAlarmMs !== undefined && nowMs - memory.annunciatedMs >= reAlarmMs;
  if (silence === null && memory.active && (was !== null || realNow || isOverdue)) {
    // It stands, and nobody has been told of it as it is now.
    call(work, look, alarm, no, memory);
    work.emit('annunciated', asset, no, memory);
  } else if (silence !== was) {
    work.emit(silence === null ? 'unsilenced' : 'silenced', asset, no, memory);
  }
  if (nowMs >= memory.escalateMs) {
    memory.escalateMs = Number.NaN;
    work.emit('escalated', asset, no, memory);
    memory.firstTold = '';
  }
}

/** Why nobody is called for this alarm now. Life safety is silent only where the asset is not handed over yet. */
function silenceOf(state: EngineState, asset: AssetPlan, alarm: AlarmPlan, memory: AlarmMemory): Silence | null {
  if (state.commissioning[asset.index] === 1) return 'commissioning';
  if (alarm.definition.priority === 1) return null;
  if (someOf(state, asset, (key) => state.decisions.outOfService.has(key))) return 'out-of-service';
  if (memory.shelf !== null) return 'shelved';
  if ((state.plannedUntilMs[asset.index] as number) > 0) return 'planned';
  return resultOf(state, asset, alarm.suppressWhen, 0) === 1 ? 'suppressed' : null;
}

function isTest(state: EngineState, asset: AssetPlan, alarm: AlarmPlan): boolean {
  return (
    resultOf(state, asset, alarm.testWhen, 0) === 1 || someOf(state, asset, (key) => state.decisions.jobs.has(key))
  );
}

function jobAt({ state }: Work, asset: AssetPlan): string | undefined {
  let opener: string | undefined;
  someOf(state, asset, (key) => {
    opener = state.decisions.jobs.get(key)?.by;
    return opener !== undefined;
  });
  return opener;
}

/** True where something holds of the asset, or of what it hangs on. */
function someOf(state: EngineState, asset: AssetPlan, holds: (key: string) => boolean): boolean {
  const assets = state.plan?.assets;
  for (let found: AssetPlan | undefined = asset; found; found = assets?.[found.parent]) {
    if (holds(found.key)) return true;
  }
  return false;
}

function endShelf(memory: AlarmMemory, nowMs: number): void {
  const untilMs = memory.shelf?.untilMs;
  if (typeof untilMs === 'number' && nowMs >= untilMs) memory.shelf = null;
}

/** Keeps what has to be remembered, and only that. */
export function tidy(state: EngineState, asset: AssetPlan, memories: (AlarmMemory | undefined)[]): void {
  let waits = asset.windows.length > 0;
  let remembers = false;
  for (let no = 0; no < memories.length; no++) {
    const memory = memories[no];
    if (!memory) continue;
    if (isQuiet(memory)) {
      memories[no] = undefined;
      continue;
    }
    remembers = true;
    waits ||= isWaiting(memory, asset.reAlarms);
  }
  if (waits) state.waiting.add(asset.index);
  else state.waiting.delete(asset.index);
  if (!remembers) state.alarms.delete(asset.index);
}
