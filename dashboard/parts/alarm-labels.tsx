import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { needsAcknowledgement } from '../live/alarm-order.ts';

/** Stands before the text of an alarm of a test, in both languages, so that nobody takes one for the other. */
export function TestLabel() {
  const { messages } = useApp();
  return <span class="test-label">{messages.value.test}</span>;
}

/** What else is to be known of an alarm: why it calls nobody, that it chatters, how often it called, who was told. */
export function AlarmLabels(props: { alarm: AlarmReply }) {
  const { messages } = useApp();
  const { alarm } = props;
  const t = messages.value;
  const told = needsAcknowledgement(alarm) ? alarm.firstTold : null;
  const isPlain = alarm.silence === null && !alarm.chattering && alarm.annunciations <= 1 && told === null;
  if (isPlain) return null;
  return (
    <p class="alarm-labels">
      {alarm.silence !== null && <Silence alarm={alarm} silence={alarm.silence} />}
      {alarm.chattering && (
        <span class="chattering">
          <svg class="chattering-mark" viewBox="0 0 20 20" aria-hidden="true">
            <path d="M1 15h3V5h3v10h3V5h3v10h3V5h3" />
          </svg>
          {t.chattering}
        </span>
      )}
      {alarm.annunciations > 1 && <span>{t.calls(alarm.annunciations)}</span>}
      {told !== null && <span>{t.firstTold(told)}</span>}
    </p>
  );
}

function Silence(props: { alarm: AlarmReply; silence: NonNullable<AlarmReply['silence']> }) {
  const { messages, format, clock } = useApp();
  const { shelf } = props.alarm;
  const t = messages.value;
  const until =
    shelf === null
      ? t.callsNobody
      : shelf.untilMs === null
        ? t.shelfOnce(shelf.by)
        : t.shelfUntil(shelf.by, format.value.moment(shelf.untilMs, clock.now.value));
  return (
    <span class="silence" data-silence={props.silence}>
      <b>{t.silences[props.silence]}</b> {until}
      {shelf !== null && <q>{shelf.reason}</q>}
    </span>
  );
}
