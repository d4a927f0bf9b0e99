import { isDeepStrictEqual } from 'node:util';
import type { TSchema } from 'typebox';
import type { Protocol } from '../../model/adapter.ts';
import type { Asset, Profile, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import { checkShape } from '../site/check-shape.ts';
import type { WrittenEntry } from '../site/edit-assets.ts';
import { toWritten } from './cell-value.ts';
import { type AssetColumn, assetColumns, POINT_COLUMN, protocolColumns } from './columns.ts';
import { type ListMistake, type ListRow, placeOf } from './read-rows.ts';

/** An asset of the site file as it is written there. */
export interface PresentAsset {
  /** Place of its entry in `assets`, from 0. */
  readonly entryIndex: number;
  /** The entry stands for this asset alone: it has no `each`. */
  readonly alone: boolean;
  readonly entry: WrittenEntry;
}

/** What a list is held against. */
export interface ListContext {
  readonly site: Site;
  readonly protocols: Readonly<Record<string, Protocol>>;
  readonly present: ReadonlyMap<string, PresentAsset>;
  readonly profile: (key: string) => Profile | undefined;
  readonly profileKeys: readonly string[];
}

/** An asset that the list adds or changes. */
export interface ListedAsset {
  readonly key: string;
  /** Place of the entry that it takes the place of; undefined for a new one. */
  readonly entryIndex: number | undefined;
  /** As it will stand in the site file, but for `map`. */
  readonly entry: WrittenEntry;
  readonly protocol: string;
  readonly profile: string;
  readonly points: Readonly<Record<string, unknown>>;
  readonly rows: readonly ListRow[];
}

export interface Assembled {
  readonly assets: readonly ListedAsset[];
  /** Keys of assets of which the list says nothing new. */
  readonly unchanged: readonly string[];
  readonly mistakes: readonly ListMistake[];
}

/** Makes assets of the rows of a list, and finds what is wrong with each row by itself. */
export function assembleAssets(rows: readonly ListRow[], context: ListContext): Assembled {
  const assets: ListedAsset[] = [];
  const unchanged: string[] = [];
  const mistakes: ListMistake[] = [];
  const byAsset = Map.groupBy(rows, (row) => String(row.values.get('asset') ?? ''));
  for (const [key, own] of byAsset) {
    const assembly = new Assembly(key, own, context);
    const result = assembly.result();
    mistakes.push(...assembly.mistakes);
    if (result === 'unchanged') unchanged.push(key);
    else if (result !== undefined) assets.push(result);
  }
  return { assets, unchanged, mistakes };
}

/** The rows of one asset on their way to an entry of the site file and the points of its map. */
class Assembly {
  readonly mistakes: ListMistake[] = [];
  readonly #key: string;
  readonly #rows: readonly ListRow[];
  readonly #context: ListContext;
  readonly #present: PresentAsset | undefined;
  readonly #presentAsset: Asset | undefined;

  constructor(key: string, rows: readonly ListRow[], context: ListContext) {
    this.#key = key;
    this.#rows = rows;
    this.#context = context;
    this.#present = context.present.get(key);
    this.#presentAsset = context.site.assets.find((asset) => asset.key === key);
  }

  /** Undefined where the rows have mistakes. */
  result(): ListedAsset | 'unchanged' | undefined {
    const first = this.#rows[0];
    if (first === undefined) return undefined;
    if (this.#key === '') {
      for (const row of this.#rows) this.#mistake(row, 'asset', texts.noAsset);
      return undefined;
    }
    const fields = this.#fields(first);
    const profile = this.#profile(fields, first);
    const protocol = this.#protocol(fields, first);
    if (profile === undefined || protocol === undefined) return undefined;
    const address = this.#address(protocol);
    const points = this.#points(profile, protocol, address);
    if (this.mistakes.length > 0) return undefined;
    const entry = this.#entry(fields, address);
    if (this.#isAsPresent(points, profile, protocol, address)) return 'unchanged';
    if (this.#present !== undefined && !this.#present.alone) {
      this.#mistake(first, 'asset', texts.ofMany(this.#key));
      return undefined;
    }
    const { entryIndex } = this.#present ?? { entryIndex: undefined };
    return {
      key: this.#key,
      entryIndex,
      entry,
      protocol: protocol.key,
      profile: profile.key,
      points,
      rows: this.#rows,
    };
  }

  #mistake(row: ListRow, column: string | undefined, text: Text): void {
    this.mistakes.push({ place: placeOf(row, column), text });
  }

  /** What all rows of the asset together say in one column; rows that differ are told. */
  #agreed(column: string): { value: string | number | boolean; row: ListRow } | undefined {
    let agreed: { value: string | number | boolean; row: ListRow } | undefined;
    for (const row of this.#rows) {
      const value = row.values.get(column);
      if (value === undefined) continue;
      agreed ??= { value, row };
      if (value !== agreed.value)
        this.#mistake(row, column, texts.differs(column, value, agreed.value, agreed.row.row));
    }
    return agreed;
  }

  #fields(first: ListRow): ReadonlyMap<AssetColumn, string | number | boolean> {
    const fields = new Map<AssetColumn, string | number | boolean>();
    for (const column of assetColumns) {
      const agreed = this.#agreed(column);
      if (agreed !== undefined) fields.set(column, agreed.value);
    }
    if (this.#present !== undefined) return fields;
    for (const column of ['profile', 'system', 'link'] as const) {
      if (!fields.has(column)) this.#mistake(first, column, texts.missing(column, this.#key));
    }
    if (!fields.has('name_zh') && !fields.has('name_en'))
      this.#mistake(first, 'name_zh', texts.missing('name_zh', this.#key));
    const system = fields.get('system');
    const systems = this.#context.site.systems.map(({ key }) => key);
    if (system !== undefined && !systems.includes(String(system))) {
      this.#mistake(first, 'system', texts.unknown({ zh: '系统', en: 'system' }, String(system), systems));
    }
    return fields;
  }

  #profile(fields: ReadonlyMap<AssetColumn, unknown>, first: ListRow): Profile | undefined {
    const key = fields.get('profile') ?? this.#presentAsset?.profile;
    if (key === undefined) return undefined;
    const profile = this.#context.profile(String(key));
    if (profile === undefined) {
      this.#mistake(
        first,
        'profile',
        texts.unknown({ zh: '设备类型', en: 'profile' }, String(key), this.#context.profileKeys),
      );
    }
    return profile;
  }

  #protocol(fields: ReadonlyMap<AssetColumn, unknown>, first: ListRow): Protocol | undefined {
    const key = fields.get('link') ?? this.#presentAsset?.link;
    if (key === undefined) return undefined;
    const link = this.#context.site.links.find((one) => one.key === String(key));
    if (link === undefined) {
      const links = this.#context.site.links.map((one) => one.key);
      this.#mistake(first, 'link', texts.unknown({ zh: '链路', en: 'link' }, String(key), links));
    }
    return link === undefined ? undefined : this.#context.protocols[link.protocol];
  }

  /** The asset's address: what the rows agree on, else what it is now, without offsets: those are in its points. */
  #address(protocol: Protocol): Record<string, unknown> {
    const present = this.#presentAsset?.points[0]?.address;
    const address: Record<string, unknown> = present === undefined ? {} : { ...protocol.written(present).address };
    for (const [column, schema] of protocolColumns(protocol).address) {
      const agreed = this.#agreed(column);
      if (agreed !== undefined) address[column] = toWritten(agreed.value, schema);
    }
    this.#shape(protocol.assetAddressSchema, address, this.#rows[0]);
    return address;
  }

  /** True if the value has the form that the schema wants; what is wrong is told at the row's cells. */
  #shape(schema: TSchema, value: unknown, row: ListRow | undefined): boolean {
    const problems = checkShape(schema, value);
    if (row === undefined) return problems.length === 0;
    for (const { path, finding } of problems) {
      const column = path[0] === undefined ? undefined : String(path[0]);
      this.#mistake(row, column, named(column, finding.text));
    }
    return problems.length === 0;
  }

  /** The points of the asset: those of the list, and those of the site file that it says nothing of. */
  #points(profile: Profile, protocol: Protocol, address: unknown): Record<string, unknown> {
    const points: Record<string, unknown> = {};
    for (const { point, address: present } of this.#presentAsset?.points ?? []) {
      points[point] = protocol.written(present).mapPoint;
    }
    const seen = new Map<string, ListRow>();
    const columns = protocolColumns(protocol).point;
    for (const row of this.#rows) {
      const name = String(row.values.get(POINT_COLUMN));
      const definition = Object.hasOwn(profile.points, name) ? profile.points[name] : undefined;
      const first = seen.get(name);
      seen.set(name, row);
      if (definition === undefined) {
        const what = { zh: `设备类型 ${profile.key} 的点`, en: `point of profile ${profile.key}` };
        this.#mistake(row, POINT_COLUMN, texts.unknown(what, name, Object.keys(profile.points)));
        continue;
      }
      if (first !== undefined) {
        this.#mistake(row, POINT_COLUMN, texts.pointTwice(name, first.row));
        continue;
      }
      const listed: Record<string, unknown> = {};
      for (const [column, schema] of columns) {
        const value = row.values.get(column);
        if (value !== undefined) listed[column] = toWritten(value, schema);
      }
      const mapPoint = { ...presentPart(points[name], listed), ...listed };
      if (!this.#shape(protocol.mapPointSchema, mapPoint, row)) continue;
      if ((protocol.expand?.(name, mapPoint).length ?? 1) > 1) {
        this.#mistake(row, 'count', texts.onePointARow);
        continue;
      }
      const context = { asset: this.#key, point: name, kind: definition.kind, index: 0 };
      const resolved = protocol.resolve(mapPoint, address, context);
      if (resolved.ok) points[name] = mapPoint;
      else for (const { path, text } of resolved.problems) this.#mistake(row, String(path[0] ?? POINT_COLUMN), text);
    }
    return points;
  }

  /** The entry as it will stand in the site file, without `map`; texts are no templates there. */
  #entry(fields: ReadonlyMap<AssetColumn, string | number | boolean>, address: Record<string, unknown>): WrittenEntry {
    const present = this.#present?.entry ?? {};
    const text = (column: AssetColumn) => {
      const value = fields.get(column);
      return value === undefined ? undefined : plain(String(value));
    };
    const zh = text('name_zh');
    const en = text('name_en');
    const before = (present.name ?? {}) as Partial<Text>;
    const name = { zh: zh ?? before.zh ?? en, en: en ?? before.en ?? zh };
    const location = { ...(present.location as object | undefined) } as Record<string, unknown>;
    for (const part of ['building', 'floor', 'place'] as const) {
      const value = fields.get(part);
      if (value !== undefined) location[part] = Number.isInteger(value) ? value : plain(String(value));
    }
    const commissioning = fields.get('commissioning');
    const listed: Record<string, unknown> = {
      key: plain(this.#key),
      name,
      profile: text('profile'),
      system: text('system'),
      link: text('link'),
      map: present.map,
      address: Object.keys(address).length > 0 ? plainDeep(address) : undefined,
      parent: text('parent'),
      location: Object.keys(location).length > 0 ? location : undefined,
      contractor: fields.has('contractor') ? String(fields.get('contractor')) : undefined,
      group: text('group'),
      warrantyUntil: text('warrantyUntil'),
      commissioning: commissioning === undefined ? undefined : toWritten(commissioning, BOOLEAN),
    };
    const entry: Record<string, unknown> = { ...present };
    for (const [key, value] of Object.entries(listed)) if (value !== undefined) entry[key] = value;
    // What the asset's address said is in its points now, and would overrule them.
    if (Object.keys(address).length === 0) delete entry.address;
    return entry;
  }

  /** Whether the site has this asset already, with these points at these addresses. */
  #isAsPresent(
    points: Readonly<Record<string, unknown>>,
    profile: Profile,
    protocol: Protocol,
    address: unknown,
  ): boolean {
    const asset = this.#presentAsset;
    if (asset === undefined || !this.#saysNothingNew(asset)) return false;
    const before = new Map(asset.points.map(({ point, address: at }) => [point, at]));
    if (before.size !== Object.keys(points).length) return false;
    return Object.entries(points).every(([point, mapPoint]) => {
      const kind = profile.points[point]?.kind ?? 'double';
      const resolved = protocol.resolve(mapPoint, address, { asset: this.#key, point, kind, index: 0 });
      return resolved.ok && isDeepStrictEqual(resolved.value, before.get(point));
    });
  }

  /** Whether every field that the list gives is what the asset has. */
  #saysNothingNew(asset: Asset): boolean {
    const present: Partial<Record<AssetColumn, unknown>> = {
      name_zh: asset.name.zh,
      name_en: asset.name.en,
      profile: asset.profile,
      system: asset.system,
      link: asset.link,
      parent: asset.parent,
      ...asset.location,
      contractor: asset.contractor,
      group: asset.group,
      warrantyUntil: asset.warrantyUntil,
    };
    return assetColumns.every((column) => {
      const listed = this.#rows.find((row) => row.values.has(column))?.values.get(column);
      if (listed === undefined || column === 'asset') return true;
      if (column === 'commissioning') return toWritten(listed, BOOLEAN) === (asset.commissioning ?? false);
      return String(listed) === String(present[column] ?? '');
    });
  }
}

/** What stays of a point of which a list gives a part: all but what says the same in another way. */
function presentPart(present: unknown, listed: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { table, address, ...rest } = { ...(present as Record<string, unknown> | undefined) };
  const isElsewhere = 'register' in listed;
  return {
    ...(!isElsewhere && table !== undefined && { table }),
    ...(!isElsewhere && address !== undefined && { address }),
    ...rest,
  };
}

const BOOLEAN = { type: 'boolean' } as TSchema;

/** Braces are variables in the site file; doubled they are themselves. */
function plain(text: string): string {
  return text.replaceAll('{', '{{').replaceAll('}', '}}');
}

function plainDeep(address: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(address).map(([key, value]) => [key, typeof value === 'string' ? plain(value) : value]),
  );
}

function named(column: string | undefined, { zh, en }: Text): Text {
  return column === undefined ? { zh, en } : { zh: `${column}：${zh}`, en: `${column}: ${en}` };
}

const texts = {
  noAsset: { zh: '没有写明资产', en: 'the row does not say which asset it belongs to' },
  onePointARow: { zh: '点表一行只写一个点', en: 'a row of a list is one point' },
  missing: (column: string, asset: string): Text => ({
    zh: `新资产 ${asset} 缺少 ${column}`,
    en: `${column} is missing for the new asset ${asset}`,
  }),
  differs: (column: string, value: unknown, other: unknown, row: number): Text => ({
    zh: `${column} 为 ${value}，而同一资产在第 ${row} 行为 ${other}`,
    en: `${column} is ${value}, but ${other} in row ${row} of the same asset`,
  }),
  pointTwice: (point: string, row: number): Text => ({
    zh: `该资产的点 ${point} 在第 ${row} 行已有`,
    en: `the asset has ${point} in row ${row} already`,
  }),
  ofMany: (asset: string): Text => ({
    zh: `${asset} 在站点文件中由 each 展开，点表不能改动它；请先在站点文件中单列`,
    en: `${asset} comes from an entry with "each", which a list cannot change; give it an entry of its own first`,
  }),
  unknown: (what: Text, key: string, known: readonly string[]): Text => {
    const suggestion = nearest(key, known);
    return {
      zh: `没有${what.zh} "${key}"${suggestion === undefined ? '' : `，是否想写 "${suggestion}"？`}`,
      en: `there is no ${what.en} "${key}"${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`,
    };
  },
};
