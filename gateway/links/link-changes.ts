import { isDeepStrictEqual } from 'node:util';
import type { AssetPoint, Link, Site } from '../../model/site.ts';

/** What becomes of each link when another site file is taken over, by key. */
export interface LinkChanges {
  /** Nothing that the adapter works with has changed: it runs on undisturbed. */
  readonly kept: readonly string[];
  readonly restarted: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/**
 * Compares what the adapters of two sites work with: protocol, settings, and points with their kinds, texts and
 * addresses, in whatever order they are written. A point that was renamed restarts its link, so that none of its samples
 * arrives between the old key and the new one.
 */
export function linkChanges(before: Site, after: Site): LinkChanges {
  const known = new Map(before.links.map((link) => [link.key, link]));
  const wanted = new Set(after.links.map((link) => link.key));
  const pointsBefore = pointsByLink(before);
  const pointsAfter = pointsByLink(after);
  const kept: string[] = [];
  const restarted: string[] = [];
  const added: string[] = [];
  for (const link of after.links) {
    const { key } = link;
    const old = known.get(key);
    if (old === undefined) added.push(key);
    else if (sameConnection(old, link) && samePoints(pointsBefore.get(key), pointsAfter.get(key))) kept.push(key);
    else restarted.push(key);
  }
  return { kept, restarted, added, removed: [...known.keys()].filter((key) => !wanted.has(key)) };
}

type Points = ReadonlyMap<string, AssetPoint>;

function pointsByLink(site: Site): ReadonlyMap<string, Points> {
  const byLink = new Map<string, Map<string, AssetPoint>>();
  for (const { link, points } of site.assets) {
    let own = byLink.get(link);
    if (own === undefined) {
      own = new Map();
      byLink.set(link, own);
    }
    for (const point of points) own.set(point.key, point);
  }
  return byLink;
}

function sameConnection(a: Link, b: Link): boolean {
  return a.protocol === b.protocol && isDeepStrictEqual(a.settings, b.settings);
}

function samePoints(before: Points = new Map(), after: Points = new Map()): boolean {
  if (before.size !== after.size) return false;
  for (const [key, { kind, states, address }] of after) {
    const old = before.get(key);
    if (old === undefined || old.kind !== kind) return false;
    if (!isDeepStrictEqual(old.states, states) || !isDeepStrictEqual(old.address, address)) return false;
  }
  return true;
}
