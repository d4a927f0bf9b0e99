import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Protocol } from '../../model/adapter.ts';
import type { Profile } from '../../model/site.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import {
  checkProfile,
  expressionsOf,
  type ProfileFile,
  ProfileFileSchema,
  profilesFolder,
  toProfile,
} from '../../rules/profile.ts';
import { checkShape } from './check-shape.ts';
import { type Finding, mistakes, type Position, type ProblemCollector, withSuggestion } from './problem.ts';
import { MapFileHead } from './site-file.ts';
import { MAX_PACK_BYTES, parseYaml, readTextFile, type YamlSource } from './yaml-source.ts';

/** A register map as read. */
export interface ControllerMap {
  readonly profile: string;
  readonly points: Readonly<Record<string, ControllerPoint>>;
}

/** One point of a map; several come of one entry where that is an array. */
export interface ControllerPoint {
  /** Name of the entry in the map's file. */
  readonly entry: string;
  /** Belongs to the protocol. */
  readonly mapPoint: unknown;
}

/** A register map as its file has it. */
interface MapFile {
  readonly profile: string;
  readonly points: Readonly<Record<string, unknown>>;
}

/**
 * A profile or map that was asked for. `none`: there is no such file, `suggestion` is near. `broken`: it has mistakes,
 * which are reported; whoever needs it stops without a word.
 */
export type Pack<T> =
  | { readonly state: 'none'; readonly suggestion: string | undefined }
  | { readonly state: 'broken' }
  | { readonly state: 'good'; readonly value: T; readonly source: YamlSource };

const packName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Reads profiles and maps, each once, and reports their mistakes with the place in their own files. */
export class PackShelf {
  readonly #problems: ProblemCollector;
  readonly #siteFolder: string | undefined;
  readonly #profiles = new Map<string, Pack<Profile>>();
  readonly #maps = new Map<string, Pack<ControllerMap>>();
  readonly #checkedPairs = new Set<string>();

  /** `siteFolder`: where the site file lies; `profiles/` and `maps/PROTOCOL/` beside it come before the program's own. */
  constructor(problems: ProblemCollector, siteFolder: string | undefined) {
    this.#problems = problems;
    this.#siteFolder = siteFolder;
  }

  profile(key: string): Pack<Profile> {
    let pack = this.#profiles.get(key);
    if (pack === undefined) {
      pack = this.#readProfile(key);
      this.#profiles.set(key, pack);
    }
    return pack;
  }

  map(protocol: Protocol, name: string): Pack<ControllerMap> {
    const key = `${protocol.key}/${name}`;
    let pack = this.#maps.get(key);
    if (pack === undefined) {
      pack = this.#readMap(protocol, name);
      this.#maps.set(key, pack);
    }
    return pack;
  }

  /** Checks a profile's expressions for assets whose parent has the other profile, once per pair. */
  checkAgainstParent(key: string, parentKey: string | undefined): void {
    const pair = `${key} ${parentKey ?? ''}`;
    const pack = this.profile(key);
    const parent = parentKey === undefined ? undefined : this.profile(parentKey);
    if (this.#checkedPairs.has(pair) || pack.state !== 'good') return;
    this.#checkedPairs.add(pair);
    this.#reportProfile(pack.value, pack.source, parent?.state === 'good' ? parent.value : undefined);
  }

  #readProfile(key: string): Pack<Profile> {
    const source = this.#open(['profiles'], profilesFolder, key);
    if ('suggestion' in source) return { state: 'none', suggestion: source.suggestion };
    if (!this.#wellFormed(source, checkShape(ProfileFileSchema, source.data))) return { state: 'broken' };
    const profile = toProfile(key, source.data as ProfileFile);
    // Expressions on a parent's points can be judged only where the parent is known: `checkAgainstParent`.
    if (!readsParent(profile)) {
      this.#checkedPairs.add(`${key} `);
      if (!this.#reportProfile(profile, source, undefined)) return { state: 'broken' };
    }
    return { state: 'good', value: profile, source };
  }

  #reportProfile(profile: Profile, source: YamlSource, parent: Profile | undefined): boolean {
    const found = checkProfile(profile, parent);
    for (const problem of found) {
      switch (problem.kind) {
        case 'expression': {
          const { suggestion } = problem;
          const finding = { ...mistakes.badExpression(problem.text), ...(suggestion !== undefined && { suggestion }) };
          this.#problems.add(source.textAt(problem.path, problem.offset), finding);
          break;
        }
        case 'no-condition':
          this.#problems.add(source.keyAt(problem.path), mistakes.noCondition());
          break;
        case 'needless-condition':
          this.#problems.add(source.keyAt(problem.path), mistakes.needlessCondition());
          break;
        case 'needless-return':
          this.#problems.add(source.keyAt(problem.path), mistakes.needlessReturn());
          break;
        case 'suppressed-life-safety':
          this.#problems.add(source.keyAt(problem.path), mistakes.suppressedLifeSafety());
          break;
        case 'latching-data-lost':
          this.#problems.add(source.keyAt(problem.path), mistakes.latchingDataLost());
          break;
        case 'unknown-mask': {
          const others = profile.alarms.map((alarm) => alarm.key).filter((key) => !problem.path.includes(key));
          const suggestion = nearest(problem.mask, others);
          const finding = { ...mistakes.unknownMask(problem.mask), ...(suggestion !== undefined && { suggestion }) };
          this.#problems.add(source.valueAt(problem.path), finding);
          break;
        }
        case 'states':
          this.#problems.add(source.keyAt(problem.path), mistakes.badStates(problem.text));
          break;
      }
    }
    return found.length === 0;
  }

  #readMap(protocol: Protocol, name: string): Pack<ControllerMap> {
    const folder = new URL(`../../adapters/${protocol.key}/maps/`, import.meta.url);
    const source = this.#open(['maps', protocol.key], folder, name);
    if ('suggestion' in source) return { state: 'none', suggestion: source.suggestion };
    if (!this.#wellFormed(source, checkShape(MapFileHead, source.data))) return { state: 'broken' };
    const file = source.data as MapFile;
    const pack = this.profile(file.profile);
    if (pack.state === 'none') {
      const { suggestion } = pack;
      const finding = { ...mistakes.unknownProfile(file.profile), ...(suggestion !== undefined && { suggestion }) };
      this.#problems.add(source.valueAt(['profile']), finding);
    }
    if (pack.state !== 'good') return { state: 'broken' };
    const points = this.#mapPoints(source, file, pack.value, protocol);
    return points ? { state: 'good', value: { profile: file.profile, points }, source } : { state: 'broken' };
  }

  /** The points that a map's entries stand for; undefined where there are mistakes, which are reported. */
  #mapPoints(
    source: YamlSource,
    file: MapFile,
    profile: Profile,
    protocol: Protocol,
  ): Record<string, ControllerPoint> | undefined {
    let good = true;
    const points: Record<string, ControllerPoint> = {};
    const meant = new Set<string>();
    const report = (at: Position, finding: Finding) => {
      this.#problems.add(at, finding);
      good = false;
    };
    for (const [entry, written] of Object.entries(file.points)) {
      const shape = checkShape(protocol.mapPointSchema, written);
      for (const { path, at, finding } of shape) {
        const place = ['points', entry, ...path];
        report(at === 'key' ? source.keyAt(place) : source.valueAt(place), finding);
      }
      if (shape.length > 0) {
        // What it would have given is not missing; of an array that cannot be read these are all that are numbered so.
        const given = Object.keys(profile.points).filter((name) => name === entry || isElement(name, entry));
        for (const name of given) meant.add(name);
        if (given.length > 0) continue;
      }
      const several = shape.length === 0 ? protocol.expand?.(entry, written) : undefined;
      for (const [name, mapPoint] of several ?? [[entry, written] as const]) {
        const twice = points[name];
        if (twice !== undefined) report(source.keyAt(['points', entry]), mistakes.pointTwice(name, twice.entry));
        else if (Object.hasOwn(profile.points, name)) points[name] = { entry, mapPoint };
        else {
          const given = { ...file.points, ...points };
          const absent = Object.keys(profile.points).filter((candidate) => !Object.hasOwn(given, candidate));
          const suggestion = nearest(name, absent);
          if (suggestion !== undefined) meant.add(suggestion);
          const finding = mistakes.pointNotInProfile(name, profile.key);
          report(source.keyAt(['points', entry]), withSuggestion(finding, suggestion));
        }
      }
    }
    const missing = Object.entries(profile.points)
      .filter(([name, { optional }]) => optional !== true && !Object.hasOwn(points, name) && !meant.has(name))
      .map(([name]) => name);
    if (missing.length > 0) report(source.keyAt(['points']), mistakes.mapLacksPoint(missing, profile.key));
    return good ? points : undefined;
  }

  #wellFormed(source: YamlSource, shape: ReturnType<typeof checkShape>): boolean {
    for (const { at, finding } of source.problems) this.#problems.add(at, finding);
    if (source.data === undefined) return false;
    for (const { path, at, finding } of shape) {
      this.#problems.add(at === 'key' ? source.keyAt(path) : source.valueAt(path), finding);
    }
    return source.problems.length === 0 && shape.length === 0;
  }

  /** The file `name`.yaml: beside the site file if it is there, else the program's own, else what is near. */
  #open(beside: readonly string[], own: URL, name: string): YamlSource | { suggestion: string | undefined } {
    const ownFolder = fileURLToPath(own);
    const siteFolder = this.#siteFolder === undefined ? undefined : join(this.#siteFolder, ...beside);
    const folders = [siteFolder, ownFolder].filter((folder) => folder !== undefined);
    // A name that could lead out of its folder is looked up like any other unknown one, and not found.
    const found = packName.test(name)
      ? folders.map((folder) => join(folder, `${name}.yaml`)).filter((path) => existsSync(path))
      : [];
    const [path, replaced] = found;
    if (path === undefined) return { suggestion: nearest(name, folders.flatMap(packNames)) };
    const file = shownPath(path);
    if (replaced !== undefined) this.#problems.add({ file, line: 1, column: 1 }, mistakes.shadowed(file));
    const read = readTextFile(path, MAX_PACK_BYTES);
    if (read.ok) return parseYaml(read.text, file);
    const source = parseYaml('', file);
    return { ...source, data: undefined, problems: [{ at: { file, line: 1, column: 1 }, finding: read.finding }] };
  }
}

/** True for `cell7` of the array `cell`. */
function isElement(name: string, array: string): boolean {
  return name.startsWith(array) && /^\d+$/.test(name.slice(array.length));
}

/** Names of the packs of a folder, without `.yaml`; none where there is no such folder. */
export function packNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort();
}

/** A path as messages show it: from the working folder where it lies below that. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short;
}

const parentPoint = /\bparent\.([A-Za-z_][A-Za-z0-9_]*)/g;

/** Names of the parent's points that an expression reads. */
export function parentPointsOf(source: string): readonly string[] {
  return [...source.matchAll(parentPoint)].flatMap((match) => match[1] ?? []);
}

function readsParent(profile: Profile): boolean {
  return expressionsOf(profile).some(({ source }) => parentPointsOf(source).length > 0);
}
