import { describe, expect, it } from 'vitest';
import type { AssetReply } from '../../gateway/http/contract.ts';
import { arrangeAssets } from './asset-order.ts';

function asset(key: string, state: AssetReply['class'], more: Partial<AssetReply> = {}): AssetReply {
  return { key, class: state, parent: null, availability: 1, ...more } as AssetReply;
}

function keys(assets: readonly AssetReply[]): string[] {
  return arrangeAssets(assets).map((row) => [row.asset.key, ...row.folded.map((child) => child.key)].join('+'));
}

describe('arrangeAssets', () => {
  it('puts the worst first and counts numbers in keys as numbers', () => {
    const assets = [
      asset('lamp-10', 'up'),
      asset('lamp-2', 'up'),
      asset('lamp-3', 'up', { availability: 0.5 }),
      asset('lamp-4', 'unknown'),
      asset('lamp-5', 'down'),
      asset('lamp-6', 'notRequired', { availability: 0.1 }),
    ];
    expect(keys(assets)).toEqual(['lamp-5', 'lamp-4', 'lamp-3', 'lamp-2', 'lamp-10', 'lamp-6']);
  });

  it('folds down children below a down parent, and only those', () => {
    const assets = [
      asset('lamp-1', 'down', { parent: 'feeder' }),
      asset('lamp-2', 'up', { parent: 'feeder' }),
      asset('feeder', 'down'),
      asset('alone', 'down', { parent: 'feeder-2' }),
      asset('feeder-2', 'up'),
      asset('elsewhere', 'down', { parent: 'not-in-this-list' }),
    ];
    expect(keys(assets)).toEqual(['feeder+lamp-1', 'alone', 'elsewhere', 'feeder-2', 'lamp-2']);
  });
});
