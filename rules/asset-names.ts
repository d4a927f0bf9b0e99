import { virtualName } from '../model/asset-key.ts';
import type { Text } from '../model/text.ts';
import type { Plan } from './compile.ts';

/** Name of what an alarm names; the same as `nameOfKey`, without a search through a large site's assets. */
export function nameOf(plan: Plan, key: string): Text {
  const asset = plan.assets[plan.assetIndex.get(key) ?? -1]?.asset;
  return asset?.name ?? virtualName(plan.site, key) ?? { zh: key, en: key };
}

/** System of an asset or of a rate; undefined for a link, the gateway, and what the site does not know any more. */
export function systemOfKey(plan: Plan, key: string): string | undefined {
  const subject = plan.assets[plan.assetIndex.get(key) ?? -1]?.subject;
  if (subject?.kind === 'asset') return subject.asset.system;
  return subject?.kind === 'rate' ? plan.site.systems[subject.system]?.key : undefined;
}
