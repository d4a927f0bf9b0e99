import type { RateReply } from '../../gateway/http/contract.ts';
import { formatPoints, formatRatio, formatTarget } from './ratio.ts';
import { type Unit, unitFor } from './unit.ts';
import type { Messages } from './zh-cn.ts';

/** How far a rate is from its target, in what a person counts with: lamps where counted, percentage points where not. */
export function gapText(rate: RateReply, unit: Unit, messages: Messages): string {
  if (rate.verdict === 'none') return messages.nothingDue;
  if (rate.value === null) return messages.nothingKnown;
  if (rate.short !== null && rate.short > 0) {
    const word = unitFor(unit, rate.short);
    return rate.verdict === 'undetermined'
      ? messages.shortIfUnknownBad(rate.short, word)
      : messages.short(rate.short, word);
  }
  if (rate.verdict !== 'missed' && rate.coverage !== null && rate.coverage < (rate.coverageTarget ?? 0)) {
    const target = rate.coverageTarget ?? 0;
    return messages.coverageMissed(formatRatio(rate.coverage, target), formatTarget(target));
  }
  if (rate.allowed !== null) return messages.allowed(rate.allowed);
  if (rate.verdict === 'undetermined') return messages.tooMuchUnknown;
  const distance = formatPoints(rate.value - rate.target);
  return rate.verdict === 'missed' ? messages.pointsBelow(distance) : messages.pointsAbove(distance);
}
