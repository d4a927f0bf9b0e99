import type { PointKey, PointNumber } from '../../model/point.ts';
import type { Site } from '../../model/site.ts';

/**
 * A number for every point of `site`: the one that its key has in the first of `known` that knows it, else that of the
 * key which its asset formerly had, else a new one. Each number stands for one point only.
 */
export function siteNumbers(
  site: Site,
  known: readonly ReadonlyMap<PointKey, PointNumber>[],
): Map<PointKey, PointNumber> {
  const wanted = site.assets.flatMap(({ points, formerly }) =>
    points.map(({ key, point }) => ({ key, former: formerly === undefined ? undefined : `${formerly}/${point}` })),
  );
  const numbers = new Map<PointKey, PointNumber>();
  const taken = new Set<PointNumber>();
  const give = (key: PointKey, number: PointNumber | undefined) => {
    if (number === undefined || numbers.has(key) || taken.has(number)) return;
    numbers.set(key, number);
    taken.add(number);
  };
  for (const map of known) for (const { key } of wanted) give(key, map.get(key));
  for (const map of known) for (const { key, former } of wanted) if (former !== undefined) give(key, map.get(former));
  let next = 1;
  for (const map of known) for (const number of map.values()) next = Math.max(next, number + 1);
  for (const { key } of wanted) if (!numbers.has(key)) numbers.set(key, next++);
  return numbers;
}
