import { gatewayAssetKey, linkAssetKey, rateAssetKey } from '../model/asset-key.ts';
import { type PointKey, type PointNumber, pointKey, type ValueKind } from '../model/point.ts';
import type { AlarmDefinition, Asset, PlannedWork, Profile, Site } from '../model/site.ts';
import {
  compileExpression,
  type Evaluate,
  type Expression,
  type Scope,
  type WindowCall,
} from './expressions/expression.ts';
import { type Calendar, createCalendar } from './time/calendar.ts';
import { compilePlannedWork, type Occurrences } from './time/planned.ts';
import { gatewayProfile } from './virtual-assets/gateway-profile.ts';
import { linkProfile } from './virtual-assets/link-profile.ts';
import { isAlarmed, rateProfile } from './virtual-assets/rate-profile.ts';
import { warrantyAlarm, warrantyDue } from './virtual-assets/warranty-alarm.ts';

/**
 * What is known of a slot stands together, so that a sample touches one line of memory: its trusted value (NaN where
 * there is none), source time and receipt of the last good sample, receipt of the last sample of any quality.
 */
export const VALUE = 0;
export const SOURCE = 1;
export const GOOD = 2;
export const REPLY = 3;
/** Numbers by slot in the column; expressions read `slot * STRIDE + VALUE`. */
export const STRIDE = 4;

/** A compiled expression bound to the column of slots. */
export interface Bound {
  readonly evaluate: Evaluate;
  /** Where in the column each of its names stands. */
  readonly slots: Int32Array;
  /** It reads the sun and the hour only, so that its future is known. */
  readonly bySchedule: boolean;
}

/** Place among an asset's expressions that stands for none. */
export const NONE = -1;

/** An alarm; its conditions are places among the asset's expressions, {@link NONE} where the profile has none. */
export interface AlarmPlan {
  readonly definition: AlarmDefinition;
  /** None for `data-lost`, which stands while the asset's class is unknown. */
  readonly when: number;
  readonly returnWhen: number;
  readonly suppressWhen: number;
  readonly testWhen: number;
  /** Indexes, among the asset's alarms, of those that hold this one back while they stand. */
  readonly maskedBy: readonly number[];
}

/** A rate of expressions of its own over one asset: a track of classes beside the ledger's. */
export interface TrackPlan {
  readonly track: number;
  readonly due: number;
  readonly good: number;
}

/** A window of an expression: a point that is computed from the others. */
export interface WindowPlan {
  /** Place in the engine's list of windows. */
  readonly number: number;
  readonly call: WindowCall;
  readonly argument: Bound;
  readonly slot: number;
}

/**
 * What an asset of the engine stands for: one of the site's, or what is an asset to the engine only. `system` and `rate`
 * are places in the site and its system.
 */
export type Subject =
  | { readonly kind: 'asset'; readonly asset: Asset }
  | { readonly kind: 'link' }
  | { readonly kind: 'rate'; readonly system: number; readonly rate: number }
  | { readonly kind: 'gateway' };

export interface AssetPlan {
  readonly index: number;
  readonly key: string;
  readonly subject: Subject;
  /** The site's asset, where the subject is one. */
  readonly asset: Asset | undefined;
  readonly profile: Profile;
  /** Index of the parent, of the asset's own link; -1 for none. */
  readonly parent: number;
  readonly link: number;
  readonly children: readonly number[];
  /** Slots of the asset's own points. */
  readonly slots: readonly number[];
  /** Within this time, ms, every one of its points has answered if all is well. */
  readonly answersWithinMs: number;
  /** Each different expression once; its result stands at `firstResult` plus its place. */
  readonly expressions: readonly Bound[];
  readonly firstResult: number;
  readonly up: number;
  readonly required: number;
  readonly proven: number;
  readonly childrenDead: number;
  readonly alarms: readonly AlarmPlan[];
  readonly reAlarms: boolean;
  readonly tracks: readonly TrackPlan[];
  readonly windows: readonly WindowPlan[];
  /** Bits of the expressions that classes follow from. */
  readonly classMask: number;
}

/** A rate that has expressions of its own, over one asset. */
export interface RateTrack {
  readonly system: number;
  readonly rate: number;
  readonly asset: number;
}

/** Who has to look again when a slot changes: bits of the expressions of an asset that read it. */
export interface Reader {
  readonly asset: number;
  readonly mask: number;
}

/** When the warranty of an asset is due, epoch ms, half-open, and the slot that says so. */
export interface WarrantyPlan {
  readonly slot: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Planned work of the site file, with all assets that it covers, children included. */
export interface PlannedPlan {
  readonly work: PlannedWork;
  readonly occurrences: Occurrences;
  readonly assets: readonly number[];
}

/** A site made ready for the engine: names resolved to indexes, expressions to closures. Immutable. */
export interface Plan {
  readonly site: Site;
  readonly calendar: Calendar;
  /** Links first, then the site's assets, parents before children, then rates that have an alarm, then the gateway. */
  readonly assets: readonly AssetPlan[];
  readonly assetIndex: ReadonlyMap<string, number>;
  /** Index of a link's asset by the link's key. */
  readonly linkIndex: ReadonlyMap<string, number>;
  /** Slot by point number; -1 where the site does not use it. */
  readonly slotOf: Int32Array;
  /** By slot: owner, bits of the owner's expressions that read it, staleness limit in ms, point key. */
  readonly owner: Int32Array;
  readonly ownMask: Int32Array;
  readonly staleAfterMs: Float64Array;
  readonly slotKeys: readonly PointKey[];
  /** Readers of a slot that are not its owner: children, and whoever reads the site's own values. */
  readonly otherReaders: ReadonlyMap<number, readonly Reader[]>;
  /** Results of all expressions. */
  readonly resultCount: number;
  readonly windows: readonly WindowPlan[];
  readonly timed: readonly number[];
  /** Tracks of time by class: the ledger of asset i is track i, these come after. */
  readonly rateTracks: readonly RateTrack[];
  readonly planned: readonly PlannedPlan[];
  readonly warranties: readonly WarrantyPlan[];
}

/** Reserved slots: what is never known, and the site's own values. */
export const UNKNOWN_SLOT = 0;
export const DARK_SLOT = 1;
export const HOUR_SLOT = 2;
export const TIME_SLOT = 3;
const siteSlots: Readonly<Record<string, number>> = {
  'site.dark': DARK_SLOT,
  'site.hour': HOUR_SLOT,
  'site.time': TIME_SLOT,
};
const RESERVED_SLOTS = 4;

/** Expressions of one asset that have a bit of their own; those beyond share one, and are evaluated together. */
const EXPRESSION_BITS = 29;
/** Windows of the asset read what changed. */
export const WINDOW_BIT = 1 << 29;
/** Something besides its expressions changed: the asset is settled anew whatever they say. */
export const SETTLE_BIT = 1 << 30;
export const ALL_BITS = 0x7fff_ffff;

/** The bit of an expression by its place among its asset's. */
export function bitOf(place: number): number {
  return place < 0 ? 0 : 1 << (place % EXPRESSION_BITS);
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
  return new SiteCompiler(site).compile(numbers);
}

/** An asset of the engine before it is compiled. */
interface Draft {
  readonly key: string;
  readonly subject: Subject;
  readonly profile: Profile;
}

/** One compilation of one site. */
class SiteCompiler {
  readonly #site: Site;
  readonly #calendar: Calendar;
  readonly #drafts: readonly Draft[];
  readonly #ordered: readonly Asset[];
  readonly #assetByKey: ReadonlyMap<string, Asset>;
  readonly #assetIndex = new Map<string, number>();
  readonly #linkIndex: ReadonlyMap<string, number>;
  readonly #slotByKey = new Map<PointKey, number>();
  readonly #slotKeys: PointKey[] = ['', 'site/dark', 'site/hour', 'site/time'];
  readonly #owner: number[] = new Array(RESERVED_SLOTS).fill(-1);
  readonly #ownMask: number[] = new Array(RESERVED_SLOTS).fill(0);
  readonly #staleAfterMs: number[] = new Array(RESERVED_SLOTS).fill(Number.POSITIVE_INFINITY);
  readonly #otherReaders = new Map<number, Reader[]>();
  readonly #compiled = new Map<string, Expression>();
  readonly #windows: WindowPlan[] = [];
  readonly #warranties: WarrantyPlan[] = [];
  #resultCount = 0;

  constructor(site: Site) {
    this.#site = site;
    this.#calendar = createCalendar(site.timeZone, site.latitude, site.longitude);
    this.#ordered = parentsFirst(site.assets);
    this.#assetByKey = new Map(this.#ordered.map((asset) => [asset.key, asset]));
    this.#linkIndex = new Map(site.links.map((link, index) => [link.key, index]));
    this.#drafts = draftsOf(site, this.#ordered);
    for (const { key } of this.#drafts) this.#assetIndex.set(key, this.#assetIndex.size);
  }

  compile(numbers: ReadonlyMap<PointKey, PointNumber>): Plan {
    const site = this.#site;
    for (const draft of this.#drafts) {
      const index = this.#indexOf(draft.key);
      for (const { key, staleAfterMs } of pointsOf(draft)) this.#addSlot(key, index, staleAfterMs);
    }
    const slotOf = this.#slotsByNumber(numbers);
    const children = this.#children();
    const rateTracks = this.#rateTracks();
    const tracksOf = Map.groupBy(
      rateTracks.map((track, no) => ({ ...track, no: no + this.#assetIndex.size })),
      ({ asset }) => asset,
    );
    const assets = this.#drafts.map((draft) =>
      this.#asset(draft, children, tracksOf.get(this.#indexOf(draft.key)) ?? []),
    );
    return {
      site,
      calendar: this.#calendar,
      assets,
      assetIndex: this.#assetIndex,
      linkIndex: this.#linkIndex,
      slotOf,
      owner: Int32Array.from(this.#owner),
      ownMask: Int32Array.from(this.#ownMask),
      staleAfterMs: Float64Array.from(this.#staleAfterMs),
      slotKeys: this.#slotKeys,
      otherReaders: this.#otherReaders,
      resultCount: this.#resultCount,
      windows: this.#windows,
      timed: assets.filter(({ windows }) => windows.length > 0).map(({ index }) => index),
      rateTracks,
      planned: site.planned.map((work) => ({
        work,
        occurrences: compilePlannedWork(work, site.timeZone),
        assets: withDescendants(
          assets,
          work.assets.flatMap((key) => this.#assetIndex.get(key) ?? []),
        ),
      })),
      warranties: this.#warranties,
    };
  }

  #addSlot(key: PointKey, owner: number, staleAfterMs = Number.POSITIVE_INFINITY): number {
    const slot = this.#slotKeys.length;
    this.#slotByKey.set(key, slot);
    this.#slotKeys.push(key);
    this.#owner.push(owner);
    this.#ownMask.push(0);
    this.#staleAfterMs.push(staleAfterMs);
    return slot;
  }

  #slotsByNumber(numbers: ReadonlyMap<PointKey, PointNumber>): Int32Array {
    let highest = 0;
    for (const number of numbers.values()) highest = Math.max(highest, number);
    const slotOf = new Int32Array(highest + 1).fill(-1);
    for (const [key, number] of numbers) slotOf[number] = this.#slotByKey.get(key) ?? -1;
    return slotOf;
  }

  #children(): readonly (readonly number[])[] {
    const children: number[][] = Array.from({ length: this.#assetIndex.size }, () => []);
    for (const asset of this.#ordered) {
      if (asset.parent !== undefined) children[this.#indexOf(asset.parent)]?.push(this.#indexOf(asset.key));
    }
    return children;
  }

  #rateTracks(): RateTrack[] {
    return this.#site.systems.flatMap((system, systemNo) =>
      system.rates.flatMap((rate, rateNo) => {
        if (rate.good === undefined && rate.due === undefined) return [];
        return this.#ordered
          .filter((asset) => asset.system === system.key && (rate.profile ?? asset.profile) === asset.profile)
          .map((asset) => ({ system: systemNo, rate: rateNo, asset: this.#indexOf(asset.key) }));
      }),
    );
  }

  #asset(
    draft: Draft,
    children: readonly (readonly number[])[],
    rateTracks: readonly (RateTrack & { no: number })[],
  ): AssetPlan {
    const { key, subject, profile } = draft;
    const asset = subject.kind === 'asset' ? subject.asset : undefined;
    const index = this.#indexOf(key);
    const firstWindow = this.#windows.length;
    const parent = asset?.parent === undefined ? undefined : this.#assetByKey.get(asset.parent);
    const binder = new AssetBinder(this.#resultCount, (source, bits) => this.#bind(source, profile, key, parent, bits));
    const alarms: AlarmPlan[] = profile.alarms.map((definition) => ({
      definition,
      when: binder.place(definition.when),
      returnWhen: binder.place(definition.returnWhen),
      suppressWhen: binder.place(definition.suppressWhen),
      testWhen: binder.place(definition.testWhen),
      maskedBy: profile.alarms.flatMap((other, no) => (other.masks?.includes(definition.key) ? [no] : [])),
    }));
    if (asset?.warrantyUntil !== undefined) alarms.push(this.#warranty(asset, asset.warrantyUntil, binder));
    const [required, up, proven] = [profile.required, profile.up, profile.proven].map((source) =>
      binder.place(source),
    ) as [number, number, number];
    const tracks = rateTracks.map(({ no, system, rate }) => {
      const definition = this.#site.systems[system]?.rates[rate];
      return { track: no, due: binder.place(definition?.due), good: binder.place(definition?.good) };
    });
    const classPlaces = [required, up, proven, ...tracks.flatMap(({ due, good }) => [due, good])];
    const childrenDead = binder.place(profile.childrenDead);
    this.#resultCount += binder.expressions.length;
    return {
      index,
      key,
      subject,
      asset,
      profile,
      parent: parent ? this.#indexOf(parent.key) : -1,
      link: asset ? (this.#linkIndex.get(asset.link) ?? -1) : -1,
      children: children[index] ?? [],
      slots: pointsOf(draft).flatMap((point) => this.#slotByKey.get(point.key) ?? []),
      // By its profile: a point that is read each hour is read at once, too, when its link comes up.
      answersWithinMs: Math.max(
        0,
        ...(asset?.points ?? []).map(({ point, staleAfterMs }) => profile.points[point]?.staleAfterMs ?? staleAfterMs),
      ),
      expressions: binder.expressions,
      firstResult: binder.firstResult,
      up,
      required,
      proven,
      childrenDead,
      alarms,
      reAlarms: profile.alarms.some(({ reAlarmMs }) => reAlarmMs !== undefined),
      tracks,
      windows: this.#windows.slice(firstWindow),
      classMask: classPlaces.reduce((mask, place) => mask | bitOf(place), 0),
    };
  }

  /** Its condition is a slot that follows the calendar; not one of the asset's points, so that nothing takes it for a reply. */
  #warranty(asset: Asset, warrantyUntil: string, binder: AssetBinder): AlarmPlan {
    const slot = this.#addSlot(`${asset.key}/${warrantyAlarm.key}`, this.#indexOf(asset.key));
    const when = binder.placeSlot(slot);
    this.#ownMask[slot] = bitOf(when);
    this.#warranties.push({ slot, ...warrantyDue(this.#calendar, warrantyUntil) });
    return { definition: warrantyAlarm, when, returnWhen: NONE, suppressWhen: NONE, testWhen: NONE, maskedBy: [] };
  }

  /** Binds an expression to the slots of an asset; `bits` are set for everything that it reads. */
  #bind(source: string, profile: Profile, key: string, parent: Asset | undefined, bits: number): Bound {
    const expression = this.#expression(source, profile, parent);
    for (const call of expression.windows) this.#window(call, key, parent);
    return this.#boundTo(expression.names, expression.evaluate, key, parent, bits);
  }

  #expression(source: string, profile: Profile, parent: Asset | undefined): Expression {
    const parentProfile = parent && this.#site.profiles[parent.profile];
    const cacheKey = JSON.stringify([source, profile.key, parentProfile?.key]);
    const known = this.#compiled.get(cacheKey);
    if (known) return known;
    const scope: Scope = {
      points: pointKinds(profile),
      ...(parentProfile ? { parent: pointKinds(parentProfile) } : {}),
    };
    const result = compileExpression(source, scope);
    if (!result.ok) throw new Error(`expression of profile ${profile.key}: ${source}: ${result.problems[0]?.text.en}`);
    this.#compiled.set(cacheKey, result.expression);
    return result.expression;
  }

  #window(call: WindowCall, key: string, parent: Asset | undefined): void {
    const slotKey = `${key}/${call.name}`;
    if (this.#slotByKey.has(slotKey)) return;
    const slot = this.#addSlot(slotKey, this.#indexOf(key));
    const { names, evaluate } = call.argument;
    const argument = this.#boundTo(names, evaluate, key, parent, WINDOW_BIT);
    this.#windows.push({ number: this.#windows.length, call, argument, slot });
  }

  #boundTo(names: readonly string[], evaluate: Evaluate, key: string, parent: Asset | undefined, bits: number): Bound {
    const asset = this.#indexOf(key);
    const slots = Int32Array.from(names, (name) => {
      const slot = this.#slotFor(name, key, parent);
      if (this.#owner[slot] === asset) this.#ownMask[slot] = (this.#ownMask[slot] as number) | bits;
      else if (slot !== UNKNOWN_SLOT) this.#addReader(slot, asset, bits);
      return slot * STRIDE + VALUE;
    });
    return { evaluate, slots, bySchedule: names.every((name) => name === 'site.dark' || name === 'site.hour') };
  }

  #slotFor(name: string, key: string, parent: Asset | undefined): number {
    const siteSlot = siteSlots[name];
    if (siteSlot !== undefined) return siteSlot;
    const place = name.startsWith('parent.') ? `${parent?.key}/${name.slice('parent.'.length)}` : `${key}/${name}`;
    return this.#slotByKey.get(place) ?? UNKNOWN_SLOT;
  }

  #addReader(slot: number, asset: number, bits: number): void {
    const readers = this.#otherReaders.get(slot) ?? [];
    this.#otherReaders.set(slot, readers);
    // An asset is compiled at one go, so it can only be the last one.
    const last = readers.at(-1);
    if (last?.asset === asset) readers[readers.length - 1] = { asset, mask: last.mask | bits };
    else readers.push({ asset, mask: bits });
  }

  #indexOf(key: string): number {
    const found = this.#assetIndex.get(key);
    if (found === undefined) throw new Error(`no asset ${key}`);
    return found;
  }
}

/** Gives each different expression of one asset a place. */
class AssetBinder {
  readonly firstResult: number;
  readonly expressions: Bound[] = [];
  readonly #places = new Map<string, number>();
  readonly #bind: (source: string, bits: number) => Bound;

  constructor(firstResult: number, bind: (source: string, bits: number) => Bound) {
    this.firstResult = firstResult;
    this.#bind = bind;
  }

  place(source: string | undefined): number {
    if (source === undefined) return NONE;
    const known = this.#places.get(source);
    if (known !== undefined) return known;
    const place = this.expressions.length;
    this.#places.set(source, place);
    this.expressions.push(this.#bind(source, bitOf(place)));
    return place;
  }

  /** A place for what one slot says, 0 or 1. */
  placeSlot(slot: number): number {
    const evaluate: Evaluate = (points, slots) => points[slots[0] as number] as number;
    this.expressions.push({ evaluate, slots: Int32Array.of(slot * STRIDE + VALUE), bySchedule: false });
    return this.expressions.length - 1;
  }
}

/** Everything that is an asset to the engine, in the order of {@link Plan.assets}. */
function draftsOf(site: Site, ordered: readonly Asset[]): readonly Draft[] {
  return [
    ...site.links.map(
      ({ key }): Draft => ({ key: linkAssetKey(key), subject: { kind: 'link' }, profile: linkProfile }),
    ),
    ...ordered.map(
      (asset): Draft => ({ key: asset.key, subject: { kind: 'asset', asset }, profile: profileOf(site, asset) }),
    ),
    ...site.systems.flatMap((system, systemNo) =>
      system.rates.flatMap((rate, rateNo): Draft[] => {
        if (!isAlarmed(site, system, rate)) return [];
        const subject = { kind: 'rate', system: systemNo, rate: rateNo } as const;
        return [{ key: rateAssetKey(system.key, rate.key), subject, profile: rateProfile(rate) }];
      }),
    ),
    { key: gatewayAssetKey, subject: { kind: 'gateway' }, profile: gatewayProfile },
  ];
}

/** An asset's own points: as the site maps them, or all that a built-in profile has. */
function pointsOf({
  key,
  subject,
  profile,
}: Draft): readonly { readonly key: PointKey; readonly staleAfterMs: number }[] {
  if (subject.kind === 'asset') return subject.asset.points;
  return Object.entries(profile.points).map(([point, { staleAfterMs }]) => ({
    key: pointKey(key, point),
    staleAfterMs,
  }));
}

function withDescendants(assets: readonly AssetPlan[], roots: readonly number[]): number[] {
  const found = new Set<number>();
  const queue = [...roots];
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    if (found.has(index)) continue;
    found.add(index);
    queue.push(...(assets[index] as AssetPlan).children);
  }
  return [...found].sort((a, b) => a - b);
}

/** An asset and all that hangs on it. */
export function familyOf(plan: Plan, asset: number): number[] {
  return withDescendants(plan.assets, [asset]);
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
