import type { AssetReply } from '../../gateway/http/contract.ts';
import type { Messages } from './zh-cn.ts';

/** Building, floor and place of an asset, as far as they are known; empty if none is. */
export function placeText(location: AssetReply['location'], messages: Messages): string {
  const { building, floor, place } = location;
  return [building === undefined ? undefined : messages.buildingName(building), floor, place]
    .filter((part) => part !== undefined)
    .join(' · ');
}
