import { useComputed } from '@preact/signals';
import type { RateReply, SystemReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { isInSight } from '../live/alarm-order.ts';
import { AlarmCounts } from '../parts/alarm-counts.tsx';
import { AssetLink } from '../parts/asset-link.tsx';
import { ClassCounts } from '../parts/class-counts.tsx';
import { DataAge } from '../parts/data-age.tsx';
import { DowntimeLeft } from '../parts/downtime-left.tsx';
import { RateBar } from '../parts/rate-bar.tsx';
import { RateBounds, RateFigure, VerdictChip } from '../parts/rate-figure.tsx';
import { RateName } from '../parts/rate-name.tsx';
import { routeAddress } from '../router.ts';
import { gapText } from '../text/gap.ts';
import { formatRatio, formatTarget } from '../text/ratio.ts';
import { unitOf } from '../text/unit.ts';

/** Offenders named on a tile; the system's page names all. */
const NAMED_OFFENDERS = 3;

/** One system: its headline rate against the target, what is missing in human units, who is worst, alarms, age. */
export function SystemTile(props: { system: string }) {
  const { store, messages, text } = useApp();
  const alarms = useComputed(() => store.alarmsBySystem.value.get(props.system) ?? []).value;
  const system = store.systems.get(props.system)?.value;
  if (system === undefined) return null;
  const [headline, ...others] = system.rates;
  const worst = alarms.find((alarm) => alarm.state !== 'latched' && isInSight(alarm))?.priority ?? 0;
  return (
    <article class="tile" data-priority={worst} data-verdict={headline?.verdict ?? 'none'}>
      <header>
        <h2>
          <a class="tile-link" href={routeAddress('system', system.key)}>
            {text(system.name)}
          </a>
        </h2>
        <AlarmCounts alarms={alarms} />
      </header>
      {headline === undefined ? (
        <p class="muted">{messages.value.nothingKnown}</p>
      ) : (
        <Headline rate={headline} system={system} />
      )}
      {others.length > 0 && (
        <ul class="other-rates" aria-label={messages.value.otherRates}>
          {others.map((rate) => (
            <OtherRate key={rate.key} rate={rate} />
          ))}
        </ul>
      )}
      <footer>
        <ClassCounts counts={system.counts} />
        <DataAge system={system} />
      </footer>
    </article>
  );
}

function Headline(props: { rate: RateReply; system: SystemReply }) {
  const { messages } = useApp();
  const { rate, system } = props;
  return (
    <div class="headline">
      <p class="rate-name">
        <RateName rate={rate} />
      </p>
      <div class="headline-figure">
        <RateFigure rate={rate} />
        <div class="headline-verdict">
          <VerdictChip verdict={rate.verdict} />
          <strong class="gap">{gapText(rate, unitOf(messages.value, system.key), messages.value)}</strong>
        </div>
      </div>
      <RateBar rate={rate} />
      <p class="rate-notes">
        <span>{messages.value.target(formatTarget(rate.target))}</span> <RateBounds rate={rate} />
      </p>
      <Offenders rate={rate} />
    </div>
  );
}

function Offenders(props: { rate: RateReply }) {
  const { messages } = useApp();
  const { worst, missed, target } = props.rate;
  const t = messages.value;
  if (worst !== null && worst.value !== null && props.rate.verdict !== 'none') {
    return (
      <p class="offenders">
        <span class="label">{t.worst}</span> <AssetLink asset={worst.group} />{' '}
        <b class="value">{formatRatio(worst.value, target)}</b>
        {missed.length > 1 && <span class="muted"> · {t.missedGroups(missed.length)}</span>}
      </p>
    );
  }
  if (missed.length === 0) {
    return (
      <p class="offenders">
        <DowntimeLeft rate={props.rate} />
      </p>
    );
  }
  return (
    <p class="offenders">
      <span class="label">{t.missedNames}</span>{' '}
      {missed.slice(0, NAMED_OFFENDERS).map((name, index) => (
        <span key={name}>
          {index > 0 && t.listComma}
          <AssetLink asset={name} />
        </span>
      ))}
      {missed.length > NAMED_OFFENDERS && <span class="muted"> {t.andMore(missed.length)}</span>}
    </p>
  );
}

function OtherRate(props: { rate: RateReply }) {
  const { messages, text } = useApp();
  const { rate } = props;
  return (
    <li data-verdict={rate.verdict}>
      <span class="other-name">
        {text(rate.name)} <span class="muted">{messages.value.windows[rate.window]}</span>
      </span>
      <RateBar rate={rate} />
      <b class="value">{rate.value === null ? '–' : formatRatio(rate.value, rate.target)}</b>
      <span class="visually-hidden">
        {messages.value.verdicts[rate.verdict]}, {messages.value.target(formatTarget(rate.target))}
      </span>
    </li>
  );
}
