/** Decimals of a percentage at least, and at most. */
const MIN_DECIMALS = 2;
const MAX_DECIMALS = 12;

/**
 * A ratio as a percentage, with as many decimals as it takes not to round it across (or onto) its target; `-` where
 * there is none.
 */
export function formatRatio(ratio: number | null, target: number): string {
  if (ratio === null) return '-';
  const side = (value: number) => Math.sign(value - target);
  let decimals = MIN_DECIMALS;
  while (decimals < MAX_DECIMALS && side(Number((ratio * 100).toFixed(decimals)) / 100) !== side(ratio)) decimals++;
  return `${(ratio * 100).toFixed(decimals)} %`;
}

/** A target as it was agreed, without needless decimals. */
export function formatTarget(target: number): string {
  return `${Number((target * 100).toFixed(MAX_DECIMALS - 2))} %`;
}

/** Milliseconds as `h:mm:ss.mmm`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '-' : '';
  const whole = Math.round(Math.abs(ms));
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const seconds = `${two((whole / 1000) % 60)}.${String(whole % 1000).padStart(3, '0')}`;
  return `${sign}${Math.floor(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${seconds}`;
}
