/** Digits after the point that are shown unless more are needed to be honest. */
const USUAL_DIGITS = 1;
/** Bound on the digits; beyond it the figure is cut towards the side on which it lies. */
const MOST_DIGITS = 5;

/**
 * A ratio (0 to 1) as a percentage whose rounding never crosses a target, nor makes a perfect figure of one that is not:
 * 0.9496 at target 0.95 is "94.96 %", 0.9996 is "99.96 %". Of `targets` and of 0 and 1, the shown figure lies on the
 * same side as the true one.
 */
export function formatRatio(ratio: number, ...targets: readonly number[]): string {
  return `${percentDigits(ratio, targets)} %`;
}

/** The bare digits of {@link formatRatio}. */
export function percentDigits(ratio: number, targets: readonly number[]): string {
  if (ratio === 0 || ratio === 1) return String(ratio * 100);
  const limits = [0, 1, ...targets];
  for (let digits = USUAL_DIGITS; digits <= MOST_DIGITS; digits += 1) {
    const text = (ratio * 100).toFixed(digits);
    if (limits.every((limit) => side(Number(text), limit * 100) === side(ratio * 100, limit * 100))) return text;
  }
  return cutDigits(ratio * 100, limits);
}

/** Below the target it is rounded down, at or above it up to the target at most, at the last digit that is shown. */
function cutDigits(percent: number, limits: readonly number[]): string {
  const unit = 10 ** MOST_DIGITS;
  const below = limits.some(
    (limit) => percent < limit * 100 && Math.round(percent * unit) >= Math.round(limit * 100 * unit),
  );
  return ((below ? Math.ceil(percent * unit) - 1 : Math.ceil(percent * unit)) / unit).toFixed(MOST_DIGITS);
}

/** −1 below, 0 at, 1 above. What differs by less than the error of doubles is the same number. */
function side(percent: number, limit: number): number {
  const difference = percent - limit;
  return Math.abs(difference) < 1e-9 ? 0 : Math.sign(difference);
}

/**
 * A distance between two ratios in percentage points, with as many digits as it takes not to show a gap as none:
 * 0.0004 is "0.04".
 */
export function formatPoints(distance: number): string {
  const points = Math.abs(distance) * 100;
  for (let digits = USUAL_DIGITS; digits < MOST_DIGITS; digits += 1) {
    const text = points.toFixed(digits);
    if (Number(text) > 0) return text;
  }
  return points.toFixed(points === 0 ? USUAL_DIGITS : MOST_DIGITS);
}

/** A target as it was agreed: 0.95 is "95 %", 0.9975 is "99.75 %". */
export function formatTarget(target: number): string {
  return `${Number((target * 100).toFixed(MOST_DIGITS))} %`;
}
