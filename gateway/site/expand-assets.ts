import type { Location } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { keyPattern } from '../../rules/profile.ts';
import { checkShape } from './check-shape.ts';
import { mistakes, type ProblemCollector } from './problem.ts';
import { AssetEntry, expectedKey, MAX_KEY_LENGTH } from './site-file.ts';
import { combinations, fillTemplate, MAX_ASSETS, MAX_VARIABLES, readRange, type Variables, wholeNumber } from './template.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** One asset that an entry of the site file comes to. */
export interface Member {
  readonly key: string;
  /** Place of the entry in `assets`. */
  readonly entryIndex: number;
  /** Place among the members of the entry, from 0. */
  readonly index: number;
  /** Undefined where the entry has mistakes; the key is known all the same, so that others may refer to it. */
  readonly details: MemberDetails | undefined;
}

export interface MemberDetails {
  readonly entry: AssetEntry;
  readonly name: Text;
  readonly address: unknown;
  /** The address as the entry has it holds templates, so that each member's is another. */
  readonly addressVaries: boolean;
  readonly parent: string | undefined;
  readonly location: Location;
  readonly formerly: string | undefined;
}

/** Makes the members of all entries, in order; reports what is wrong with the entries' form and templates. */
export function expandAssets(
  entries: readonly unknown[],
  source: YamlSource,
  problems: ProblemCollector,
): readonly Member[] {
  const members: Member[] = [];
  for (const [entryIndex, data] of entries.entries()) {
    const path = ['assets', entryIndex];
    const shape = checkShape(AssetEntry, data);
    for (const found of shape) {
      const at = [...path, ...found.path];
      problems.add(found.at === 'key' ? source.keyAt(at) : source.valueAt(at), found.finding);
    }
    for (const member of membersOf(data, entryIndex, shape.length === 0, source, problems)) {
      if (members.length === MAX_ASSETS) {
        problems.add(source.valueAt(path), mistakes.tooManyAssets(MAX_ASSETS));
        return members;
      }
      members.push(member);
    }
  }
  return members;
}

function* membersOf(
  data: unknown,
  entryIndex: number,
  wellFormed: boolean,
  source: YamlSource,
  problems: ProblemCollector,
): Generator<Member> {
  // An entry with a mistake elsewhere still says which keys exist, if its key and each can be read.
  const { key, each } = (data ?? {}) as Partial<AssetEntry>;
  if (typeof key !== 'string') return;
  const path = ['assets', entryIndex];
  const ranges = readEach(each, [...path, 'each'], source, wellFormed ? problems : undefined);
  if (ranges === undefined) return;
  let index = 0;
  for (const variables of combinations(ranges)) {
    const filler = new Filler(variables, path, source, wellFormed ? problems : undefined);
    const filledKey = filler.text(key, ['key']);
    if (filledKey === undefined) return;
    if (filledKey.length > MAX_KEY_LENGTH || !keyForm.test(filledKey)) {
      if (wellFormed) {
        const finding = mistakes.malformed(JSON.stringify(filledKey), expectedKey.expected);
        problems.add(source.valueAt([...path, 'key']), finding);
      }
      return;
    }
    const details = wellFormed ? filler.details(data as AssetEntry) : undefined;
    yield { key: filledKey, entryIndex, index, details };
    index++;
  }
}

const keyForm = new RegExp(keyPattern);

type NamedRange = { readonly name: string; readonly values: readonly (string | number)[] };

function readEach(
  each: AssetEntry['each'],
  path: Path,
  source: YamlSource,
  problems: ProblemCollector | undefined,
): readonly NamedRange[] | undefined {
  if (each === undefined) return [];
  if (typeof each !== 'object' || each === null) return undefined;
  const ranges: NamedRange[] = [];
  for (const [name, written] of Object.entries(each)) {
    if (typeof written !== 'string' && !Array.isArray(written)) return undefined;
    const range = readRange(written);
    if (!range.ok) {
      problems?.add(source.valueAt([...path, name]), range.finding);
      return undefined;
    }
    ranges.push({ name, values: range.values });
  }
  const count = ranges.reduce((product, range) => product * range.values.length, 1);
  if (count > MAX_ASSETS || ranges.length > MAX_VARIABLES) {
    problems?.add(source.valueAt(path), mistakes.tooManyAssets(MAX_ASSETS));
    return undefined;
  }
  return ranges;
}

/** Fills the templates of one member and reports the first mistake of each. */
class Filler {
  readonly #variables: Variables;
  readonly #path: Path;
  readonly #source: YamlSource;
  readonly #problems: ProblemCollector | undefined;
  #failed = false;

  constructor(variables: Variables, path: Path, source: YamlSource, problems: ProblemCollector | undefined) {
    this.#variables = variables;
    this.#path = path;
    this.#source = source;
    this.#problems = problems;
  }

  text(template: string, path: Path, inAddress = false): string | undefined {
    const filled = fillTemplate(template, this.#variables, inAddress);
    if (filled.ok) return filled.text;
    this.#failed = true;
    this.#problems?.add(this.#source.valueAt([...this.#path, ...path]), filled.finding);
    return undefined;
  }

  details(entry: AssetEntry): MemberDetails | undefined {
    const zh = this.text(entry.name.zh, ['name', 'zh']) ?? '';
    const en = this.text(entry.name.en, ['name', 'en']) ?? '';
    const parent = entry.parent === undefined ? undefined : this.text(entry.parent, ['parent']);
    const formerly = entry.formerly === undefined ? undefined : this.text(entry.formerly, ['formerly']);
    const location: { building?: string; floor?: string; place?: string } = {};
    for (const part of ['building', 'floor', 'place'] as const) {
      const written = entry.location?.[part];
      if (written !== undefined) location[part] = this.text(String(written), ['location', part]) ?? '';
    }
    const written = entry.address ?? {};
    const address = this.#deep(written, ['address']);
    if (this.#failed) return undefined;
    return { entry, name: { zh, en }, address, addressVaries: address !== written, parent, location, formerly };
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
