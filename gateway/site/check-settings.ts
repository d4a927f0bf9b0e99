import type { TObject, TSchema } from 'typebox';
import { type Environment, substitute } from '../../model/environment.ts';
import { checkShape, type ShapeProblem, shown } from './check-shape.ts';
import { mistakes } from './problem.ts';
import type { Path } from './yaml-source.ts';

const secretName = /password|passphrase|secret|token/i;

/**
 * Checks the settings of a link or channel as they are once `${…}` is replaced. What hangs on a variable that is not
 * set cannot be judged: that is a warning and nothing else.
 */
export function checkSettings(
  schema: TSchema,
  settings: Readonly<Record<string, unknown>>,
  environment: Environment,
): readonly ShapeProblem[] {
  const found: ShapeProblem[] = [];
  const unjudged = new Set<string>();
  const written = new Map<string, { raw: string; replaced: string }>();
  const replaceIn = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') {
      const { text, unset, malformed } = substitute(value, environment);
      for (const reference of malformed) found.push({ path, at: 'value', finding: mistakes.badVariable(reference) });
      for (const name of unset) found.push({ path, at: 'value', finding: mistakes.unsetVariable(name) });
      const key = String(path.at(-1));
      if (secretName.test(key) && text === value && value !== '') {
        found.push({ path, at: 'value', finding: mistakes.openSecret(key) });
      }
      if (unset.length > 0 || malformed.length > 0) unjudged.add(pathKey(path));
      else if (text === '' && value !== '') return undefined;
      if (text !== value) written.set(pathKey(path), { raw: value, replaced: text });
      return text;
    }
    if (Array.isArray(value)) return value.map((inner, index) => replaceIn(inner, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, replaceIn(inner, [...path, key])] as const);
    return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
  };
  const replaced = replaceIn(settings, []);
  const shape = checkShape(schema, replaced).filter((problem) => !unjudged.has(pathKey(problem.path)));
  return [...found, ...shape.map((problem) => concealed(problem, written.get(pathKey(problem.path))))];
}

/** A message repeats what stands in the file, never what came from the environment: it may be a secret. */
function concealed(problem: ShapeProblem, written: { raw: string; replaced: string } | undefined): ShapeProblem {
  if (written === undefined) return problem;
  const { code, text } = problem.finding;
  const conceal = (message: string) =>
    message.replaceAll(shown(written.replaced), shown(written.raw)).replaceAll(written.replaced, '…');
  // What was probably meant would tell what it is now.
  return { ...problem, finding: { code, text: { zh: conceal(text.zh), en: conceal(text.en) } } };
}

/**
 * The schema of a head (`key`, `name`, `protocol`) and of what its protocol or kind adds beside it, as one, so that a
 * misspelt key of either is one mistake.
 */
export function withHead(head: TObject, schema: TSchema): TSchema {
  const { anyOf, properties, required } = schema as {
    anyOf?: readonly TSchema[];
    properties?: object;
    required?: readonly string[];
  };
  if (anyOf !== undefined) return { ...schema, anyOf: anyOf.map((branch) => withHead(head, branch)) };
  return {
    ...schema,
    properties: { ...head.properties, ...properties },
    required: [...(head.required ?? []), ...(required ?? [])],
  };
}

const pathKey = (path: Path) => path.join('/');
