import { readDate } from '../../rules/time/calendar.ts';
import { type Finding, mistakes, withSuggestion } from './problem.ts';

/** What is wrong with a site date as written, `2026-06-01`; undefined where nothing is. */
export function findingOfDate(text: string): Finding | undefined {
  return readDate(text) === undefined ? withSuggestion(mistakes.badDate(text), dateMeant(text)) : undefined;
}

/** The date that was probably meant: written otherwise, or past the end of its month. */
function dateMeant(text: string): string | undefined {
  const match = /^(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month = '', day = ''] = match;
  const last = Math.min(Number(day), 31);
  const candidates = [last, last - 1, last - 2, last - 3].map(
    (candidate) => `${year}-${month.padStart(2, '0')}-${String(candidate).padStart(2, '0')}`,
  );
  return candidates.find((candidate) => readDate(candidate) !== undefined);
}
