import type { Protocol } from '../../model/adapter.ts';
import type { Asset, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';

/** What fire safety is judged by. */
export type FireSafetySite = Pick<Site, 'systems' | 'links' | 'assets' | 'profiles'>;

/** Why nothing may be written to an asset, for fire safety; undefined where that forbids nothing. */
export type FireSafety = (asset: Asset) => Text | undefined;

/**
 * Fire equipment is observed and never controlled. That is equipment whose profile or system says so; and so that it is
 * not controlled by a detour, also what such equipment hangs on, what hangs on it, and whatever else is read from a
 * controller that it is read from.
 */
export function fireSafetyOf(site: FireSafetySite, protocols: Readonly<Record<string, Protocol>>): FireSafety {
  const byKey = new Map(site.assets.map((asset) => [asset.key, asset]));
  const fireSystems = new Set(site.systems.filter((system) => system.fireSafety).map((system) => system.key));
  const isFire = (asset: Asset) => site.profiles[asset.profile]?.fireSafety === true || fireSystems.has(asset.system);
  const links = new Map(site.links.map((link) => [link.key, link]));
  const devicesOf = (asset: Asset) => {
    const link = links.get(asset.link);
    const writes = link && protocols[link.protocol]?.writes;
    return writes ? asset.points.map(({ address }) => writes.device(address, link.settings)) : [];
  };
  const fireAbove = new Map<string, Asset>();
  const fireAt = new Map<string, Asset>();
  for (const asset of site.assets) {
    if (!isFire(asset)) continue;
    for (const above of ancestors(asset, byKey)) fireAbove.set(above.key, asset);
    for (const device of devicesOf(asset)) fireAt.set(device, asset);
  }
  return (asset) => {
    if (isFire(asset)) return { zh: '消防设备只监视，不控制', en: 'fire equipment is observed, never controlled' };
    const below = fireAbove.get(asset.key);
    if (below !== undefined) return relative(below, { zh: '挂在它下面', en: 'hangs on it' });
    const above = [...ancestors(asset, byKey)].find(isFire);
    if (above !== undefined) return relative(above, { zh: '是它的上级', en: 'is what it hangs on' });
    for (const device of devicesOf(asset)) {
      const other = fireAt.get(device);
      if (other !== undefined) return relative(other, { zh: '在同一台控制器上', en: 'is on the same controller' });
    }
    return undefined;
  };
}

function relative(fire: Asset, how: Text): Text {
  return { zh: `消防设备 ${fire.key} ${how.zh}`, en: `fire equipment ${fire.key} ${how.en}` };
}

/** The assets above one, each once, also where they form a circle. */
function ancestors(asset: Asset, byKey: ReadonlyMap<string, Asset>): Set<Asset> {
  const found = new Set<Asset>();
  for (let at = asset; at.parent !== undefined; ) {
    const parent = byKey.get(at.parent);
    if (parent === undefined || found.has(parent)) break;
    found.add(parent);
    at = parent;
  }
  return found;
}
