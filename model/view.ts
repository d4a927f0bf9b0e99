import type { Activation } from './alarm.ts';
import type { LedgerClass } from './ledger.ts';
import type { RateFigure } from './rate.ts';
import type { Location } from './site.ts';
import type { Text } from './text.ts';

/** A system as page and API show it. */
export interface SystemView {
  readonly key: string;
  readonly name: Text;
  /** Assets by class, now. */
  readonly counts: Readonly<Record<LedgerClass, number>>;
  readonly rates: readonly RateFigure[];
  readonly alarms: { readonly unacknowledged: number; readonly active: number };
  /** Age of the newest reply of the asset that has been silent the longest, ms; null if one has never answered. */
  readonly dataAgeMs: number | null;
}

/** An asset as page and API show it; ratios are this month's to date. */
export interface AssetView {
  readonly key: string;
  readonly name: Text;
  readonly system: string;
  readonly profile: string;
  readonly link: string;
  readonly parent: string | null;
  readonly location: Location;
  readonly contractor: string | null;
  readonly group: string | null;
  /** Last day of its warranty, a site date. */
  readonly warrantyUntil: string | null;
  readonly commissioning: boolean;
  readonly outOfService: { readonly by: string; readonly reason: string; readonly sinceMs: number } | null;
  readonly job: { readonly by: string; readonly untilMs: number } | null;
  readonly plannedUntilMs: number | null;
  readonly class: LedgerClass;
  readonly sinceMs: number | null;
  readonly availability: number | null;
  readonly availabilityLow: number | null;
  readonly availabilityHigh: number | null;
}

/** An open alarm with the names that a person reads. */
export interface AlarmView extends Activation {
  readonly assetName: Text;
  readonly system: string | null;
}
