import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { TObject, TSchema } from 'typebox';
import { protocols as registeredProtocols } from '../../adapters/registry.ts';
import type { Protocol } from '../../model/adapter.ts';
import { type Environment, resolveSettings } from '../../model/environment.ts';
import type { Link, Person, Profile, RateDefinition, Site, System } from '../../model/site.ts';
import { checkExpression, nearest } from '../../rules/expressions/expression.ts';
import { channelSettings } from './channel-settings.ts';
import { checkSettings, withHead } from './check-settings.ts';
import { checkWritable } from './check-writable.ts';
import { expandAssets } from './expand-assets.ts';
import { PackShelf, shownPath } from './packs.ts';
import { isMistake, mistakes, ProblemCollector, type SiteProblem, withSuggestion } from './problem.ts';
import { readCampaigns } from './read-campaigns.ts';
import { readPlanned } from './read-planned.ts';
import { KeyLines, Reporter } from './reporter.ts';
import { type AssetIndex, type Keys, resolveAssets } from './resolve-assets.ts';
import { ChannelHead, LinkHead, PersonEntry, RateEntry, SiteFileHead, SiteHead, SystemEntry } from './site-file.ts';
import { MAX_SITE_BYTES, type Path, parseYaml, readTextFile, type YamlSource } from './yaml-source.ts';

export interface LoadOptions {
  /** Environment that `${NAME}` is looked up in while settings are checked; `process.env` if absent. */
  readonly environment?: Environment;
  readonly protocols?: Readonly<Record<string, Protocol>>;
  /** Schemas of the channels' settings, by kind. */
  readonly channels?: Readonly<Record<string, TSchema>>;
}

/** A site, or all mistakes that were found, in the order of the file. Warnings come with either. */
export type LoadResult =
  | { readonly ok: true; readonly site: Site; readonly warnings: readonly SiteProblem[] }
  | { readonly ok: false; readonly problems: readonly SiteProblem[]; readonly warnings: readonly SiteProblem[] };

/** Reads, checks and resolves the site file at `path`, with its profiles and maps. Never throws for what is in files. */
export function loadSite(path: string, options: LoadOptions = {}): LoadResult {
  const read = readTextFile(path, MAX_SITE_BYTES);
  const file = shownPath(path);
  if (!read.ok) return { ok: false, problems: [{ file, line: 1, column: 1, ...read.finding }], warnings: [] };
  return loadSiteText(read.text, { ...options, file, folder: dirname(path) });
}

export interface LoadTextOptions extends LoadOptions {
  /** Name of the text in messages. */
  readonly file?: string;
  /** Folder in which `profiles/` and `maps/` are looked for before the program's own. */
  readonly folder?: string;
}

/** Like {@link loadSite}, of a text. */
export function loadSiteText(text: string, options: LoadTextOptions = {}): LoadResult {
  const file = options.file ?? 'site.yaml';
  const source = parseYaml(text, file);
  const problems = new ProblemCollector();
  for (const { at, finding } of source.problems) problems.add(at, finding);
  const site = source.data === undefined ? undefined : new Loader(source, problems, options).load();
  const all = problems.sorted(file);
  const warnings = all.filter((problem) => !isMistake(problem));
  if (site === undefined || problems.hasMistakes) return { ok: false, problems: all.filter(isMistake), warnings };
  return { ok: true, site, warnings };
}

/** One load of one file; each part is read, what is sound goes on, what is not is reported and left out. */
class Loader {
  readonly #source: YamlSource;
  readonly #problems: ProblemCollector;
  readonly #reporter: Reporter;
  readonly #shelf: PackShelf;
  readonly #environment: Environment;
  readonly #protocols: Readonly<Record<string, Protocol>>;
  readonly #channels: Readonly<Record<string, TSchema>>;

  constructor(source: YamlSource, problems: ProblemCollector, options: LoadTextOptions) {
    this.#source = source;
    this.#problems = problems;
    this.#reporter = new Reporter(source, problems);
    this.#shelf = new PackShelf(problems, options.folder);
    this.#environment = options.environment ?? process.env;
    this.#protocols = options.protocols ?? registeredProtocols;
    this.#channels = options.channels ?? channelSettings;
  }

  load(): Site | undefined {
    const { data } = this.#source;
    this.#reporter.shape(SiteFileHead, data, []);
    const sections = (typeof data === 'object' && data !== null ? data : {}) as Record<string, unknown>;
    const head = Object.hasOwn(sections, 'site') ? this.#head(sections.site) : undefined;
    const links = this.#links(listOf(sections.links));
    const campaigns = readCampaigns(listOf(sections.campaigns), this.#reporter);
    const campaignKeys = { byKey: campaigns.keys, complete: areNamed(sections.campaigns ?? []) };
    const systems = this.#systems(listOf(sections.systems), campaignKeys);
    const systemKeys = { byKey: systems.keys, complete: areNamed(sections.systems) };
    const people = this.#people(listOf(sections.people));
    const expansion = expandAssets(listOf(sections.assets), this.#source, this.#problems);
    const assets = resolveAssets(expansion, {
      source: this.#source,
      problems: this.#problems,
      shelf: this.#shelf,
      links: { byKey: links.keys, complete: areNamed(sections.links) },
      intervalsMs: links.intervalsMs,
      systems: systemKeys,
    });
    checkWritable(expansion, {
      reporter: this.#reporter,
      site: { systems: systems.values, links: links.values, assets: assets.assets, profiles: this.#profiles(assets) },
      protocols: this.#protocols,
    });
    const planned = readPlanned(listOf(sections.planned), {
      reporter: this.#reporter,
      expansion,
      systems: systemKeys,
      timeZone: head && isTimeZone(head.timeZone) ? head.timeZone : undefined,
    });
    this.#rates(systems.values, listOf(sections.systems), assets);
    if (head === undefined || this.#problems.hasMistakes) return undefined;
    const content = {
      ...head,
      systems: systems.values,
      links: links.values,
      assets: assets.assets,
      profiles: this.#profiles(assets),
      people,
      planned,
      campaigns: campaigns.values,
    };
    return deepFreeze({ ...content, hash: hashOf(content) });
  }

  #head(data: unknown): SiteHead | undefined {
    if (!this.#reporter.shape(SiteHead, data, ['site'])) return undefined;
    const head = data as SiteHead;
    const { timeZone } = head;
    if (!isTimeZone(timeZone)) {
      const suggestion = nearest(timeZone, Intl.supportedValuesOf('timeZone'));
      this.#reporter.atValue(['site', 'timeZone'], withSuggestion(mistakes.badTimeZone(timeZone), suggestion));
    }
    const { key, name, latitude, longitude } = head;
    return { key, name, timeZone, latitude, longitude };
  }

  #links(entries: readonly unknown[]): {
    values: Link[];
    keys: Map<string, Protocol | undefined>;
    intervalsMs: Map<string, number>;
  } {
    const values: Link[] = [];
    const intervalsMs = new Map<string, number>();
    const keys = new Map<string, Protocol | undefined>();
    const known = Object.keys(this.#protocols);
    const lines = new KeyLines({ zh: '链路', en: 'link' }, this.#reporter);
    for (const [index, data] of entries.entries()) {
      const path = ['links', index];
      const entry = (data ?? {}) as Partial<LinkHead>;
      const { key, name, protocol: protocolKey } = entry;
      const protocol = typeof protocolKey === 'string' ? ownValue(this.#protocols, protocolKey) : undefined;
      const settings = this.#settings(LinkHead, protocol?.settingsSchema, data, path);
      const isNew = typeof key === 'string' && lines.isNew(key, [...path, 'key']);
      if (isNew) keys.set(key, protocol);
      if (typeof protocolKey === 'string' && protocol === undefined) {
        const finding = mistakes.unknownProtocol(protocolKey, known);
        this.#reporter.atValue([...path, 'protocol'], withSuggestion(finding, nearest(protocolKey, known)));
      }
      if (!isNew || protocol === undefined || settings === undefined || name === undefined) continue;
      const { waitsForDisk } = protocol;
      values.push({ key, name, protocol: protocol.key, settings, ...(waitsForDisk && { waitsForDisk }) });
      const resolved = resolveSettings(settings, this.#environment);
      for (const problem of (resolved.ok && protocol.settingsProblems?.(resolved.settings)) || []) {
        this.#reporter.atValue([...path, ...problem.path], mistakes.badSettings(problem.text));
      }
      const intervalMs = resolved.ok ? protocol.expectedIntervalMs?.(resolved.settings) : undefined;
      if (intervalMs !== undefined) intervalsMs.set(key, intervalMs);
    }
    return { values, keys, intervalsMs };
  }

  #systems(entries: readonly unknown[], campaigns: Keys<true>): { values: System[]; keys: Map<string, true> } {
    const values: System[] = [];
    const keys = new Map<string, true>();
    const lines = new KeyLines({ zh: '系统', en: 'system' }, this.#reporter);
    for (const [index, data] of entries.entries()) {
      const path = ['systems', index];
      const sound = this.#reporter.shape(SystemEntry, data, path);
      const { key, name, rates: rateEntries, fireSafety } = (data ?? {}) as Partial<SystemEntry>;
      const isNew = typeof key === 'string' && lines.isNew(key, [...path, 'key']);
      const rateLines = new KeyLines({ zh: '指标', en: 'rate' }, this.#reporter);
      const rates = listOf(rateEntries).flatMap((rate, rateIndex) => {
        return this.#rate(rate, [...path, 'rates', rateIndex], rateLines, campaigns) ?? [];
      });
      if (isNew) keys.set(key, true);
      if (sound && isNew && name !== undefined) {
        values.push({ key, name, rates, ...(fireSafety === true && { fireSafety }) });
      }
    }
    return { values, keys };
  }

  #rate(data: unknown, path: Path, lines: KeyLines, campaigns: Keys<true>): RateDefinition | undefined {
    if (!this.#reporter.shape(RateEntry, data, path)) return undefined;
    const entry = data as RateEntry;
    const { key, name, profile, window, campaign, good, due, per, alarm } = entry;
    if (!lines.isNew(key, [...path, 'key'])) return undefined;
    const target = this.#ratio(entry.target, [...path, 'target']);
    const coverageTarget =
      entry.coverageTarget === undefined ? undefined : this.#ratio(entry.coverageTarget, [...path, 'coverageTarget']);
    this.#rateCampaign(entry, path, campaigns);
    const counted = entry.counted ?? window === 'live';
    if (counted !== (window === 'live')) this.#reporter.atValue([...path, 'counted'], mistakes.countedNotLive());
    return {
      key,
      name,
      ...(profile !== undefined && { profile }),
      window,
      counted,
      ...(campaign !== undefined && { campaign }),
      target,
      ...(coverageTarget !== undefined && { coverageTarget }),
      ...(good !== undefined && { good }),
      ...(due !== undefined && { due }),
      ...(per !== undefined && { per }),
      ...(alarm !== undefined && { alarm }),
    };
  }

  #ratio(written: number | string, path: Path): number {
    const ratio = readRatio(written);
    if (!(ratio >= 0 && ratio <= 1)) this.#reporter.atValue(path, mistakes.badTarget(String(written)));
    return ratio;
  }

  #rateCampaign({ window, campaign }: RateEntry, path: Path, campaigns: Keys<true>): void {
    if (window !== 'campaign') {
      if (campaign !== undefined) this.#reporter.atKey([...path, 'campaign'], mistakes.doesNotGo('campaign'));
    } else if (campaign === undefined) {
      this.#reporter.atValue(path, mistakes.missingKey(['campaign']));
    } else if (campaigns.complete && !campaigns.byKey.has(campaign)) {
      const suggestion = nearest(campaign, [...campaigns.byKey.keys()]);
      this.#reporter.atValue([...path, 'campaign'], withSuggestion(mistakes.unknownCampaign(campaign), suggestion));
    }
  }

  /** What rates say of profiles and points can be judged once the assets are known. */
  #rates(systems: readonly System[], entries: readonly unknown[], index: AssetIndex): void {
    for (const system of systems) {
      const systemIndex = indexOfKey(entries, system.key);
      const rates = listOf((entries[systemIndex] as { rates?: unknown }).rates);
      const pairs = index.profilePairs.get(system.key) ?? [];
      for (const rate of system.rates) {
        const path = ['systems', systemIndex, 'rates', indexOfKey(rates, rate.key)];
        if (rate.profile !== undefined && !this.#rateProfile(rate.profile, system.key, path, index)) continue;
        const concerned = pairs.filter((pair) => rate.profile === undefined || pair.profile === rate.profile);
        for (const name of ['good', 'due'] as const) {
          const expression = rate[name];
          if (expression === undefined) continue;
          for (const pair of concerned) this.#rateExpression(expression, pair, [...path, name]);
        }
      }
    }
  }

  #rateProfile(profile: string, system: string, path: Path, index: AssetIndex): boolean {
    const used = (index.profilePairs.get(system) ?? []).map((pair) => pair.profile);
    if (used.includes(profile)) return true;
    const pack = this.#shelf.profile(profile);
    if (pack.state === 'none') {
      const suggestion = nearest(profile, used) ?? pack.suggestion;
      this.#reporter.atValue([...path, 'profile'], withSuggestion(mistakes.unknownProfile(profile), suggestion));
    } else if (index.complete) {
      const finding = mistakes.profileNotInSystem(profile, system);
      this.#reporter.atValue([...path, 'profile'], withSuggestion(finding, nearest(profile, used)));
    }
    return false;
  }

  #rateExpression(source: string, pair: { profile: string; parent: string | undefined }, path: Path): void {
    const pack = this.#shelf.profile(pair.profile);
    const parent = pair.parent === undefined ? undefined : this.#shelf.profile(pair.parent);
    if (pack.state !== 'good' || (parent !== undefined && parent.state !== 'good')) return;
    const scope = { points: kindsOf(pack.value), ...(parent && { parent: kindsOf(parent.value) }) };
    for (const { offset, text, suggestion } of checkExpression(source, scope)) {
      const finding = mistakes.expressionAgainstProfile(pair.profile, text);
      this.#reporter.inText(path, offset, withSuggestion(finding, suggestion));
    }
  }

  #people(entries: readonly unknown[]): Person[] {
    const people: Person[] = [];
    const lines = new KeyLines({ zh: '人员', en: 'person' }, this.#reporter);
    for (const [index, data] of entries.entries()) {
      const path = ['people', index];
      const sound = this.#reporter.shape(PersonEntry, data, path);
      if (!sound) continue;
      const { key, name, upToPriority, channels } = data as PersonEntry;
      if (!lines.isNew(key, [...path, 'key'])) continue;
      people.push({
        key,
        name,
        upToPriority,
        channels: channels.flatMap((channel, channelIndex) => {
          return this.#channel(channel, [...path, 'channels', channelIndex]) ?? [];
        }),
      });
    }
    return people;
  }

  #channel(entry: ChannelHead, path: Path): Person['channels'][number] | undefined {
    const known = Object.keys(this.#channels);
    const schema = ownValue(this.#channels, entry.kind);
    if (schema === undefined) {
      const finding = mistakes.unknownChannel(entry.kind, known);
      this.#reporter.atValue([...path, 'kind'], withSuggestion(finding, nearest(entry.kind, known)));
      return undefined;
    }
    const settings = this.#settings(ChannelHead, schema, entry, path);
    return settings && { kind: entry.kind, settings };
  }

  /**
   * Checks what stands under a head together with the schema that belongs to its protocol or kind, if that is known;
   * gives the settings without the head, undefined where there are mistakes.
   */
  #settings(
    head: TObject,
    schema: TSchema | undefined,
    data: unknown,
    path: Path,
  ): Record<string, unknown> | undefined {
    if (schema === undefined || typeof data !== 'object' || data === null) {
      this.#reporter.shape(head, data, path);
      return undefined;
    }
    const found = checkSettings(withHead(head, schema), data as Record<string, unknown>, this.#environment);
    for (const problem of found) this.#reporter.ofShape(problem, path);
    if (found.some((problem) => isMistake(problem.finding))) return undefined;
    return Object.fromEntries(Object.entries(data).filter(([key]) => !Object.hasOwn(head.properties, key)));
  }

  #profiles(index: AssetIndex): Record<string, Profile> {
    const profiles: Record<string, Profile> = {};
    for (const key of index.profiles) {
      const pack = this.#shelf.profile(key);
      if (pack.state === 'good') profiles[key] = pack.value;
    }
    return profiles;
  }
}

/** Place of the first entry with this key. */
function indexOfKey(entries: readonly unknown[], key: string): number {
  return entries.findIndex((entry) => (entry as { key?: unknown } | null)?.key === key);
}

/** True for a list in which every entry has a key. */
function areNamed(entries: unknown): boolean {
  return Array.isArray(entries) && entries.every((entry) => typeof entry?.key === 'string');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function kindsOf(profile: Profile) {
  return Object.fromEntries(Object.entries(profile.points).map(([name, point]) => [name, point.kind]));
}

/** `0.95` or `95%` as a ratio; rounded so that 99.9% is 0.999 and not its neighbour. */
function readRatio(written: number | string): number {
  if (typeof written === 'number') return written;
  return Number((Number(written.slice(0, -1)) / 100).toFixed(12));
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    // Offsets such as +08:00 are accepted by the line above, but have no nights that change with the season's rules.
    return /^[A-Za-z]/.test(zone);
  } catch {
    // The platform's way to say that it does not know the zone.
    return false;
  }
}

/**
 * SHA-256 of all that is resolved. Of an asset's points only place and name enter by themselves: the rest follows from
 * its profile, and a large site would be several hundred megabytes of text.
 */
function hashOf(content: Omit<Site, 'hash'>): string {
  const { assets, ...rest } = content;
  const hash = createHash('sha256').update(JSON.stringify(rest));
  for (const { points, ...asset } of assets) {
    hash.update(JSON.stringify([asset, points.map(({ point, address }) => [point, address])]));
  }
  return hash.digest('hex');
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
