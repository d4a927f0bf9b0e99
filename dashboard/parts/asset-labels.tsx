import type { AssetReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';

/** Why an asset's alarms call nobody or are labelled, in a word each; nothing for most assets. */
export function AssetLabels(props: { asset: AssetReply }) {
  const { messages } = useApp();
  const { asset } = props;
  const t = messages.value;
  const words = [
    asset.commissioning && t.silences.commissioning,
    asset.outOfService !== null && t.silences['out-of-service'],
    asset.job !== null && t.jobOpen,
  ].filter((word) => word !== false);
  return words.map((word) => (
    <span key={word} class="asset-label">
      {word}
    </span>
  ));
}
