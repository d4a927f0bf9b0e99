import type { Text } from './text.ts';

/**
 * Over what a rate is taken: at this instant, the night or site day in progress, the last days to date, the month so
 * far, or the dates of a campaign.
 */
export const rateWindows = ['live', 'night', 'day', '7d', '30d', 'month', 'campaign'] as const;
export type RateWindow = (typeof rateWindows)[number];

/** By what a rate can be told apart: each of these is judged by itself. */
export const rateGroupings = ['asset', 'group', 'floor', 'building', 'contractor', 'system'] as const;
export type RateGrouping = (typeof rateGroupings)[number];

/** Met, missed, or not to be told from what is known; `none` where nothing was due. */
export type Verdict = 'met' | 'missed' | 'undetermined' | 'none';

/**
 * A rate as computed. Ratios are 0 to 1; null where there is nothing known (never 0 or 1 instead).
 *
 * - value = good ÷ (good + bad); low = good ÷ (good + bad + unknown); high = (good + unknown) ÷ (same)
 * - strict = good ÷ (good + bad + planned); coverage = (good + bad) ÷ (good + bad + unknown)
 *
 * Good, bad and unknown are assets where `counted`, milliseconds where not.
 */
export interface RateFigure {
  readonly key: string;
  readonly name: Text;
  readonly window: RateWindow;
  readonly counted: boolean;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly strict: number | null;
  readonly coverage: number | null;
  readonly target: number;
  /** Least coverage at which the verdict can be `met`; null where none was agreed. */
  readonly coverageTarget: number | null;
  readonly verdict: Verdict;
  /** True until the window and the lateness after it are over. */
  readonly provisional: boolean;
  /** The window, epoch ms; it ends in the future where it is in progress. Both null for `live`. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** Assets due (counted) now. */
  readonly due: number;
  /** Assets that must come back for the target to be met on the lower bound ("差 3 盏"); null if not counted. */
  readonly short: number | null;
  /** Assets that may still fail; null if not counted. */
  readonly allowed: number | null;
  /** For a rate that is judged per group (floor): the worst group, by name; the figures above are then its own. */
  readonly worst: { readonly group: string; readonly value: number | null } | null;
  /** Assets or groups that missed, worst first, at most {@link MAX_OFFENDERS}. */
  readonly missed: readonly string[];
  /**
   * The asset or group that may be down for the least time until the window ends without missing the target on the
   * lower bound, and that time in ms, 0 where it is used up. Null where counted, or where nobody can tell what will be
   * required until then.
   */
  readonly downtimeLeft: DowntimeLeft | null;
}

export interface DowntimeLeft {
  readonly group: string;
  readonly ms: number;
}

/** One group of a rate by itself: an asset, a floor, a contractor … Up, down … are assets where counted, ms where not. */
export interface RateGroup {
  readonly group: string;
  readonly up: number;
  readonly down: number;
  readonly unknown: number;
  readonly planned: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly strict: number | null;
  readonly coverage: number | null;
  readonly verdict: Verdict;
  readonly downtimeLeftMs: number | null;
}

/** Bound on the names in {@link RateFigure.missed}. */
export const MAX_OFFENDERS = 20;

/** A rate at one moment, for history. */
export interface RateChange {
  readonly kind: 'rate';
  readonly system: string;
  readonly rate: string;
  readonly atMs: number;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly coverage: number | null;
}
