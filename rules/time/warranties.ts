import { STRIDE, VALUE } from '../compile.ts';
import type { Work } from '../work.ts';

/** Follows which warranties are about to end: one comes to be due, and ends, at its site's midnight. */
export function followWarranties(work: Work): void {
  const { state, plan } = work;
  const { logMs, points } = state;
  if (logMs < state.nextWarrantyMs) return;
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { slot, fromMs, toMs } of plan.warranties) {
    for (const ms of [fromMs, toMs]) if (ms > logMs) nextMs = Math.min(nextMs, ms);
    const due = logMs >= fromMs && logMs < toMs ? 1 : 0;
    if (points[slot * STRIDE + VALUE] !== due) work.change(slot, due, logMs);
  }
  state.nextWarrantyMs = nextMs;
}
