import type { RateReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { windowText } from '../text/window.ts';

/** Name of a rate, its window, and whether the figure can still change. */
export function RateName(props: { rate: RateReply }) {
  const { messages, format, text } = useApp();
  const { rate } = props;
  const t = messages.value;
  return (
    <>
      {text(rate.name)}{' '}
      <span class="muted">
        {windowText(rate, format.value, t)}
        {rate.window !== 'live' && ` · ${rate.provisional ? t.provisional : t.final}`}
      </span>
    </>
  );
}
