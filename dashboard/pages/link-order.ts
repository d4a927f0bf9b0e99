import type { AssetReply, LinkReply } from '../../gateway/http/contract.ts';
import { compareText } from '../live/alarm-order.ts';

const stateRank = { refused: 0, down: 1, connecting: 2, up: 3 } as const;

/** The sign of a link's state: the same as an asset's, since a cut link is what makes assets unknown. */
export const linkSign: Readonly<Record<LinkReply['state'], AssetReply['class']>> = {
  refused: 'down',
  down: 'down',
  connecting: 'unknown',
  up: 'up',
};

/** Links that do not answer first. */
export function byLinkTrouble(left: LinkReply, right: LinkReply): number {
  return stateRank[left.state] - stateRank[right.state] || compareText(left.key, right.key);
}
