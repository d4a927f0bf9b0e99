import type { Activation, Priority } from './alarm.ts';
import type { Notice } from './channel.ts';

/** A notice that is owed: written in the transaction of the alarm's change that asks for it. */
export interface OutboxRow {
  /**
   * {@link Notice.id}: the same for the same call of the same activation, kind, person and channel, whoever writes it
   * how often.
   */
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
 * - `stale`: no longer worth sending: acknowledged, silenced, called afresh, or over before it was sent
 */
export type OutboxState = 'pending' | 'sent' | 'refused' | 'stale';

export interface OutboxEntry extends OutboxRow {
  readonly state: OutboxState;
  readonly attempts: number;
  readonly lastError: string | null;
}

/** Who is told by what: a person at one of their channels. */
export interface Recipient {
  readonly person: string;
  /** Place of the channel among the person's. */
  readonly channel: number;
}

/** Real ms that a notice is put off at most. One put off further was put off before the clock was set back, and is due. */
export const MAX_PUT_OFF_MS = 300_000;

/** The outbox as the duty worker sees it. What is changed is on disk soon after. Times are real epoch ms. */
export interface OutboxStore {
  /** Recipients for whom something is pending. */
  recipients(): readonly Recipient[];
  /** A recipient's pending entries that may be tried at `nowMs`: the most urgent first, then the longest due. */
  due(recipient: Recipient, nowMs: number, limit: number): readonly OutboxEntry[];
  /** When the next entry that is put off at `nowMs` may be tried; undefined where none is. */
  nextDueMs(nowMs: number): number | undefined;
  entry(id: string): OutboxEntry | undefined;
  activation(activationId: string): Activation | undefined;
  settle(ids: readonly string[], state: Exclude<OutboxState, 'pending'>, error: string | null): void;
  /** Notes a failed try; not before `untilMs` is the next one, at most {@link MAX_PUT_OFF_MS} ahead. */
  putOff(ids: readonly string[], error: string, untilMs: number): void;
}
