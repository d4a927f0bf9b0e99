import type { Activation } from '../../model/alarm.ts';
import type { Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import type { AlarmView, AssetView, SystemView } from '../../model/view.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { className } from '../../rules/ledger/ledger.ts';
import { assetFigure, classCounts, dataAgeMs, systemFigures } from '../../rules/rates/figures.ts';
import type { EngineState } from '../../rules/state.ts';

/** Every system at `nowMs`, in the order of the site file. */
export function systemViews(state: EngineState, nowMs: number): SystemView[] {
  const plan = state.plan;
  if (!plan) return [];
  const open = openActivations(state);
  const systemOf = (key: string) => plan.assets[plan.assetIndex.get(key) ?? -1]?.asset?.system;
  return plan.site.systems.map((system, index) => {
    const alarms = open.filter((activation) => systemOf(activation.asset) === system.key);
    return {
      key: system.key,
      name: system.name,
      counts: classCounts(state, plan, system.key),
      rates: systemFigures(state, plan, index, nowMs),
      alarms: {
        unacknowledged: alarms.filter(({ acknowledgedMs }) => acknowledgedMs === null).length,
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
      commissioning: false,
      outOfService: null,
      job: null,
      plannedUntilMs: null,
      class: className(state.ledger.classes[index] as number),
      sinceMs: state.ledger.sinceMs[index] ?? null,
      availability: figure.value,
      availabilityLow: figure.low,
      availabilityHigh: figure.high,
    };
  });
}

/** Every open alarm, oldest first. */
export function alarmViews(state: EngineState): AlarmView[] {
  const site = state.plan?.site;
  return site ? openActivations(state).map((activation) => alarmView(activation, state)) : [];
}

/** An activation with its asset's name and system. */
export function alarmView(activation: Activation, state: EngineState): AlarmView {
  const plan = state.plan;
  const asset = plan?.assets[plan.assetIndex.get(activation.asset) ?? -1]?.asset;
  return {
    ...activation,
    assetName: asset?.name ?? linkName(plan?.site, activation.asset),
    system: asset?.system ?? null,
  };
}

function linkName(site: Site | undefined, key: string): Text {
  return site?.links.find((link) => `link:${link.key}` === key)?.name ?? { zh: key, en: key };
}

function isActive({ state }: Activation): boolean {
  return state === 'unacknowledged' || state === 'acknowledged';
}
