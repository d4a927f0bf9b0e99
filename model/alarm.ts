import type { Text } from './text.ts';

/** 1 life safety, 2 urgent, 3 same day, 4 planned work. */
export type Priority = 1 | 2 | 3 | 4;

/** States of ISA-18.2; `normal` is only seen in the event that closes an activation. */
export type AlarmState = 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'latched' | 'normal';

/**
 * Why an alarm calls nobody while it stands. Each stops annunciation only, never evaluation: `shelved` by an operator,
 * `suppressed` by the profile's own logic, `out-of-service` by a work order, `planned` by registered planned work (never
 * priority 1), `commissioning` because the asset's points are not signed off yet.
 */
export type Silence = 'shelved' | 'suppressed' | 'out-of-service' | 'planned' | 'commissioning';

/** How an operator shelved an alarm: until a time, or, where that is null, until it is inactive (one-shot). */
export interface Shelf {
  readonly untilMs: number | null;
  readonly by: string;
  readonly reason: string;
}

/** One activation of an alarm, from the moment it is annunciated until it is normal again. */
export interface Activation {
  /** Stable and unique: the alarm's asset and key and the `logSeq` of the record that activated it. */
  readonly activationId: string;
  readonly asset: string;
  readonly alarm: string;
  readonly priority: Priority;
  readonly state: AlarmState;
  /** Event time of the condition, before the on-delay. Epoch ms. */
  readonly sinceMs: number;
  /** Site time of annunciation, after the on-delay. Epoch ms. */
  readonly raisedMs: number;
  readonly returnedMs: number | null;
  readonly acknowledgedMs: number | null;
  readonly acknowledgedBy: string | null;
  readonly text: Text;
  readonly consequence: Text;
  readonly action: Text;
  /**
   * Keys of the assets that this cause takes with it; empty for an alarm that is nobody's parent. For the alarm of a
   * rate: the assets or groups that missed its target when it was raised, worst first.
   */
  readonly children: readonly string[];
  /** Why nobody is called; null where it is annunciated. */
  readonly silence: Silence | null;
  readonly shelf: Shelf | null;
  /** How often people were called: 0 while it has been silent since it was raised; more than 1 after a re-alarm. */
  readonly annunciations: number;
  /** The equipment is being tested or worked on: the alarm is labelled, never hidden. */
  readonly test: boolean;
  /** Whoever opened a job at the asset and is told first; null where everybody is told at once. */
  readonly firstTold: string | null;
  /** It comes and goes so often that it is held active until it has been quiet. */
  readonly chattering: boolean;
}

/**
 * What happened to an activation. `annunciated`: people are called again (a silence ended while it stands, a re-alarm);
 * `escalated`: whoever was told first did not take it; `silenced`, `unsilenced`: its silence changed without a call;
 * `chattering`: it began or ceased to be held.
 */
export type AlarmEvent =
  | 'raised'
  | 'returned'
  | 'acknowledged'
  | 'annunciated'
  | 'escalated'
  | 'silenced'
  | 'unsilenced'
  | 'chattering'
  | 'normal';

/** A change of an alarm, with the whole activation as it is afterwards. */
export interface AlarmChange {
  readonly kind: 'alarm';
  readonly event: AlarmEvent;
  readonly atMs: number;
  readonly activation: Activation;
}
