import type { Site } from '../model/site.ts';
import { type Renaming, renamedAssets } from './engine/renamed-assets.ts';

/** What another site file has more and less of, by key in the order of the files. */
export interface AssetChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly renamed: readonly Renaming[];
}

/** Compares the assets of two sites; what is said of each may have changed besides. */
export function assetChanges(before: Site, after: Site): AssetChanges {
  const known = new Set(before.assets.map(({ key }) => key));
  const wanted = new Set(after.assets.map(({ key }) => key));
  const renamed = renamedAssets(before, after);
  const newNames = new Set(renamed.map(({ key }) => key));
  const formerNames = new Set(renamed.map(({ former }) => former));
  return {
    added: [...wanted].filter((key) => !known.has(key) && !newNames.has(key)),
    removed: [...known].filter((key) => !wanted.has(key) && !formerNames.has(key)),
    renamed,
  };
}
