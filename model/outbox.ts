import type { Activation, Priority } from './alarm.ts';
import type { Notice } from './channel.ts';

/** A notice that is owed: written in the transaction of the alarm's change that asks for it. */
export interface OutboxRow {
  /** {@link Notice.id}: the same for the same activation, kind, person and channel, whoever writes it how often. */
  readonly id: string;
  readonly kind: Notice['kind'];
  readonly activationId: string;
  /** Key of the alarm, by which notices are grouped. */
  readonly alarm: string;
  readonly priority: Priority;
  readonly person: string;
  /** Place of the channel among the person's. */
  readonly channel: number;
}

/**
 * - `pending`: to be sent
 * - `sent`: the channel took it
 * - `refused`: the channel will never take it, `lastError` says why
 * - `stale`: no longer worth sending: acknowledged, or over before it was sent
 */
export type OutboxState = 'pending' | 'sent' | 'refused' | 'stale';

export interface OutboxEntry extends OutboxRow {
  readonly state: OutboxState;
  readonly attempts: number;
  readonly lastError: string | null;
}

/** The outbox as the duty worker sees it. Every change is on disk when the call returns. */
export interface OutboxStore {
  /** Pending entries: the most urgent first, those that never failed before others, then the oldest. */
  pending(limit: number): readonly OutboxEntry[];
  entry(id: string): OutboxEntry | undefined;
  activation(activationId: string): Activation | undefined;
  settle(id: string, state: Exclude<OutboxState, 'pending'>, error: string | null): void;
  failed(id: string, error: string): void;
}
