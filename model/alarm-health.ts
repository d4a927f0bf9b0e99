import type { Priority } from './alarm.ts';

/** A flood of alarms (IEC 62682): begins above 10 annunciations in 10 minutes, ends below 5. */
export interface FloodChange {
  readonly kind: 'flood';
  readonly flood: boolean;
  readonly atMs: number;
}

/** One source of alarms and how often it called in the period. */
export interface AlarmSource {
  readonly asset: string;
  readonly alarm: string;
  readonly count: number;
  /** Of all that was annunciated, 0 to 1. */
  readonly share: number;
}

/** How well the alarm system itself does (ISA-18.2), over the last days that are kept. Times are epoch ms. */
export interface AlarmHealth {
  readonly fromMs: number;
  readonly toMs: number;
  readonly annunciated: number;
  readonly byPriority: Readonly<Record<Priority, number>>;
  /** Annunciations per hour: mean, and of the worst hour. */
  readonly perHour: number | null;
  readonly worstHour: number;
  /** In the last 10 minutes. */
  readonly last10Min: number;
  readonly flood: boolean;
  /** Share of the period in flood, 0 to 1; null where there is no period yet. */
  readonly floodShare: number | null;
  readonly topTen: readonly AlarmSource[];
  /** Activations that have stood for more than 24 h. */
  readonly stale: readonly string[];
  /** Activations that are held because they chatter; alarms that came and went within 10 s in the period. */
  readonly chattering: readonly string[];
  readonly fleeting: number;
  readonly silenced: Readonly<
    Record<'shelved' | 'suppressed' | 'out-of-service' | 'planned' | 'commissioning', number>
  >;
}
