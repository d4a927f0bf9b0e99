import { type LedgerClass, ledgerClasses } from '../model/ledger.ts';
import { MAX_OFFENDERS, type RateFigure, type RateGroup, type RateWindow } from '../model/rate.ts';
import type { RateDefinition } from '../model/site.ts';
import type { AssetPlan, Plan } from './compile.ts';
import { classNumber } from './ledger.ts';
import { type Judgement, judge, neededFor, type Sums } from './rate.ts';
import type { EngineState } from './state.ts';

/** How long after its end a window can still be corrected by late samples. */
export const LATENESS_MS = 600_000;

/** How many assets of a system are of each class now. */
export function classCounts(state: EngineState, plan: Plan, system: string): Record<LedgerClass, number> {
  const counts: Record<LedgerClass, number> = { up: 0, down: 0, unknown: 0, planned: 0, notRequired: 0 };
  for (const { asset, index } of plan.assets) {
    if (asset?.system !== system) continue;
    const name = ledgerClasses[state.classes[index] as number] as LedgerClass;
    counts[name]++;
  }
  return counts;
}

/** Age of the newest reply of the asset that has been silent the longest, in ms; null if one has never answered. */
export function dataAgeMs(state: EngineState, plan: Plan, system: string, nowMs: number): number | null {
  let oldest = Number.NEGATIVE_INFINITY;
  for (const { asset, slots } of plan.assets) {
    if (asset?.system !== system) continue;
    let newest = Number.NEGATIVE_INFINITY;
    for (const slot of slots) newest = Math.max(newest, state.replyMs[slot] as number);
    if (newest === Number.NEGATIVE_INFINITY) return null;
    oldest = Math.max(oldest, nowMs - newest);
  }
  return oldest === Number.NEGATIVE_INFINITY ? null : Math.max(0, Math.round(oldest));
}

/** The rates of one system at `nowMs`, in the order of the site file. */
export function systemFigures(state: EngineState, plan: Plan, systemNo: number, nowMs: number): RateFigure[] {
  const system = plan.site.systems[systemNo];
  if (!system) return [];
  return system.rates.map((rate, rateNo) => rateFigure(state, plan, system.key, systemNo, rate, rateNo, nowMs));
}

/** One rate of a system, with each of its groups by itself, worst first. */
export function rateDetail(
  state: EngineState,
  plan: Plan,
  systemNo: number,
  rateNo: number,
  nowMs: number,
): { readonly rate: RateFigure; readonly groups: readonly RateGroup[] } | undefined {
  const rate = systemFigures(state, plan, systemNo, nowMs)[rateNo];
  return rate && { rate, groups: [] };
}

/** One asset's availability over a window to date, by its ledger. */
export function assetFigure(
  state: EngineState,
  plan: Plan,
  asset: AssetPlan,
  window: RateWindow,
  nowMs: number,
): Judgement {
  return judge(sumsOf(state, plan, asset.index, window, nowMs), 1);
}

interface Member {
  readonly asset: AssetPlan;
  readonly sums: Sums;
}

function rateFigure(
  state: EngineState,
  plan: Plan,
  system: string,
  systemNo: number,
  rate: RateDefinition,
  rateNo: number,
  nowMs: number,
): RateFigure {
  const members = membersOf(plan, system, systemNo, rate, rateNo).map(
    ({ asset, track }): Member => ({
      asset,
      sums: rate.counted ? countOf(state.classes[track] as number) : sumsOf(state, plan, track, rate.window, nowMs),
    }),
  );
  const groups = groupsOf(members, rate.per);
  const judged = [...groups].map(([group, sums]) => ({ group, sums, judgement: judge(sums, rate.target) }));
  const missed = judged.filter(({ judgement }) => judgement.verdict === 'missed').sort(worstFirst);
  const worst = judged.filter(({ judgement }) => judgement.low !== null).sort(worstFirst)[0];
  const whole = addUp(members);
  const shown = rate.per === undefined ? whole : (worst?.sums ?? whole);
  const due = shown.up + shown.down + shown.unknown;
  const needed = neededFor(due, rate.target);
  return {
    key: rate.key,
    name: rate.name,
    window: rate.window,
    counted: rate.counted,
    ...judge(shown, rate.target),
    target: rate.target,
    coverageTarget: rate.coverageTarget ?? null,
    fromMs: null,
    toMs: null,
    provisional: windowEndMs(plan, rate.window, nowMs) + LATENESS_MS > nowMs,
    due: rate.counted ? due : members.filter(({ sums }) => sums.up + sums.down + sums.unknown > 0).length,
    short: rate.counted ? Math.max(0, needed - shown.up) : null,
    allowed: rate.counted ? Math.max(0, shown.up - needed) : null,
    worst: rate.per === undefined || !worst ? null : { group: worst.group, value: worst.judgement.low },
    missed: missed.slice(0, MAX_OFFENDERS).map(({ group }) => group),
    downtimeLeft: null,
  };
}

/** A rate's members and the track that each is judged by: the asset's ledger, or the rate's own expressions. */
function membersOf(
  plan: Plan,
  system: string,
  systemNo: number,
  rate: RateDefinition,
  rateNo: number,
): { asset: AssetPlan; track: number }[] {
  if (rate.good !== undefined || rate.due !== undefined) {
    return plan.rateTracks.flatMap((track, no) =>
      track.system === systemNo && track.rate === rateNo
        ? [{ asset: plan.assets[track.asset] as AssetPlan, track: plan.assets.length + no }]
        : [],
    );
  }
  return plan.assets.flatMap((asset) =>
    asset.asset?.system === system && (rate.profile === undefined || asset.asset.profile === rate.profile)
      ? [{ asset, track: asset.index }]
      : [],
  );
}

/** Sums per group; without `per`, per asset, so that a group's figure still names the assets that missed. */
function groupsOf(members: readonly Member[], per: RateDefinition['per']): Map<string, Sums> {
  const groups = new Map<string, Sums>();
  for (const { asset, sums } of members) {
    const name = groupName(asset, per);
    const before = groups.get(name);
    groups.set(name, before ? plus(before, sums) : sums);
  }
  return groups;
}

function groupName(asset: AssetPlan, per: RateDefinition['per']): string {
  const { building, floor } = asset.asset?.location ?? {};
  if (per === 'building') return building ?? '?';
  if (per === 'floor') return `${building ?? '?'}/${floor ?? '?'}`;
  return asset.key;
}

function worstFirst(a: { judgement: Judgement; group: string }, b: { judgement: Judgement; group: string }): number {
  return (a.judgement.low ?? 1) - (b.judgement.low ?? 1) || (a.group < b.group ? -1 : 1);
}

function addUp(members: readonly Member[]): Sums {
  return members.reduce<Sums>((sums, member) => plus(sums, member.sums), { up: 0, down: 0, unknown: 0, planned: 0 });
}

function plus(a: Sums, b: Sums): Sums {
  return {
    up: a.up + b.up,
    down: a.down + b.down,
    unknown: a.unknown + b.unknown,
    planned: a.planned + b.planned,
  };
}

function countOf(classNo: number): Sums {
  return {
    up: classNo === classNumber.up ? 1 : 0,
    down: classNo === classNumber.down ? 1 : 0,
    unknown: classNo === classNumber.unknown ? 1 : 0,
    planned: classNo === classNumber.planned ? 1 : 0,
  };
}

/** Milliseconds by class of one track over a window to date, the interval in progress included. */
function sumsOf(state: EngineState, plan: Plan, track: number, window: RateWindow, nowMs: number): Sums {
  const { first, last } = windowHalves(plan, window, nowMs);
  const totals = state.times.total(track, first, last, new Float64Array(ledgerClasses.length));
  const fromMs = Math.max(state.sinceMs[track] as number, plan.calendar.half(first).startMs);
  const toMs = Math.min(nowMs, windowEndMs(plan, window, nowMs));
  const classNo = state.classes[track] as number;
  if (toMs > fromMs) totals[classNo] = (totals[classNo] as number) + (toMs - fromMs);
  return {
    up: totals[classNumber.up] as number,
    down: totals[classNumber.down] as number,
    unknown: totals[classNumber.unknown] as number,
    planned: totals[classNumber.planned] as number,
  };
}

/** Half days of a window, both inclusive; the last one may be in progress. */
function windowHalves(plan: Plan, window: RateWindow, nowMs: number): { first: number; last: number } {
  const now = plan.calendar.halfDay(nowMs).index;
  const midnight = now - (now % 2);
  switch (window) {
    case 'live':
    case 'day':
      return { first: midnight, last: now };
    case '7d':
      return { first: midnight - 12, last: now };
    case '30d':
      return { first: midnight - 58, last: now };
    case 'campaign':
    case 'month':
      return { first: plan.calendar.monthStart(nowMs), last: now };
    case 'night': {
      // Before noon the night that began yesterday; after noon tonight's once it is dark, until then last night's.
      if (now % 2 === 0) return { first: now - 1, last: now };
      return plan.calendar.dark(nowMs) ? { first: now, last: now } : { first: now - 2, last: now - 1 };
    }
  }
}

function windowEndMs(plan: Plan, window: RateWindow, nowMs: number): number {
  return plan.calendar.half(windowHalves(plan, window, nowMs).last).endMs;
}
