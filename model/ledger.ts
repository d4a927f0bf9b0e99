/**
 * What every millisecond of every asset is, exactly one of. Terms of EN 13306: `up` and `down` state, `planned`
 * (preventive maintenance registered beforehand), `notRequired` (outside required time), and `unknown` where the
 * gateway cannot honestly tell.
 */
export const ledgerClasses = ['up', 'down', 'unknown', 'planned', 'notRequired'] as const;
export type LedgerClass = (typeof ledgerClasses)[number];

/**
 * From `fromMs` on, the asset is of class `class`, until its next change. With a `correction` it is the past that
 * changes: [fromMs, toMs) is of that class after all, and what was known from `toMs` on, `after`, stays. Epoch ms, UTC.
 */
export interface LedgerChange {
  readonly kind: 'ledger';
  readonly asset: string;
  readonly class: LedgerClass;
  readonly fromMs: number;
  readonly correction?: LedgerCorrection;
}

/** Why the past was corrected: a late sample, or an exclusion that somebody gave their name and a reason for. */
export interface LedgerCorrection {
  readonly cause: 'late' | 'excluded';
  readonly toMs: number;
  readonly after: LedgerClass;
}
