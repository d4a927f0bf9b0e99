import { settleAlarms } from './alarms/settle-alarms.ts';
import { ALL_BITS, type AssetPlan, GOOD, SETTLE_BIT, STRIDE, VALUE, WINDOW_BIT } from './compile.ts';
import { PARENT_DEAD, PROVEN } from './ledger/recent-inputs.ts';
import { settleClasses } from './ledger/settle-classes.ts';
import { evaluateExpressions, type Look, lastKnown, resultOf } from './look.ts';
import type { EngineState } from './state.ts';
import type { Work } from './work.ts';

/** Looks at everything that is marked, causes before effects. */
export function evaluateMarked(work: Work, nowMs = work.state.logMs): void {
  for (const pass of work.passes()) {
    for (const asset of pass) if (work.state.dirtyMask[asset] !== 0) evaluate(work, asset, nowMs);
  }
}

/** Looks at one asset: its windows, its expressions as far as their inputs changed, and what follows from them. */
export function evaluate(work: Work, index: number, nowMs = work.state.logMs): void {
  const { dirtyMask, dirtyMs, dead, underDead } = work.state;
  let mask = dirtyMask[index] as number;
  const eventMs = dirtyMs[index] as number;
  const asset = work.plan.assets[index] as AssetPlan;
  const parentDead = asset.parent >= 0 && dead[asset.parent] === 1;
  const wasUnderDead = underDead[index] === 1;
  if (parentDead && !wasUnderDead) {
    // What a child said while its parent still fed it is no reply of the time after.
    for (const slot of asset.slots) work.forget(slot, eventMs);
    mask = ALL_BITS;
  }
  if (parentDead !== wasUnderDead) {
    underDead[index] = parentDead ? 1 : 0;
    work.state.recent[index]?.note(eventMs, PARENT_DEAD, wasUnderDead ? 1 : 0);
  }
  if (asset.windows.length > 0) mask |= followWindows(work.state, asset, mask, eventMs, nowMs);
  dirtyMask[index] = 0;
  const provenBefore = resultOf(work.state, asset, asset.proven, 1);
  const changed = evaluateExpressions(work.state, asset, mask);
  if (asset.windows.length > 0 && !Object.is(provenBefore, resultOf(work.state, asset, asset.proven, 1))) {
    work.state.recent[index]?.note(eventMs, PROVEN, provenBefore);
  }
  if (!changed && (mask & SETTLE_BIT) === 0) return;
  const look: Look = { asset, eventMs, nowMs, parentDead, wasUnderDead };
  const observed = settleClasses(work, look);
  const deadNow = parentDead || resultOf(work.state, asset, asset.childrenDead, 0) === 1 ? 1 : 0;
  if (deadNow !== dead[index]) {
    dead[index] = deadNow;
    for (const child of asset.children) work.settle(child, eventMs);
  }
  if (!work.inGap) settleAlarms(work, look, observed);
}

/** Brings an asset's windows up to date; gives the bits of the expressions that read one that changed. */
function followWindows(state: EngineState, asset: AssetPlan, mask: number, eventMs: number, nowMs: number): number {
  const { points, windows } = state;
  let readers = 0;
  for (const { number, argument, slot } of asset.windows) {
    const window = windows[number];
    if (!window) continue;
    if ((mask & WINDOW_BIT) !== 0) {
      const value = argument.evaluate(points, argument.slots);
      // What is not known any more has not been since its last good reply.
      const fromMs = Number.isNaN(value) ? lastKnown(state, eventMs, [argument]) : eventMs;
      window.put(Math.min(fromMs, nowMs), value);
    }
    const at = slot * STRIDE;
    const value = window.result(nowMs);
    if (!Number.isNaN(value)) points[at + GOOD] = nowMs;
    if (Object.is(value, points[at + VALUE])) continue;
    points[at + VALUE] = value;
    readers |= state.plan?.ownMask[slot] ?? 0;
  }
  return readers;
}
