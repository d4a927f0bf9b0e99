/**
 * Writes the JSON Schemas by which an editor completes and checks site files, profiles and maps; with `--check` writes
 * nothing and exits with 1 where a file is not as it would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TObject, TSchema } from 'typebox';
import { protocols } from '../../adapters/registry.ts';
import type { Protocol } from '../../model/adapter.ts';
import { ProfileFileSchema, profilesFolder } from '../../rules/profile.ts';
import { channelSettings } from './channel-settings.ts';
import { withHead } from './check-settings.ts';
import { packNames } from './packs.ts';
import {
  AssetEntry,
  CampaignEntry,
  ChannelHead,
  LinkHead,
  MapFileHead,
  PersonEntry,
  PlannedEntry,
  RateEntry,
  SiteFileHead,
  SiteHead,
  SystemEntry,
} from './site-file.ts';

/** Plain JSON. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const dialect = 'http://json-schema.org/draft-07/schema#';

/** The schema of site files, with the settings of every protocol and channel that this program has. */
export function generateSchema(): JsonObject {
  const all = Object.values(protocols) as readonly Protocol[];
  const mapNames = all.flatMap((protocol) => packNames(fileURLToPath(mapsFolder(protocol))));
  const link = byChoice(
    LinkHead,
    'protocol',
    all.map((protocol) => [protocol.key, protocol.settingsSchema]),
  );
  const channel = byChoice(ChannelHead, 'kind', Object.entries(channelSettings));
  const asset = withProperties(plain(AssetEntry), {
    profile: named(AssetEntry, 'profile', packNames(fileURLToPath(profilesFolder))),
    map: named(AssetEntry, 'map', mapNames),
    address: {
      description: 'where on the link; what stands here belongs to the protocol',
      anyOf: all.map((protocol) => allowTemplates(plain(protocol.assetAddressSchema))),
    },
  });
  const system = withProperties(plain(SystemEntry), { rates: listOf(SystemEntry, 'rates', plain(RateEntry)) });
  const person = withProperties(plain(PersonEntry), { channels: listOf(PersonEntry, 'channels', channel) });
  const sections = withProperties(plain(SiteFileHead), {
    site: plain(SiteHead),
    links: listOf(SiteFileHead, 'links', link),
    systems: listOf(SiteFileHead, 'systems', system),
    assets: listOf(SiteFileHead, 'assets', asset),
    planned: listOf(SiteFileHead, 'planned', plain(PlannedEntry)),
    campaigns: listOf(SiteFileHead, 'campaigns', plain(CampaignEntry)),
    people: listOf(SiteFileHead, 'people', person),
  });
  return { $schema: dialect, title: 'Lamplighter site file', ...sections };
}

/** The schema of profiles, `rules/profiles/*.yaml`. */
function generateProfileSchema(): JsonObject {
  return { $schema: dialect, title: 'Lamplighter profile', ...plain(ProfileFileSchema) };
}

/** The schema of a protocol's maps, `adapters/PROTOCOL/maps/*.yaml`. */
function generateMapSchema(protocol: Protocol): JsonObject {
  const map = withProperties(plain(MapFileHead), {
    profile: named(MapFileHead, 'profile', packNames(fileURLToPath(profilesFolder))),
    points: { type: 'object', additionalProperties: plain(protocol.mapPointSchema) },
  });
  return { $schema: dialect, title: `Lamplighter map for ${protocol.key}`, ...map };
}

/** Every generated file with the text that it should have. */
export function generatedFiles(): readonly { readonly url: URL; readonly text: string }[] {
  const file = (name: string, schema: JsonObject) => ({
    url: new URL(name, import.meta.url),
    text: `${print(schema, 0, 0)}\n`,
  });
  return [
    file('site.schema.json', generateSchema()),
    file('profile.schema.json', generateProfileSchema()),
    ...Object.values(protocols).map((protocol) =>
      file(`map-${protocol.key}.schema.json`, generateMapSchema(protocol as Protocol)),
    ),
  ];
}

function mapsFolder(protocol: Protocol): URL {
  return new URL(`../../adapters/${protocol.key}/maps/`, import.meta.url);
}

/** The schema as plain JSON, without what only our own messages use. */
function plain(schema: TSchema): JsonObject {
  return JSON.parse(JSON.stringify(schema, (key, value) => (key === 'expected' ? undefined : value)));
}

function withProperties(schema: JsonObject, properties: JsonObject): JsonObject {
  return { ...schema, properties: { ...(schema.properties as JsonObject), ...properties } };
}

/** A list of `items`, described as the property of the head is. */
function listOf(head: TObject, name: string, items: JsonObject): JsonObject {
  return { ...plain(propertyOf(head, name)), items };
}

/** A text for which an editor offers names, without refusing others: packs may also lie beside the site file. */
function named(head: TObject, name: string, names: readonly string[]): JsonObject {
  const { description } = plain(propertyOf(head, name));
  return { ...(description !== undefined && { description }), anyOf: [{ enum: names }, { type: 'string' }] };
}

function propertyOf(head: TObject, name: string): TSchema {
  const property = head.properties[name];
  if (property === undefined) throw new Error(`the schema has no ${name}`);
  return property;
}

/** What stands under a head, by the value of one of its keys: `if` that, `then` these keys and no others. */
function byChoice(
  head: TObject,
  key: string,
  choices: readonly (readonly [value: string, schema: TSchema])[],
): JsonObject {
  return {
    type: 'object',
    required: plain(head).required ?? [],
    properties: {
      ...(plain(head).properties as JsonObject),
      [key]: { ...plain(propertyOf(head, key)), enum: choices.map(([value]) => value) },
    },
    allOf: choices.map(([value, schema]) => ({
      if: { properties: { [key]: { const: value } }, required: [key] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: plain(withHead(head, allowVariables(plain(schema)) as TSchema)),
    })),
  };
}

/** Where a text has a form, `${NAME}` is allowed in its place. */
function allowVariables(schema: Json): Json {
  return transform(schema, (part) => {
    const { pattern } = part;
    return typeof pattern === 'string' ? { ...part, pattern: `${pattern}|\\$\\{` } : part;
  });
}

/** Where an address has a number, a variable of `each` is allowed in its place. */
function allowTemplates(schema: Json): Json {
  return transform(schema, (part) => {
    if (part.type !== 'integer' && part.type !== 'number') return part;
    const { description, ...number } = part;
    const template = { type: 'string', pattern: '^\\{[A-Za-z][A-Za-z0-9]*\\}$' };
    return { ...(description !== undefined && { description }), anyOf: [number, template] };
  });
}

function transform(value: Json, change: (part: JsonObject) => JsonObject): Json {
  if (Array.isArray(value)) return value.map((item) => transform(item, change));
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.entries(value).map(([key, part]) => [key, transform(part, change)] as const);
  return change(Object.fromEntries(inner));
}

/** Width that the project's formatter keeps to, for JSON as well. */
const LINE_WIDTH = 120;

/** JSON as the project's formatter leaves it: groups over lines, lists of plain values in one where they fit. */
function print(value: Json, depth: number, used: number): string {
  const indent = '  '.repeat(depth + 1);
  const end = `\n${'  '.repeat(depth)}`;
  if (Array.isArray(value)) {
    const isFlat = value.every((item) => typeof item !== 'object' || item === null);
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    // One place is kept for the comma that may follow.
    if (isFlat && used + line.length < LINE_WIDTH) return line;
    return `[\n${value.map((item) => indent + print(item, depth + 1, indent.length)).join(',\n')}${end}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const lines = entries.map(([key, inner]) => {
    const name = `${indent}${JSON.stringify(key)}: `;
    return name + print(inner, depth + 1, name.length);
  });
  return `{\n${lines.join(',\n')}${end}}`;
}

function writtenText(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    // A file that is not there is out of date like any other.
    return undefined;
  }
}

if (import.meta.main) {
  const outdated = generatedFiles().filter(({ url, text }) => writtenText(url) !== text);
  if (process.argv.includes('--check')) {
    for (const { url } of outdated) {
      console.error(`${fileURLToPath(url)} is out of date; run: node gateway/site/generate-schema.ts`);
    }
    if (outdated.length > 0) process.exitCode = 1;
  } else {
    for (const { url, text } of outdated) writeFileSync(url, text);
  }
}
