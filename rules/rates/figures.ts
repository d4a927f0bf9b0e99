import { type LedgerClass, ledgerClasses } from '../../model/ledger.ts';
import {
  type DowntimeLeft,
  MAX_OFFENDERS,
  type RateFigure,
  type RateGroup,
  type RateGrouping,
  type RateWindow,
  type Verdict,
} from '../../model/rate.ts';
import type { RateDefinition, System } from '../../model/site.ts';
import { type AssetPlan, type Bound, NONE, type Plan, REPLY, STRIDE } from '../compile.ts';
import { LATENESS_MS } from '../ledger/late.ts';
import { classNumber } from '../ledger/ledger.ts';
import type { EngineState } from '../state.ts';
import { downtimeLeftMs, isLost, requiredAheadMs } from './downtime-left.ts';
import { type Judgement, judge, neededFor, type Sums } from './rate.ts';
import { type WindowSpan, windowSpan } from './rate-window.ts';

/** How many assets of a system are of each class now. */
export function classCounts(state: EngineState, plan: Plan, system: string): Record<LedgerClass, number> {
  const counts: Record<LedgerClass, number> = { up: 0, down: 0, unknown: 0, planned: 0, notRequired: 0 };
  for (const { asset, index } of plan.assets) {
    if (asset?.system !== system) continue;
    const name = ledgerClasses[state.ledger.classes[index] as number] as LedgerClass;
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
    for (const slot of slots) newest = Math.max(newest, state.points[slot * STRIDE + REPLY] as number);
    if (newest === Number.NEGATIVE_INFINITY) return null;
    oldest = Math.max(oldest, nowMs - newest);
  }
  return oldest === Number.NEGATIVE_INFINITY ? null : Math.max(0, Math.round(oldest));
}

/** The rates of one system at `nowMs`, in the order of the site file. */
export function systemFigures(state: EngineState, plan: Plan, systemNo: number, nowMs: number): RateFigure[] {
  const system = plan.site.systems[systemNo];
  if (!system) return [];
  return system.rates.map((rate, rateNo) =>
    new RateQuestion(state, plan, { system, systemNo, rate, rateNo }, nowMs).figure(),
  );
}

/** Whether a rate is what was promised, as its alarm has it. Flags are 0, 1, or NaN where it cannot be told. */
export interface RateStanding {
  readonly figure: RateFigure;
  /** Something is due, and its window is not over. */
  readonly due: number;
  /**
   * Live: the target is missed now, by one of the groups where each is judged by itself. Over a window: it cannot be met
   * any more, whatever happens until the window ends.
   */
  readonly missed: number;
}

/** The standing of each rate of one system now, in the order of the site file. */
export function rateStandings(state: EngineState, plan: Plan, systemNo: number): RateStanding[] {
  const system = plan.site.systems[systemNo];
  if (!system) return [];
  return system.rates.map((rate, rateNo) =>
    new RateQuestion(state, plan, { system, systemNo, rate, rateNo }, state.logMs).standing(),
  );
}

/** Assets or groups that miss a rate's target now, worst first, at most {@link MAX_OFFENDERS}. */
export function missedNow(
  state: EngineState,
  plan: Plan,
  of: { readonly system: number; readonly rate: number },
): readonly string[] {
  return rateDetail(state, plan, of.system, of.rate, state.logMs)?.rate.missed ?? [];
}

/**
 * One rate of a system, with each of its groups by itself, worst first. `nowMs` in the past asks for the window that it
 * was in, as far as it is over by now.
 */
export function rateDetail(
  state: EngineState,
  plan: Plan,
  systemNo: number,
  rateNo: number,
  nowMs: number,
): { readonly rate: RateFigure; readonly groups: readonly RateGroup[] } | undefined {
  const system = plan.site.systems[systemNo];
  const rate = system?.rates[rateNo];
  if (!system || !rate) return undefined;
  const question = new RateQuestion(state, plan, { system, systemNo, rate, rateNo }, nowMs);
  return { rate: question.figure(), groups: question.groups() };
}

/** One asset's availability over a window to date, by its ledger. */
export function assetFigure(
  state: EngineState,
  plan: Plan,
  asset: AssetPlan,
  window: RateWindow,
  nowMs: number,
): Judgement {
  return judge(sumsOf(state, asset.index, windowSpan(plan, { window }, nowMs), nowMs), 1);
}

interface Asked {
  readonly system: System;
  readonly systemNo: number;
  readonly rate: RateDefinition;
  readonly rateNo: number;
}

interface Member {
  readonly asset: AssetPlan;
  readonly sums: Sums;
  /** What tells whether it will be required. */
  readonly required: Bound | undefined;
}

/** Members that are judged together. */
interface Group {
  readonly group: string;
  readonly members: readonly Member[];
  readonly sums: Sums;
  readonly judgement: Judgement;
}

/** One rate at one moment. */
class RateQuestion {
  readonly #plan: Plan;
  readonly #asked: Asked;
  readonly #nowMs: number;
  readonly #span: WindowSpan;
  readonly #members: readonly Member[];
  readonly #groups: readonly Group[];

  constructor(state: EngineState, plan: Plan, asked: Asked, nowMs: number) {
    this.#plan = plan;
    this.#asked = asked;
    // A question about the past is answered by what is known of it now.
    this.#nowMs = Math.max(nowMs, state.logMs);
    const { rate } = asked;
    this.#span = windowSpan(plan, rate, nowMs);
    this.#members = membersOf(plan, asked).map(({ asset, track, required }) => ({
      asset,
      required,
      sums: rate.counted
        ? countOf(state.ledger.classes[track] as number)
        : sumsOf(state, track, this.#span, this.#nowMs),
    }));
    const byGroup = Map.groupBy(this.#members, ({ asset }) => groupName(asset, rate.per ?? 'asset'));
    this.#groups = [...byGroup]
      .map(([group, members]) => {
        const sums = addUp(members);
        return { group, members, sums, judgement: judge(sums, rate.target, rate.coverageTarget) };
      })
      .sort(worstFirst);
  }

  figure(): RateFigure {
    const { rate } = this.#asked;
    const worst = this.#groups.find(({ judgement }) => judgement.low !== null);
    const shown = rate.per === undefined ? addUp(this.#members) : (worst?.sums ?? addUp(this.#members));
    const due = shown.up + shown.down + shown.unknown;
    const needed = neededFor(due, rate.target);
    const missed = this.#groups.filter(({ judgement }) => judgement.verdict === 'missed');
    return {
      key: rate.key,
      name: rate.name,
      window: rate.window,
      counted: rate.counted,
      ...judge(shown, rate.target, rate.coverageTarget),
      target: rate.target,
      coverageTarget: rate.coverageTarget ?? null,
      provisional: this.#span.toMs + LATENESS_MS > this.#nowMs,
      fromMs: rate.window === 'live' ? null : this.#span.fromMs,
      toMs: rate.window === 'live' ? null : this.#span.toMs,
      due: rate.counted ? due : this.#members.filter(({ sums }) => sums.up + sums.down + sums.unknown > 0).length,
      short: rate.counted ? Math.max(0, needed - shown.up) : null,
      allowed: rate.counted ? Math.max(0, shown.up - needed) : null,
      worst: rate.per === undefined || !worst ? null : { group: worst.group, value: worst.judgement.low },
      missed: missed.slice(0, MAX_OFFENDERS).map(({ group }) => group),
      downtimeLeft: this.#leastDowntimeLeft(),
    };
  }

  groups(): RateGroup[] {
    return this.#groups.map((group) => {
      const { judgement, sums } = group;
      return { group: group.group, ...sums, ...judgement, downtimeLeftMs: this.#downtimeLeftMs(group) };
    });
  }

  standing(): RateStanding {
    const figure = this.figure();
    const { rate } = this.#asked;
    // Without groups of its own a rate is judged as a whole, however bad one of its assets is.
    const verdicts = rate.per === undefined ? [figure.verdict] : this.#groups.map(({ judgement }) => judgement.verdict);
    const isDue = verdicts.some((verdict) => verdict !== 'none') && (rate.counted || this.#span.toMs > this.#nowMs);
    return { figure, due: isDue ? 1 : 0, missed: rate.counted ? missedAmong(verdicts) : this.#lost() };
  }

  /** Whether the window's target cannot be met any more: by the whole, or by a group where each is judged by itself. */
  #lost(): number {
    const wholes =
      this.#asked.rate.per === undefined ? [{ members: this.#members, sums: addUp(this.#members) }] : this.#groups;
    let lost = 0;
    for (const { members, sums } of wholes) {
      const aheadMs = this.#aheadOf(members);
      if (aheadMs === undefined) lost = Number.NaN;
      else if (isLost(sums, aheadMs, this.#asked.rate.target)) return 1;
    }
    return lost;
  }

  /** What will be required of all of them until the window ends, ms; undefined where nobody can tell. */
  #aheadOf(members: readonly Member[]): number | undefined {
    let aheadMs = 0;
    for (const { required } of members) {
      const ms = this.#aheadMs(required);
      if (ms === undefined) return undefined;
      aheadMs += ms;
    }
    return aheadMs;
  }

  #leastDowntimeLeft(): DowntimeLeft | null {
    let least: DowntimeLeft | null = null;
    for (const group of this.#groups) {
      const ms = this.#downtimeLeftMs(group);
      if (ms !== null && (least === null || ms < least.ms)) least = { group: group.group, ms };
    }
    return least;
  }

  /** Null where counted, where the window is over, or where nobody can tell what will be required until it ends. */
  #downtimeLeftMs({ members, sums }: Group): number | null {
    const { rate } = this.#asked;
    if (rate.counted || this.#span.toMs <= this.#nowMs) return null;
    const aheadMs = this.#aheadOf(members);
    return aheadMs === undefined ? null : downtimeLeftMs(sums, aheadMs, rate.target);
  }

  readonly #ahead = new Map<Bound['evaluate'] | undefined, number | undefined>();

  /** The same for all members whose requirement follows from the same expression. */
  #aheadMs(required: Bound | undefined): number | undefined {
    const key = required?.evaluate;
    if (!this.#ahead.has(key)) {
      const fromMs = Math.max(this.#nowMs, this.#span.fromMs);
      this.#ahead.set(key, requiredAheadMs(this.#plan, required, fromMs, this.#span.toMs));
    }
    return this.#ahead.get(key);
  }
}

/** A rate's members and the track that each is judged by: the asset's ledger, or the rate's own expressions. */
function membersOf(
  plan: Plan,
  { system, systemNo, rate, rateNo }: Asked,
): { asset: AssetPlan; track: number; required: Bound | undefined }[] {
  if (rate.good !== undefined || rate.due !== undefined) {
    return plan.rateTracks.flatMap((rateTrack, no) => {
      if (rateTrack.system !== systemNo || rateTrack.rate !== rateNo) return [];
      const asset = plan.assets[rateTrack.asset] as AssetPlan;
      const track = plan.assets.length + no;
      const due = asset.tracks.find((of) => of.track === track)?.due ?? NONE;
      return [{ asset, track, required: asset.expressions[due] }];
    });
  }
  return plan.assets.flatMap((asset) =>
    asset.asset?.system === system.key && (rate.profile === undefined || asset.asset.profile === rate.profile)
      ? [{ asset, track: asset.index, required: asset.expressions[asset.required] }]
      : [],
  );
}

/** What an asset is told apart by; one of which that is not known is of the group `?`. */
function groupName({ asset, key }: AssetPlan, per: RateGrouping): string {
  const { building = '?', floor = '?' } = asset?.location ?? {};
  switch (per) {
    case 'asset':
      return key;
    case 'building':
      return building;
    case 'floor':
      return `${building}/${floor}`;
    case 'group':
      return asset?.group ?? '?';
    case 'contractor':
      return asset?.contractor ?? '?';
    case 'system':
      return asset?.system ?? '?';
  }
}

/** 1 where one of them missed, 0 where none did, NaN where that cannot be told. */
function missedAmong(verdicts: readonly Verdict[]): number {
  if (verdicts.includes('missed')) return 1;
  return verdicts.includes('undetermined') ? Number.NaN : 0;
}

function worstFirst(a: Group, b: Group): number {
  return (a.judgement.low ?? 2) - (b.judgement.low ?? 2) || (a.group < b.group ? -1 : 1);
}

function addUp(members: readonly Member[]): Sums {
  const sums = { up: 0, down: 0, unknown: 0, planned: 0 };
  for (const { sums: of } of members) {
    sums.up += of.up;
    sums.down += of.down;
    sums.unknown += of.unknown;
    sums.planned += of.planned;
  }
  return sums;
}

function countOf(classNo: number): Sums {
  return {
    up: classNo === classNumber.up ? 1 : 0,
    down: classNo === classNumber.down ? 1 : 0,
    unknown: classNo === classNumber.unknown ? 1 : 0,
    planned: classNo === classNumber.planned ? 1 : 0,
  };
}

/** Milliseconds by class of one track over a window to date, the stretch in progress included. */
function sumsOf({ ledger }: EngineState, track: number, span: WindowSpan, nowMs: number): Sums {
  const totals = ledger.times.total(track, span.first, span.last, new Float64Array(ledgerClasses.length));
  const fromMs = Math.max(ledger.sinceMs[track] as number, span.fromMs);
  const toMs = Math.min(nowMs, span.toMs);
  const classNo = ledger.classes[track] as number;
  if (toMs > fromMs) totals[classNo] = (totals[classNo] as number) + (toMs - fromMs);
  return {
    up: totals[classNumber.up] as number,
    down: totals[classNumber.down] as number,
    unknown: totals[classNumber.unknown] as number,
    planned: totals[classNumber.planned] as number,
  };
}
