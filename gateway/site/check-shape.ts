import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { DURATION_PATTERN } from '../../model/duration.ts';
import type { Text } from '../../model/text.ts';
import { nearest } from '../../rules/expressions/expression.ts';
import { type Finding, mistakes } from './problem.ts';
import type { Path } from './yaml-source.ts';

/** A mistake of form; `at` says whether the key or the value at `path` is meant. */
export interface ShapeProblem {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly finding: Finding;
}

/** The parts of JSON Schema that are looked into here; whatever else a schema says is left to the library. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema | boolean>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly expected?: Text;
}

/** Problems of one value are not listed beyond this. */
const MAX_SHAPE_PROBLEMS = 200;

/**
 * Compares a value with its schema and gives one problem per mistake: a misspelt key is not also a missing one, and of
 * a union only the branch that was probably meant speaks.
 */
export function checkShape(schema: TSchema, value: unknown): readonly ShapeProblem[] {
  // Nearly everything is right, and the library says so faster than it can be looked through for what is wrong.
  if (Value.Check(schema, value)) return [];
  const problems = shapeProblems(schema as Schema, value, []);
  return problems.length > 0 ? problems.slice(0, MAX_SHAPE_PROBLEMS) : libraryProblems(schema, value);
}

function shapeProblems(schema: Schema, value: unknown, path: Path): ShapeProblem[] {
  const here = (finding: Finding): ShapeProblem[] => [{ path, at: 'value', finding }];
  if (schema.anyOf !== undefined) return unionProblems(schema.anyOf, value, path);
  const allowed = schema.const !== undefined ? [schema.const] : schema.enum;
  if (allowed !== undefined) {
    if (allowed.includes(value)) return [];
    return here(notAllowed(value, allowed));
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) {
    return here(mistakes.wrongType(typeTexts[schema.type] ?? plain(schema.type), foundText(value)));
  }
  if (schema.type === 'object') return objectProblems(schema, value as Record<string, unknown>, path);
  if (schema.type === 'array' && schema.items !== undefined) {
    const { items } = schema;
    const inner = (value as unknown[]).flatMap((item, index) => shapeProblems(items, item, [...path, index]));
    if (inner.length > 0) return inner;
  }
  if (Value.Check(schema as TSchema, value)) return [];
  return here(mistakes.malformed(shown(value), schema.expected ?? requirement(schema, value)));
}

function objectProblems(schema: Schema, value: Readonly<Record<string, unknown>>, path: Path): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  const properties = schema.properties ?? {};
  const names = Object.keys(properties).filter((name) => properties[name] !== false);
  const meant = new Set<string>();
  for (const [key, inner] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (typeof property === 'object') {
      problems.push(...shapeProblems(property, inner, [...path, key]));
      continue;
    }
    if (property === true) continue;
    const pattern = Object.entries(schema.patternProperties ?? {}).find(([source]) => new RegExp(source).test(key));
    if (pattern !== undefined) {
      problems.push(...shapeProblems(pattern[1], inner, [...path, key]));
    } else if (schema.patternProperties !== undefined) {
      const sources = Object.keys(schema.patternProperties).join(' | ');
      problems.push({
        path: [...path, key],
        at: 'key',
        finding: mistakes.malformed(shown(key), { zh: `键应符合 ${sources}`, en: `keys match ${sources}` }),
      });
    } else if (schema.additionalProperties === false) {
      const unused = names.filter((name) => !Object.hasOwn(value, name));
      const suggestion = nearest(key, unused);
      if (suggestion !== undefined) meant.add(suggestion);
      problems.push({
        path: [...path, key],
        at: 'key',
        finding: unknownKey(key, inner, suggestion, names),
      });
    }
  }
  const absent = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name) && !meant.has(name));
  const missing = absent.filter((name) => {
    // Where other keys are allowed, one that is nearly the missing one is taken for it all the same.
    const others =
      schema.additionalProperties === false ? [] : Object.keys(value).filter((key) => !names.includes(key));
    const misspelt = nearest(name, others);
    if (misspelt === undefined) return true;
    const finding = { ...mistakes.unknownKey(misspelt), suggestion: name };
    problems.push({ path: [...path, misspelt], at: 'key', finding });
    return false;
  });
  if (missing.length > 0) problems.push({ path, at: 'value', finding: mistakes.missingKey(missing) });
  return problems;
}

function unknownKey(key: string, value: unknown, suggestion: string | undefined, names: readonly string[]): Finding {
  if (suggestion !== undefined) return { ...mistakes.unknownKey(key), suggestion };
  return value === null && key.includes(' ') ? mistakes.unquotedText(key) : mistakes.unknownKey(key, names);
}

function unionProblems(branches: readonly Schema[], value: unknown, path: Path): ShapeProblem[] {
  if (branches.some((branch) => Value.Check(branch as TSchema, value))) return [];
  const constants = branches.flatMap((branch) => (branch.const !== undefined ? [branch.const] : (branch.enum ?? [])));
  const others = branches.filter((branch) => branch.const === undefined && branch.enum === undefined);
  const fitting = others.filter((branch) => branch.type === undefined || hasType(value, branch.type));
  if (fitting.length === 0) {
    if (constants.length > 0 && isScalar(value)) {
      return [{ path, at: 'value', finding: notAllowed(value, constants) }];
    }
    const types = [...new Set(branches.map((branch) => branch.type ?? typeof branch.const))];
    const texts = types.map((type) => typeTexts[type] ?? plain(type));
    const expected = { zh: texts.map((text) => text.zh).join('或'), en: texts.map((text) => text.en).join(' or ') };
    return [{ path, at: 'value', finding: mistakes.wrongType(expected, foundText(value)) }];
  }
  const told = fitting.map((branch) => shapeProblems(branch, value, path));
  told.sort((a, b) => a.length - b.length);
  return told[0] ?? [];
}

/** What the library finds beyond the above: conditions and dependencies between keys. */
function libraryProblems(schema: TSchema, value: unknown): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  for (const error of Value.Errors(schema, value)) {
    const path = error.instancePath.split('/').slice(1).map(unescapePointer);
    if (error.keyword === 'boolean') {
      const finding = mistakes.doesNotGo(String(path.at(-1) ?? ''));
      problems.push({ path, at: 'key', finding });
    } else if (error.keyword === 'required') {
      problems.push({ path, at: 'value', finding: mistakes.missingKey(error.params.requiredProperties) });
    } else if (error.keyword === 'dependentRequired') {
      problems.push({ path, at: 'value', finding: mistakes.missingKey(error.params.dependencies) });
    }
  }
  if (problems.length > 0) return problems;
  const [first] = Value.Errors(schema, value);
  const path = (first?.instancePath ?? '').split('/').slice(1).map(unescapePointer);
  const message = first?.message ?? 'does not match its schema';
  return [{ path, at: 'value', finding: mistakes.malformed(shown(value), plain(message)) }];
}

const unescapePointer = (step: string) => step.replaceAll('~1', '/').replaceAll('~0', '~');

function notAllowed(value: unknown, allowed: readonly unknown[]): Finding {
  const names = allowed.filter((name) => typeof name === 'string' && name !== value) as string[];
  const suggestion = typeof value === 'string' ? nearest(value, names) : undefined;
  const finding = mistakes.notAllowed(shown(value), allowed.map(shown));
  return { ...finding, ...(suggestion !== undefined && { suggestion }) };
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
}

const isScalar = (value: unknown) => value !== null && typeof value !== 'object';

const typeTexts: Readonly<Record<string, Text>> = {
  string: { zh: '文本', en: 'a text' },
  number: { zh: '数', en: 'a number' },
  integer: { zh: '整数', en: 'an integer' },
  boolean: { zh: 'true 或 false', en: 'true or false' },
  object: { zh: '若干“键: 值”', en: 'a group of "key: value"' },
  array: { zh: '列表', en: 'a list' },
  null: { zh: '空值', en: 'nothing' },
};

function foundText(value: unknown): Text {
  if (value === null || value === undefined) return { zh: '空值', en: 'empty' };
  if (Array.isArray(value)) return typeTexts.array ?? plain('a list');
  if (typeof value === 'object') return typeTexts.object ?? plain('a group');
  return plain(shown(value));
}

/** Bound on a value that a message repeats, in UTF-16 units. */
const MAX_SHOWN = 60;

/** A value as a message repeats it, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

const plain = (text: string): Text => ({ zh: text, en: text });

/** What a value of the right type still has to be. */
function requirement(schema: Schema, value: unknown): Text {
  const { minimum, maximum, pattern, description } = schema;
  if (typeof value === 'number' && (minimum !== undefined || maximum !== undefined)) {
    const range = `${minimum ?? '−∞'} … ${maximum ?? '∞'}`;
    return { zh: `应在 ${range} 之间`, en: `it lies within ${range}` };
  }
  if (value === '') return { zh: '不能为空', en: 'it may not be empty' };
  if (pattern === DURATION_PATTERN) {
    return { zh: '时长写作 500ms、30s、5min、2h、7d', en: 'durations are written 500ms, 30s, 5min, 2h, 7d' };
  }
  if (pattern !== undefined) {
    const form = description ?? pattern;
    return { zh: `格式不对（${form}）`, en: form };
  }
  return plain(Value.Errors(schema as TSchema, value)[0]?.message ?? 'it does not match its schema');
}
