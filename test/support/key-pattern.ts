/** A text with a range, `lamp-{01..14}`, once for each of its numbers, padded as written; any other text by itself. */
export function numbered(text: string): string[] {
  const [range, from = '', to = ''] = /\{(\d+)\.\.(\d+)\}/.exec(text) ?? [];
  if (range === undefined) return [text];
  const first = Number(from);
  const numbers = Array.from({ length: Number(to) - first + 1 }, (_, n) =>
    String(first + n).padStart(from.length, '0'),
  );
  return numbers.flatMap((number) => numbered(text.replace(range, number)));
}

/** The keys that fit a pattern, which may have ranges, and `*` for any part of a name. Throws where none fits. */
export function matchKeys(keys: readonly string[], pattern: string): string[] {
  return numbered(pattern).flatMap((text) => {
    const source = text.replace(/\*|[^\w/-]/g, (part) => (part === '*' ? '[^/]*' : `\\${part}`));
    const found = keys.filter((key) => new RegExp(`^${source}$`).test(key));
    if (found.length === 0) throw new Error(`no point fits ${text}`);
    return found;
  });
}
