import type { AlarmState, Shelf, Silence } from '../../model/alarm.ts';

/**
 * What the engine remembers of one alarm of one asset: independent facts, from which the state follows. Times are epoch
 * ms; NaN where the fact does not hold. Plain data, so that it goes into a snapshot as it is.
 */
export interface AlarmMemory {
  /** Event time from which the condition has been true without a break. */
  sinceMs: number;
  /** From when the on-delay counts: later than `sinceMs` where the alarm was held. */
  onFromMs: number;
  /** Event time from which the condition of a raised alarm has been false without a break. */
  clearMs: number;
  /** The open activation; empty where none is open. */
  activationId: string;
  /** Event time and annunciation time of the open activation. */
  raisedSinceMs: number;
  raisedMs: number;
  active: boolean;
  acknowledgedMs: number;
  acknowledgedBy: string;
  returnedMs: number;
  children: readonly string[];
  silence: Silence | null;
  shelf: Shelf | null;
  annunciations: number;
  annunciatedMs: number;
  test: boolean;
  /** Whoever is told first, and when everybody else is; empty and NaN where nobody is preferred. */
  firstTold: string;
  escalateMs: number;
  /** When it was raised the last few times, within {@link CHATTER_MS}. */
  raises: readonly number[];
  chattering: boolean;
}

/** So many activations within this time are chattering (ISA-18.2: three within a minute). */
export const CHATTER_RAISES = 3;
export const CHATTER_MS = 60_000;

/** An alarm that is over within this time is fleeting. */
export const FLEETING_MS = 10_000;

/** Whoever was told first has this long to take it; then everybody is told. */
export const ESCALATE_MS = 60_000;

export interface AlarmInput {
  /** 1 true, 0 false, NaN not known: a raised alarm stays as it is. */
  readonly condition: number;
  /** When the condition came to be what it is. */
  readonly eventMs: number;
  readonly nowMs: number;
  /**
   * Whether something else explains this alarm, so that it is not raised now (it returns all the same). `wait`: it may
   * turn out to; the on-delay runs on meanwhile. `afresh`: it does; the on-delay counts again from its end, so that the
   * child has time to answer.
   */
  readonly held: 'no' | 'wait' | 'afresh';
}

export interface AlarmDelays {
  readonly latching?: boolean;
  readonly onDelayMs: number;
  readonly offDelayMs: number;
}

export function createAlarmMemory(): AlarmMemory {
  return {
    sinceMs: Number.NaN,
    onFromMs: Number.NaN,
    clearMs: Number.NaN,
    activationId: '',
    raisedSinceMs: Number.NaN,
    raisedMs: Number.NaN,
    active: false,
    acknowledgedMs: Number.NaN,
    acknowledgedBy: '',
    returnedMs: Number.NaN,
    children: [],
    silence: null,
    shelf: null,
    annunciations: 0,
    annunciatedMs: Number.NaN,
    test: false,
    firstTold: '',
    escalateMs: Number.NaN,
    raises: [],
    chattering: false,
  };
}

/**
 * State by ISA-18.2 of an open activation; `normal` where none is open. One of which nobody was told needs nobody's
 * acknowledgement once it is over.
 */
export function alarmState(memory: AlarmMemory, latching: boolean): AlarmState {
  if (memory.activationId === '') return 'normal';
  const acknowledged = isTime(memory.acknowledgedMs);
  if (memory.active) return acknowledged ? 'acknowledged' : 'unacknowledged';
  if (memory.annunciations === 0) return 'normal';
  if (latching) return acknowledged ? 'latched' : 'unacknowledged';
  return acknowledged ? 'normal' : 'returned-unacknowledged';
}

/** True where the alarm has nothing to remember: no activation, no timer, no shelf, no recent activation. */
export function isQuiet(memory: AlarmMemory): boolean {
  return memory.activationId === '' && !isTime(memory.sinceMs) && memory.shelf === null && memory.raises.length === 0;
}

/** True where time alone can change the alarm. */
export function isWaiting(memory: AlarmMemory, reAlarms: boolean): boolean {
  if (memory.raises.length > 0 || isTime(memory.escalateMs) || typeof memory.shelf?.untilMs === 'number') return true;
  return memory.active ? reAlarms || isTime(memory.clearMs) : isTime(memory.sinceMs);
}

/**
 * True where what this alarm explains is to be held: it is raised, or its condition holds now and its on-delay is not
 * over yet. One that is never raised itself, whatever the reason, explains nothing.
 */
export function explainsOthers(
  memory: AlarmMemory | undefined,
  delays: AlarmDelays,
  condition: number,
  nowMs: number,
): boolean {
  if (memory?.active) return true;
  if (condition !== 1) return false;
  return !memory || !isTime(memory.sinceMs) || nowMs - memory.sinceMs <= delays.onDelayMs;
}

/**
 * One step of ISA-18.2's machine, after an evaluation or a tick. Changes `memory` and says what became of it; the
 * caller completes a raised activation (`activationId`, `children`, who is told).
 */
export function stepAlarm(
  memory: AlarmMemory,
  delays: AlarmDelays,
  input: AlarmInput,
): 'raised' | 'returned' | undefined {
  const { condition, eventMs, nowMs } = input;
  if (memory.raises.length > 0 && !memory.active) forgetRaises(memory, nowMs);
  if (condition === 1) {
    memory.clearMs = Number.NaN;
    if (memory.active) return undefined;
    if (!isTime(memory.sinceMs)) {
      memory.sinceMs = eventMs;
      memory.onFromMs = eventMs;
    }
    if (input.held === 'afresh') memory.onFromMs = nowMs;
    if (input.held !== 'no' || nowMs - memory.onFromMs < delays.onDelayMs) return undefined;
    memory.active = true;
    memory.raisedSinceMs = memory.sinceMs;
    memory.raisedMs = nowMs;
    memory.returnedMs = Number.NaN;
    memory.acknowledgedMs = Number.NaN;
    memory.acknowledgedBy = '';
    memory.annunciations = 0;
    memory.annunciatedMs = Number.NaN;
    rememberRaise(memory, nowMs);
    return 'raised';
  }
  if (!memory.active) {
    // Not known is not "still true": the on-delay asks for the condition without a break.
    memory.sinceMs = Number.NaN;
    memory.onFromMs = Number.NaN;
    return undefined;
  }
  if (condition !== 0) return undefined;
  if (!isTime(memory.clearMs)) memory.clearMs = eventMs;
  // What chatters is held until it has been quiet for as long as chattering is counted over.
  const offDelayMs = memory.chattering ? Math.max(delays.offDelayMs, CHATTER_MS) : delays.offDelayMs;
  if (nowMs - memory.clearMs < offDelayMs) return undefined;
  memory.active = false;
  memory.returnedMs = memory.clearMs;
  memory.sinceMs = Number.NaN;
  memory.onFromMs = Number.NaN;
  // What latches still asks for somebody, so that the others are told in their turn.
  if (!delays.latching) {
    memory.escalateMs = Number.NaN;
    memory.firstTold = '';
  }
  return 'returned';
}

function rememberRaise(memory: AlarmMemory, nowMs: number): void {
  memory.raises = [...memory.raises.slice(1 - CHATTER_RAISES), nowMs];
  const first = memory.raises[0] as number;
  memory.chattering = memory.raises.length === CHATTER_RAISES && nowMs - first <= CHATTER_MS;
}

function forgetRaises(memory: AlarmMemory, nowMs: number): void {
  memory.raises = memory.raises.filter((raisedMs) => nowMs - raisedMs <= CHATTER_MS);
  if (memory.raises.length === 0) memory.chattering = false;
}

/** People are called, for the first time or again: whatever was acknowledged before is not any more. */
export function annunciate(memory: AlarmMemory, nowMs: number): void {
  memory.annunciations++;
  memory.annunciatedMs = nowMs;
  memory.acknowledgedMs = Number.NaN;
  memory.acknowledgedBy = '';
  memory.firstTold = '';
  memory.escalateMs = Number.NaN;
}

/** Takes an acknowledgement; false where it changes nothing (no open activation, or already acknowledged). */
export function acknowledgeAlarm(memory: AlarmMemory, by: string, nowMs: number): boolean {
  if (memory.activationId === '' || isTime(memory.acknowledgedMs)) return false;
  memory.acknowledgedMs = nowMs;
  memory.acknowledgedBy = by;
  memory.escalateMs = Number.NaN;
  return true;
}

/** Closes the activation of an alarm that is over, as far as anybody has to do something. */
export function closeActivation(memory: AlarmMemory): void {
  memory.activationId = '';
  memory.raisedSinceMs = Number.NaN;
  memory.raisedMs = Number.NaN;
  memory.acknowledgedMs = Number.NaN;
  memory.acknowledgedBy = '';
  memory.returnedMs = Number.NaN;
  memory.clearMs = Number.NaN;
  memory.children = [];
  memory.silence = null;
  memory.annunciations = 0;
  memory.annunciatedMs = Number.NaN;
  memory.test = false;
  memory.firstTold = '';
  memory.escalateMs = Number.NaN;
}

function isTime(ms: number): boolean {
  return !Number.isNaN(ms);
}
