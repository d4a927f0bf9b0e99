import type { Location } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { keyPattern } from '../../rules/profile.ts';
import { checkShape, type ShapeProblem } from './check-shape.ts';
import { mistakes, type ProblemCollector } from './problem.ts';
import { AssetEntry, expectedKey, MAX_KEY_LENGTH } from './site-file.ts';
import {
  combinations,
  fillTemplate,
  MAX_ASSETS,
  MAX_VARIABLES,
  readRange,
  type Variables,
  wholeNumber,
} from './template.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** What an entry says, without the keys that have mistakes; those are reported and go no further. */
export type SoundPart = Partial<AssetEntry>;

/** One asset that an entry of the site file comes to, with its templates filled. */
export interface Member {
  readonly key: string;
  /** Place of the entry in `assets`. */
  readonly entryIndex: number;
  /** Place among the members of the entry, from 0. */
  readonly index: number;
  readonly entry: SoundPart;
  /** False where the entry has mistakes of form: it becomes no asset, but what it refers to is looked at. */
  readonly wellFormed: boolean;
  readonly name: Text;
  /** Undefined where a template in it has a mistake. */
  readonly address: unknown;
  /** The address as the entry has it holds templates, so that each member's is another. */
  readonly addressVaries: boolean;
  readonly parent: string | undefined;
  readonly location: Location;
  readonly group: string | undefined;
  readonly formerly: string | undefined;
}

export interface Expansion {
  readonly members: readonly Member[];
  /** False where the key of an entry cannot be read, so that a reference that leads nowhere may be to that one. */
  readonly complete: boolean;
}

/** Makes the members of all entries, in order; reports what is wrong with the entries' form and templates. */
export function expandAssets(entries: readonly unknown[], source: YamlSource, problems: ProblemCollector): Expansion {
  const members: Member[] = [];
  let complete = true;
  for (const [entryIndex, data] of entries.entries()) {
    const path = ['assets', entryIndex];
    const shape = checkShape(AssetEntry, data);
    for (const found of shape) {
      const at = [...path, ...found.path];
      problems.add(found.at === 'key' ? source.keyAt(at) : source.valueAt(at), found.finding);
    }
    const entry = soundPart(data, shape);
    const countBefore = members.length;
    for (const member of membersOf(entry, entryIndex, shape.length === 0, source, problems)) {
      if (members.length === MAX_ASSETS) {
        problems.add(source.valueAt(path), mistakes.tooManyAssets(MAX_ASSETS));
        return { members, complete: false };
      }
      members.push(member);
    }
    if (members.length === countBefore) complete = false;
  }
  return { members, complete };
}

function soundPart(data: unknown, shape: readonly ShapeProblem[]): SoundPart {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return {};
  const wrong = new Set(shape.map(({ path }) => path[0]));
  // Without its variables nothing in the entry can be filled.
  if (wrong.has('each')) return {};
  return Object.fromEntries(Object.entries(data).filter(([key]) => !wrong.has(key)));
}

function* membersOf(
  entry: SoundPart,
  entryIndex: number,
  wellFormed: boolean,
  source: YamlSource,
  problems: ProblemCollector,
): Generator<Member> {
  if (entry.key === undefined) return;
  const path = ['assets', entryIndex];
  const ranges = readEach(entry.each, [...path, 'each'], source, problems);
  if (ranges === undefined) return;
  let index = 0;
  for (const variables of combinations(ranges)) {
    const filler = new Filler(variables, path, source, problems);
    const key = filler.text(entry.key, ['key']);
    if (key === undefined) return;
    if (key.length > MAX_KEY_LENGTH || !keyForm.test(key)) {
      problems.add(source.valueAt([...path, 'key']), mistakes.malformed(JSON.stringify(key), expectedKey.expected));
      return;
    }
    const filled = filler.fill(entry);
    yield { key, entryIndex, index, entry, ...filled, wellFormed: wellFormed && !filler.failed };
    index++;
  }
}

const keyForm = new RegExp(keyPattern);

type NamedRange = { readonly name: string; readonly values: readonly (string | number)[] };

function readEach(
  each: AssetEntry['each'],
  path: Path,
  source: YamlSource,
  problems: ProblemCollector,
): readonly NamedRange[] | undefined {
  if (each === undefined) return [];
  const ranges: NamedRange[] = [];
  for (const [name, written] of Object.entries(each)) {
    const range = readRange(written);
    if (!range.ok) {
      problems.add(source.valueAt([...path, name]), range.finding);
      return undefined;
    }
    ranges.push({ name, values: range.values });
  }
  const count = ranges.reduce((product, range) => product * range.values.length, 1);
  if (count > MAX_ASSETS || ranges.length > MAX_VARIABLES) {
    problems.add(source.valueAt(path), mistakes.tooManyAssets(MAX_ASSETS));
    return undefined;
  }
  return ranges;
}

type FilledPart = Pick<Member, 'name' | 'address' | 'addressVaries' | 'parent' | 'location' | 'group' | 'formerly'>;

/** Fills the templates of one member and reports the first mistake of each. */
class Filler {
  readonly #variables: Variables;
  readonly #path: Path;
  readonly #source: YamlSource;
  readonly #problems: ProblemCollector;
  failed = false;

  constructor(variables: Variables, path: Path, source: YamlSource, problems: ProblemCollector) {
    this.#variables = variables;
    this.#path = path;
    this.#source = source;
    this.#problems = problems;
  }

  text(template: string, path: Path, inAddress = false): string | undefined {
    const filled = fillTemplate(template, this.#variables, inAddress);
    if (filled.ok) return filled.text;
    this.failed = true;
    this.#problems.add(this.#source.valueAt([...this.#path, ...path]), filled.finding);
    return undefined;
  }

  fill(entry: SoundPart): FilledPart {
    const zh = this.text(entry.name?.zh ?? '', ['name', 'zh']) ?? '';
    const en = this.text(entry.name?.en ?? '', ['name', 'en']) ?? '';
    const parent = entry.parent === undefined ? undefined : this.text(entry.parent, ['parent']);
    const formerly = entry.formerly === undefined ? undefined : this.text(entry.formerly, ['formerly']);
    const group = entry.group === undefined ? undefined : this.text(String(entry.group), ['group']);
    const location: { building?: string; floor?: string; place?: string } = {};
    for (const part of ['building', 'floor', 'place'] as const) {
      const written = entry.location?.[part];
      if (written !== undefined) location[part] = this.text(String(written), ['location', part]) ?? '';
    }
    const written = entry.address ?? {};
    const failedBefore = this.failed;
    this.failed = false;
    const filled = this.#deep(written, ['address']);
    const address = this.failed ? undefined : filled;
    this.failed ||= failedBefore;
    return { name: { zh, en }, address, addressVaries: address !== written, parent, location, group, formerly };
  }

  /** A copy with every text filled; the very same value where nothing in it is a template. */
  #deep(value: unknown, path: Path): unknown {
    if (typeof value === 'string') {
      return wholeNumber(value, this.#variables) ?? this.text(value, path, true) ?? value;
    }
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => {
      return [key, this.#deep(inner, [...path, key])] as const;
    });
    if (entries.every(([key, inner]) => inner === (value as Record<string, unknown>)[key])) return value;
    return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
  }
}
