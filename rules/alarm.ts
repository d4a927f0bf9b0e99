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
  /** 1 true, 0 false, NaN not known: the alarm stays as it is. */
  readonly condition: number;
  /** When the condition came to be what it is. */
  readonly eventMs: number;
  readonly nowMs: number;
  /** True while a cause stands that takes this alarm with it: it is not raised, but returns all the same. */
  readonly held: boolean;
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

/** True where the condition holds, raised or not yet: what it causes is held from the first moment. */
export function isStanding(memory: AlarmMemory): boolean {
  return memory.active || isTime(memory.sinceMs);
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
    if (input.held) {
      // The delay starts afresh when the cause is gone, so that the child has time to answer again.
      memory.onFromMs = nowMs;
      return undefined;
    }
    if (nowMs - memory.onFromMs < delays.onDelayMs) return undefined;
    memory.active = true;
    memory.raisedSinceMs = memory.sinceMs;
    memory.raisedMs = nowMs;
    memory.returnedMs = Number.NaN;
    memory.acknowledgedMs = Number.NaN;
    memory.acknowledgedBy = '';
    return 'raised';
  }
  if (condition !== 0) return undefined;
  if (!memory.active) {
    memory.sinceMs = Number.NaN;
    memory.onFromMs = Number.NaN;
    return undefined;
  }
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
