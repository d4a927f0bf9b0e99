import type { Site } from '../../model/site.ts';

/** An asset that goes on under another key. */
export interface Renaming {
  readonly former: string;
  readonly key: string;
}

/**
 * Assets of `after` that were something else's name before: `formerly` names an asset of `before`, and their own key is
 * new. A `formerly` that stays in the file for years renames once.
 */
export function renamedAssets(before: Site | undefined, after: Site): readonly Renaming[] {
  const known = new Set(before?.assets.map(({ key }) => key));
  return after.assets.flatMap(({ key, formerly }) =>
    formerly !== undefined && known.has(formerly) && !known.has(key) ? [{ former: formerly, key }] : [],
  );
}
