import type { RateReply } from '../../gateway/http/contract.ts';
import { formatDuration } from './format.ts';
import type { Messages } from './zh-cn.ts';

const MINUTE_MS = 60_000;
/** Up to this length minutes alone are easier to grasp than hours with minutes. */
const MINUTES_SHOWN_BELOW_MS = 120 * MINUTE_MS;

/**
 * "Lift 3 may stop 41 more minutes this month": `ms` until the target is missed, cut to whole minutes, never rounded up
 * to what there is not. Where nothing is left, it says so.
 */
export function downtimeText(name: string, ms: number, window: RateReply['window'], messages: Messages): string {
  const within = messages.windowsIn[window];
  if (ms <= 0) return messages.downtimeUsedUp(name, within);
  return messages.downtimeLeft(name, leftText(ms, messages), within);
}

function leftText(ms: number, messages: Messages): string {
  if (ms < MINUTE_MS) return messages.downtimeUnderMinute;
  if (ms < MINUTES_SHOWN_BELOW_MS) return messages.downtimeMinutes(Math.floor(ms / MINUTE_MS));
  return messages.downtimeLonger(formatDuration(ms, messages));
}
