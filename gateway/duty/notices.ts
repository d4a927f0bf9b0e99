import type { Change } from '../../model/history.ts';
import type { OutboxRow } from '../../model/outbox.ts';
import type { Site } from '../../model/site.ts';

/**
 * The notices that a change of an alarm asks for: raised to everyone whom its priority concerns, and its return to the
 * same people. The worker drops what is no longer worth sending.
 */
export function noticesFor(change: Change, site: Site): readonly OutboxRow[] {
  if (change.kind !== 'alarm' || (change.event !== 'raised' && change.event !== 'returned')) return [];
  const { activationId, alarm, priority } = change.activation;
  const kind = change.event;
  return site.people
    .filter((person) => priority <= person.upToPriority)
    .flatMap((person) =>
      person.channels.map(
        (_, channel): OutboxRow => ({
          id: noticeId(activationId, kind, person.key, channel),
          kind,
          activationId,
          alarm,
          priority,
          person: person.key,
          channel,
        }),
      ),
    );
}

/** The notice's id, which is the same at every try and after every restart. */
export function noticeId(activationId: string, kind: OutboxRow['kind'], person: string, channel: number): string {
  return `${activationId}~${kind}~${person}~${channel}`;
}
