import type { Verdict } from '../../model/rate.ts';

/** What a rate is made of: assets, or milliseconds, of each class; never negative. */
export interface Sums {
  readonly up: number;
  readonly down: number;
  readonly unknown: number;
  readonly planned: number;
}

/** The ratios and the judgement that follow from sums; see {@link judge}. */
export interface Judgement {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly strict: number | null;
  readonly coverage: number | null;
  readonly verdict: Verdict;
}

/**
 * value = up ÷ (up + down); low = up ÷ (up + down + unknown); high = (up + unknown) ÷ (same);
 * strict = up ÷ (up + down + planned); coverage = (up + down) ÷ (up + down + unknown). Met if low ≥ target, missed if
 * high < target, otherwise undetermined. Below `coverageTarget` too little is known for `met`. A ratio over nothing is
 * null.
 */
export function judge({ up, down, unknown, planned }: Sums, target: number, coverageTarget = 0): Judgement {
  const known = up + down;
  const required = known + unknown;
  const low = ratio(up, required);
  const high = ratio(up + unknown, required);
  const coverage = ratio(known, required);
  return {
    value: ratio(up, known),
    low,
    high,
    strict: ratio(up, known + planned),
    coverage,
    verdict: verdictOf(low, high, target, (coverage ?? 1) >= coverageTarget),
  };
}

function verdictOf(low: number | null, high: number | null, target: number, isCovered: boolean): Verdict {
  if (low === null || high === null) return 'none';
  if (high < target) return 'missed';
  return low >= target && isCovered ? 'met' : 'undetermined';
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/**
 * Assets that must be up for `due` assets to meet the target: the smallest whole number n with n ÷ due ≥ target. The
 * small term keeps 0.95 × 60 = 57 from becoming 58 by the last bit of a double.
 */
export function neededFor(due: number, target: number): number {
  return Math.max(0, Math.ceil(due * target - 1e-9));
}
