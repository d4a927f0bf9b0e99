import { useComputed } from '@preact/signals';
import { useApp } from './app.ts';
import { countByPriority, newestUrgent } from './live/alarm-order.ts';
import { AcknowledgeButton } from './parts/acknowledge-button.tsx';
import { TestLabel } from './parts/alarm-labels.tsx';
import { Ago, Moment } from './parts/moment.tsx';
import { PriorityMark } from './parts/priority-mark.tsx';
import { routeAddress } from './router.ts';

const priorities = [1, 2, 3, 4] as const;

/** The newest waiting P1, else P2, on every page, and how many of each priority wait. */
export function AlarmBar() {
  const { store, messages, text } = useApp();
  const alarm = useComputed(() => newestUrgent(store.openAlarms.value)).value;
  const t = messages.value;
  if (store.site.value === null) return null;
  return (
    <section class="alarm-bar" data-priority={alarm?.priority ?? 0} aria-label={t.alarms}>
      {alarm === undefined ? (
        <p class="alarm-bar-none">{t.alarmBarNone}</p>
      ) : (
        <div class="alarm-bar-newest" key={alarm.activationId}>
          <PriorityMark priority={alarm.priority} waiting />
          <a class="alarm-bar-what" href={routeAddress('asset', alarm.asset)}>
            <b>{text(alarm.assetName)}</b> {alarm.test && <TestLabel />} {text(alarm.text)}
          </a>
          <span class="alarm-bar-action">
            <span class="label">{t.action}</span> {text(alarm.action)}
          </span>
          <span class="alarm-bar-when">
            <Moment ms={alarm.raisedMs} />{' '}
            <span class="muted">
              <Ago ms={alarm.raisedMs} />
            </span>
          </span>
          <AcknowledgeButton alarm={alarm} />
        </div>
      )}
      <Waiting />
    </section>
  );
}

function Waiting() {
  const { store, messages } = useApp();
  const counts = countByPriority(store.openAlarms.value);
  if (counts.every((count) => count === 0)) return null;
  return (
    <a class="alarm-bar-counts" href={routeAddress('alarms')} aria-label={messages.value.unacknowledgedCounts}>
      {priorities
        .filter((priority) => (counts[priority - 1] ?? 0) > 0)
        .map((priority) => (
          <span key={priority}>
            <PriorityMark priority={priority} />
            <b>{counts[priority - 1]}</b>
          </span>
        ))}
    </a>
  );
}
