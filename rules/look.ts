import { type AssetPlan, type Bound, bitOf, GOOD, NONE, VALUE } from './compile.ts';
import { classNumber } from './ledger/ledger.ts';
import { type EngineState, UNKNOWN_RESULT } from './state.ts';

/** An asset as it is looked at: because of what happened at `eventMs`, at `nowMs`. */
export interface Look {
  readonly asset: AssetPlan;
  readonly eventMs: number;
  readonly nowMs: number;
  readonly parentDead: boolean;
  /** It was down because of its parent when it was last looked at. */
  readonly wasUnderDead: boolean;
}

/** The result of one of an asset's expressions: 0, 1, NaN where it cannot be told, `absent` where it has none. */
export function resultOf(state: EngineState, asset: AssetPlan, place: number, absent: number): number {
  if (place === NONE) return absent;
  const result = state.results[asset.firstResult + place] as number;
  return result === UNKNOWN_RESULT ? Number.NaN : result;
}

/** Evaluates those of an asset's expressions that `mask` names; true where one of them has another result. */
export function evaluateExpressions(state: EngineState, asset: AssetPlan, mask: number): boolean {
  const { results, points } = state;
  const { expressions, firstResult } = asset;
  let changed = false;
  for (let place = 0; place < expressions.length; place++) {
    if ((mask & bitOf(place)) === 0) continue;
    const { evaluate: run, slots } = expressions[place] as Bound;
    const value = run(points, slots);
    const result = value === 1 ? 1 : value === 0 ? 0 : UNKNOWN_RESULT;
    if (results[firstResult + place] === result) continue;
    results[firstResult + place] = result;
    changed = true;
  }
  return changed;
}

/** The condition of each alarm of an asset, whose class is `observed`: 1, 0, or NaN where it cannot be told. */
export function conditionsOf(state: EngineState, asset: AssetPlan, observed: number): number[] {
  return asset.alarms.map(({ when }) =>
    when === NONE ? (observed === classNumber.unknown ? 1 : 0) : resultOf(state, asset, when, 0),
  );
}

/** When the expressions could last be told: the latest good reply among their inputs that are missing now. */
export function lastKnown({ points }: EngineState, eventMs: number, expressions: readonly Bound[]): number {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { slots } of expressions) {
    for (const at of slots)
      if (Number.isNaN(points[at + VALUE])) lastMs = Math.max(lastMs, points[at + GOOD] as number);
  }
  return lastMs === Number.NEGATIVE_INFINITY ? eventMs : lastMs;
}
