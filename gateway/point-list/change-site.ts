import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Protocol } from '../../model/adapter.ts';
import type { Environment } from '../../model/environment.ts';
import type { Profile } from '../../model/site.ts';
import { profilesFolder } from '../../rules/profile.ts';
import { editAssets, flowText, type WrittenEntry } from '../site/edit-assets.ts';
import { expandAssets } from '../site/expand-assets.ts';
import { loadSiteText } from '../site/load-site.ts';
import { PackShelf, packNames } from '../site/packs.ts';
import { mistakes, ProblemCollector, type SiteProblem } from '../site/problem.ts';
import { parseYaml } from '../site/yaml-source.ts';
import { assembleAssets, type ListedAsset, type PresentAsset } from './assemble-assets.ts';
import { type ListMistake, type ListRow, placeOf } from './read-rows.ts';

/** A map that the changed site needs, as a file beside the site file: `maps/PROTOCOL/NAME.yaml`. */
export interface MapFile {
  readonly protocol: string;
  readonly name: string;
  readonly text: string;
}

/** The site file as it would be. */
export interface SiteChange {
  /** What the site file is now. */
  readonly before: string;
  readonly text: string;
  readonly maps: readonly MapFile[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
}

export type ChangedSite =
  | { readonly ok: true; readonly change: SiteChange }
  | { readonly ok: false; readonly mistakes: readonly ListMistake[]; readonly problems: readonly SiteProblem[] };

export interface ChangeOptions {
  readonly siteFile: string;
  readonly siteText: string;
  /** Name of the list, for the maps that are made of it. */
  readonly listName: string;
  readonly protocols: Readonly<Record<string, Protocol>>;
  readonly environment: Environment;
}

/**
 * Works out what the site file becomes with the rows of a list, and checks it as a whole. Nothing is written. Mistakes have
 * their place in the list where it can be told, else in the site file or a map.
 */
export function changeSite(rows: readonly ListRow[], options: ChangeOptions): ChangedSite {
  const { siteFile, siteText, protocols, environment } = options;
  const folder = dirname(siteFile);
  const before = loadSiteText(siteText, { file: siteFile, folder, environment, protocols });
  if (!before.ok) return { ok: false, mistakes: [], problems: before.problems };
  const shelf = new PackShelf(new ProblemCollector(), folder);
  const assembled = assembleAssets(rows, {
    site: before.site,
    protocols,
    present: presentAssets(siteText, siteFile),
    profile: (key) => profileOf(shelf, key),
    profileKeys: [...packNames(fileURLToPath(profilesFolder)), ...packNames(join(folder, 'profiles'))],
  });
  if (assembled.mistakes.length > 0) return { ok: false, mistakes: assembled.mistakes, problems: [] };
  const maps = new Map<string, MapDraft>();
  const replaced = new Map<number, WrittenEntry>();
  const appended: WrittenEntry[] = [];
  for (const asset of assembled.assets) {
    const entry = { ...asset.entry, map: draftMap(asset, options.listName, maps).name };
    if (asset.entryIndex === undefined) appended.push(inOrder(entry));
    else replaced.set(asset.entryIndex, inOrder(entry));
  }
  const edited = editAssets(siteText, replaced, appended);
  if (!edited.ok)
    return {
      ok: false,
      mistakes: [],
      problems: [{ file: siteFile, line: 1, column: 1, ...mistakes.assetsNotAList() }],
    };
  const drafts = [...maps.values()];
  const problems = checkWhole(edited.text, drafts, options);
  if (problems.length > 0)
    return { ok: false, ...placesInList(problems, edited.text, drafts, assembled.assets, siteFile) };
  return {
    ok: true,
    change: {
      before: siteText,
      text: edited.text,
      maps: drafts.map(({ protocol, name, text }) => ({ protocol, name, text })),
      added: assembled.assets.filter(({ entryIndex }) => entryIndex === undefined).map(({ key }) => key),
      changed: assembled.assets.filter(({ entryIndex }) => entryIndex !== undefined).map(({ key }) => key),
      unchanged: assembled.unchanged,
    },
  };
}

function profileOf(shelf: PackShelf, key: string): Profile | undefined {
  const pack = shelf.profile(key);
  return pack.state === 'good' ? pack.value : undefined;
}

function presentAssets(siteText: string, file: string): Map<string, PresentAsset> {
  const source = parseYaml(siteText, file);
  const entries = (source.data as { assets?: WrittenEntry[] } | undefined)?.assets ?? [];
  const { members } = expandAssets(entries, source, new ProblemCollector());
  return new Map(
    members.map(({ key, entryIndex, entry }) => [
      key,
      { entryIndex, alone: entry.each === undefined, entry: entries[entryIndex] ?? {} },
    ]),
  );
}

interface MapDraft extends MapFile {
  /** By the line of the map, from 1, the row of the list that it comes from. */
  readonly rowOfLine: ReadonlyMap<number, ListRow>;
  readonly asset: ListedAsset;
}

/** The map of an asset; assets with the same points share one. Its name follows from what is in it. */
function draftMap(asset: ListedAsset, listName: string, maps: Map<string, MapDraft>): MapDraft {
  const { protocol, profile, points } = asset;
  const content = JSON.stringify(Object.entries(points).sort(([a], [b]) => (a < b ? -1 : 1)));
  const digest = createHash('sha256').update(`${protocol} ${profile} ${content}`).digest('hex').slice(0, 8);
  const name = `list-${profile}-${digest}`;
  const known = maps.get(`${protocol}/${name}`);
  if (known !== undefined) return known;
  const title = { zh: `点表导入：${profile}`, en: `Imported points of ${profile}` };
  const lines = [
    `name: ${flowText(title)}`,
    `source: ${flowText(listName)}`,
    `profile: ${flowText(profile)}`,
    'points:',
  ];
  const rowOfLine = new Map<number, ListRow>();
  for (const [point, mapPoint] of Object.entries(points)) {
    lines.push(`  ${flowText(point)}: ${flowText(mapPoint)}`);
    const row = asset.rows.find((one) => one.values.get('point') === point);
    if (row !== undefined) rowOfLine.set(lines.length, row);
  }
  const draft = { protocol, name, text: `${lines.join('\n')}\n`, rowOfLine, asset };
  maps.set(`${protocol}/${name}`, draft);
  return draft;
}

/** Keys as people write them; what is not among these comes last. */
const KEY_ORDER = ['key', 'name', 'profile', 'system', 'link', 'map', 'address', 'parent', 'location', 'contractor'];

function inOrder(entry: WrittenEntry): WrittenEntry {
  const rank = (key: string) => (KEY_ORDER.includes(key) ? KEY_ORDER.indexOf(key) : KEY_ORDER.length);
  return Object.fromEntries(Object.entries(entry).sort(([a], [b]) => rank(a) - rank(b)));
}

/** Loads the changed site from a copy of its packs, with the new maps beside them. */
function checkWhole(text: string, maps: readonly MapFile[], options: ChangeOptions): readonly SiteProblem[] {
  const { siteFile, environment, protocols } = options;
  const staging = mkdtempSync(join(tmpdir(), 'lamplighter-import-'));
  try {
    for (const packs of ['profiles', 'maps']) {
      const own = join(dirname(siteFile), packs);
      if (existsSync(own)) cpSync(own, join(staging, packs), { recursive: true });
    }
    writeMaps(staging, maps);
    const after = loadSiteText(text, { file: siteFile, folder: staging, environment, protocols });
    return after.ok ? [] : after.problems;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Writes maps below `folder`, and gives the files that were not there before. */
export function writeMaps(folder: string, maps: readonly MapFile[]): readonly string[] {
  const written: string[] = [];
  for (const { protocol, name, text } of maps) {
    const path = join(folder, 'maps', protocol, `${name}.yaml`);
    if (existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    written.push(path);
  }
  return written;
}

/** Finds the rows that problems of the changed files come from; those that come from none keep their place. */
function placesInList(
  found: readonly SiteProblem[],
  text: string,
  maps: readonly MapDraft[],
  assets: readonly ListedAsset[],
  siteFile: string,
): { mistakes: readonly ListMistake[]; problems: readonly SiteProblem[] } {
  const placed: ListMistake[] = [];
  const problems: SiteProblem[] = [];
  const rowOfSite = rowsByLine(text, siteFile, assets);
  for (const problem of found) {
    const map = maps.find(({ name }) => basename(problem.file) === `${name}.yaml`);
    const row =
      map === undefined
        ? problem.file === siteFile && rowOfSite(problem.line)
        : (map.rowOfLine.get(problem.line) ?? map.asset.rows[0]);
    if (row) placed.push({ place: placeOf(row), text: problem.text });
    else problems.push(problem);
  }
  return { mistakes: placed, problems };
}

/** For a line of the changed site file, the first row of the asset whose entry it is in, if that came from the list. */
function rowsByLine(text: string, file: string, assets: readonly ListedAsset[]): (line: number) => ListRow | undefined {
  const source = parseYaml(text, file);
  const entries = (source.data as { assets?: { key?: string }[] } | undefined)?.assets ?? [];
  const starts = entries.map((entry, index) => ({ key: entry.key, line: source.valueAt(['assets', index]).line }));
  const rows = new Map(assets.map((asset) => [String(asset.entry.key), asset.rows[0]]));
  return (line) => {
    const entry = starts.findLast((start) => start.line <= line);
    return entry?.key === undefined ? undefined : rows.get(entry.key);
  };
}
