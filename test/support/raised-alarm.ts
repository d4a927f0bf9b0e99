import type { Activation } from '../../model/alarm.ts';

const text = { zh: '文', en: 'text' };

/** An alarm of priority 1 that has just been raised and told to everybody; `more` says otherwise. */
export function raisedAlarm(more: Partial<Activation> = {}): Activation {
  return {
    activationId: 'lift.fault.1.0',
    asset: 'lift',
    alarm: 'fault',
    priority: 1,
    state: 'unacknowledged',
    sinceMs: 0,
    raisedMs: 0,
    returnedMs: null,
    acknowledgedMs: null,
    acknowledgedBy: null,
    text,
    consequence: text,
    action: text,
    children: [],
    silence: null,
    shelf: null,
    annunciations: 1,
    test: false,
    firstTold: null,
    chattering: false,
    ...more,
  };
}
