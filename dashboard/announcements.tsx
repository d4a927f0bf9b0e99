import { useApp } from './app.ts';

/** Says aloud, to those who do not see the screen, what was raised: a P1 at once, others when there is a pause. */
export function Announcements() {
  const { store, messages, text } = useApp();
  const alarm = store.raised.value;
  const t = messages.value;
  const words =
    alarm === null
      ? ''
      : t.newAlarm(
          t.priority(alarm.priority),
          text(alarm.assetName),
          `${alarm.test ? `${t.test} ` : ''}${text(alarm.text)}`,
        );
  const urgent = alarm?.priority === 1;
  // A new element for each call: the same words again would not be read out.
  const spoken = <span key={`${alarm?.activationId} ${alarm?.annunciations}`}>{words}</span>;
  return (
    <div class="visually-hidden">
      <div role="alert">{urgent && spoken}</div>
      <div role="status">{!urgent && spoken}</div>
    </div>
  );
}
