import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { needsAcknowledgement } from '../live/alarm-order.ts';
import { routeAddress } from '../router.ts';
import { AcknowledgeButton } from './acknowledge-button.tsx';
import { AssetLink } from './asset-link.tsx';
import { Ago, Moment } from './moment.tsx';
import { PriorityMark } from './priority-mark.tsx';

/**
 * One open alarm: what, where, since when, what it means and what to do first; who acknowledged it, or the button.
 * `compact` leaves out what only the alarm list has room for.
 */
export function AlarmCard(props: { activationId: string; compact?: boolean }) {
  const { store, messages, text } = useApp();
  const alarm = store.alarms.get(props.activationId)?.value;
  if (alarm === undefined) return null;
  const waiting = needsAcknowledgement(alarm);
  const t = messages.value;
  return (
    <article
      class="alarm-card"
      data-compact={props.compact === true}
      data-state={alarm.state}
      data-priority={alarm.priority}
    >
      <PriorityMark priority={alarm.priority} waiting={waiting} />
      <div class="alarm-what">
        <h3>
          <a href={routeAddress('asset', alarm.asset)}>{text(alarm.assetName)}</a> <b>{text(alarm.text)}</b>
        </h3>
        <p class="alarm-consequence">{text(alarm.consequence)}</p>
        <p class="alarm-action">
          <span class="label">{t.action}</span> {text(alarm.action)}
        </p>
        {alarm.children.length > 0 && <Children alarm={alarm} fixed={props.compact === true} />}
      </div>
      <div class="alarm-when">
        <span class="alarm-time">
          <Moment ms={alarm.raisedMs} />{' '}
          <span class="muted">
            <Ago ms={alarm.raisedMs} />
          </span>
        </span>
        <AlarmState alarm={alarm} />
      </div>
      {waiting && <AcknowledgeButton alarm={alarm} />}
    </article>
  );
}

function AlarmState(props: { alarm: AlarmReply }) {
  const { messages, format, clock } = useApp();
  const { alarm } = props;
  const t = messages.value;
  const at = (ms: number) => format.value.moment(ms, clock.now.value);
  return (
    <span class="alarm-state" data-state={alarm.state}>
      <span>{t.alarmStates[alarm.state]}</span>
      {alarm.returnedMs !== null && <span class="muted">{t.returnedAt(at(alarm.returnedMs))}</span>}
      {alarm.acknowledgedMs !== null && (
        <span class="muted">{t.acknowledgedBy(alarm.acknowledgedBy ?? t.someone, at(alarm.acknowledgedMs))}</span>
      )}
    </span>
  );
}

/** One cause takes many with it: their number, and their names on demand. */
function Children(props: { alarm: AlarmReply; fixed: boolean }) {
  const { messages } = useApp();
  const summary = messages.value.children(props.alarm.children.length);
  if (props.fixed) return <p class="alarm-children muted">{summary}</p>;
  return (
    <details class="alarm-children">
      <summary>{summary}</summary>
      <ul>
        {props.alarm.children.map((asset) => (
          <li key={asset}>
            <AssetLink asset={asset} />
          </li>
        ))}
      </ul>
    </details>
  );
}
