import type { AlarmDefinition } from '../../model/site.ts';
import type { Calendar } from '../time/calendar.ts';

/** So many site days before a warranty ends somebody is told, so that what is broken is still claimed. */
export const WARRANTY_NOTICE_DAYS = 30;

/**
 * The built-in alarm of every asset with a warranty: it follows from a date, not from what the equipment says, so that
 * no profile has to have it and no dead link explains it.
 */
export const warrantyAlarm: AlarmDefinition = {
  key: 'warranty-due',
  priority: 4,
  onDelayMs: 0,
  offDelayMs: 0,
  text: { zh: '质保即将到期', en: 'Warranty is about to end' },
  consequence: {
    zh: '到期后的维修由物业自费',
    en: 'Repairs after that are paid for by the estate',
  },
  action: {
    zh: '到期前全面检查，遗留缺陷书面报供货商处理；续保后在站点文件中改日期',
    en: 'Inspect it thoroughly and claim every defect in writing before it ends; enter the new date where it is extended',
  },
};

/**
 * From when to when a warranty is due, epoch ms, half-open: from {@link WARRANTY_NOTICE_DAYS} before its last day until
 * the end of that day, both at the site's midnight. Then there is nothing left to claim.
 */
export function warrantyDue(
  calendar: Calendar,
  warrantyUntil: string,
): { readonly fromMs: number; readonly toMs: number } {
  const { first, last } = calendar.dateHalves(warrantyUntil, warrantyUntil);
  return { fromMs: calendar.half(first - 2 * WARRANTY_NOTICE_DAYS).startMs, toMs: calendar.half(last).endMs };
}
