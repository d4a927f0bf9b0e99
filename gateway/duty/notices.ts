import type { Activation, AlarmEvent } from '../../model/alarm.ts';
import type { Change } from '../../model/history.ts';
import type { OutboxRow } from '../../model/outbox.ts';
import type { Person, Site } from '../../model/site.ts';

/**
 * The notices that a change of an alarm asks for. Everybody whom its priority concerns is called when it is annunciated;
 * whoever opened a job at the asset is called first, the others once it is escalated. Its return goes to the same
 * people; the worker drops it for those who were never told, and what else is no longer worth sending.
 */
export function noticesFor(change: Change, site: Site): readonly OutboxRow[] {
  if (change.kind !== 'alarm') return [];
  const { event, activation } = change;
  const kind = kindOf(event);
  // An alarm that calls nobody is not told of; its end is, silent by then or not, where it ever called.
  if (kind === undefined || (kind === 'raised' ? activation.silence !== null : activation.annunciations === 0)) {
    return [];
  }
  const { activationId, alarm, priority } = activation;
  const annunciation = kind === 'raised' ? annunciationOf(activation) : 1;
  return peopleFor(event, activation, site).flatMap((person) =>
    person.channels.map(
      (_, channel): OutboxRow => ({
        id: noticeId({ activationId, kind, annunciation, person: person.key, channel }),
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

/** What a notice is about and to whom it goes: with these its id is given. */
export interface NoticePlace {
  readonly activationId: string;
  readonly kind: OutboxRow['kind'];
  /** Which call of the activation it belongs to, from 1; a return has one for all of them. */
  readonly annunciation: number;
  readonly person: string;
  readonly channel: number;
}

/** The notice's id, which is the same at every try and after every restart, and another one when it is called afresh. */
export function noticeId({ activationId, kind, annunciation, person, channel }: NoticePlace): string {
  const call = annunciation > 1 ? `.${annunciation}` : '';
  return `${activationId}~${kind}${call}~${person}~${channel}`;
}

/** Number of the latest call of an activation, from 1. */
export function annunciationOf(activation: Activation): number {
  return Math.max(1, activation.annunciations);
}

function kindOf(event: AlarmEvent): OutboxRow['kind'] | undefined {
  if (event === 'raised' || event === 'annunciated' || event === 'escalated') return 'raised';
  return event === 'returned' ? 'returned' : undefined;
}

function peopleFor(event: AlarmEvent, activation: Activation, site: Site): readonly Person[] {
  const concerned = site.people.filter((person) => activation.priority <= person.upToPriority);
  const first = concerned.find((person) => isNamed(person, activation.firstTold) && person.channels.length > 0);
  // Somebody who cannot be reached is not waited for.
  if (first === undefined) return concerned;
  if (event === 'raised') return [first];
  return event === 'escalated' ? concerned.filter((person) => person !== first) : concerned;
}

/** People sign with the key of the site file or with their name, in either language. */
function isNamed({ key, name }: Person, by: string | null): boolean {
  return by !== null && [key, name.zh, name.en].includes(by);
}
