import type { AlarmState } from '../model/alarm.ts';

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
}

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
  };
}

/** State by ISA-18.2 of an open activation; `normal` where none is open. */
export function alarmState(memory: AlarmMemory): AlarmState {
  if (memory.activationId === '') return 'normal';
  const acknowledged = isTime(memory.acknowledgedMs);
  if (memory.active) return acknowledged ? 'acknowledged' : 'unacknowledged';
  return acknowledged ? 'normal' : 'returned-unacknowledged';
}

/** True where the alarm has nothing to remember: no activation, no timer. */
export function isQuiet(memory: AlarmMemory): boolean {
  return memory.activationId === '' && !isTime(memory.sinceMs);
}

/** True where time alone can change the alarm. */
export function isWaiting(memory: AlarmMemory): boolean {
  return memory.active ? isTime(memory.clearMs) : isTime(memory.sinceMs);
}

/**
 * True where what this alarm explains is to be held: it is raised, or its condition holds now and its on-delay is not
 * over yet. One that is never raised itself, whatever the reason, explains nothing.
 */
export function explainsOthers(memory: AlarmMemory, delays: AlarmDelays, condition: number, nowMs: number): boolean {
  if (memory.active) return true;
  if (condition !== 1) return false;
  return !isTime(memory.sinceMs) || nowMs - memory.sinceMs <= delays.onDelayMs;
}

/**
 * One step of ISA-18.2's machine, after an evaluation or a tick. Changes `memory` and says what became of it; the
 * caller completes a raised activation (`activationId`, `children`).
 */
export function stepAlarm(
  memory: AlarmMemory,
  delays: AlarmDelays,
  input: AlarmInput,
): 'raised' | 'returned' | undefined {
  const { condition, eventMs, nowMs } = input;
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
  if (nowMs - memory.clearMs < delays.offDelayMs) return undefined;
  memory.active = false;
  memory.returnedMs = memory.clearMs;
  memory.sinceMs = Number.NaN;
  memory.onFromMs = Number.NaN;
  return 'returned';
}

/** Takes an acknowledgement; false where it changes nothing (no open activation, or already acknowledged). */
export function acknowledgeAlarm(memory: AlarmMemory, by: string, nowMs: number): boolean {
  if (memory.activationId === '' || isTime(memory.acknowledgedMs)) return false;
  memory.acknowledgedMs = nowMs;
  memory.acknowledgedBy = by;
  return true;
}

/** Closes the activation of an alarm that is returned and acknowledged. */
export function closeActivation(memory: AlarmMemory): void {
  memory.activationId = '';
  memory.raisedSinceMs = Number.NaN;
  memory.raisedMs = Number.NaN;
  memory.acknowledgedMs = Number.NaN;
  memory.acknowledgedBy = '';
  memory.returnedMs = Number.NaN;
  memory.clearMs = Number.NaN;
  memory.children = [];
}

function isTime(ms: number): boolean {
  return !Number.isNaN(ms);
}
