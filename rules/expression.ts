import { parse } from '@bufbuild/cel';
import type { ValueKind } from '../model/point.ts';
import type { Text } from '../model/text.ts';

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
  /** `pressure`, `parent.breakerClosed`, `site.dark` …, each once. */
  readonly names: readonly string[];
  readonly evaluate: Evaluate;
}

export type Compilation =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly problems: readonly ExpressionProblem[] };

type ValueType = 'bool' | 'number';

/** The site's own values by name; both follow from the record's time. */
export const siteNames = { dark: 'bool', hour: 'number' } as const satisfies Record<string, ValueType>;

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
    return { ok: true, expression: { type: compiled.type, names: compiler.names, evaluate: compiled.evaluate } };
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
  readonly #scope: Scope;
  readonly #offsetOf: (node: ParsedNode) => number;

  constructor(scope: Scope, offsetOf: (node: ParsedNode) => number) {
    this.#scope = scope;
    this.#offsetOf = offsetOf;
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
        return this.#select(node, kind.value.operand, kind.value.field);
      case 'callExpr':
        return this.#call(node, kind.value);
      default:
        return this.#fail(node, { zh: '不支持的写法', en: 'this form is not supported' });
    }
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
    const index = known >= 0 ? known : this.names.push(name) - 1;
    return (values, slots) => values[slots[index] as number] as number;
  }

  #call(node: ParsedNode, call: CallNode): Compiled {
    const args = call.args;
    switch (call.function) {
      case '_&&_':
        return { type: 'bool', evaluate: and(this.#evaluators(args, 'bool')) };
      case '_||_':
        return { type: 'bool', evaluate: or(this.#evaluators(args, 'bool')) };
      case '!_': {
        const [a] = this.#evaluators(args, 'bool') as [Evaluate];
        return { type: 'bool', evaluate: (v, s) => 1 - a(v, s) };
      }
      case '-_': {
        const [a] = this.#evaluators(args, 'number') as [Evaluate];
        return { type: 'number', evaluate: (v, s) => -a(v, s) };
      }
      case '_?_:_':
        return this.#conditional(args);
      case '_==_':
      case '_!=_':
        return this.#equality(args, call.function === '_==_');
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
    const c = this.compile(test, 'bool').evaluate;
    const yes = this.compile(whenTrue);
    const no = this.compile(whenFalse, yes.type);
    return {
      type: yes.type,
      evaluate: (v, s) => {
        const t = c(v, s);
        if (t === 1) return yes.evaluate(v, s);
        if (t === 0) return no.evaluate(v, s);
        const a = yes.evaluate(v, s);
        return a === no.evaluate(v, s) ? a : Number.NaN;
      },
    };
  }

  #equality(args: readonly ParsedNode[], equal: boolean): Compiled {
    const [left, right] = args as [ParsedNode, ParsedNode];
    const l = this.compile(left);
    const a = l.evaluate;
    const b = this.compile(right, l.type).evaluate;
    return {
      type: 'bool',
      evaluate: (v, s) => {
        const x = a(v, s);
        const y = b(v, s);
        return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : (x === y) === equal ? 1 : 0;
      },
    };
  }

  #membership(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [item, list] = args as [ParsedNode, ParsedNode];
    if (list.exprKind.case !== 'listExpr') {
      this.#fail(node, { zh: 'in 的右边必须是列表，例如 [1, 2]', en: 'in needs a list on its right, e.g. [1, 2]' });
    }
    const x = this.compile(item, 'number').evaluate;
    const elements = this.#evaluators(list.exprKind.value.elements, 'number');
    return {
      type: 'bool',
      evaluate: (v, s) => {
        const value = x(v, s);
        if (Number.isNaN(value)) return Number.NaN;
        let result = 0;
        for (const element of elements) {
          const e = element(v, s);
          if (e === value) return 1;
          if (Number.isNaN(e)) result = Number.NaN;
        }
        return result;
      },
    };
  }

  #bit(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [word, bit] = args;
    const constant = bit?.exprKind.case === 'constExpr' ? bit.exprKind.value.constantKind : undefined;
    const n = constant?.case === 'int64Value' ? Number(constant.value) : Number.NaN;
    if (args.length !== 2 || word === undefined || !(n >= 0 && n <= 31)) {
      this.#fail(node, { zh: '写法：bit(点, 0..31)', en: 'the form is bit(point, 0..31)' });
    }
    const x = this.compile(word, 'number').evaluate;
    return {
      type: 'bool',
      evaluate: (v, s) => {
        const value = x(v, s);
        return Number.isNaN(value) ? Number.NaN : Math.floor(value / 2 ** n) % 2;
      },
    };
  }

  #known(node: ParsedNode, args: readonly ParsedNode[]): Compiled {
    const [arg] = args;
    if (args.length !== 1 || arg === undefined)
      this.#fail(node, { zh: '写法：known(点)', en: 'the form is known(point)' });
    const x = this.compile(arg).evaluate;
    return {
      type: 'bool',
      evaluate: (v, s) => {
        const value = x(v, s);
        return Number.isNaN(value) ? 0 : 1;
      },
    };
  }

  #binary(node: ParsedNode, call: CallNode): Compiled {
    const operator = binaryOperators[call.function];
    if (operator === undefined || call.args.length !== 2) {
      this.#fail(node, { zh: `没有函数 ${call.function}`, en: `there is no function ${call.function}` });
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

const binaryOperators: Readonly<
  Record<string, { type: ValueType; make: (a: Evaluate, b: Evaluate) => Evaluate } | undefined>
> = {
  '_<_': comparison((x, y) => x < y),
  '_<=_': comparison((x, y) => x <= y),
  '_>_': comparison((x, y) => x > y),
  '_>=_': comparison((x, y) => x >= y),
  '_+_': arithmetic((x, y) => x + y),
  '_-_': arithmetic((x, y) => x - y),
  '_*_': arithmetic((x, y) => x * y),
  '_/_': arithmetic((x, y) => x / y),
  '_%_': arithmetic((x, y) => x % y),
};

function comparison(holds: (x: number, y: number) => boolean) {
  return {
    type: 'bool' as const,
    make:
      (a: Evaluate, b: Evaluate): Evaluate =>
      (v, s) => {
        const x = a(v, s);
        const y = b(v, s);
        return Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : holds(x, y) ? 1 : 0;
      },
  };
}

function arithmetic(apply: (x: number, y: number) => number) {
  return {
    type: 'number' as const,
    make:
      (a: Evaluate, b: Evaluate): Evaluate =>
      (v, s) =>
        apply(a(v, s), b(v, s)),
  };
}

function always(value: number): Evaluate {
  return () => value;
}

/** Kleene's and: one false decides, else one unknown leaves it unknown. CEL chains flatten to many arguments. */
function and(parts: readonly Evaluate[]): Evaluate {
  return (v, s) => {
    let result = 1;
    for (const part of parts) {
      const x = part(v, s);
      if (x === 0) return 0;
      if (Number.isNaN(x)) result = Number.NaN;
    }
    return result;
  };
}

/** Kleene's or: one true decides. */
function or(parts: readonly Evaluate[]): Evaluate {
  return (v, s) => {
    let result = 0;
    for (const part of parts) {
      const x = part(v, s);
      if (x === 1) return 1;
      if (Number.isNaN(x)) result = Number.NaN;
    }
    return result;
  };
}

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
