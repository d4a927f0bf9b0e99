import type { RateDefinition } from '../../model/site.ts';
import type { Plan } from '../compile.ts';

/** A window of a rate: half days, both inclusive, and the same as times, half-open. */
export interface WindowSpan {
  readonly first: number;
  readonly last: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The window of a rate that `nowMs` is in, whole: it ends in the future where it is in progress. A window of the last
 * days ends with today. `live` has none: for it the day is given, of which only the present counts.
 */
export function windowSpan(plan: Plan, rate: Pick<RateDefinition, 'window' | 'campaign'>, nowMs: number): WindowSpan {
  const { calendar } = plan;
  const { first, last } = halvesOf(plan, rate, nowMs);
  return { first, last, fromMs: calendar.half(first).startMs, toMs: calendar.half(last).endMs };
}

function halvesOf(
  { calendar, site }: Plan,
  rate: Pick<RateDefinition, 'window' | 'campaign'>,
  nowMs: number,
): { first: number; last: number } {
  const now = calendar.halfDay(nowMs).index;
  const midnight = now - (now % 2);
  switch (rate.window) {
    case 'live':
    case 'day':
      return { first: midnight, last: midnight + 1 };
    case '7d':
      return { first: midnight - 12, last: midnight + 1 };
    case '30d':
      return { first: midnight - 58, last: midnight + 1 };
    case 'month':
      return { first: calendar.monthStart(nowMs), last: calendar.monthEnd(nowMs) };
    case 'night': {
      // Before noon the night that began yesterday; after noon tonight's once it is dark, until then last night's.
      if (now % 2 === 0) return { first: now - 1, last: now };
      return calendar.dark(nowMs) ? { first: now, last: now + 1 } : { first: now - 2, last: now - 1 };
    }
    case 'campaign': {
      const campaign = site.campaigns.find(({ key }) => key === rate.campaign);
      if (!campaign) throw new Error(`no campaign ${rate.campaign}`);
      return calendar.dateHalves(campaign.from, campaign.to);
    }
  }
}
