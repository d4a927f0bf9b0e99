import { nearest } from '../../rules/expressions/expression.ts';
import { type Finding, mistakes } from './problem.ts';

/** Values of the `each` variables for one asset. */
export type Variables = Readonly<Record<string, string | number>>;

export type Filled = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly finding: Finding };

/** Bound on the variables of one `each`. */
export const MAX_VARIABLES = 6;
/** Bound on the assets that one file may come to. */
export const MAX_ASSETS = 100_000;

/** Placeholders that belong to the protocol: they stay as they are in an address. */
const protocolPlaceholders: ReadonlySet<string> = new Set(['asset', 'point']);

const placeholder = /\{\{|\}\}|\{(?<inner>[^{}]*)\}|[{}]/g;
const form = /^(?<name>[A-Za-z][A-Za-z0-9]*)(?::(?<pad>0[1-9]))?$/;

/**
 * Replaces `{n}` by the variable's value and `{n:02}` by the same with leading zeros to two places; `{{` and `}}` are
 * braces. `keep`: names of the protocol's own placeholders, which are left in place.
 */
export function fillTemplate(template: string, variables: Variables, inAddress = false): Filled {
  let finding: Finding | undefined;
  const text = template.replace(placeholder, (whole, inner: string | undefined) => {
    if (whole === '{{') return '{';
    if (whole === '}}') return '}';
    const groups = inner === undefined ? undefined : form.exec(inner)?.groups;
    const name = groups?.name;
    if (name === undefined) {
      finding ??= mistakes.badTemplate(whole);
      return whole;
    }
    if (!Object.hasOwn(variables, name)) {
      if (inAddress && protocolPlaceholders.has(name)) return whole;
      const names = Object.keys(variables);
      const suggestion = nearest(name, names);
      finding ??= { ...mistakes.unknownVariable(name, names), ...(suggestion !== undefined && { suggestion }) };
      return whole;
    }
    return String(variables[name]).padStart(Number(groups?.pad ?? 0), '0');
  });
  return finding === undefined ? { ok: true, text } : { ok: false, finding };
}

/**
 * The value of `{n}` where a text is nothing but that and the variable is a number, so that `unit: '{n}'` is a number;
 * undefined for all other texts.
 */
export function wholeNumber(template: string, variables: Variables): number | undefined {
  const name = /^\{([A-Za-z][A-Za-z0-9]*)\}$/.exec(template)?.[1];
  const value = name !== undefined && Object.hasOwn(variables, name) ? variables[name] : undefined;
  return typeof value === 'number' ? value : undefined;
}

export type Range =
  | { readonly ok: true; readonly values: readonly (string | number)[] }
  | { readonly ok: false; readonly finding: Finding };

/** Reads the values of one `each` variable: `1..23` (both ends included) or a list. */
export function readRange(range: string | readonly (string | number)[]): Range {
  if (typeof range !== 'string') return { ok: true, values: range };
  const match = /^\s*(\d{1,9})\s*\.\.\s*(\d{1,9})\s*$/.exec(range);
  if (match === null) return { ok: false, finding: mistakes.badRange(JSON.stringify(range)) };
  const first = Number(match[1]);
  const count = Number(match[2]) - first + 1;
  if (count < 1) return { ok: false, finding: mistakes.badRange(JSON.stringify(range)) };
  if (count > MAX_ASSETS) return { ok: false, finding: mistakes.tooManyAssets(MAX_ASSETS) };
  return { ok: true, values: Array.from({ length: count }, (_, place) => first + place) };
}

/** Every combination of the variables' values, the last variable counting fastest; one empty one without variables. */
export function* combinations(
  ranges: readonly { readonly name: string; readonly values: readonly (string | number)[] }[],
): Generator<Variables> {
  const [first, ...rest] = ranges;
  if (first === undefined) {
    yield {};
    return;
  }
  for (const value of first.values) {
    for (const inner of combinations(rest)) yield { [first.name]: value, ...inner };
  }
}
