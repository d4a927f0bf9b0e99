import type { Protocol } from '../../model/adapter.ts';
import { type PointKey, pointKey } from '../../model/point.ts';
import type { Asset, AssetPoint, Profile } from '../../model/site.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import { expressionsOf } from '../../rules/profile.ts';
import { checkShape } from './check-shape.ts';
import type { Expansion, Member } from './expand-assets.ts';
import { type ControllerMap, type Pack, type PackShelf, parentPointsOf } from './packs.ts';
import { type Finding, mistakes, type ProblemCollector, shownDuration, withSuggestion } from './problem.ts';
import { findingOfDate } from './written-date.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** Bound on the points of one site. */
export const MAX_POINTS = 1_000_000;

/** What assets refer to. A link whose protocol is not known is there, but nothing on it can be judged. */
export interface References {
  readonly source: YamlSource;
  readonly problems: ProblemCollector;
  readonly shelf: PackShelf;
  readonly links: Keys<Protocol | undefined>;
  /** By link, how often it hears of each of its points, ms; only where that is known. */
  readonly intervalsMs: ReadonlyMap<string, number>;
  readonly systems: Keys<unknown>;
}

/** What can be referred to. Not complete where some key cannot be read: a reference may be to that one. */
export interface Keys<T> {
  readonly byKey: ReadonlyMap<string, T>;
  readonly complete: boolean;
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

type GoodMap = Extract<Pack<ControllerMap>, { state: 'good' }>;

/** What an entry refers to, as far as it exists; looked up once for all of its members. */
interface EntryReferences {
  readonly profile: Profile | undefined;
  /** Points of the parent that the profile's expressions read. */
  readonly parentPoints: readonly string[];
  readonly map: GoodMap | undefined;
  readonly protocol: Protocol | undefined;
  /** The address has the form that the protocol wants; judged anew for each member where it varies. */
  readonly addressGood: boolean;
}

/** Follows every reference of the members, finds their points' addresses, and reports what does not fit. */
export function resolveAssets({ members, complete }: Expansion, references: References): AssetIndex {
  const byKey = uniqueMembers(members, references);
  checkFormerKeys(byKey, references);
  const cyclic = checkParents(byKey, complete, references);
  const entryReferences = new Map<number, EntryReferences>();
  const assets: Asset[] = [];
  const pointsOfLink = new Map<string, LinkPoint[]>();
  const pairs = new Map<string, Map<string, ProfilePair>>();
  const trustedTooLong = new Set<string>();
  let pointCount = 0;
  for (const member of byKey.values()) {
    const { entry } = member;
    let found = entryReferences.get(member.entryIndex);
    if (found === undefined) {
      found = lookUp(member, references);
      entryReferences.set(member.entryIndex, found);
      checkStaleness(found, member, trustedTooLong, references);
      checkWarranty(member, references);
    }
    const parent = member.parent === undefined || cyclic.has(member.key) ? undefined : byKey.get(member.parent);
    const parentProfile = parent?.entry.profile;
    const parentUnclear = member.parent !== undefined && parentProfile === undefined;
    if (found.profile !== undefined && !parentUnclear) {
      checkParentPoints(found.profile, found.parentPoints, parentProfile, member, references);
      if (entry.system !== undefined) {
        const systemPairs = pairs.get(entry.system) ?? new Map<string, ProfilePair>();
        systemPairs.set(`${found.profile.key} ${parentProfile ?? ''}`, {
          profile: found.profile.key,
          parent: parentProfile,
        });
        pairs.set(entry.system, systemPairs);
      }
    }
    const resolved = resolvePoints(member, found, references);
    if (resolved === undefined) continue;
    const { points, good } = resolved;
    pointCount += points.length;
    if (pointCount > MAX_POINTS) {
      report(references, member, [], mistakes.tooManyPoints(MAX_POINTS));
      break;
    }
    const linkPoints = pointsOfLink.get(entry.link ?? '') ?? [];
    for (const { key, point, address } of points) {
      linkPoints.push({
        key,
        address,
        member,
        map: resolved.map.source,
        entry: resolved.map.value.points[point]?.entry ?? point,
      });
    }
    pointsOfLink.set(entry.link ?? '', linkPoints);
    const asset = good ? toAsset(member, points) : undefined;
    if (asset !== undefined) assets.push(asset);
  }
  checkConflicts(pointsOfLink, references);
  return {
    assets,
    profiles: [...new Set(assets.map((asset) => asset.profile))],
    profilePairs: new Map([...pairs].map(([system, found]) => [system, [...found.values()]])),
    complete: complete && assets.length === members.length,
  };
}

interface LinkPoint {
  readonly key: PointKey;
  /** File of the map that it comes from, and the entry there. */
  readonly map: YamlSource;
  readonly entry: string;
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
    const isSameEntry = first.entryIndex === member.entryIndex;
    const what = { zh: '资产', en: 'asset' };
    const finding = isSameEntry ? mistakes.sameKey(member.key) : mistakes.duplicate(what, member.key, line);
    report(references, member, ['key'], finding);
  }
  return byKey;
}

function checkFormerKeys(byKey: ReadonlyMap<string, Member>, references: References): void {
  const taken = new Set(byKey.keys());
  for (const member of byKey.values()) {
    const former = member.formerly;
    if (former === undefined) continue;
    if (taken.has(former)) report(references, member, ['formerly'], mistakes.formerlyTaken(member.key, former));
    taken.add(former);
  }
}

/** Reports parents that do not exist and circles; gives the keys of the assets in circles. */
function checkParents(byKey: ReadonlyMap<string, Member>, complete: boolean, references: References): Set<string> {
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
      const { parent }: Member = member;
      const next: Member | undefined = parent === undefined ? undefined : byKey.get(parent);
      if (parent !== undefined && next === undefined && complete) {
        const finding = mistakes.unknownParent(member.key, parent);
        const suggestion = nearest(parent, nearKeys(parent, byKey));
        report(references, member, ['parent'], withSuggestion(finding, suggestion));
      }
      member = next;
    }
    for (const key of trail.keys()) settled.add(key);
  }
  return cyclic;
}

/** Bound on the keys that a misspelt one is compared with: parents are few, and stand early in a file. */
const MAX_COMPARED_KEYS = 5000;

/** Keys of assets about as long as `wanted`, which one of them may be meant by. */
export function nearKeys(wanted: string, byKey: ReadonlyMap<string, Member>): readonly string[] {
  const keys: string[] = [];
  for (const key of byKey.keys()) {
    if (Math.abs(key.length - wanted.length) <= 2) keys.push(key);
    if (keys.length === MAX_COMPARED_KEYS) break;
  }
  return keys;
}

function lookUp(member: Member, references: References): EntryReferences {
  const { shelf, links, systems } = references;
  const { system, link, profile: profileKey, map: mapName } = member.entry;
  const reportAt = (field: string, finding: Finding, suggestion: string | undefined) =>
    report(references, member, [field], withSuggestion(finding, suggestion));
  if (system !== undefined && systems.complete && !systems.byKey.has(system)) {
    reportAt('system', mistakes.unknownSystem(system), nearest(system, [...systems.byKey.keys()]));
  }
  if (link !== undefined && links.complete && !links.byKey.has(link)) {
    reportAt('link', mistakes.unknownLink(link), nearest(link, [...links.byKey.keys()]));
  }
  const pack = profileKey === undefined ? undefined : shelf.profile(profileKey);
  if (profileKey !== undefined && pack?.state === 'none') {
    reportAt('profile', mistakes.unknownProfile(profileKey), pack.suggestion);
  }
  const profile = pack?.state === 'good' ? pack.value : undefined;
  const parentPoints = profile ? expressionsOf(profile).flatMap(({ source }) => parentPointsOf(source)) : [];
  const protocol = link === undefined ? undefined : links.byKey.get(link);
  if (protocol === undefined) return { profile, parentPoints, map: undefined, protocol, addressGood: false };
  const addressGood = checkAddress(member, protocol, references);
  const none = { profile, parentPoints, map: undefined, protocol, addressGood };
  if (mapName === undefined) return none;
  const map = shelf.map(protocol, mapName);
  if (map.state === 'none') reportAt('map', mistakes.unknownMap(mapName, protocol.key), map.suggestion);
  if (map.state !== 'good' || profileKey === undefined) return none;
  if (map.value.profile === profileKey) return { ...none, map };
  // A profile that does not exist is the mistake, not that the map is for another one.
  if (pack?.state !== 'none') {
    reportAt('map', mistakes.mapOfOtherProfile(mapName, map.value.profile, profileKey), undefined);
  }
  return none;
}

/** Intervals of a link for which a point may be silent before it is stale, unless its profile has a reason. */
const TRUSTED_INTERVALS = 3;

/** `told` has the profiles that were reported already, each with its link. */
function checkStaleness(found: EntryReferences, member: Member, told: Set<string>, references: References): void {
  const { profile, map, protocol } = found;
  const { link = '' } = member.entry;
  const linkIntervalMs = references.intervalsMs.get(link);
  if (profile === undefined || map === undefined || linkIntervalMs === undefined) return;
  if (profile.staleReason !== undefined || told.has(`${profile.key} ${link}`)) return;
  const trusted = Object.entries(profile.points).flatMap(([name, { staleAfterMs }]) => {
    const given = Object.hasOwn(map.value.points, name) ? map.value.points[name] : undefined;
    if (given === undefined) return [];
    // A point that is read more often than the others may still be trusted as long as they are.
    const intervalMs = Math.max(linkIntervalMs, protocol?.ownIntervalMs?.(given.mapPoint) ?? 0);
    return { name, staleAfterMs, intervalMs };
  });
  const tooLong = trusted.filter((point) => point.staleAfterMs > TRUSTED_INTERVALS * point.intervalMs);
  const [longest] = tooLong.sort((a, b) => b.staleAfterMs - a.staleAfterMs);
  if (longest === undefined) return;
  told.add(`${profile.key} ${link}`);
  const { name, staleAfterMs, intervalMs } = longest;
  const finding = mistakes.staleTooLate(
    profile.key,
    name,
    shownDuration(staleAfterMs),
    link,
    shownDuration(intervalMs),
  );
  report(references, member, ['profile'], finding);
}

function checkWarranty(member: Member, references: References): void {
  const { warrantyUntil } = member.entry;
  const finding = warrantyUntil === undefined ? undefined : findingOfDate(warrantyUntil);
  if (finding !== undefined) report(references, member, ['warrantyUntil'], finding);
}

function checkAddress(member: Member, protocol: Protocol, references: References): boolean {
  const { source, problems } = references;
  if (member.address === undefined) return false;
  const shape = checkShape(protocol.assetAddressSchema, member.address);
  for (const { path, at, finding } of shape) {
    const place = ['assets', member.entryIndex, 'address', ...path];
    problems.add(at === 'key' ? source.keyAt(place) : source.valueAt(place), finding);
  }
  return shape.length === 0;
}

/** A profile that reads its parent needs one that has those points. */
function checkParentPoints(
  profile: Profile,
  needed: readonly string[],
  parentKey: string | undefined,
  member: Member,
  references: References,
): void {
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
  found: EntryReferences,
  references: References,
): { points: readonly AssetPoint[]; good: boolean; map: GoodMap } | undefined {
  const { profile, map, protocol, addressGood } = found;
  if (profile === undefined || map === undefined || protocol === undefined || !addressGood) return undefined;
  const isFirst = member.index === 0;
  if (!isFirst && member.addressVaries && !checkAddress(member, protocol, references)) return undefined;
  const points: AssetPoint[] = [];
  let good = true;
  for (const [name, definition] of Object.entries(profile.points)) {
    const given = map.value.points[name];
    if (given === undefined) continue;
    const { entry, mapPoint } = given;
    const key = pointKey(member.key, name);
    const context = { asset: member.key, point: name, kind: definition.kind, index: member.index };
    const resolved = protocol.resolve(mapPoint, member.address, context);
    if (!resolved.ok) {
      good = false;
      const bare = protocol.resolve(mapPoint, requiredOnly(protocol, member.address), { ...context, index: 0 });
      for (const problem of resolved.problems) {
        const first = problem.path[0] ?? '';
        const ofAsset = hasKey(member.address, first) || (!hasKey(mapPoint, first) && mayHaveKey(protocol, first));
        // What is wrong without the asset's own wishes too is the map's mistake.
        const ofMap = !ofAsset && !bare.ok && bare.problems.some((other) => samePath(other.path, problem.path));
        if (ofMap) {
          const at = map.source.valueAt(['points', entry, ...problem.path]);
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
      // One that is read more rarely than its profile thinks of is not stale between two replies.
      staleAfterMs: Math.max(definition.staleAfterMs, TRUSTED_INTERVALS * (protocol.ownIntervalMs?.(mapPoint) ?? 0)),
      ...(definition.heartbeatMs !== undefined && { heartbeatMs: definition.heartbeatMs }),
      address: resolved.value,
    });
  }
  return { points, good, map };
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
    const problems = references.links.byKey.get(link)?.conflicts(points) ?? [];
    const ofMember = problems.length > 0 ? Map.groupBy(points, ({ member }) => member) : undefined;
    for (const problem of problems) {
      const point = points[Number(problem.path[0])];
      if (point === undefined) continue;
      const finding = mistakes.addressConflict(point.key, problem.text);
      // Two points of one asset collide because of its map, wherever the asset lies.
      const { en } = problem.text;
      const siblings = ofMember?.get(point.member) ?? [];
      const withOwn = siblings.some((other) => other !== point && en.includes(other.key));
      if (withOwn) references.problems.add(point.map.valueAt(['points', point.entry]), finding);
      else report(references, point.member, ['address'], finding);
    }
  }
}

function toAsset(member: Member, points: readonly AssetPoint[]): Asset | undefined {
  const { key, name, parent, location, group, formerly } = member;
  const { profile, system, link, contractor, warrantyUntil, commissioning, writable } = member.entry;
  if (!member.wellFormed || profile === undefined || system === undefined || link === undefined) return undefined;
  return {
    key,
    name,
    profile,
    system,
    link,
    ...(parent !== undefined && { parent }),
    location,
    ...(contractor !== undefined && { contractor }),
    ...(group !== undefined && { group }),
    ...(warrantyUntil !== undefined && { warrantyUntil }),
    ...(commissioning === true && { commissioning }),
    ...(writable !== undefined && { writable }),
    points,
    ...(formerly !== undefined && { formerly }),
  };
}
