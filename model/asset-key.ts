import type { RateDefinition, Site, System } from './site.ts';
import type { Text } from './text.ts';

/**
 * Keys of what is an asset to the rules and to alarms only. None of them can be the key of an asset of the site file,
 * or of another of these: keys of a site file have no colon.
 */
export const gatewayAssetKey = 'gateway:self';

/** Key of the asset that stands for a link. */
export function linkAssetKey(link: string): string {
  return `link:${link}`;
}

/** Whether the key is that of an asset which stands for a link. */
export function isLinkAssetKey(key: string): boolean {
  return key.startsWith(linkAssetKey(''));
}

/** Key of the asset that stands for a rate of a system. */
export function rateAssetKey(system: string, rate: string): string {
  return `rate:${system}:${rate}`;
}

const gatewayName: Text = { zh: '监控网关', en: 'Gateway' };

/** The rate that a key stands for; undefined where it is none of the site's. */
function rateOfKey(
  site: Pick<Site, 'systems'>,
  key: string,
): { readonly system: System; readonly rate: RateDefinition } | undefined {
  const [kind, systemKey, rateKey] = key.split(':');
  if (kind !== 'rate') return undefined;
  const system = site.systems.find((candidate) => candidate.key === systemKey);
  const rate = system?.rates.find((candidate) => candidate.key === rateKey);
  return system && rate ? { system, rate } : undefined;
}

/** What people call a link, rate or the gateway by its key; undefined where it is none of them. */
export function virtualName(site: Pick<Site, 'links' | 'systems'>, key: string): Text | undefined {
  if (key === gatewayAssetKey) return gatewayName;
  const found = rateOfKey(site, key);
  if (!found) return site.links.find((candidate) => linkAssetKey(candidate.key) === key)?.name;
  const { system, rate } = found;
  return { zh: `${system.name.zh}·${rate.name.zh}`, en: `${system.name.en}: ${rate.name.en}` };
}

/** What people call whatever an alarm or a ledger names; the key where nobody knows it. */
export function nameOfKey(site: Pick<Site, 'assets' | 'links' | 'systems'>, key: string): Text {
  const asset = site.assets.find((candidate) => candidate.key === key);
  return asset?.name ?? virtualName(site, key) ?? { zh: key, en: key };
}
