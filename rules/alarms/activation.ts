import type { Activation, AlarmChange, AlarmEvent } from '../../model/alarm.ts';
import type { AlarmPlan, AssetPlan } from '../compile.ts';
import type { EngineState } from '../state.ts';
import { type AlarmMemory, alarmState } from './alarm.ts';

/** What page, phone and history are shown of an alarm: its memory, with the texts of its profile. */
export function activationOf(asset: AssetPlan, no: number, memory: AlarmMemory): Activation {
  const { definition } = asset.alarms[no] as AlarmPlan;
  return {
    activationId: memory.activationId,
    asset: asset.key,
    alarm: definition.key,
    priority: definition.priority,
    state: alarmState(memory, definition.latching === true),
    sinceMs: memory.raisedSinceMs,
    raisedMs: memory.raisedMs,
    returnedMs: nullable(memory.returnedMs),
    acknowledgedMs: nullable(memory.acknowledgedMs),
    acknowledgedBy: memory.acknowledgedBy === '' ? null : memory.acknowledgedBy,
    text: definition.text,
    consequence: definition.consequence,
    action: definition.action,
    children: memory.children,
    silence: memory.silence,
    shelf: memory.shelf,
    annunciations: memory.annunciations,
    test: memory.test,
    firstTold: memory.firstTold === '' ? null : memory.firstTold,
    chattering: memory.chattering,
  };
}

/** A change of an alarm at `atMs`. */
export function alarmChange(event: AlarmEvent, atMs: number, activation: Activation): AlarmChange {
  return { kind: 'alarm', event, atMs, activation };
}

/** The open activations, oldest first. */
export function openActivations(state: EngineState): readonly Activation[] {
  const { plan } = state;
  if (!plan) return [];
  const open: Activation[] = [];
  for (const [asset, memories] of state.alarms) {
    const assetPlan = plan.assets[asset] as AssetPlan;
    memories.forEach((memory, no) => {
      if (memory && memory.activationId !== '') open.push(activationOf(assetPlan, no, memory));
    });
  }
  return open.sort((a, b) => a.raisedMs - b.raisedMs || (a.activationId < b.activationId ? -1 : 1));
}

function nullable(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}
