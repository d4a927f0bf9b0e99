import type { RateReply } from '../../gateway/http/contract.ts';
import type { Format } from './format.ts';
import type { Messages } from './zh-cn.ts';

/** Windows whose days are not plain from their name. */
const dated: ReadonlySet<RateReply['window']> = new Set(['campaign', '7d', '30d']);

/** The window of a rate, with its first and last day where the name does not tell them. */
export function windowText(rate: RateReply, format: Format, messages: Messages): string {
  const name = messages.windows[rate.window];
  if (!dated.has(rate.window) || rate.fromMs === null || rate.toMs === null) return name;
  // A window ends with the midnight after its last day.
  return `${name} ${messages.dates(format.date(rate.fromMs), format.date(rate.toMs - 1))}`;
}
