import { Document, isCollection, isMap, isSeq, type ParsedNode, parseDocument } from 'yaml';

/** An entry of `assets`, or any other mapping, in the order in which its keys are to be written. */
export type WrittenEntry = Readonly<Record<string, unknown>>;

export type EditedText =
  | { readonly ok: true; readonly text: string }
  /** `assets` is written in a form that entries cannot be added to: as a flow list, or not as a list at all. */
  | { readonly ok: false };

/**
 * Changes entries of `assets` in the text of a site file and leaves everything outside of them as it is, comments included;
 * comments within a replaced entry go with it. `replaced` has new entries by their place in the list; `appended` come after the last one.
 */
export function editAssets(
  text: string,
  replaced: ReadonlyMap<number, WrittenEntry>,
  appended: readonly WrittenEntry[],
): EditedText {
  const document = parseDocument(text, { stringKeys: true, logLevel: 'error' });
  const assets = document.get('assets', true) as ParsedNode | undefined;
  if (!isSeq(assets) || (assets.flow === true && assets.items.length > 0)) return { ok: false };
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const edits: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  for (const [index, entry] of replaced) {
    const item = assets.items[index];
    if (!isMap(item)) return { ok: false };
    const [from, valueEnd] = rangeOf(item as ParsedNode);
    const to = from + text.slice(from, valueEnd).trimEnd().length;
    edits.push({ from, to, text: linesOf(entry).join(newline + ' '.repeat(columnOf(text, from))) });
  }
  if (appended.length > 0) edits.push(appendAfter(text, assets as ParsedNode, appended, newline));
  let edited = text;
  for (const { from, to, text: piece } of edits.sort((a, b) => b.from - a.from)) {
    edited = edited.slice(0, from) + piece + edited.slice(to);
  }
  return { ok: true, text: edited };
}

function appendAfter(text: string, assets: ParsedNode, appended: readonly WrittenEntry[], newline: string) {
  const items = isSeq(assets) ? assets.items : [];
  const last = items.at(-1) as ParsedNode | undefined;
  // Two more than the dash: what follows it begins there.
  const indent = last === undefined ? 4 : columnOf(text, rangeOf(last)[0]);
  const written = appended.map((entry) => {
    return `${newline}${' '.repeat(indent - 2)}- ${linesOf(entry).join(newline + ' '.repeat(indent))}`;
  });
  if (last === undefined) {
    const [start, to] = rangeOf(assets);
    // The blank before `[]` goes with it.
    return { from: text.slice(0, start).trimEnd().length, to, text: written.join('') };
  }
  const [from, valueEnd] = rangeOf(last);
  const end = from + text.slice(from, valueEnd).trimEnd().length;
  const lineEnd = text.indexOf(newline, end);
  const at = lineEnd < 0 ? text.length : lineEnd;
  return { from: at, to: at, text: written.join('') };
}

function rangeOf(node: ParsedNode): readonly [number, number, number] {
  return node.range;
}

/** How far right of its line's start a place is. */
function columnOf(text: string, at: number): number {
  return at - (text.lastIndexOf('\n', at - 1) + 1);
}

/** An entry as lines: its keys below each other, what they hold on one line each. */
function linesOf(entry: WrittenEntry): string[] {
  return Object.entries(entry).map(([key, value]) => `${key}: ${flowText(value)}`);
}

/** A value on one line of YAML. */
export function flowText(value: unknown): string {
  const document = new Document(value);
  if (isCollection(document.contents)) document.contents.flow = true;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true }).trim();
}
