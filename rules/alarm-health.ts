import type { AlarmHealth } from '../model/alarm-health.ts';
import type { EngineState } from './state.ts';

/** How well the alarm system does, up to `nowMs`. */
export function alarmHealth(_state: EngineState, nowMs: number): AlarmHealth {
  return {
    fromMs: nowMs,
    toMs: nowMs,
    annunciated: 0,
    byPriority: { 1: 0, 2: 0, 3: 0, 4: 0 },
    perHour: null,
    worstHour: 0,
    last10Min: 0,
    flood: false,
    floodShare: null,
    topTen: [],
    stale: [],
    chattering: [],
    fleeting: 0,
    silenced: { shelved: 0, suppressed: 0, 'out-of-service': 0, planned: 0, commissioning: 0 },
  };
}
