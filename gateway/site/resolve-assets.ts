import type { Protocol } from '../../model/adapter.ts';
import { type PointKey, pointKey } from '../../model/point.ts';
import type { Asset, AssetPoint, Profile } from '../../model/site.ts';
import { nearest } from '../../rules/expression.ts';
import { expressionsOf } from '../../rules/profile.ts';
import { checkShape } from './check-shape.ts';
import type { Member, MemberDetails } from './expand-assets.ts';
import { type ControllerMap, type Pack, type PackShelf, parentPointsOf } from './packs.ts';
import { type Finding, mistakes, type ProblemCollector } from './problem.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** Bound on the points of one site. */
export const MAX_POINTS = 1_000_000;

/** What assets refer to. A link whose protocol is not known is there, but nothing on it can be judged. */
export interface References {
  readonly source: YamlSource;
  readonly problems: ProblemCollector;
  readonly shelf: PackShelf;
  readonly links: ReadonlyMap<string, Protocol | undefined>;
  readonly systems: ReadonlySet<string>;
}

/** Profile of assets of a system, with that of their parents. */
export interface ProfilePair {
  readonly profile: string;
  readonly parent: string | undefined;
}

export interface AssetIndex {
  readonly assets: readonly Asset[];
  /** Keys of the profiles in use. */
  readonly profiles: readonly string[];
  /** By system, each pair once. */
  readonly profilePairs: ReadonlyMap<string, readonly ProfilePair[]>;
  /** No asset was left out because of a mistake. */
  readonly complete: boolean;
}

/** What an entry refers to, as far as it exists; looked up once for all of its members. */
interface EntryReferences {
  readonly profile: Profile | undefined;
  readonly map: Extract<Pack<ControllerMap>, { state: 'good' }> | undefined;
  readonly protocol: Protocol | undefined;
  /** The address has the form that the protocol wants; judged anew for each member where it varies. */
  readonly addressGood: boolean;
}

/** Follows every reference of the members, finds their points' addresses, and reports what does not fit. */
export function resolveAssets(members: readonly Member[], references: References): AssetIndex {
  const byKey = uniqueMembers(members, references);
  checkFormerKeys(byKey, references);
  const cyclic = checkParents(byKey, references);
  const entryReferences = new Map<number, EntryReferences>();
  const assets: Asset[] = [];
  const pointsOfLink = new Map<string, LinkPoint[]>();
  const pairs = new Map<string, Map<string, ProfilePair>>();
  let pointCount = 0;
  for (const member of byKey.values()) {
    const { details } = member;
    if (details === undefined) continue;
    const { entry } = details;
    let found = entryReferences.get(member.entryIndex);
    if (found === undefined) {
      found = lookUp(member, details, references);
      entryReferences.set(member.entryIndex, found);
    }
    const parent = details.parent === undefined || cyclic.has(member.key) ? undefined : byKey.get(details.parent);
    const parentProfile = parent?.details?.entry.profile;
    const parentUnclear = details.parent !== undefined && parentProfile === undefined;
    if (found.profile !== undefined && !parentUnclear) {
      checkParentPoints(found.profile, parentProfile, member, references);
      const systemPairs = pairs.get(entry.system) ?? new Map<string, ProfilePair>();
      systemPairs.set(`${entry.profile} ${parentProfile ?? ''}`, { profile: entry.profile, parent: parentProfile });
      pairs.set(entry.system, systemPairs);
    }
    const points = resolvePoints(member, details, found, references);
    if (points === undefined) continue;
    pointCount += points.length;
    if (pointCount > MAX_POINTS) {
      report(references, member, [], mistakes.tooManyPoints(MAX_POINTS));
      break;
    }
    assets.push(toAsset(member, details, points));
    const linkPoints = pointsOfLink.get(entry.link) ?? [];
    for (const point of points) linkPoints.push({ key: point.key, address: point.address, member });
    pointsOfLink.set(entry.link, linkPoints);
  }
  checkConflicts(pointsOfLink, references);
  return {
    assets,
    profiles: [...new Set(assets.map((asset) => asset.profile))],
    profilePairs: new Map([...pairs].map(([system, found]) => [system, [...found.values()]])),
    complete: assets.length === members.length,
  };
}

interface LinkPoint {
  readonly key: PointKey;
  readonly address: unknown;
  readonly member: Member;
}

function report(references: References, member: Member, path: Path, finding: Finding): void {
  references.problems.add(references.source.valueAt(['assets', member.entryIndex, ...path]), finding);
}

function uniqueMembers(members: readonly Member[], references: References): Map<string, Member> {
  const byKey = new Map<string, Member>();
  for (const member of members) {
    const first = byKey.get(member.key);
    if (first === undefined) {
      byKey.set(member.key, member);
      continue;
    }
    const { line } = references.source.valueAt(['assets', first.entryIndex, 'key']);
    report(references, member, ['key'], mistakes.duplicate({ zh: '资产', en: 'asset' }, member.key, line));
  }
  return byKey;
}

function checkFormerKeys(byKey: ReadonlyMap<string, Member>, references: References): void {
  const taken = new Set(byKey.keys());
  for (const member of byKey.values()) {
    const former = member.details?.formerly;
    if (former === undefined) continue;
    if (taken.has(former)) report(references, member, ['formerly'], mistakes.formerlyTaken(member.key, former));
    taken.add(former);
  }
}

/** Reports parents that do not exist and circles; gives the keys of the assets in circles. */
function checkParents(byKey: ReadonlyMap<string, Member>, references: References): Set<string> {
  const cyclic = new Set<string>();
  const settled = new Set<string>();
  for (const start of byKey.values()) {
    const trail = new Map<string, Member>();
    let member: Member | undefined = start;
    while (member !== undefined && !settled.has(member.key)) {
      if (trail.has(member.key)) {
        const circle = [...trail.keys()].slice([...trail.keys()].indexOf(member.key));
        for (const key of circle) cyclic.add(key);
        report(references, member, ['parent'], mistakes.parentCycle([...circle, member.key]));
        break;
      }
      trail.set(member.key, member);
      const parent: string | undefined = member.details?.parent;
      const next: Member | undefined = parent === undefined ? undefined : byKey.get(parent);
      if (parent !== undefined && next === undefined) {
        const finding = mistakes.unknownParent(member.key, parent);
        const suggestion = nearest(parent, near(parent, byKey));
        report(references, member, ['parent'], withSuggestion(finding, suggestion));
      }
      member = next;
    }
    for (const key of trail.keys()) settled.add(key);
  }
  return cyclic;
}

/** Bound on the keys that a misspelt parent is compared with: parents are few, and stand early in a file. */
const MAX_COMPARED_KEYS = 5000;

function near(parent: string, byKey: ReadonlyMap<string, Member>): readonly string[] {
  const keys: string[] = [];
  for (const key of byKey.keys()) {
    if (Math.abs(key.length - parent.length) <= 2) keys.push(key);
    if (keys.length === MAX_COMPARED_KEYS) break;
  }
  return keys;
}

function withSuggestion(finding: Finding, suggestion: string | undefined): Finding {
  return suggestion === undefined ? finding : { ...finding, suggestion };
}

function lookUp(member: Member, details: MemberDetails, references: References): EntryReferences {
  const { shelf, links, systems } = references;
  const { entry } = details;
  const reportAt = (field: string, finding: Finding, suggestion: string | undefined) =>
    report(references, member, [field], withSuggestion(finding, suggestion));
  if (!systems.has(entry.system)) {
    reportAt('system', mistakes.unknownSystem(entry.system), nearest(entry.system, [...systems]));
  }
  if (!links.has(entry.link)) reportAt('link', mistakes.unknownLink(entry.link), nearest(entry.link, [...links.keys()]));
  const protocol = links.get(entry.link);
  const profilePack = shelf.profile(entry.profile);
  if (profilePack.state === 'none') {
    reportAt('profile', mistakes.unknownProfile(entry.profile), profilePack.suggestion);
  }
  const profile = profilePack.state === 'good' ? profilePack.value : undefined;
  if (protocol === undefined) return { profile, map: undefined, protocol, addressGood: false };
  const addressGood = checkAddress(member, details, protocol, references);
  const map = shelf.map(protocol, entry.map);
  if (map.state === 'none') reportAt('map', mistakes.unknownMap(entry.map, protocol.key), map.suggestion);
  if (map.state !== 'good') return { profile, map: undefined, protocol, addressGood };
  if (map.value.profile !== entry.profile && profilePack.state !== 'none') {
    reportAt('map', mistakes.mapOfOtherProfile(entry.map, map.value.profile, entry.profile), undefined);
  }
  return { profile, map: map.value.profile === entry.profile ? map : undefined, protocol, addressGood };
}

function checkAddress(member: Member, details: MemberDetails, protocol: Protocol, references: References): boolean {
  const { source, problems } = references;
  const shape = checkShape(protocol.assetAddressSchema, details.address);
  for (const { path, at, finding } of shape) {
    const place = ['assets', member.entryIndex, 'address', ...path];
    problems.add(at === 'key' ? source.keyAt(place) : source.valueAt(place), finding);
  }
  return shape.length === 0;
}

/** A profile that reads its parent needs one that has those points. */
function checkParentPoints(
  profile: Profile,
  parentKey: string | undefined,
  member: Member,
  references: References,
): void {
  const needed = expressionsOf(profile).flatMap(({ source }) => parentPointsOf(source));
  if (needed.length === 0) return;
  const pack = parentKey === undefined ? undefined : references.shelf.profile(parentKey);
  if (pack !== undefined && pack.state !== 'good') return;
  const parent = pack?.value;
  const lacking = needed.find((point) => parent === undefined || !Object.hasOwn(parent.points, point));
  if (lacking === undefined) references.shelf.checkAgainstParent(profile.key, parentKey);
  else report(references, member, ['parent'], mistakes.parentNeeded(profile.key, lacking, parentKey));
}

function resolvePoints(
  member: Member,
  details: MemberDetails,
  found: EntryReferences,
  references: References,
): AssetPoint[] | undefined {
  const { profile, map, protocol, addressGood } = found;
  if (profile === undefined || map === undefined || protocol === undefined || !addressGood) return undefined;
  const isFirst = member.index === 0;
  if (!isFirst && details.addressVaries && !checkAddress(member, details, protocol, references)) return undefined;
  const points: AssetPoint[] = [];
  let good = true;
  for (const [name, definition] of Object.entries(profile.points)) {
    const mapPoint = map.value.points[name];
    if (mapPoint === undefined) continue;
    const key = pointKey(member.key, name);
    const context = { asset: member.key, point: name, kind: definition.kind, index: member.index };
    const resolved = protocol.resolve(mapPoint, details.address, context);
    if (!resolved.ok) {
      good = false;
      const bare = protocol.resolve(mapPoint, requiredOnly(protocol, details.address), { ...context, index: 0 });
      for (const problem of resolved.problems) {
        const first = problem.path[0] ?? '';
        const ofAsset = hasKey(details.address, first) || (!hasKey(mapPoint, first) && mayHaveKey(protocol, first));
        // What is wrong without the asset's own wishes too is the map's mistake.
        const ofMap = !ofAsset && !bare.ok && bare.problems.some((other) => samePath(other.path, problem.path));
        if (ofMap) {
          const at = map.source.valueAt(['points', name, ...problem.path]);
          references.problems.add(at, mistakes.badAddress(name, problem.text));
        } else {
          report(references, member, ['address', ...problem.path], mistakes.badAddress(key, problem.text));
        }
      }
      continue;
    }
    points.push({
      key,
      point: name,
      name: definition.name,
      kind: definition.kind,
      ...(definition.unit !== undefined && { unit: definition.unit }),
      ...(definition.states !== undefined && { states: definition.states }),
      staleAfterMs: definition.staleAfterMs,
      address: resolved.value,
    });
  }
  return good ? points : undefined;
}

function requiredOnly(protocol: Protocol, address: unknown): unknown {
  const { required = [] } = protocol.assetAddressSchema as { required?: readonly string[] };
  return Object.fromEntries(Object.entries(address ?? {}).filter(([key]) => required.includes(key)));
}

function hasKey(value: unknown, key: string | number): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function mayHaveKey(protocol: Protocol, key: string | number): boolean {
  return hasKey((protocol.assetAddressSchema as { properties?: object }).properties, key);
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, index) => step === b[index]);
}

function checkConflicts(pointsOfLink: ReadonlyMap<string, readonly LinkPoint[]>, references: References): void {
  for (const [link, points] of pointsOfLink) {
    for (const problem of references.links.get(link)?.conflicts(points) ?? []) {
      const point = points[Number(problem.path[0])];
      if (point === undefined) continue;
      const finding = mistakes.addressConflict(point.key, problem.text);
      report(references, point.member, ['address'], finding);
    }
  }
}

function toAsset(member: Member, details: MemberDetails, points: readonly AssetPoint[]): Asset {
  const { entry, name, parent, location, formerly } = details;
  return {
    key: member.key,
    name,
    profile: entry.profile,
    system: entry.system,
    link: entry.link,
    ...(parent !== undefined && { parent }),
    location,
    ...(entry.contractor !== undefined && { contractor: entry.contractor }),
    points,
    ...(formerly !== undefined && { formerly }),
  };
}
