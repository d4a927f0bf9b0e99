import type { RateReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { downtimeText } from '../text/downtime.ts';

/** How much longer the one with the least time left may be down, in words; nothing where nobody can tell. */
export function DowntimeLeft(props: { rate: RateReply }) {
  const { store, messages, text } = useApp();
  const { downtimeLeft, window } = props.rate;
  // The set of rows is read, so that a name appears once its row arrives.
  store.assets.keys.value;
  if (downtimeLeft === null) return null;
  const asset = store.assets.get(downtimeLeft.group)?.value;
  const name = asset === undefined ? downtimeLeft.group : text(asset.name);
  return <span class="downtime-left">{downtimeText(name, downtimeLeft.ms, window, messages.value)}</span>;
}
