import type { RateReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { formatRatio, formatTarget } from '../text/ratio.ts';

/**
 * A rate from 0 to 100 %: solid up to what is proven, hatched up to what is possible, a tick at the target. What is
 * missing to a missed target is the only part with a colour.
 */
export function RateBar(props: { rate: Pick<RateReply, 'value' | 'low' | 'high' | 'target' | 'verdict'> }) {
  const { messages } = useApp();
  const { value, target, verdict } = props.rate;
  const low = props.rate.low ?? 0;
  const high = props.rate.high ?? (value === null ? 1 : low);
  const known = value !== null;
  const shown = known ? formatRatio(value, target) : messages.value.classes.unknown;
  const drawn = verdict !== 'none' || known;
  return (
    <div
      class="rate-bar"
      data-verdict={verdict}
      role="img"
      aria-label={messages.value.rateBar(shown, formatTarget(target))}
    >
      <div class="rate-track">
        {drawn && known && <div class="rate-solid" style={{ width: percent(low) }} />}
        {drawn && high > low && (
          <div class="rate-hatch" style={{ left: percent(low), width: percent(high - low) }}>
            {known ? null : '?'}
          </div>
        )}
        {verdict === 'missed' && target > high && (
          <div class="rate-missing" style={{ left: percent(high), width: percent(target - high) }} />
        )}
        {known && high > low && <div class="rate-value" style={{ left: percent(value) }} />}
      </div>
      <div class="rate-target" style={{ left: percent(target) }} />
    </div>
  );
}

function percent(ratio: number): string {
  return `${(Math.min(1, Math.max(0, ratio)) * 100).toFixed(2)}%`;
}
