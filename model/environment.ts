/** Names and values of the environment, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A text with its `${NAME}` and `${NAME:-default}` replaced. */
export interface Substitution {
  readonly text: string;
  /** Variables that are not set and have no default; their place in `text` is empty. */
  readonly unset: readonly string[];
  /** `${…}` that is written wrongly and was left as it is. */
  readonly malformed: readonly string[];
}

const reference = /\$\{([^}]*)\}?/g;
const content = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[\s\S]*))?$/;

/** Replaces `${NAME}` and `${NAME:-default}`; an empty variable counts as not set, as in a shell's `:-`. */
export function substitute(text: string, environment: Environment): Substitution {
  const unset: string[] = [];
  const malformed: string[] = [];
  const replaced = text.replace(reference, (whole, inner: string) => {
    const groups = whole.endsWith('}') ? content.exec(inner)?.groups : undefined;
    const name = groups?.name;
    if (name === undefined) {
      malformed.push(whole);
      return whole;
    }
    const value = environment[name];
    if (value !== undefined && value !== '') return value;
    if (groups?.fallback === undefined) unset.push(name);
    return groups?.fallback ?? '';
  });
  return { text: replaced, unset, malformed };
}

export type ResolvedSettings =
  | { readonly ok: true; readonly settings: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly unset: readonly string[] };

/**
 * Settings of a link or channel with every `${…}` in their texts replaced, as an adapter or a channel needs them. A
 * text that is empty after that is left out, so that `${SECRET:-}` means "none". Not ok where a variable is not set.
 */
export function resolveSettings(
  settings: Readonly<Record<string, unknown>>,
  environment: Environment,
): ResolvedSettings {
  const unset = new Set<string>();
  const replaceIn = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const result = substitute(value, environment);
      for (const name of result.unset) unset.add(name);
      return result.text === '' && value !== '' ? undefined : result.text;
    }
    if (Array.isArray(value)) return value.map(replaceIn);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, replaceIn(inner)] as const);
    return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
  };
  const resolved = replaceIn(settings) as Record<string, unknown>;
  return unset.size > 0 ? { ok: false, unset: [...unset] } : { ok: true, settings: resolved };
}
