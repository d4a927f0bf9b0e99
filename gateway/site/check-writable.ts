import type { Protocol } from '../../model/adapter.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import type { Expansion, Member } from './expand-assets.ts';
import { type FireSafety, type FireSafetySite, fireSafetyOf } from './fire-safety.ts';
import { mistakes, withSuggestion } from './problem.ts';
import type { Reporter } from './reporter.ts';
import type { Path } from './yaml-source.ts';

/** What the check of `writable` needs besides the entries. */
export interface WritableContext {
  readonly reporter: Reporter;
  readonly site: FireSafetySite;
  readonly protocols: Readonly<Record<string, Protocol>>;
}

/**
 * Checks what the site file allows to be written: a point is written only where its map and the asset's `writable` both
 * say so, and never where fire safety forbids it. A map that takes values for fire equipment is a mistake by itself.
 */
export function checkWritable({ members }: Expansion, { reporter, site, protocols }: WritableContext): void {
  const assets = new Map(site.assets.map((asset) => [asset.key, asset]));
  const links = new Map(site.links.map((link) => [link.key, protocols[link.protocol]]));
  let fireSafety: FireSafety | undefined;
  for (const member of members) {
    const asset = assets.get(member.key);
    const protocol = asset && links.get(asset.link);
    if (asset === undefined || protocol === undefined) continue;
    const allowed = asset.points.filter(({ address }) => protocol.writes?.allowed(address));
    if (allowed.length === 0 && asset.writable === undefined) continue;
    fireSafety ??= fireSafetyOf(site, protocols);
    const forbidden = fireSafety(asset);
    for (const [index, name] of (asset.writable ?? []).entries()) {
      const path = at(member, 'writable', index);
      const point = asset.points.find((one) => one.point === name);
      if (forbidden !== undefined) reporter.atValue(path, mistakes.fireWritable(name, forbidden));
      else if (point === undefined) {
        const suggestion = nearest(
          name,
          asset.points.map((one) => one.point),
        );
        reporter.atValue(path, withSuggestion(mistakes.writableUnknown(name, asset.profile), suggestion));
      } else if (!allowed.includes(point)) {
        reporter.atValue(path, mistakes.notWritable(name, protocol.key, protocol.writes !== undefined));
      }
    }
    const [first] = allowed;
    // A map that the site file does not make use of is none of its business, unless it is one of fire equipment.
    const ofFire = site.profiles[asset.profile]?.fireSafety === true;
    if (asset.writable === undefined && first !== undefined && ofFire && forbidden !== undefined) {
      reporter.atValue(at(member, 'map'), mistakes.fireWritable(first.point, forbidden));
    }
  }
}

function at(member: Member, ...path: Path): Path {
  return ['assets', member.entryIndex, ...path];
}
