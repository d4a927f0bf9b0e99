import type { PointKey, PointNumber, ValueKind } from '../model/point.ts';
import type { AlarmDefinition, Asset, Profile, Site } from '../model/site.ts';
import { type Calendar, createCalendar } from './calendar.ts';
import { compileExpression, type Evaluate, type Scope } from './expression.ts';
import { linkProfile } from './link-profile.ts';

/** A compiled expression bound to the slots of one asset. */
export interface Bound {
  readonly evaluate: Evaluate;
  readonly slots: Int32Array;
}

export interface AlarmPlan {
  readonly definition: AlarmDefinition;
  /** Undefined for `data-lost`, which stands while the asset's class is unknown. */
  readonly when: Bound | undefined;
  /** Indexes, among the asset's alarms, of those that hold this one back while they stand. */
  readonly maskedBy: readonly number[];
}

export interface AssetPlan {
  readonly index: number;
  readonly key: string;
  /** The site's asset; undefined for a link, which is an asset to the engine only. */
  readonly asset: Asset | undefined;
  readonly profile: Profile;
  /** Index of the parent, of the asset's own link; -1 for none. */
  readonly parent: number;
  readonly link: number;
  /** Assets to evaluate again when this one's values change. */
  readonly children: readonly number[];
  /** Slots of the asset's own points. */
  readonly slots: readonly number[];
  /** Within this time, ms, every one of its points has answered if all is well. */
  readonly answersWithinMs: number;
  readonly up: Bound;
  readonly required: Bound | undefined;
  readonly childrenDead: Bound | undefined;
  readonly alarms: readonly AlarmPlan[];
}

/** A rate that has expressions of its own, over one asset. */
export interface RateTrack {
  readonly system: number;
  readonly rate: number;
  readonly asset: number;
  readonly good: Bound | undefined;
  readonly due: Bound | undefined;
}

/** A site made ready for the engine: names resolved to indexes, expressions to closures. Immutable. */
export interface Plan {
  readonly site: Site;
  readonly calendar: Calendar;
  /** Links first, then assets, parents before children. */
  readonly assets: readonly AssetPlan[];
  readonly assetIndex: ReadonlyMap<string, number>;
  /** Index of a link's asset by the link's key. */
  readonly linkIndex: ReadonlyMap<string, number>;
  /** Slot by point number; -1 where the site does not use it. */
  readonly slotOf: Int32Array;
  /** Owner, staleness limit in ms and point key by slot. */
  readonly owner: Int32Array;
  readonly staleAfterMs: Float64Array;
  readonly slotKeys: readonly PointKey[];
  /** Tracks of time by class: the ledger of asset i is track i, these come after. */
  readonly rateTracks: readonly RateTrack[];
  /** Numbers of an asset's rate tracks, by the asset's index. */
  readonly tracksOf: ReadonlyMap<number, readonly number[]>;
  /** Assets whose expressions read the site's hour, its darkness, or their parent's points. */
  readonly readsHour: ReadonlySet<number>;
  readonly readsDark: ReadonlySet<number>;
  readonly readsParent: ReadonlySet<number>;
}

/** Reserved slots: what is never known, and the site's own values. */
export const UNKNOWN_SLOT = 0;
export const DARK_SLOT = 1;
export const HOUR_SLOT = 2;
const RESERVED_SLOTS = 3;

/** Key of the asset that stands for a link in the engine and in alarms. */
export function linkAssetKey(link: string): string {
  return `link:${link}`;
}

const scopeCache = new WeakMap<Profile, Record<string, ValueKind>>();

/** Kinds of a profile's points by name. */
export function pointKinds(profile: Profile): Record<string, ValueKind> {
  const known = scopeCache.get(profile);
  if (known) return known;
  const kinds = Object.fromEntries(Object.entries(profile.points).map(([name, point]) => [name, point.kind]));
  scopeCache.set(profile, kinds);
  return kinds;
}

/**
 * Compiles a checked site. `numbers` has the number of each of its points. Throws where an expression does not compile:
 * the site file's check refuses such a site, so it is a mistake of the program.
 */
export function compileSite(site: Site, numbers: ReadonlyMap<PointKey, PointNumber>): Plan {
  const ordered = parentsFirst(site.assets);
  const linkIndex = new Map(site.links.map((link, index) => [link.key, index]));
  const assetIndex = new Map<string, number>();
  for (const link of site.links) assetIndex.set(linkAssetKey(link.key), assetIndex.size);
  for (const asset of ordered) assetIndex.set(asset.key, assetIndex.size);

  const slotByKey = new Map<PointKey, number>();
  const owner: number[] = new Array(RESERVED_SLOTS).fill(-1);
  const staleAfterMs: number[] = new Array(RESERVED_SLOTS).fill(Number.POSITIVE_INFINITY);
  const slotKeys: PointKey[] = ['', 'site/dark', 'site/hour'];
  const addSlot = (key: PointKey, assetNo: number, staleMs: number) => {
    slotByKey.set(key, slotKeys.length);
    slotKeys.push(key);
    owner.push(assetNo);
    staleAfterMs.push(staleMs);
  };
  for (const link of site.links) {
    const key = linkAssetKey(link.key);
    addSlot(`${key}/answering`, assetIndex.get(key) as number, Number.POSITIVE_INFINITY);
  }
  for (const asset of ordered) {
    for (const point of asset.points) addSlot(point.key, assetIndex.get(asset.key) as number, point.staleAfterMs);
  }

  let highest = 0;
  for (const number of numbers.values()) highest = Math.max(highest, number);
  const slotOf = new Int32Array(highest + 1).fill(-1);
  for (const [key, number] of numbers) slotOf[number] = slotByKey.get(key) ?? -1;

  const children: number[][] = Array.from({ length: assetIndex.size }, () => []);
  for (const asset of ordered) {
    if (asset.parent !== undefined) children[indexOf(assetIndex, asset.parent)]?.push(indexOf(assetIndex, asset.key));
  }

  const readsHour = new Set<number>();
  const readsDark = new Set<number>();
  const readsParent = new Set<number>();
  const compiled = new Map<string, { names: readonly string[]; evaluate: Evaluate }>();
  const bind = (source: string, profile: Profile, key: string, parent: Asset | undefined): Bound => {
    const parentProfile = parent && site.profiles[parent.profile];
    const cacheKey = JSON.stringify([source, profile.key, parentProfile?.key]);
    let expression = compiled.get(cacheKey);
    if (!expression) {
      const scope: Scope = {
        points: pointKinds(profile),
        ...(parentProfile ? { parent: pointKinds(parentProfile) } : {}),
      };
      const result = compileExpression(source, scope);
      if (!result.ok)
        throw new Error(`expression of profile ${profile.key}: ${source}: ${result.problems[0]?.text.en}`);
      expression = result.expression;
      compiled.set(cacheKey, expression);
    }
    const index = indexOf(assetIndex, key);
    const slotFor = (name: string): number => {
      if (name === 'site.dark') {
        readsDark.add(index);
        return DARK_SLOT;
      }
      if (name === 'site.hour') {
        readsHour.add(index);
        return HOUR_SLOT;
      }
      if (name.startsWith('parent.')) {
        readsParent.add(index);
        return slotByKey.get(`${parent?.key}/${name.slice('parent.'.length)}`) ?? UNKNOWN_SLOT;
      }
      return slotByKey.get(`${key}/${name}`) ?? UNKNOWN_SLOT;
    };
    return { evaluate: expression.evaluate, slots: Int32Array.from(expression.names, slotFor) };
  };

  const assetByKey = new Map(ordered.map((asset) => [asset.key, asset]));
  const plan = (key: string, asset: Asset | undefined, profile: Profile): AssetPlan => {
    const index = indexOf(assetIndex, key);
    const parent = asset?.parent === undefined ? undefined : assetByKey.get(asset.parent);
    const bound = (source: string | undefined) =>
      source === undefined ? undefined : bind(source, profile, key, parent);
    return {
      index,
      key,
      asset,
      profile,
      parent: parent ? indexOf(assetIndex, parent.key) : -1,
      link: asset ? (linkIndex.get(asset.link) ?? -1) : -1,
      children: children[index] ?? [],
      answersWithinMs: Math.max(0, ...(asset?.points ?? []).map((point) => point.staleAfterMs)),
      slots: (asset ? asset.points.map((point) => point.key) : [`${key}/answering`]).flatMap(
        (point) => slotByKey.get(point) ?? [],
      ),
      up: bind(profile.up, profile, key, parent),
      required: bound(profile.required),
      childrenDead: bound(profile.childrenDead),
      alarms: profile.alarms.map((definition) => ({
        definition,
        when: bound(definition.when),
        maskedBy: profile.alarms.flatMap((other, no) => (other.masks?.includes(definition.key) ? [no] : [])),
      })),
    };
  };
  const assets = [
    ...site.links.map((link) => plan(linkAssetKey(link.key), undefined, linkProfile)),
    ...ordered.map((asset) => plan(asset.key, asset, profileOf(site, asset))),
  ];

  const rateTracks: RateTrack[] = [];
  site.systems.forEach((system, systemNo) => {
    system.rates.forEach((rate, rateNo) => {
      if (rate.good === undefined && rate.due === undefined) return;
      for (const asset of ordered) {
        if (asset.system !== system.key || (rate.profile !== undefined && asset.profile !== rate.profile)) continue;
        const parent = asset.parent === undefined ? undefined : assetByKey.get(asset.parent);
        const bound = (source: string | undefined) =>
          source === undefined ? undefined : bind(source, profileOf(site, asset), asset.key, parent);
        rateTracks.push({
          system: systemNo,
          rate: rateNo,
          asset: indexOf(assetIndex, asset.key),
          good: bound(rate.good),
          due: bound(rate.due),
        });
      }
    });
  });

  const tracksOf = new Map<number, number[]>();
  rateTracks.forEach(({ asset }, no) => {
    const track = assets.length + no;
    const tracks = tracksOf.get(asset);
    if (tracks) tracks.push(track);
    else tracksOf.set(asset, [track]);
  });

  return {
    site,
    calendar: createCalendar(site.timeZone, site.latitude, site.longitude),
    assets,
    assetIndex,
    linkIndex,
    slotOf,
    owner: Int32Array.from(owner),
    staleAfterMs: Float64Array.from(staleAfterMs),
    slotKeys,
    rateTracks,
    tracksOf,
    readsHour,
    readsDark,
    readsParent,
  };
}

function indexOf(index: ReadonlyMap<string, number>, key: string): number {
  const found = index.get(key);
  if (found === undefined) throw new Error(`no asset ${key}`);
  return found;
}

function profileOf(site: Site, asset: Asset): Profile {
  const profile = site.profiles[asset.profile];
  if (profile === undefined) throw new Error(`asset ${asset.key}: no profile ${asset.profile}`);
  return profile;
}

/** Assets in an order in which each comes after its parent; the site file's check has refused cycles. */
function parentsFirst(assets: readonly Asset[]): readonly Asset[] {
  const byKey = new Map(assets.map((asset) => [asset.key, asset]));
  const placed = new Set<string>();
  const ordered: Asset[] = [];
  const place = (asset: Asset): void => {
    if (placed.has(asset.key)) return;
    placed.add(asset.key);
    const parent = asset.parent === undefined ? undefined : byKey.get(asset.parent);
    if (parent) place(parent);
    ordered.push(asset);
  };
  for (const asset of assets) place(asset);
  return ordered;
}
