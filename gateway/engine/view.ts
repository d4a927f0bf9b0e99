import type { Activation } from '../../model/alarm.ts';
import type { LedgerClass } from '../../model/ledger.ts';
import type { RateFigure, RateGroup } from '../../model/rate.ts';
import type { AlarmView, AssetView, SystemView } from '../../model/view.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { nameOf, systemOfKey } from '../../rules/asset-names.ts';
import { className } from '../../rules/ledger/ledger.ts';
import { assetFigure, classCounts, dataAgeMs, rateDetail, systemFigures } from '../../rules/rates/figures.ts';
import type { EngineState, Exclusion, RegisteredPlan, Write } from '../../rules/state.ts';
import { plannedUntil } from '../../rules/time/planned-work.ts';
import type { StateDb } from './state-db.ts';

/** Groups of one rate that are told, worst first: as many as a person could ever look at. */
const MAX_GROUPS = 2000;

/** Stretches of a ledger that are told at once. */
const MAX_STRETCHES = 2000;

/** Every system at `nowMs`, in the order of the site file. */
export function systemViews(state: EngineState, nowMs: number): SystemView[] {
  const plan = state.plan;
  if (!plan) return [];
  const open = openActivations(state);
  const systemOf = (key: string) => systemOfKey(plan, key);
  return plan.site.systems.map((system, index) => {
    const alarms = open.filter((activation) => systemOf(activation.asset) === system.key);
    return {
      key: system.key,
      name: system.name,
      counts: classCounts(state, plan, system.key),
      rates: systemFigures(state, plan, index, nowMs),
      alarms: {
        unacknowledged: alarms.filter(({ acknowledgedMs, silence }) => acknowledgedMs === null && silence === null)
          .length,
        active: alarms.filter((activation) => isActive(activation)).length,
      },
      dataAgeMs: dataAgeMs(state, plan, system.key, nowMs),
    };
  });
}

/** Every asset at `nowMs`. */
export function assetViews(state: EngineState, nowMs: number): AssetView[] {
  const plan = state.plan;
  if (!plan) return [];
  return plan.assets.flatMap((assetPlan) => {
    const { asset, index } = assetPlan;
    if (!asset) return [];
    const figure = assetFigure(state, plan, assetPlan, 'month', nowMs);
    return {
      key: asset.key,
      name: asset.name,
      system: asset.system,
      profile: asset.profile,
      link: asset.link,
      parent: asset.parent ?? null,
      location: asset.location,
      contractor: asset.contractor ?? null,
      group: asset.group ?? null,
      warrantyUntil: asset.warrantyUntil ?? null,
      commissioning: state.commissioning[index] === 1,
      outOfService: state.decisions.outOfService.get(asset.key) ?? null,
      job: state.decisions.jobs.get(asset.key) ?? null,
      plannedUntilMs: plannedUntil(state, assetPlan),
      class: className(state.ledger.classes[index] as number),
      sinceMs: state.ledger.sinceMs[index] ?? null,
      availability: figure.value,
      availabilityLow: figure.low,
      availabilityHigh: figure.high,
    };
  });
}

/** What people decided that has no alarm; of one asset, if given. */
export function decisionsView(
  { decisions, plan }: EngineState,
  asset: string | undefined,
): {
  readonly plans: readonly RegisteredPlan[];
  readonly exclusions: readonly Exclusion[];
  readonly writes: readonly Write[];
  readonly signedOff: readonly string[];
} {
  const concerns = (of: { readonly asset: string }) => asset === undefined || of.asset === asset;
  const commissioned = (plan?.site.assets ?? []).filter(
    ({ key, commissioning }) => commissioning === true && concerns({ asset: key }),
  );
  return {
    plans: decisions.plans.filter(concerns),
    exclusions: decisions.exclusions.filter(concerns),
    writes: decisions.writes.filter(concerns),
    signedOff: commissioned.flatMap(({ points }) =>
      points.map(({ key }) => key).filter((key) => decisions.signedOff.has(key)),
    ),
  };
}

/** A rate with each of its groups by itself, worst first, at most {@link MAX_GROUPS}. */
export interface RateDetailView {
  readonly system: string;
  readonly rate: RateFigure;
  readonly groups: readonly RateGroup[];
}

/**
 * The rates at `atMs` of one system or all, with one key or any; says which of both keys there is not. What is counted
 * live is only known at `nowMs`, and left out before.
 */
export function rateViews(
  state: EngineState,
  wanted: { readonly system?: string; readonly rate?: string },
  atMs: number,
  nowMs: number,
): readonly RateDetailView[] | 'unknown-system' | 'unknown-rate' {
  const plan = state.plan;
  const systems = (plan?.site.systems ?? []).map((system, systemNo) => ({ system, systemNo }));
  const asked = systems.filter(({ system }) => wanted.system === undefined || system.key === wanted.system);
  if (!plan || asked.length === 0) return wanted.system === undefined ? [] : 'unknown-system';
  const rates = asked.flatMap(({ system, systemNo }) =>
    system.rates.map((rate, rateNo) => ({ system, systemNo, rate, rateNo })),
  );
  const named = rates.filter(({ rate }) => wanted.rate === undefined || rate.key === wanted.rate);
  if (named.length === 0 && wanted.rate !== undefined) return 'unknown-rate';
  return named.flatMap(({ system, systemNo, rate, rateNo }) => {
    if (rate.counted && atMs < nowMs) return [];
    const detail = rateDetail(state, plan, systemNo, rateNo, atMs);
    return detail ? [{ system: system.key, rate: detail.rate, groups: detail.groups.slice(0, MAX_GROUPS) }] : [];
  });
}

/** What of an asset's ledger falls into [fromMs, toMs); the stretches are told whole, the last one without an end. */
export interface LedgerView {
  readonly asset: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stretches: readonly { readonly fromMs: number; readonly toMs: number | null; readonly class: LedgerClass }[];
  /** Where to go on asking, if there were more than {@link MAX_STRETCHES}; null otherwise. */
  readonly nextMs: number | null;
}

/** An asset's ledger; undefined where neither the site nor the ledger knows the asset. */
export function ledgerView(
  state: EngineState,
  stateDb: StateDb,
  asset: string,
  fromMs: number,
  toMs: number,
): LedgerView | undefined {
  const rows = stateDb.ledger(asset, fromMs, MAX_STRETCHES + 1);
  if (rows.length === 0 && state.plan?.assetIndex.has(asset) !== true) return undefined;
  const next = rows[MAX_STRETCHES];
  const stretches = rows.slice(0, MAX_STRETCHES).flatMap((row, no) => {
    const endMs = rows[no + 1]?.fromMs ?? null;
    // A class that held for no time was replaced by the one that follows it.
    return row.fromMs >= toMs || row.fromMs === endMs ? [] : [{ fromMs: row.fromMs, toMs: endMs, class: row.class }];
  });
  return { asset, fromMs, toMs, stretches, nextMs: next && next.fromMs < toMs ? next.fromMs : null };
}

/** Every open alarm, oldest first. */
export function alarmViews(state: EngineState): AlarmView[] {
  const site = state.plan?.site;
  return site ? openActivations(state).map((activation) => alarmView(activation, state)) : [];
}

/** An activation with its asset's name and system. */
export function alarmView(activation: Activation, state: EngineState): AlarmView {
  const { plan } = state;
  const { asset: key } = activation;
  return {
    ...activation,
    assetName: plan ? nameOf(plan, key) : { zh: key, en: key },
    system: (plan && systemOfKey(plan, key)) ?? null,
  };
}

function isActive({ state }: Activation): boolean {
  return state === 'unacknowledged' || state === 'acknowledged';
}
