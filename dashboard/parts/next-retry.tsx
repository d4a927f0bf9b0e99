import type { LinkReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';

/** When a link that does not answer is tried next, counting down. */
export function NextRetry(props: { link: LinkReply }) {
  const { clock, format, messages } = useApp();
  const { link } = props;
  const t = messages.value;
  if (link.nextRetryMs === null) return <>{link.state === 'refused' ? t.retryWaits : t.retryNow}</>;
  const leftMs = link.nextRetryMs - clock.now.value;
  return <>{leftMs <= 0 ? t.retryNow : t.retryIn(format.value.duration(leftMs))}</>;
}
