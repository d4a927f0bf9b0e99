import { type LedgerClass, ledgerClasses } from '../../model/ledger.ts';
import type { EngineState } from '../../rules/state.ts';

/** Time by class of several assets, day by day; ms. Every list has one entry for each day. */
export interface LedgerDays {
  /** Site dates, oldest first, each with its begin and end: 23 to 25 h. */
  readonly days: readonly { readonly date: string; readonly fromMs: number; readonly toMs: number }[];
  readonly assets: readonly ({ readonly asset: string } & Readonly<Record<LedgerClass, readonly number[]>>)[];
}

const DAY_MS = 86_400_000;

/**
 * The last `count` site days up to the one that `lastMs` is in, from the half days that the rules keep; the stretches in
 * progress count up to `nowMs`. Days from before the site, or older than the rules keep, are all 0. An asset that is not
 * on the site is given as the key itself. Undefined before there is a site.
 */
export function ledgerDays(
  state: EngineState,
  assets: readonly string[],
  { lastMs, count, nowMs }: { readonly lastMs: number; readonly count: number; readonly nowMs: number },
): LedgerDays | string | undefined {
  const { plan, ledger } = state;
  if (!plan) return undefined;
  const unknown = assets.find((asset) => !plan.assetIndex.has(asset));
  if (unknown !== undefined) return unknown;
  const lastDay = Math.floor(plan.calendar.halfDay(lastMs).index / 2);
  const days = Array.from({ length: count }, (_, place) => {
    const day = lastDay - count + 1 + place;
    return {
      day,
      date: new Date(day * DAY_MS).toISOString().slice(0, 10),
      fromMs: plan.calendar.half(day * 2).startMs,
      toMs: plan.calendar.half(day * 2 + 1).endMs,
    };
  });
  const rows = assets.map((asset) => {
    const track = plan.assetIndex.get(asset) as number;
    const sums = days.map(({ day, fromMs, toMs }) => {
      const totals = ledger.times.total(track, day * 2, day * 2 + 1, new Float64Array(ledgerClasses.length));
      // What lasts still is in no sum yet.
      const lastsMs = Math.min(nowMs, toMs) - Math.max(ledger.sinceMs[track] as number, fromMs);
      const classNo = ledger.classes[track] as number;
      if (lastsMs > 0) totals[classNo] = (totals[classNo] as number) + lastsMs;
      return totals;
    });
    const byClass = ledgerClasses.map((name, classNo) => [name, sums.map((totals) => totals[classNo] as number)]);
    return { asset, ...(Object.fromEntries(byClass) as Record<LedgerClass, number[]>) };
  });
  return { days: days.map(({ date, fromMs, toMs }) => ({ date, fromMs, toMs })), assets: rows };
}
