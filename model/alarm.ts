import type { Text } from './text.ts';

/** 1 life safety, 2 urgent, 3 same day, 4 planned work. */
export type Priority = 1 | 2 | 3 | 4;

/** States of ISA-18.2; `normal` is only seen in the event that closes an activation. */
export type AlarmState = 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'latched' | 'normal';

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
  /** Keys of the assets that this cause takes with it; empty for an alarm that is nobody's parent. */
  readonly children: readonly string[];
}

/** What happened to an activation; `children` = the set of assets that it names grew. */
export type AlarmEvent = 'raised' | 'returned' | 'acknowledged' | 'children' | 'normal';

/** A change of an alarm, with the whole activation as it is afterwards. */
export interface AlarmChange {
  readonly kind: 'alarm';
  readonly event: AlarmEvent;
  readonly atMs: number;
  readonly activation: Activation;
}
