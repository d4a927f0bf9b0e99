import type { parse } from '@bufbuild/cel';
import { parseDuration } from '../../model/duration.ts';
import type { Text } from '../../model/text.ts';
import type { WindowKind } from './window.ts';

type ParsedNode = ReturnType<typeof parse>['expr'];
type Constant = Extract<ParsedNode['exprKind'], { case: 'constExpr' }>['value']['constantKind'];

/** Shortest and longest window, ms: nobody polls faster than the one; the longest month and some days fit into the other. */
export const MIN_WINDOW_MS = 1000;
export const MAX_WINDOW_MS = 35 * 86_400_000;

/** What a window function takes and gives. */
interface WindowFunction {
  /** Type of the first argument; any, if absent. */
  readonly argument?: 'bool' | 'number';
  readonly result: 'bool' | 'number';
  /** How it is written, for the text of a mistake. */
  readonly form: Text;
}

const ofNumber = (name: string): WindowFunction => ({
  argument: 'number',
  result: 'number',
  form: { zh: `${name}(数, '10min')`, en: `${name}(number, '10min')` },
});

/** The functions of expressions that look back, by name. */
export const windowFunctions: Readonly<Record<WindowKind, WindowFunction>> = {
  avg: ofNumber('avg'),
  min: ofNumber('min'),
  max: ofNumber('max'),
  delta: ofNumber('delta'),
  increase: ofNumber('increase'),
  count: {
    argument: 'bool',
    result: 'number',
    form: { zh: "count(条件, '10min')", en: "count(condition, '10min')" },
  },
  changes: { result: 'number', form: { zh: "changes(值, '10min')", en: "changes(value, '10min')" } },
  held: { argument: 'bool', result: 'bool', form: { zh: "held(条件, '10min')", en: "held(condition, '10min')" } },
  since: { argument: 'bool', result: 'number', form: { zh: 'since(条件)', en: 'since(condition)' } },
};

export function isWindowKind(name: string): name is WindowKind {
  return Object.hasOwn(windowFunctions, name);
}

/** Length of a window in ms as its second argument says, or what is wrong with it. */
export function windowDuration(node: ParsedNode): number | Text {
  const constant: Constant | undefined =
    node.exprKind.case === 'constExpr' ? node.exprKind.value.constantKind : undefined;
  if (constant?.case !== 'stringValue') {
    return { zh: "时长要写成带引号的文字，例如 '10min'", en: "the duration is a quoted text, e.g. '10min'" };
  }
  const durationMs = parseDuration(constant.value);
  if (durationMs === undefined) {
    return {
      zh: `“${constant.value}”不是时长，应写作 '90s'、'10min'、'2h' 或 '7d'`,
      en: `“${constant.value}” is no duration; write '90s', '10min', '2h' or '7d'`,
    };
  }
  if (durationMs < MIN_WINDOW_MS || durationMs > MAX_WINDOW_MS) {
    return {
      zh: `时长应在 1s 到 35d 之间，这里是 ${constant.value}`,
      en: `a window lasts 1s to 35d, not ${constant.value}`,
    };
  }
  return durationMs;
}

/**
 * The name of a window's slot, the same wherever an expression of the asset asks for the same window, however it is
 * spaced: `#count(and(running,gt(flow,5)),3600000)`. Neither `/` nor `|`, which divide the keys of slots and tracks,
 * occurs in it; no point's name begins with `#`.
 */
export function windowName(kind: WindowKind, argument: ParsedNode, durationMs: number): string {
  return kind === 'since' ? `#since(${canonical(argument)})` : `#${kind}(${canonical(argument)},${durationMs})`;
}

/** CEL's names of operators have the operator's own characters; these are their words. */
const operatorWords: Readonly<Record<string, string>> = {
  '_&&_': 'and',
  '_||_': 'or',
  '!_': 'not',
  '-_': 'neg',
  '_?_:_': 'if',
  '_==_': 'eq',
  '_!=_': 'ne',
  '_<_': 'lt',
  '_<=_': 'le',
  '_>_': 'gt',
  '_>=_': 'ge',
  '_+_': 'add',
  '_-_': 'sub',
  '_*_': 'mul',
  '_/_': 'div',
  '_%_': 'mod',
  '@in': 'in',
};

/** A compiled expression's tree in prefix form; throws on what no compiled expression has. */
function canonical(node: ParsedNode): string {
  const kind = node.exprKind;
  switch (kind.case) {
    case 'constExpr':
      return canonicalConstant(kind.value.constantKind);
    case 'identExpr':
      return kind.value.name;
    case 'selectExpr':
      return `${kind.value.operand ? canonical(kind.value.operand) : ''}.${kind.value.field}`;
    case 'listExpr':
      return `[${kind.value.elements.map(canonical).join()}]`;
    case 'callExpr':
      return `${operatorWords[kind.value.function] ?? kind.value.function}(${kind.value.args.map(canonical).join()})`;
    default:
      throw new Error(`no canonical form of ${kind.case}`);
  }
}

function canonicalConstant(constant: Constant): string {
  // Numbers are doubles, also when written as integers: `1` and `1.0` are the same window.
  if (constant.case === 'boolValue') return String(constant.value);
  const number = Number(constant.value);
  return Object.is(number, -0) ? '-0' : String(number);
}
