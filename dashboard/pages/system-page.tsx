import { useComputed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { AssetReply, SystemReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { compareText } from '../live/alarm-order.ts';
import { targetsOf } from '../live/targets-of.ts';
import { AlarmCounts } from '../parts/alarm-counts.tsx';
import { AssetLabels } from '../parts/asset-labels.tsx';
import { ClassMark } from '../parts/class-mark.tsx';
import { DataAge } from '../parts/data-age.tsx';
import { DowntimeLeft } from '../parts/downtime-left.tsx';
import { FilterTabs } from '../parts/filter-tabs.tsx';
import { Lazy } from '../parts/lazy.tsx';
import { Lasting, Moment } from '../parts/moment.tsx';
import { RateBar } from '../parts/rate-bar.tsx';
import { RateBounds, RateFigure, VerdictChip } from '../parts/rate-figure.tsx';
import { RateName } from '../parts/rate-name.tsx';
import { routeAddress } from '../router.ts';
import { gapText } from '../text/gap.ts';
import { placeText } from '../text/place.ts';
import { formatRatio, formatTarget } from '../text/ratio.ts';
import { unitOf } from '../text/unit.ts';
import { type AssetRow, arrangeAssets } from './asset-order.ts';
import { NotFoundPage } from './not-found-page.tsx';

const loadRateGroups = () => import('./rate-groups.tsx').then((module) => module.RateGroups);

const classFilters = ['down', 'unknown', 'planned', 'up', 'notRequired'] as const;

/** One system: its rates, and its assets, worst first. */
export function SystemPage(props: { system: string }) {
  const { store, text } = useApp();
  store.systems.keys.value;
  const system = store.systems.get(props.system)?.value;
  const alarms = useComputed(() => store.alarmsBySystem.value.get(props.system) ?? []).value;
  if (system === undefined) return <NotFoundPage />;
  return (
    <section class="page">
      <header class="page-head">
        <h1>{text(system.name)}</h1>
        <AlarmCounts alarms={alarms} />
        <DataAge system={system} />
      </header>
      <div class="rate-cards">
        {system.rates.map((rate) => (
          <RateCard key={rate.key} rate={rate} system={system} />
        ))}
      </div>
      <Assets system={system} />
    </section>
  );
}

function RateCard(props: { rate: SystemReply['rates'][number]; system: SystemReply }) {
  const { messages, router } = useApp();
  const { rate, system } = props;
  const isOpen = router.route.value.query.get('rate') === rate.key;
  const t = messages.value;
  const coverageTargets = rate.coverageTarget === null ? [] : [rate.coverageTarget];
  return (
    <article class="rate-card" data-open={isOpen}>
      <h2>
        <RateName rate={rate} />
      </h2>
      <div class="headline-figure">
        <RateFigure rate={rate} />
        <div class="headline-verdict">
          <VerdictChip verdict={rate.verdict} />
          <strong class="gap">{gapText(rate, unitOf(t, system.key), t)}</strong>
        </div>
      </div>
      <RateBar rate={rate} />
      <p class="rate-notes">
        <span>{t.target(formatTarget(rate.target))}</span>
        {rate.coverage !== null && <span>{t.coverage(formatRatio(rate.coverage, ...coverageTargets))}</span>}
        <RateBounds rate={rate} />
      </p>
      <p class="rate-foot">
        <DowntimeLeft rate={rate} />
        <button
          type="button"
          aria-expanded={isOpen}
          class="fold"
          onClick={() => router.setQuery({ rate: isOpen ? '' : rate.key })}
        >
          {t.byGroup}
        </button>
      </p>
      {isOpen && <Lazy load={loadRateGroups} given={{ system: system.key, rate }} />}
    </article>
  );
}

function Assets(props: { system: SystemReply }) {
  const { store, router, messages } = useApp();
  const t = messages.value;
  const { query } = router.route.value;
  const chosenClass = query.get('class') ?? '';
  const chosenBuilding = query.get('building') ?? '';
  const all = useComputed(() => {
    const keys = store.assetKeysBySystem.value.get(props.system.key) ?? [];
    return keys.flatMap((key) => store.assets.get(key)?.value ?? []);
  }).value;
  const buildings = [...new Set(all.flatMap((asset) => asset.location.building ?? []))].sort(compareText);
  const inBuilding = all.filter((asset) => chosenBuilding === '' || asset.location.building === chosenBuilding);
  const rows = arrangeAssets(inBuilding.filter((asset) => chosenClass === '' || asset.class === chosenClass));
  const tabs = classFilters.flatMap((key) => {
    const count = inBuilding.filter((asset) => asset.class === key).length;
    return count === 0 && key !== chosenClass ? [] : [{ key, name: t.classes[key], count }];
  });
  return (
    <>
      <div class="filters">
        <FilterTabs
          label={t.state}
          chosen={chosenClass}
          tabs={[{ key: '', name: t.filterAll, count: inBuilding.length }, ...tabs]}
          onChoose={(key) => router.setQuery({ class: key })}
        />
        {buildings.length > 1 && (
          <FilterTabs
            label={t.building}
            chosen={chosenBuilding}
            tabs={[{ key: '', name: t.allBuildings }, ...buildings.map((key) => ({ key, name: t.buildingName(key) }))]}
            onChoose={(key) => router.setQuery({ building: key })}
          />
        )}
      </div>
      {rows.length === 0 ? (
        <p class="empty">{t.noAssets}</p>
      ) : (
        <AssetTable rows={rows} targets={targetsOf(props.system)} />
      )}
    </>
  );
}

/** What the rows of one table have in common: how to round, and which columns have anything to say. */
interface TableLayout {
  readonly targets: readonly number[];
  readonly places: boolean;
  readonly bounds: boolean;
}

function AssetTable(props: { rows: readonly AssetRow[]; targets: readonly number[] }) {
  const { messages } = useApp();
  const t = messages.value;
  const layout: TableLayout = {
    targets: props.targets,
    places: props.rows.some(({ asset }) => placeText(asset.location, t) !== ''),
    bounds: props.rows.some(({ asset }) => hasBounds(asset)),
  };
  return (
    <table class="assets">
      <thead>
        <tr>
          <th scope="col">{t.asset}</th>
          {layout.places && <th scope="col">{t.place}</th>}
          <th scope="col">{t.state}</th>
          <th scope="col">{t.since}</th>
          <th scope="col" class="number">
            {t.availabilityMonth}
          </th>
          {layout.bounds && (
            <th scope="col" class="number">
              {t.availabilityRange}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <AssetRows key={row.asset.key} row={row} layout={layout} />
        ))}
      </tbody>
    </table>
  );
}

function AssetRows(props: { row: AssetRow; layout: TableLayout }) {
  const { router, messages } = useApp();
  const { asset, folded } = props.row;
  if (folded.length === 0) return <AssetTableRow asset={asset} layout={props.layout} />;
  const open = router.route.value.query.get('open') === asset.key;
  const fold = (
    <button
      type="button"
      class="fold"
      aria-expanded={open}
      onClick={() => router.setQuery({ open: open ? '' : asset.key })}
    >
      {messages.value.downChildren(folded.length)}
    </button>
  );
  return (
    <>
      <AssetTableRow asset={asset} layout={props.layout} fold={fold} />
      {open && folded.map((child) => <AssetTableRow key={child.key} asset={child} layout={props.layout} child />)}
    </>
  );
}

function AssetTableRow(props: { asset: AssetReply; layout: TableLayout; child?: boolean; fold?: ComponentChildren }) {
  const { store, messages, text } = useApp();
  const { asset, layout } = props;
  const alarms = store.alarmsByAsset.value.get(asset.key) ?? [];
  return (
    <tr data-class={asset.class} data-child={props.child === true}>
      <th scope="row" class="asset-name">
        <a href={routeAddress('asset', asset.key)}>{text(asset.name)}</a> <AssetLabels asset={asset} />{' '}
        <AlarmCounts alarms={alarms} /> {props.fold}
      </th>
      {layout.places && <td class="asset-place muted">{placeText(asset.location, messages.value)}</td>}
      <td class="asset-class value">
        <ClassMark class={asset.class} /> {messages.value.classes[asset.class]}
      </td>
      <td class="asset-since value">
        {asset.sinceMs !== null && (
          <>
            <Moment ms={asset.sinceMs} />{' '}
            <span class="muted">
              <Lasting sinceMs={asset.sinceMs} />
            </span>
          </>
        )}
      </td>
      <td class="asset-availability number value">
        {asset.availability === null ? '–' : formatRatio(asset.availability, ...layout.targets)}
      </td>
      {layout.bounds && <td class="asset-range number value muted">{boundsOf(asset, layout.targets)}</td>}
    </tr>
  );
}

/** Whether something is unknown, so that the value is not the whole truth. */
function hasBounds(asset: AssetReply): boolean {
  return asset.availabilityLow !== asset.availability || asset.availabilityHigh !== asset.availability;
}

function boundsOf(asset: AssetReply, targets: readonly number[]): string {
  const { availabilityLow: low, availabilityHigh: high } = asset;
  if (low === null || high === null || !hasBounds(asset)) return '';
  return `${formatRatio(low, ...targets)} – ${formatRatio(high, ...targets)}`;
}
