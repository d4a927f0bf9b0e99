import { useComputed } from '@preact/signals';
import type { AssetReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { targetsOf } from '../live/targets-of.ts';
import { AlarmCard } from '../parts/alarm-card.tsx';
import { AssetLink } from '../parts/asset-link.tsx';
import { ClassMark } from '../parts/class-mark.tsx';
import { Lazy } from '../parts/lazy.tsx';
import { Lasting, Moment } from '../parts/moment.tsx';
import { routeAddress } from '../router.ts';
import { placeText } from '../text/place.ts';
import { formatRatio } from '../text/ratio.ts';
import { AssetActionsPanel, AssetStatus } from './asset-status.tsx';
import { HistoryPanel } from './history-panel.tsx';
import { NotFoundPage } from './not-found-page.tsx';
import { PointTable } from './point-table.tsx';

const loadAssetDecisions = () => import('./asset-decisions.tsx').then((module) => module.AssetDecisions);

/** One asset: its state, its alarms, its points, and the history of one of them. */
export function AssetPage(props: { asset: string }) {
  const { store, messages, text } = useApp();
  store.assets.keys.value;
  const asset = store.assets.get(props.asset)?.value;
  const alarms = useComputed(() =>
    (store.alarmsByAsset.value.get(props.asset) ?? []).map((alarm) => alarm.activationId),
  ).value;
  if (asset === undefined) return <NotFoundPage />;
  const system = store.systems.get(asset.system)?.value;
  return (
    <section class="page asset-page">
      <nav aria-label={messages.value.back}>
        {system !== undefined && <a href={routeAddress('system', system.key)}>‹ {text(system.name)}</a>}
      </nav>
      <header class="page-head">
        <h1>{text(asset.name)}</h1>
        <p class="asset-state value" data-class={asset.class}>
          <ClassMark class={asset.class} /> <b>{messages.value.classes[asset.class]}</b>{' '}
          {asset.sinceMs !== null && (
            <span class="muted">
              <Moment ms={asset.sinceMs} /> · <Lasting sinceMs={asset.sinceMs} />
            </span>
          )}
        </p>
      </header>
      <AssetStatus asset={asset} />
      <Facts asset={asset} />
      <AssetActionsPanel asset={asset} />
      {alarms.length > 0 && (
        <div class="alarm-list">
          {alarms.map((activationId) => (
            <AlarmCard key={activationId} activationId={activationId} />
          ))}
        </div>
      )}
      {/* Below the alarms: what comes late must not move a button that somebody is about to hit. */}
      <Lazy load={loadAssetDecisions} given={{ asset: asset.key }} quiet />
      <div class="asset-columns">
        <PointTable asset={asset.key} />
        <HistoryPanel asset={asset.key} />
      </div>
    </section>
  );
}

function Facts(props: { asset: AssetReply }) {
  const { store, messages, text } = useApp();
  const { asset } = props;
  const t = messages.value;
  const where = placeText(asset.location, t);
  const link = store.links.get(asset.link)?.value;
  const targets = targetsOf(store.systems.get(asset.system)?.value);
  return (
    <dl class="facts">
      <div>
        <dt>{t.availabilityMonth}</dt>
        <dd class="value">
          {asset.availability === null ? '–' : formatRatio(asset.availability, ...targets)}
          {asset.availabilityLow !== null &&
            asset.availabilityHigh !== null &&
            asset.availabilityLow !== asset.availabilityHigh && (
              <span class="muted">
                {' '}
                {formatRatio(asset.availabilityLow, ...targets)} – {formatRatio(asset.availabilityHigh, ...targets)}
              </span>
            )}
        </dd>
      </div>
      {where !== '' && (
        <div>
          <dt>{t.place}</dt>
          <dd>{where}</dd>
        </div>
      )}
      {asset.parent !== null && (
        <div>
          <dt>{t.parentAsset}</dt>
          <dd>
            <AssetLink asset={asset.parent} />
          </dd>
        </div>
      )}
      {asset.contractor !== null && (
        <div>
          <dt>{t.contractor}</dt>
          <dd>{asset.contractor}</dd>
        </div>
      )}
      <div>
        <dt>{t.link}</dt>
        <dd>
          <a href={routeAddress('links')}>{link === undefined ? asset.link : text(link.name)}</a>{' '}
          {link !== undefined && link.state !== 'up' && <b>{t.linkStates[link.state]}</b>}
        </dd>
      </div>
    </dl>
  );
}
