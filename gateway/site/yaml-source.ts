import { closeSync, openSync, readSync } from 'node:fs';
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { type Finding, mistakes, type Position } from './problem.ts';

/** Where within the data: keys and indices from the top. */
export type Path = readonly (string | number)[];

/** Bound on the site file, in bytes; 100 000 assets, one entry each, stay well below. */
export const MAX_SITE_BYTES = 48 * 1024 * 1024;
/** Bound on one profile or map, in bytes. */
export const MAX_PACK_BYTES = 1024 * 1024;
/** Bound on how often aliases may be followed, so that a small file cannot unfold without end. */
const MAX_ALIASES = 10_000;

/** A YAML file as data that knows where each of its parts is written. */
export interface YamlSource {
  /** Name as problems show it. */
  readonly file: string;
  /** Plain data; undefined where the file is too broken to have any. */
  readonly data: unknown;
  readonly problems: readonly { readonly at: Position; readonly finding: Finding }[];
  /** Place of the value at `path`; of the nearest part above where there is none. */
  valueAt(path: Path): Position;
  /** Place of the key that leads to `path`. */
  keyAt(path: Path): Position;
  /** Place of the character `offset` of the text at `path`; of its start where it is escaped or folded. */
  textAt(path: Path, offset: number): Position;
}

export type ReadText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly finding: Finding };

/** Reads a text file of at most `maxBytes`. */
export function readTextFile(path: string, maxBytes: number): ReadText {
  let handle: number | undefined;
  try {
    handle = openSync(path, 'r');
    // One byte more than allowed tells a file that is too large, also where its size is not known beforehand.
    const buffer = Buffer.alloc(Math.min(maxBytes + 1, 64 * 1024));
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const read = readSync(handle, buffer, 0, buffer.length, null);
      if (read === 0) break;
      bytes += read;
      if (bytes > maxBytes) return { ok: false, finding: mistakes.tooLarge(bytes, maxBytes) };
      chunks.push(Buffer.from(buffer.subarray(0, read)));
    }
    return { ok: true, text: Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    return { ok: false, finding: mistakes.unreadable(reasonOf(error)) };
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? (error instanceof Error ? error.message : String(error));
}

/** Parses YAML 1.2; mistakes of syntax are in `problems`, and `data` is undefined where they leave nothing to check. */
export function parseYaml(text: string, file: string): YamlSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error', stringKeys: true });
  const position = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    at: position(error.pos[0]),
    finding: syntaxFinding(error, text),
  }));
  // A key written twice leaves the rest of the file as it is meant; any other mistake may have moved what follows.
  const usable = document.errors.every((error) => error.code === 'DUPLICATE_KEY');
  const badAliases = usable && text.includes('*') ? findBadAliases(document) : [];
  for (const { alias, finding } of badAliases) problems.push({ at: position(alias.range?.[0] ?? 0), finding });
  let data: unknown;
  if (usable && badAliases.length === 0) {
    try {
      data = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      // The library counts aliases only here.
      const message = error instanceof Error ? error.message : String(error);
      problems.push({ at: position(0), finding: mistakes.syntax('别名过多', message) });
    }
  }
  const root = document.contents;

  const locate = (path: Path): { key: Node | undefined; value: Node | undefined } => {
    let key: Node | undefined;
    let value: Node | undefined = root ?? undefined;
    for (const step of path) {
      const container: unknown = isAlias(value) ? value.resolve(document) : value;
      if (isMap(container)) {
        const pair = container.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        key = isNode(pair.key) ? pair.key : undefined;
        value = isNode(pair.value) ? pair.value : key;
      } else if (isSeq(container)) {
        const item = container.items[Number(step)];
        if (!isNode(item)) break;
        value = item;
        key = item;
      } else break;
    }
    return { key, value };
  };
  const startOf = (node: Node | undefined) => (node as ParsedNode | undefined)?.range?.[0] ?? 0;

  return {
    file,
    data,
    problems,
    valueAt: (path) => position(startOf(locate(path).value)),
    keyAt: (path) => {
      const { key, value } = locate(path);
      return position(startOf(key ?? value));
    },
    textAt: (path, offset) => {
      const node = locate(path).value;
      const start = startOf(node);
      if (!isScalar(node) || typeof node.value !== 'string') return position(start);
      const quote = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE' ? 1 : 0;
      const asWritten = text.startsWith(node.value, start + quote);
      return position(asWritten ? start + quote + offset : start);
    },
  };
}

/** Aliases without an anchor, and those within what they stand for, which would never end. */
function findBadAliases(document: Document.Parsed): { alias: Alias; finding: Finding }[] {
  const found: { alias: Alias; finding: Finding }[] = [];
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const name = `*${alias.source}`;
      const target = alias.resolve(document);
      if (target === undefined) {
        found.push({
          alias,
          finding: mistakes.syntax(`别名 ${name} 没有锚点`, `alias ${name} has no anchor before it`),
        });
      } else if (ancestors.includes(target)) {
        found.push({ alias, finding: mistakes.syntax(`别名 ${name} 包含自身`, `alias ${name} contains itself`) });
      }
    },
  });
  return found;
}

const syntaxTexts: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  ALIAS_PROPS: '别名不能带锚点或标签',
  BAD_ALIAS: '别名有误',
  BAD_DIRECTIVE: '指令有误',
  BAD_DQ_ESCAPE: '双引号内的转义有误',
  BAD_INDENT: '缩进有误',
  BAD_PROP_ORDER: '锚点或标签的位置有误',
  BAD_SCALAR_START: '值的首字符有误，请加引号',
  BLOCK_AS_IMPLICIT_KEY: '一行里只能有一个键，值中的冒号请加引号',
  BLOCK_IN_FLOW: '花括号或方括号内不能用缩进写法',
  IMPOSSIBLE: '无法解析',
  KEY_OVER_1024_CHARS: '键过长',
  MISSING_CHAR: '缺少字符（逗号、引号、括号或冒号后的空格）',
  MULTILINE_IMPLICIT_KEY: '键必须写在一行内',
  MULTIPLE_ANCHORS: '锚点重复',
  MULTIPLE_DOCS: '一个文件只能有一份文档',
  MULTIPLE_TAGS: '标签重复',
  NON_STRING_KEY: '键必须是文本',
  RESOURCE_EXHAUSTION: '嵌套过深',
  TAB_AS_INDENT: '缩进不能用制表符',
  TAG_RESOLVE_FAILED: '标签无法识别',
  UNEXPECTED_TOKEN: '多余的字符',
  BAD_COLLECTION_TYPE: '集合类型有误',
};

function syntaxFinding(error: YAMLError, text: string): Finding {
  if (error.code === 'DUPLICATE_KEY') {
    const rest = text.slice(error.pos[0], error.pos[0] + 80);
    return mistakes.repeatedKey(/^[^:\n]*/.exec(rest)?.[0].trim() ?? '');
  }
  return mistakes.syntax(syntaxTexts[error.code] ?? error.code, error.message);
}
