import { type Bound, DARK_SLOT, HOUR_SLOT, type Plan, STRIDE, VALUE } from '../compile.ts';
import type { Sums } from './rate.ts';

/** How finely the sun and the hour are followed into the future, ms. */
const AHEAD_STEP_MS = 300_000;

/**
 * Milliseconds of [fromMs, toMs) in which something will be required: all of them where `required` is absent, what
 * sun and hour say where it reads nothing else, undefined where nobody can tell.
 */
export function requiredAheadMs(
  plan: Plan,
  required: Bound | undefined,
  fromMs: number,
  toMs: number,
): number | undefined {
  if (toMs <= fromMs) return 0;
  if (!required) return toMs - fromMs;
  if (!required.bySchedule) return undefined;
  const values = new Float64Array((HOUR_SLOT + 1) * STRIDE);
  let aheadMs = 0;
  for (let ms = fromMs; ms < toMs; ms += AHEAD_STEP_MS) {
    values[DARK_SLOT * STRIDE + VALUE] = plan.calendar.dark(ms) ? 1 : 0;
    values[HOUR_SLOT * STRIDE + VALUE] = plan.calendar.hour(ms);
    if (required.evaluate(values, required.slots) === 1) aheadMs += Math.min(AHEAD_STEP_MS, toMs - ms);
  }
  return aheadMs;
}

/**
 * How long something may still be down until its window ends, ms, so that the target is met on the lower bound:
 * (1 − target) × (up + down + unknown + required ahead) − down − unknown, never below 0. Unknown time counts as down,
 * as the lower bound does.
 */
export function downtimeLeftMs({ up, down, unknown }: Sums, aheadMs: number, target: number): number {
  const allowedMs = (1 - target) * (up + down + unknown + aheadMs);
  // The small term keeps a whole number of ms from losing its last one to the last bit of a double.
  return Math.max(0, Math.floor(allowedMs - down - unknown + 1e-6));
}

/**
 * Whether a target cannot be met any more, even if all that is unknown was up and all that is to come will be:
 * down > (1 − target) × (up + down + unknown + required ahead).
 */
export function isLost({ up, down, unknown }: Sums, aheadMs: number, target: number): boolean {
  // The small term: as above.
  return down > (1 - target) * (up + down + unknown + aheadMs) + 1e-6;
}
