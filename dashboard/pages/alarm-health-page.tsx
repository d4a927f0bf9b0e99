import type { ComponentChildren } from 'preact';
import type { AlarmHealthReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { AssetLink } from '../parts/asset-link.tsx';
import { Lasting, Moment } from '../parts/moment.tsx';
import { PriorityMark } from '../parts/priority-mark.tsx';
import { formatRatio } from '../text/ratio.ts';
import '../styles/tables.css';
import '../styles/health.css';

/** Most urgent last, as the guide counts: low, medium, high, and the few above. */
const priorities = [4, 3, 2, 1] as const;
/** Shares that ISA-18.2 gives as a guide: 80 % low, 15 % medium, 5 % high, and below 1 % for a fourth level. */
const guideShares = { 4: 0.8, 3: 0.15, 2: 0.05, 1: 0.01 } as const;
const silences = ['shelved', 'suppressed', 'out-of-service', 'planned', 'commissioning'] as const;

/**
 * How well the alarm system itself does, beside the figures that ISA-18.2 gives as a guide. They are guides, not
 * limits: the page does not judge.
 */
export function AlarmHealthPage() {
  const { health, messages, format } = useApp();
  const reply = health.reply.value;
  const t = messages.value;
  if (reply === null) return <p class="empty">{t.reading}</p>;
  const moment = (ms: number) => format.value.moment(ms, reply.toMs);
  return (
    <section class="page health-page">
      <header class="page-head">
        <h1>{t.alarmHealth}</h1>
        <p class="muted">
          {t.alarmHealthPeriod(
            moment(reply.fromMs),
            moment(reply.toMs),
            format.value.duration(reply.toMs - reply.fromMs),
          )}
        </p>
      </header>
      <div class="health-columns">
        <Load reply={reply} />
        <ByPriority reply={reply} />
        <TopTen reply={reply} />
        <Named title={t.staleAlarms} guide={t.staleGuide} activations={reply.stale} />
        <Named title={t.chatteringAlarms} guide={t.noneGuide} activations={reply.chattering} />
        <Silenced reply={reply} />
      </div>
    </section>
  );
}

function Panel(props: { title: string; count?: number; note?: string; children: ComponentChildren }) {
  return (
    <section class="health-panel">
      <h2>
        {props.title}
        {props.count !== undefined && <b class="count">{props.count}</b>}{' '}
        {props.note !== undefined && <span class="muted">{props.note}</span>}
      </h2>
      {props.children}
    </section>
  );
}

function Load(props: { reply: AlarmHealthReply }) {
  const { messages, format } = useApp();
  const { reply } = props;
  const t = messages.value;
  const number = (value: number | null) => (value === null ? '–' : format.value.number(value));
  const rows: [string, string, string][] = [
    [t.annunciated, number(reply.annunciated), ''],
    [t.perHour, number(reply.perHour), t.perHourGuide],
    [t.worstHour, number(reply.worstHour), ''],
    [t.last10Min, number(reply.last10Min), t.last10MinGuide],
    [t.floodShare, reply.floodShare === null ? '–' : formatRatio(reply.floodShare), t.floodShareGuide],
    [t.fleeting, number(reply.fleeting), t.noneGuide],
  ];
  return (
    <Panel title={t.healthLoad}>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">{t.healthFigure}</th>
            <th scope="col" class="number">
              {t.value}
            </th>
            <th scope="col">{t.healthGuide}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value, guide]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number value">{value}</td>
              <td class="muted">{guide}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function ByPriority(props: { reply: AlarmHealthReply }) {
  const { messages } = useApp();
  const { reply } = props;
  const t = messages.value;
  const total = priorities.reduce((sum, priority) => sum + reply.byPriority[priority], 0);
  return (
    <Panel title={t.byPriority}>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">{t.priorityHead}</th>
            <th scope="col" class="number">
              {t.count}
            </th>
            <th scope="col" class="number">
              {t.share}
            </th>
            <th scope="col" />
            <th scope="col" class="number">
              {t.healthGuide}
            </th>
          </tr>
        </thead>
        <tbody>
          {priorities.map((priority) => {
            const share = total === 0 ? null : reply.byPriority[priority] / total;
            return (
              <tr key={priority}>
                <th scope="row" class="priority-cell">
                  <PriorityMark priority={priority} /> {t.priorityMeaning(priority)}
                </th>
                <td class="number value">{reply.byPriority[priority]}</td>
                <td class="number value">{share === null ? '–' : formatRatio(share)}</td>
                <td class="bar-cell">
                  <ShareBar share={share ?? 0} guide={guideShares[priority]} />
                </td>
                <td class="number muted">{`${priority === 1 ? '< ' : ''}${guideShares[priority] * 100} %`}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

/** A share as a grey bar, with a tick at the guide where there is one. */
function ShareBar(props: { share: number; guide?: number }) {
  const percent = (ratio: number) => `${(ratio * 100).toFixed(2)}%`;
  return (
    <span class="share-bar" aria-hidden="true">
      <span style={{ width: percent(props.share) }} />
      {props.guide !== undefined && <i style={{ left: percent(props.guide) }} />}
    </span>
  );
}

function TopTen(props: { reply: AlarmHealthReply }) {
  const { messages } = useApp();
  const { topTen } = props.reply;
  const t = messages.value;
  return (
    <Panel title={t.topTen} note={t.topTenGuide}>
      {topTen.length === 0 ? (
        <p class="muted">{t.none}</p>
      ) : (
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">{t.source}</th>
              <th scope="col" class="number">
                {t.count}
              </th>
              <th scope="col" class="number">
                {t.share}
              </th>
              <th scope="col" />
            </tr>
          </thead>
          <tbody>
            {topTen.map((source) => (
              <tr key={`${source.asset} ${source.alarm}`}>
                <th scope="row">
                  <AssetLink asset={source.asset} /> <AlarmName asset={source.asset} alarm={source.alarm} />
                </th>
                <td class="number value">{source.count}</td>
                <td class="number value">{formatRatio(source.share)}</td>
                <td class="bar-cell">
                  <ShareBar share={source.share} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** The text of an alarm that is open now; its key for one that is not, whose text the page does not know. */
function AlarmName(props: { asset: string; alarm: string }) {
  const { store, text } = useApp();
  const open = (store.alarmsByAsset.value.get(props.asset) ?? []).find((alarm) => alarm.alarm === props.alarm);
  return open === undefined ? <code>{props.alarm}</code> : <span>{text(open.text)}</span>;
}

function Named(props: { title: string; guide: string; activations: readonly string[] }) {
  const { messages } = useApp();
  const t = messages.value;
  return (
    <Panel title={props.title} count={props.activations.length} note={`${t.healthGuide} ${props.guide}`}>
      <ul class="health-names">
        {props.activations.map((activationId) => (
          <li key={activationId}>
            <Activation activationId={activationId} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Activation(props: { activationId: string }) {
  const { store, text } = useApp();
  // The set of rows is read, so that an alarm that is just coming gets its name.
  store.alarms.keys.value;
  const alarm = store.alarms.get(props.activationId)?.value;
  if (alarm === undefined) return <code>{props.activationId}</code>;
  return (
    <>
      <PriorityMark priority={alarm.priority} silence={alarm.silence} /> <AssetLink asset={alarm.asset} />{' '}
      {text(alarm.text)}{' '}
      <span class="muted value">
        <Moment ms={alarm.raisedMs} /> · <Lasting sinceMs={alarm.raisedMs} />
      </span>
    </>
  );
}

function Silenced(props: { reply: AlarmHealthReply }) {
  const { messages } = useApp();
  const { silenced } = props.reply;
  const t = messages.value;
  return (
    <Panel title={t.silencedAlarms}>
      <table class="figures">
        <tbody>
          {silences.map((silence) => (
            <tr key={silence}>
              <th scope="row">{t.silences[silence]}</th>
              <td class="number value">{silenced[silence]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
