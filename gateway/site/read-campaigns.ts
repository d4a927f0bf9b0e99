import type { Campaign } from '../../model/site.ts';
import { readDate } from '../../rules/time/calendar.ts';
import { mistakes } from './problem.ts';
import { KeyLines, type Reporter } from './reporter.ts';
import { CampaignEntry } from './site-file.ts';
import { findingOfDate } from './written-date.ts';
import type { Path } from './yaml-source.ts';

/** Bound on the campaigns of one site. */
export const MAX_CAMPAIGNS = 100;
/** Bound on the days of one campaign: sums of days are kept for about a year. */
const MAX_CAMPAIGN_DAYS = 366;

/** Reads `campaigns`: those that are sound, and the keys of all. */
export function readCampaigns(
  entries: readonly unknown[],
  reporter: Reporter,
): { values: Campaign[]; keys: Map<string, true> } {
  const values: Campaign[] = [];
  const keys = new Map<string, true>();
  const lines = new KeyLines({ zh: '活动', en: 'campaign' }, reporter);
  if (entries.length > MAX_CAMPAIGNS) reporter.atValue(['campaigns'], mistakes.tooManyEntries(MAX_CAMPAIGNS));
  for (const [index, data] of entries.slice(0, MAX_CAMPAIGNS).entries()) {
    const path = ['campaigns', index];
    const sound = reporter.shape(CampaignEntry, data, path);
    const { key, name, from, to } = (data ?? {}) as Partial<CampaignEntry>;
    const isNew = typeof key === 'string' && lines.isNew(key, [...path, 'key']);
    if (isNew) keys.set(key, true);
    if (!sound || !isNew || name === undefined || from === undefined || to === undefined) continue;
    if (checkDates(from, to, path, reporter)) values.push({ key, name, from, to });
  }
  return { values, keys };
}

function checkDates(from: string, to: string, path: Path, reporter: Reporter): boolean {
  const fromDay = readDay(from, [...path, 'from'], reporter);
  const toDay = readDay(to, [...path, 'to'], reporter);
  if (fromDay === undefined || toDay === undefined) return false;
  const dayCount = toDay - fromDay + 1;
  if (dayCount >= 1 && dayCount <= MAX_CAMPAIGN_DAYS) return true;
  const finding = dayCount < 1 ? mistakes.fromAfterTo(from, to) : mistakes.campaignTooLong(dayCount, MAX_CAMPAIGN_DAYS);
  reporter.atValue([...path, 'to'], finding);
  return false;
}

function readDay(text: string, path: Path, reporter: Reporter): number | undefined {
  const finding = findingOfDate(text);
  if (finding !== undefined) reporter.atValue(path, finding);
  return readDate(text);
}
