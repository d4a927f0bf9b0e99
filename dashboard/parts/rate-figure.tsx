import type { RateReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { formatRatio, percentDigits } from '../text/ratio.ts';

/** The figure of a rate in large digits; a dash where nothing is known, never 0 or 100. */
export function RateFigure(props: { rate: RateReply }) {
  const { value, target } = props.rate;
  if (value === null) return <span class="rate-figure value">–</span>;
  return (
    <span class="rate-figure value">
      {percentDigits(value, [target])}
      <small>%</small>
    </span>
  );
}

/** Between which bounds the rate lies while something is unknown; nothing where the bounds are one. */
export function RateBounds(props: { rate: RateReply }) {
  const { messages } = useApp();
  const { low, high, target } = props.rate;
  if (low === null || high === null || high - low < 1e-9) return null;
  return <span class="value">{messages.value.between(formatRatio(low, target), formatRatio(high, target))}</span>;
}

/** Met, missed or undetermined, as a word in a frame of its own. */
export function VerdictChip(props: { verdict: RateReply['verdict'] }) {
  const { messages } = useApp();
  return (
    <span class="verdict" data-verdict={props.verdict}>
      {props.verdict === 'undetermined' && <b aria-hidden="true">? </b>}
      {messages.value.verdicts[props.verdict]}
    </span>
  );
}
