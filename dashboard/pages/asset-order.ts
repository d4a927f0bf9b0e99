import type { AssetReply } from '../../gateway/http/contract.ts';
import { compareText } from '../live/alarm-order.ts';
import { groupBy } from '../live/group-by.ts';

const classRank = { down: 0, unknown: 1, planned: 2, up: 3, notRequired: 4 } as const;

/** A row of the system page: an asset, and the assets whose failure is its own fault and that are folded below it. */
export interface AssetRow {
  readonly asset: AssetReply;
  readonly folded: readonly AssetReply[];
}

/** Worst first: down before unknown before the rest, then the lower availability, then the key with numbers in order. */
function byWorst(left: AssetReply, right: AssetReply): number {
  return (
    classRank[left.class] - classRank[right.class] ||
    (left.availability ?? 2) - (right.availability ?? 2) ||
    compareKeys(left.key, right.key)
  );
}

/**
 * Rows of `assets`, worst first, those that take most with them before all. Where a parent among them is down, its down children are folded below it: one cause,
 * one row. Children of a parent elsewhere, or that are not down, stand for themselves.
 */
export function arrangeAssets(assets: readonly AssetReply[]): AssetRow[] {
  const downKeys = new Set(assets.filter((asset) => asset.class === 'down').map((asset) => asset.key));
  const isFolded = (asset: AssetReply) => asset.class === 'down' && asset.parent !== null && downKeys.has(asset.parent);
  const folded = groupBy(assets.filter(isFolded), (asset) => asset.parent ?? '');
  return assets
    .filter((asset) => !isFolded(asset))
    .map((asset) => ({ asset, folded: [...(folded.get(asset.key) ?? [])].sort(byWorst) }))
    .sort((left, right) => right.folded.length - left.folded.length || byWorst(left.asset, right.asset));
}

/** `lift-2` before `lift-10`. */
function compareKeys(left: string, right: string): number {
  const pad = (key: string) => key.replace(/\d+/g, (digits) => digits.padStart(9, '0'));
  return compareText(pad(left), pad(right));
}
