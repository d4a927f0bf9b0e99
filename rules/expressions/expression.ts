import { parse } from '@bufbuild/cel';
import type { ValueKind } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import {
  always,
  and,
  arithmetic,
  bit,
  comparison,
  conditional,
  isKnown,
  membership,
  negative,
  not,
  or,
  slotValue,
} from './three-valued.ts';
import type { WindowKind } from './window.ts';
import { isWindowKind, windowDuration, windowFunctions, windowName } from './window-call.ts';

/** What an expression may name: points of the asset, of its parent (absent: it has none), and the site's own values. */
export interface Scope {
  readonly points: Readonly<Record<string, ValueKind>>;
  readonly parent?: Readonly<Record<string, ValueKind>>;
}

/** A mistake in an expression; `offset` counts UTF-16 units from its start. */
export interface ExpressionProblem {
  readonly offset: number;
  readonly text: Text;
  readonly suggestion?: string;
}

/**
 * A compiled expression. `values` holds one number per slot: the value, 0/1 of a bool, NaN where it is not known or
 * not trusted. `slots` says for each of the expression's `names`, in order, which slot it reads. The result follows the
 * same form: NaN is unknown.
 */
export type Evaluate = (values: Float64Array, slots: Int32Array) => number;

export interface Expression {
  readonly type: ValueType;
  /** `pressure`, `parent.breakerClosed`, `site.dark` …, and the names of its windows, each once. */
  readonly names: readonly string[];
  readonly evaluate: Evaluate;
  /** The windows whose results `evaluate` reads, by their names, each once. */
  readonly windows: readonly WindowCall[];
}

/**
 * A window that an expression looks at: a computed point. Whoever evaluates the expression evaluates the argument first,
 * puts it into the window (`window.ts`) and the window's result into the slot of its name; `evaluate` only reads it.
 */
export interface WindowCall {
  /** The same for the same window in every expression of the asset: `#count(running,3600000)`. */
  readonly name: string;
  readonly kind: WindowKind;
  /** Length of the window, ms; 0 for `since`, which looks back without end. */
  readonly durationMs: number;
  /** What is put into it; its names are those of points and of the site, never of windows. */
  readonly argument: { readonly names: readonly string[]; readonly evaluate: Evaluate };
}

export type Compilation =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly problems: readonly ExpressionProblem[] };

type ValueType = 'bool' | 'number';

/**
 * The site's own values by name, all of which follow from the record's time: whether the sun is down, the hour of the
 * site's day (0 to 24, with fraction), and the time itself, epoch ms.
 */
export const siteNames = { dark: 'bool', hour: 'number', time: 'number' } as const satisfies Record<string, ValueType>;

/** Bound on the length of one expression, in UTF-16 units, so that a pasted file is a mistake and no stack overflow. */
export const MAX_EXPRESSION_LENGTH = 2000;

type ParsedNode = ReturnType<typeof parse>['expr'];
type CallNode = Extract<ParsedNode['exprKind'], { case: 'callExpr' }>['value'];

class Mistake extends Error {
  readonly problem: ExpressionProblem;
  constructor(problem: ExpressionProblem) {
    super(problem.text.en);
    this.problem = problem;
  }
}

/** Compiles CEL to a closure, with every name and type checked. `expected` is the type the caller needs, bool if absent. */
export function compileExpression(source: string, scope: Scope, expected: ValueType = 'bool'): Compilation {
  if (source.length > MAX_EXPRESSION_LENGTH) {
    return failed(0, {
      zh: `表达式超过 ${MAX_EXPRESSION_LENGTH} 个字符`,
      en: `expression is longer than ${MAX_EXPRESSION_LENGTH} characters`,
    });
  }
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(source);
  } catch (error) {
    const { offset, message } = parseFailure(error);
    return failed(offset, { zh: `表达式语法错误：${message}`, en: `expression cannot be parsed: ${message}` });
  }
  const positions = parsed.sourceInfo?.positions ?? {};
  const compiler = new Compiler(scope, (node) => positions[String(node.id)] ?? 0);
  try {
    const compiled = compiler.compile(parsed.expr, expected);
    const { names, windows } = compiler;
    return { ok: true, expression: { ...compiled, names, windows: [...windows.values()] } };
  } catch (error) {
    if (error instanceof Mistake) return { ok: false, problems: [error.problem] };
    throw error;
  }
}

/** The mistakes of an expression; empty if it compiles. */
export function checkExpression(
  source: string,
  scope: Scope,
  expected: ValueType = 'bool',
): readonly ExpressionProblem[] {
  const compilation = compileExpression(source, scope, expected);
  return compilation.ok ? [] : compilation.problems;
}

function failed(offset: number, text: Text): Compilation {
  return { ok: false, problems: [{ offset, text }] };
}

function parseFailure(error: unknown): { offset: number; message: string } {
  const failure = error as { rawMessage?: unknown; location?: { start?: { offset?: unknown } } };
  const offset = failure.location?.start?.offset;
  return {
    offset: typeof offset === 'number' ? offset : 0,
    message: typeof failure.rawMessage === 'string' ? failure.rawMessage : String(error),
  };
}

interface Compiled {
  readonly type: ValueType;
  readonly evaluate: Evaluate;
}

class Compiler {
  readonly names: string[] = [];
  readonly windows = new Map<string, WindowCall>();
  readonly #scope: Scope;
  readonly #offsetOf: (node: ParsedNode) => number;
  /** It compiles the argument of a window, which has no window in it. */
  readonly #inWindow: boolean;

  constructor(scope: Scope, offsetOf: (node: ParsedNode) => number, inWindow = false) {
    this.#scope = scope;
    this.#offsetOf = offsetOf;
    this.#inWindow = inWindow;
  }

  compile(node: ParsedNode, expected?: ValueType): Compiled {
    const compiled = this.#node(node);
    if (expected !== undefined && compiled.type !== expected) {
      this.#fail(
        node,
        expected === 'bool'
          ? { zh: '这里需要真假值，得到的是数', en: 'a bool is needed here, this is a number' }
          : { zh: '这里需要数，得到的是真假值', en: 'a number is needed here, this is a bool' },
      );
    }
    return compiled;
  }

  #node(node: ParsedNode): Compiled {
    const kind = node.exprKind;
    switch (kind.case) {
      case 'constExpr':
        return this.#constant(node, kind.value.constantKind);
      case 'identExpr':
        return this.#point(node, kind.value.name, this.#scope.points, '');
      case 'selectExpr':
        // CEL's has(parent.x) arrives as a selection, too; to us a point is there or the expression is wrong.
        if (kind.value.testOnly) break;
        return this.#select(node, kind.value.operand, kind.value.field);
      case 'callExpr':
        return this.#call(node, kind.value);
    }
    return this.#fail(node, { zh: '不支持的写法', en: 'this form is not supported' });
  }

  #constant(node: ParsedNode, constant: { case?: string | undefined; value?: unknown }): Compiled {
    switch (constant.case) {
      case 'boolValue':
        return { type: 'bool', evaluate: always(constant.value === true ? 1 : 0) };
      case 'doubleValue':
      case 'int64Value':
      case 'uint64Value':
        return { type: 'number', evaluate: always(Number(constant.value)) };
      default:
        return this.#fail(node, { zh: '只支持数与真假值', en: 'only numbers and bools are supported' });
    }
  }

  #select(node: ParsedNode, operand: ParsedNode | undefined, field: string): Compiled {
    const owner = operand?.exprKind.case === 'identExpr' ? operand.exprKind.value.name : undefined;
    if (owner === 'site') {
      const type = Object.hasOwn(siteNames, field) ? siteNames[field as keyof typeof siteNames] : undefined;
      if (type === undefined)
        this.#unknownName(
          node,
          `site.${field}`,
          Object.keys(siteNames).map((name) => `site.${name}`),
        );
      return { type, evaluate: this.#read(`site.${field}`) };
    }
    if (owner === 'parent') {
      if (this.#scope.parent === undefined) {
        this.#fail(node, { zh: '该资产没有上级（parent）', en: 'this asset has no parent' });
      }
      return this.#point(node, field, this.#scope.parent, 'parent.');
    }
    return this.#fail(node, {
      zh: '只能用 parent.点名 或 site.名称',
      en: 'only parent.POINT and site.NAME can be selected',
    });
  }

  #point(node: ParsedNode, name: string, points: Readonly<Record<string, ValueKind>>, prefix: string): Compiled {
    const kind = Object.hasOwn(points, name) ? points[name] : undefined;
    if (kind === undefined)
      this.#unknownName(
        node,
        prefix + name,
        Object.keys(points).map((key) => prefix + key),
      );
    if (kind === 'text') {
      this.#fail(node, {
        zh: `文本点 ${name} 不能用于表达式`,
        en: `text point ${name} cannot be used in an expression`,
      });
    }
    return { type: kind === 'bool' ? 'bool' : 'number', evaluate: this.#read(prefix + name) };
  }

  #read(name: string): Evaluate {
    const known = this.names.indexOf(name);
    return slotValue(known >= 0 ? known : this.names.push(name) - 1);
  }

  #call(node: ParsedNode, call: CallNode): Compiled {
    const { args, function: name } = call;
    if (call.target !== undefined) {
      this.#fail(node, { zh: `写成 ${name}(…)，前面不带点`, en: `write ${name}(…), with nothing before it` });
    }
    if (isWindowKind(name)) return this.#window(node, args, name);
    switch (name) {
      case '_&&_':
        return { type: 'bool', evaluate: and(this.#evaluators(args, 'bool')) };
      case '_||_':
        return { type: 'bool', evaluate: or(this.#evaluators(args, 'bool')) };
      case '!_': {
        const [a] = this.#evaluators(args, 'bool') as [Evaluate];
        return { type: 'bool', evaluate: not(a) };
      }
      case '-_': {
        const [a] = this.#evaluators(args, 'number') as [Evaluate];
        return { type: 'number', evaluate: negative(a) };
      }
      case '_?_:_':
        return this.#conditional(args);
      case '_==_':
      case '_!=_':
        return this.#equality(args, name === '_==_');
      case '@in':
        return this.#membership(node, args);
      case 'bit':
        return this.#bit(node, args);
      case 'known':
        return this.#known(node, args);
      default:
        return this.#binary(node, call);
    }
  }

  #evaluators(args: readonly ParsedNode[], type: ValueType): Evaluate[] {
    return args.map((arg) => this.compile(arg, type).evaluate);
  }

  #conditional(args: readonly ParsedNode[]): Compiled {
    const [test, whenTrue, whenFalse] = args as [ParsedNode, ParsedNode, ParsedNode];
    const condition = this.compile(test, 'bool');
    const yes = this.compile(whenTrue);
    const no = this.compile(whenFalse, yes.type);
    return { type: yes.type, evaluate: conditional(condition.evaluate, yes.evaluate, no.evaluate) };
  }

  #equality(args: readonly ParsedNode[], equal: boolean): Compiled {
    const [left, right] = args as [ParsedNode, ParsedNode];
    const a = this.compile(left);
    const b = this.compile(right, a.type);
    const compare = equal ? equals : differs;
    return { type: 'bool', evaluate: compare(a.evaluate, b.evaluate) };
  }

  #membership(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [item, list] = args as [ParsedNode, ParsedNode];
    if (list.exprKind.case !== 'listExpr') {
      this.#fail(node, { zh: 'in 的右边必须是列表，例如 [1, 2]', en: 'in needs a list on its right, e.g. [1, 2]' });
    }
    const x = this.compile(item, 'number').evaluate;
    const elements = this.#evaluators(list.exprKind.value.elements, 'number');
    return { type: 'bool', evaluate: membership(x, elements) };
  }

  #bit(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [word, number] = args;
    const constant = number?.exprKind.case === 'constExpr' ? number.exprKind.value.constantKind : undefined;
    const n = constant?.case === 'int64Value' ? Number(constant.value) : Number.NaN;
    if (args.length !== 2 || word === undefined || !(n >= 0 && n <= 31)) {
      this.#fail(node, { zh: '写法：bit(点, 0..31)', en: 'the form is bit(point, 0..31)' });
    }
    return { type: 'bool', evaluate: bit(this.compile(word, 'number').evaluate, n) };
  }

  #known(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [arg] = args;
    if (args.length !== 1 || arg === undefined) {
      this.#fail(node, { zh: '写法：known(点)', en: 'the form is known(point)' });
    }
    return { type: 'bool', evaluate: isKnown(this.compile(arg).evaluate) };
  }

  /** A window is not evaluated here: its result stands in a slot of its own, its argument goes with the expression. */
  #window(node: ParsedNode, args: readonly ParsedNode[], kind: WindowKind): Compiled {
    const { argument, result, form } = windowFunctions[kind];
    if (this.#inWindow) {
      this.#fail(node, {
        zh: `${kind} 不能写在另一个时间窗函数里`,
        en: `${kind} cannot stand within another window`,
      });
    }
    const [x, duration] = args;
    if (x === undefined || args.length !== (kind === 'since' ? 1 : 2)) {
      this.#fail(node, { zh: `写法：${form.zh}`, en: `the form is ${form.en}` });
    }
    const inner = new Compiler(this.#scope, this.#offsetOf, true);
    const { evaluate } = inner.compile(x, argument);
    const durationMs = duration === undefined ? 0 : this.#duration(duration);
    const name = windowName(kind, x, durationMs);
    this.windows.set(name, { name, kind, durationMs, argument: { names: inner.names, evaluate } });
    return { type: result, evaluate: this.#read(name) };
  }

  #duration(node: ParsedNode): number {
    const duration = windowDuration(node);
    return typeof duration === 'number' ? duration : this.#fail(node, duration);
  }

  #binary(node: ParsedNode, call: CallNode): Compiled {
    const operator = Object.hasOwn(binaryOperators, call.function) ? binaryOperators[call.function] : undefined;
    if (operator === undefined || call.args.length !== 2) {
      const { function: name } = call;
      // What is no name is one of CEL's own operators, such as `_[_]`.
      if (!/^[a-zA-Z]/.test(name)) this.#fail(node, { zh: '不支持的写法', en: 'this form is not supported' });
      this.#fail(
        node,
        { zh: `没有函数 ${name}`, en: `there is no function ${name}` },
        nearest(name, ['bit', 'known', ...Object.keys(windowFunctions)]),
      );
    }
    const [a, b] = this.#evaluators(call.args, 'number') as [Evaluate, Evaluate];
    return { type: operator.type, evaluate: operator.make(a, b) };
  }

  #unknownName(node: ParsedNode, name: string, known: readonly string[]): never {
    const suggestion = nearest(name, known);
    this.#fail(node, { zh: `没有名为 ${name} 的点`, en: `there is no point ${name}` }, suggestion);
  }

  #fail(node: ParsedNode, text: Text, suggestion?: string): never {
    throw new Mistake({ offset: this.#offsetOf(node), text, ...(suggestion === undefined ? {} : { suggestion }) });
  }
}

const equals = comparison((x, y) => x === y);
const differs = comparison((x, y) => x !== y);

interface BinaryOperator {
  readonly type: ValueType;
  readonly make: (a: Evaluate, b: Evaluate) => Evaluate;
}

const binaryOperators: Readonly<Record<string, BinaryOperator | undefined>> = {
  '_<_': { type: 'bool', make: comparison((x, y) => x < y) },
  '_<=_': { type: 'bool', make: comparison((x, y) => x <= y) },
  '_>_': { type: 'bool', make: comparison((x, y) => x > y) },
  '_>=_': { type: 'bool', make: comparison((x, y) => x >= y) },
  '_+_': { type: 'number', make: arithmetic((x, y) => x + y) },
  '_-_': { type: 'number', make: arithmetic((x, y) => x - y) },
  '_*_': { type: 'number', make: arithmetic((x, y) => x * y) },
  '_/_': { type: 'number', make: arithmetic((x, y) => x / y) },
  '_%_': { type: 'number', make: arithmetic((x, y) => x % y) },
};

/** The name that was probably meant: within two edits, or a third of its length. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, substituted));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
