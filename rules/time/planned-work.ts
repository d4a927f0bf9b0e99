import { type AssetPlan, familyOf } from '../compile.ts';
import { classNumber } from '../ledger/ledger.ts';
import { PLANNED } from '../ledger/recent-inputs.ts';
import type { EngineState } from '../state.ts';
import type { Work } from '../work.ts';

/** Registered plans that are over stay for this long, so that people see what was planned. */
const PLANS_KEPT_MS = 40 * 86_400_000;

/** Follows what is planned up to `atMs`: marks what enters or leaves planned work since the last look, at its own time. */
export function followPlanned(work: Work, atMs = work.state.logMs, notBeforeMs = 0): void {
  const { state } = work;
  if (atMs < state.nextPlannedMs) return;
  const { decisions } = state;
  decisions.plans = decisions.plans.filter(({ toMs }) => atMs - toMs < PLANS_KEPT_MS);
  const until = plannedAt(state, atMs);
  for (const { index } of work.plan.assets) {
    const now = until.get(index);
    const was = state.plannedUntilMs[index] as number;
    if (now) enter(work, index, Math.max(now.fromMs, notBeforeMs), now.toMs);
    else if (was > 0) leave(work, index, Math.min(was, atMs));
  }
  state.nextPlannedMs = nextAfter(state, atMs);
}

/** What is planned was changed by somebody: it is looked at again now. */
export function replan(work: Work, notBeforeMs = 0): void {
  work.state.nextPlannedMs = 0;
  followPlanned(work, work.state.logMs, notBeforeMs);
}

function enter(work: Work, index: number, fromMs: number, toMs: number): void {
  const { state } = work;
  const wasPlanned = (state.plannedUntilMs[index] as number) > 0;
  state.plannedUntilMs[index] = toMs;
  if (wasPlanned) return;
  state.plannedFromMs[index] = fromMs;
  state.recent[index]?.note(fromMs, PLANNED, 0);
  // What was down before it is no planned work; a start that nobody watched says nothing of that.
  const isDown = state.ledger.classes[index] === classNumber.down;
  state.downBefore[index] = isDown && (state.ledger.sinceMs[index] as number) < fromMs ? 1 : 0;
  work.settle(index, fromMs);
}

function leave(work: Work, index: number, atMs: number): void {
  const { state } = work;
  state.plannedUntilMs[index] = 0;
  state.downBefore[index] = 0;
  state.recent[index]?.note(atMs, PLANNED, 1);
  work.settle(index, atMs);
}

/** What covers each asset at `atMs`: the planned work that goes on for longest. */
function plannedAt(state: EngineState, atMs: number): Map<number, { fromMs: number; toMs: number }> {
  const found = new Map<number, { fromMs: number; toMs: number }>();
  const cover = (assets: readonly number[], fromMs: number, toMs: number) => {
    for (const asset of assets) {
      const known = found.get(asset);
      found.set(asset, {
        fromMs: Math.min(known?.fromMs ?? fromMs, fromMs),
        toMs: Math.max(known?.toMs ?? toMs, toMs),
      });
    }
  };
  const { plan, decisions } = state;
  if (!plan) return found;
  for (const { occurrences, assets } of plan.planned) {
    const now = occurrences.at(atMs);
    if (now) cover(assets, now.fromMs, now.toMs);
  }
  for (const { asset, fromMs, toMs } of decisions.plans) {
    const index = plan.assetIndex.get(asset);
    if (index !== undefined && fromMs <= atMs && atMs < toMs) cover(familyOf(plan, index), fromMs, toMs);
  }
  return found;
}

function nextAfter(state: EngineState, atMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { occurrences } of state.plan?.planned ?? []) {
    nextMs = Math.min(nextMs, occurrences.next(atMs) ?? Number.POSITIVE_INFINITY);
  }
  for (const { fromMs, toMs } of state.decisions.plans) {
    for (const ms of [fromMs, toMs]) if (ms > atMs) nextMs = Math.min(nextMs, ms);
  }
  return nextMs;
}

/** End of the planned work in progress at an asset; null where there is none. */
export function plannedUntil(state: EngineState, asset: AssetPlan): number | null {
  const untilMs = state.plannedUntilMs[asset.index] as number;
  return untilMs > 0 ? untilMs : null;
}
