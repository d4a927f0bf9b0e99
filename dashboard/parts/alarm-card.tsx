import { type Signal, useSignal } from '@preact/signals';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { isWaiting, needsAcknowledgement } from '../live/alarm-order.ts';
import { AcknowledgeButton } from './acknowledge-button.tsx';
import { alarmAddress, isOfRate } from './alarm-address.ts';
import { AlarmLabels, TestLabel } from './alarm-labels.tsx';
import { AssetLink } from './asset-link.tsx';
import { Lazy } from './lazy.tsx';
import { Ago, Moment } from './moment.tsx';
import { PriorityMark } from './priority-mark.tsx';
import { SendButton } from './send-button.tsx';

const loadShelveForm = () => import('../actions/shelve-form.tsx').then((module) => module.ShelveForm);

/**
 * One open alarm: what, where, since when, what it means and what to do first; who acknowledged it, or the button.
 * `compact` leaves out what only the alarm list has room for.
 */
export function AlarmCard(props: { activationId: string; compact?: boolean }) {
  const { store, messages, text } = useApp();
  const isShelving = useSignal(false);
  const alarm = store.alarms.get(props.activationId)?.value;
  if (alarm === undefined) return null;
  const t = messages.value;
  return (
    <article
      class="alarm-card"
      data-compact={props.compact === true}
      data-state={alarm.state}
      data-priority={alarm.priority}
      data-silent={alarm.silence !== null}
    >
      <PriorityMark priority={alarm.priority} waiting={isWaiting(alarm)} silence={alarm.silence} />
      <div class="alarm-what">
        <h3>
          <a href={alarmAddress(alarm)}>{text(alarm.assetName)}</a> {alarm.test && <TestLabel />}{' '}
          <b>{text(alarm.text)}</b>
        </h3>
        <p class="alarm-consequence">{text(alarm.consequence)}</p>
        <p class="alarm-action">
          <span class="label">{t.action}</span> {text(alarm.action)}
        </p>
        <AlarmLabels alarm={alarm} />
        {alarm.children.length > 0 && <Children alarm={alarm} fixed={props.compact === true} />}
        {props.compact !== true && <MoreActions alarm={alarm} isShelving={isShelving} />}
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
      {needsAcknowledgement(alarm) && <AcknowledgeButton alarm={alarm} />}
      {props.compact !== true && canShelve(alarm) && isShelving.value && (
        <Lazy load={loadShelveForm} given={{ alarm, onClose: () => (isShelving.value = false) }} />
      )}
    </article>
  );
}

function AlarmState(props: { alarm: AlarmReply }) {
  const { messages, format, clock } = useApp();
  const { alarm } = props;
  const t = messages.value;
  const at = (ms: number) => format.value.moment(ms, clock.now.value);
  const isLatching = alarm.state === 'unacknowledged' && alarm.returnedMs !== null;
  return (
    <span class="alarm-state" data-state={alarm.state}>
      <span>{isLatching ? t.latchedUnacknowledged : t.alarmStates[alarm.state]}</span>
      {alarm.returnedMs !== null && <span class="muted">{t.returnedAt(at(alarm.returnedMs))}</span>}
      {alarm.acknowledgedMs !== null && (
        <span class="muted">{t.acknowledgedBy(alarm.acknowledgedBy ?? t.someone, at(alarm.acknowledgedMs))}</span>
      )}
    </span>
  );
}

/** A P1 is never shelved; nor is what is shelved already, or has nothing more to call for. */
function canShelve(alarm: AlarmReply): boolean {
  return alarm.priority !== 1 && alarm.shelf === null && alarm.state !== 'latched';
}

/**
 * Reset and shelving stand below the text, on the other side of the card from where one acknowledges: a second tap on
 * the same place must not do another thing.
 */
function MoreActions(props: { alarm: AlarmReply; isShelving: Signal<boolean> }) {
  const { messages, preferences, text, act } = useApp();
  const { alarm, isShelving } = props;
  const t = messages.value;
  const named = (name: string) => `${name}: ${text(alarm.assetName)}, ${text(alarm.text)}`;
  const by = () => (preferences.operator.peek() === '' ? {} : { by: preferences.operator.peek() });
  return (
    <div class="alarm-more">
      {alarm.state === 'latched' && (
        <SendButton
          name={t.reset}
          label={named(t.reset)}
          call={() => act({ type: 'reset', activationId: alarm.activationId, ...by() })}
        />
      )}
      {alarm.shelf !== null && (
        <SendButton
          name={t.unshelve}
          label={named(t.unshelve)}
          call={() => act({ type: 'unshelve', asset: alarm.asset, alarm: alarm.alarm, ...by() })}
        />
      )}
      {canShelve(alarm) && (
        <button
          type="button"
          aria-label={named(t.shelve)}
          aria-expanded={isShelving.value}
          onClick={() => (isShelving.value = !isShelving.value)}
        >
          {t.shelve}…
        </button>
      )}
    </div>
  );
}

/** One cause takes many with it, or a rate is missed by many: their number, and their names on demand. */
function Children(props: { alarm: AlarmReply; fixed: boolean }) {
  const { messages } = useApp();
  const t = messages.value;
  const count = props.alarm.children.length;
  const summary = isOfRate(props.alarm) ? t.offenders(count) : t.children(count);
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
