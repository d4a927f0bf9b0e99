/**
 * What every millisecond of every asset is, exactly one of. Terms of EN 13306: `up` and `down` state, `planned`
 * (preventive maintenance registered beforehand), `notRequired` (outside required time), and `unknown` where the
 * gateway cannot honestly tell.
 */
export const ledgerClasses = ['up', 'down', 'unknown', 'planned', 'notRequired'] as const;
export type LedgerClass = (typeof ledgerClasses)[number];

/** From `fromMs` on, the asset is of class `class`, until its next change. Epoch ms, UTC. */
export interface LedgerChange {
  readonly kind: 'ledger';
  readonly asset: string;
  readonly class: LedgerClass;
  readonly fromMs: number;
}
