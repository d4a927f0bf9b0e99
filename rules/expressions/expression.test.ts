import { describe, expect, test } from 'vitest';
import { checkExpression, compileExpression, type Expression, type Scope } from './expression.ts';
import { Window } from './window.ts';

const scope: Scope = {
  points: { a: 'bool', b: 'bool', c: 'bool', x: 'double', y: 'double', word: 'bitset', mode: 'enum', label: 'text' },
  parent: { closed: 'bool' },
};

function evaluate(source: string, values: Record<string, number>, type: 'bool' | 'number' = 'bool'): number {
  const compilation = compileExpression(source, scope, type);
  if (!compilation.ok) throw new Error(compilation.problems[0]?.text.en);
  const { names, evaluate: run } = compilation.expression;
  const slots = Int32Array.from(names, (_, index) => index);
  return run(
    Float64Array.from(names, (name) => values[name] ?? Number.NaN),
    slots,
  );
}

describe('three-valued logic', () => {
  const unknown = Number.NaN;
  test.each([
    ['a && b', { a: 0 }, 0],
    ['a && b', { a: 1 }, unknown],
    ['a || b', { a: 1 }, 1],
    ['a || b', { a: 0 }, unknown],
    ['a || b || c', { b: 1 }, 1],
    ['!a', {}, unknown],
    ['!a', { a: 0 }, 1],
    ['x < y', { x: 1 }, unknown],
    ['x < 2', { x: 1 }, 1],
    ['x == 1', { x: 1 }, 1],
    ['x != 1', { x: 1 }, 0],
    ['a ? x : y', { x: 3, y: 3 }, 3],
    ['a ? x : y', { x: 3, y: 4 }, unknown],
    ['mode in [6, 11]', { mode: 11 }, 1],
    ['mode in [6, 11]', { mode: 1 }, 0],
    ['mode in [6, 11]', {}, unknown],
    ['bit(word, 5)', { word: 32 }, 1],
    ['bit(word, 31)', { word: 2 ** 31 }, 1],
    ['bit(word, 0)', { word: 32 }, 0],
    ['bit(word, 15)', { word: -1 }, 1],
    ['bit(word, 0)', { word: -2 }, 0],
    ['bit(word, 3)', {}, unknown],
    ['bit(word, 1)', { word: -5e-324 }, 1],
    ['bit(word, 1)', { word: Number.POSITIVE_INFINITY }, unknown],
    ['known(x)', {}, 0],
    ['known(x) && x > 1', { x: 2 }, 1],
    ['parent.closed && site.dark', { 'parent.closed': 1, 'site.dark': 1 }, 1],
    ['site.hour >= 18 || site.hour < 6', { 'site.hour': 20.5 }, 1],
    ['site.time < 1782000000000', { 'site.time': 1_781_999_999_999 }, 1],
    ['x == y ? x : y', { x: 0 }, unknown],
    ['-x + 2 * y', { x: 1, y: 2 }, 3],
    // CEL has no remainder of doubles, so the library is no oracle of this one: it has the sign of the dividend.
    ['-x % 3', { x: 7 }, -1],
    ['-x % 3', { x: -7 }, 1],
    ['-x % 0', { x: 7 }, unknown],
    ['-x % y', { x: 5.5, y: 2 }, -1.5],
    ['-x % y', { x: 5.5 }, unknown],
  ])('%s with %o is %s', (source, values, expected) => {
    const isNumber = /^(a \?|x == y \?|-x)/.test(source);
    expect(evaluate(source, values, isNumber ? 'number' : 'bool')).toBe(expected);
  });
});

describe('mistakes', () => {
  test.each([
    ['a &&', 2, /cannot be parsed/],
    ['a && pressure > 1', 5, /no point pressure/],
    ['x', 0, /bool is needed/],
    ['a > 1', 0, /number is needed/],
    ['label == 1', 0, /text point label/],
    ['parent.open', 6, /no point parent.open/],
    ['frobnicate(x)', 0, /no function frobnicate/],
    ['bit(x, 40)', 0, /bit\(point, 0..31\)/],
    ['"text" == x', 0, /only numbers and bools/],
    ['word[1] == x', 4, /form is not supported/],
    ['a && has(parent.closed)', 5, /form is not supported/],
    ['a && x.known()', 6, /write known\(…\), with nothing before it/],
    ['toString(x, y)', 0, /no function toString/],
    ["avg(x, '10min')", 0, /bool is needed/],
    ["a && avg(a, '10min') > 1", 9, /number is needed/],
    ["count(x, '1h') > 1", 6, /bool is needed/],
    ["held(x > 1, '1h') == 1", 21, /bool is needed/],
    ["avg(preasure, '1h') > 1", 4, /no point preasure/],
    ['avg(x) > 1', 0, /the form is avg\(number, '10min'\)/],
    ["held(a, '1h', 3)", 0, /the form is held\(condition, '10min'\)/],
    ["a && since(b, '1h') > 1", 5, /the form is since\(condition\)/],
    ['avg(x, 600) > 1', 7, /a quoted text/],
    ['avg(x, y) > 1', 7, /a quoted text/],
    ["avg(x, '10m') > 1", 7, /“10m” is no duration/],
    ["avg(x, '999ms') > 1", 7, /1s to 35d, not 999ms/],
    ["avg(x, '35.1d') > 1", 7, /1s to 35d, not 35.1d/],
    ["a && max(1 + avg(x, '1h'), '1d') > 1", 13, /avg cannot stand within another window/],
    ["since(held(a, '1h')) > 1", 6, /held cannot stand within another window/],
  ])('%s', (source, offset, text) => {
    const [problem] = checkExpression(source, scope);
    expect(problem?.text.en).toMatch(text);
    expect(problem?.text.zh).toMatch(/[\u4e00-\u9fff]/);
    expect(problem?.offset).toBe(offset);
  });

  test.each([
    ['avg(x) > 1', "写法：avg(数, '10min')"],
    ['count(a) > 1', "写法：count(条件, '10min')"],
    ['changes(x) > 1', "写法：changes(值, '10min')"],
    ['avg(x, 600) > 1', "时长要写成带引号的文字，例如 '10min'"],
    ["avg(x, '10m') > 1", "“10m”不是时长，应写作 '90s'、'10min'、'2h' 或 '7d'"],
    ["avg(x, '1ms') > 1", '时长应在 1s 到 35d 之间，这里是 1ms'],
    ["max(avg(x, '1h'), '1d') > 1", 'avg 不能写在另一个时间窗函数里'],
  ])('%s in Chinese', (source, zh) => {
    expect(checkExpression(source, scope)[0]?.text.zh).toBe(zh);
  });

  test('suggests the name that was meant', () => {
    expect(checkExpression('wrod > 1', scope)[0]?.suggestion).toBe('word');
    expect(checkExpression('parent.closd', scope)[0]?.suggestion).toBe('parent.closed');
    expect(checkExpression('site.tme > 1', scope)[0]?.suggestion).toBe('site.time');
    expect(checkExpression("cuont(a, '1h') > 1", scope)[0]?.suggestion).toBe('count');
  });

  test('refuses an expression that is too long', () => {
    expect(checkExpression(`a${' || a'.repeat(1000)}`, scope)[0]?.text.en).toMatch(/longer than/);
  });
});

function compiled(source: string): Expression {
  const compilation = compileExpression(source, scope);
  if (!compilation.ok) throw new Error(compilation.problems[0]?.text.en);
  return compilation.expression;
}

describe('windows', () => {
  test('are names to read, and arguments to evaluate', () => {
    const { names, windows } = compiled("a && count(parent.closed && x > 5, '1h') > 3 && since(b) < x");
    expect(names).toEqual(['a', '#count(and(parent.closed,gt(x,5)),3600000)', '#since(b)', 'x']);
    expect(windows).toMatchObject([
      { name: names[1], kind: 'count', durationMs: 3_600_000, argument: { names: ['parent.closed', 'x'] } },
      { name: '#since(b)', kind: 'since', durationMs: 0, argument: { names: ['b'] } },
    ]);
    const run = windows[0]?.argument.evaluate;
    expect(run?.(Float64Array.of(6, 1), Int32Array.of(1, 0))).toBe(1);
    expect(run?.(Float64Array.of(5, 1), Int32Array.of(1, 0))).toBe(0);
  });

  test.each([
    ["avg(x+1.0,'1h') > 1", "avg( x + 1, '60min' ) < 2", '#avg(add(x,1),3600000)'],
    ["held(!(a||b),'90s')", 'held(!(a || b), "1.5min")', '#held(not(or(a,b)),90000)'],
    ["max(-(x / y), '1d') > 1", "2 + max(-(x/y),'24h') > 1", '#max(neg(div(x,y)),86400000)'],
    ["changes(mode in [1, 2], '1h') > 1", "changes(mode in [1.0,2],'1h') > 0", '#changes(in(mode,[1,2]),3600000)'],
    ['since(a ? bit(word, 3) : true) > 1', 'since(a?bit(word,3):true) < 9', '#since(if(a,bit(word,3),true))'],
  ])('%s and %s look at the same window', (one, other, name) => {
    for (const source of [one, other]) {
      expect(compiled(source).windows.map((window) => window.name)).toEqual([name]);
      expect(compiled(source).names).toEqual([name]);
    }
    expect(name).not.toMatch(/[/|]/);
  });

  test('are had once, however often the expression looks at them', () => {
    const { names, windows } = compiled("avg(x, '1h') > 1 && avg(x, '1h') < 3 && avg(x, '2h') < 3");
    expect(windows.map(({ name }) => name)).toEqual(names);
    expect(names).toEqual(['#avg(x,3600000)', '#avg(x,7200000)']);
  });

  test('whose result is not known leave the expression to what else decides it', () => {
    const { evaluate: run } = compiled("a || count(b, '1h') > 3");
    expect(run(Float64Array.of(0, Number.NaN), Int32Array.of(0, 1))).toBeNaN();
    expect(run(Float64Array.of(1, Number.NaN), Int32Array.of(0, 1))).toBe(1);
    expect(run(Float64Array.of(0, 4), Int32Array.of(0, 1))).toBe(1);
  });
});

/** Evaluates an expression as the engine does: arguments, windows, slots, expression; once for each moment. */
function follow(
  source: string,
  moments: readonly (readonly [atMs: number, values: Record<string, number>])[],
): number[] {
  const { names, evaluate: run, windows } = compiled(source);
  const states = windows.map(({ kind, durationMs }) => new Window(kind, durationMs));
  const columns = (of: readonly string[], values: Record<string, number>) =>
    Float64Array.from(of, (name) => values[name] ?? Number.NaN);
  const slots = Int32Array.from({ length: 8 }, (_, index) => index);
  return moments.map(([atMs, values]) => {
    const results: Record<string, number> = {};
    windows.forEach(({ name, argument }, index) => {
      const window = states[index] as Window;
      window.put(atMs, argument.evaluate(columns(argument.names, values), slots));
      results[name] = window.result(atMs);
    });
    return run(columns(names, { ...values, ...results }), slots);
  });
}

describe('expressions over time', () => {
  const START_MS = Date.parse('2026-06-20T20:00:00+08:00');
  const every = (ms: number, count: number, values: (index: number) => Record<string, number>) =>
    Array.from({ length: count }, (_, index) => [START_MS + index * ms, values(index)] as const);

  test('a jockey pump that starts more than ten times an hour', () => {
    // It starts every five minutes, twelve times an hour: the eleventh start is at minute 55.
    const minutes = every(60_000, 90, (minute) => ({ a: minute % 5 === 0 && minute > 0 ? 1 : 0 }));
    const results = follow("count(a, '1h') > 10", minutes);
    expect(results.slice(0, 30)).toEqual(new Array(30).fill(Number.NaN));
    expect(results.indexOf(1)).toBe(55);
    expect(results.slice(55)).toEqual(new Array(35).fill(1));
  });

  test('pressure that drops by more than 0.15 MPa within a minute', () => {
    const seconds = every(1000, 120, (second) => ({ x: second < 90 ? 0.6 : 0.6 - (second - 90) * 0.02 }));
    const results = follow("delta(x, '60s') < -0.15", seconds);
    expect(results.indexOf(0)).toBe(60);
    expect(results.indexOf(1)).toBe(98);
  });

  test('a proof test that is overdue after eight days', () => {
    const hours = every(3_600_000, 24 * 10, (hour) => ({ a: hour === 5 ? 1 : 0 }));
    const results = follow('since(a) < 691200', hours);
    expect(results.indexOf(1)).toBe(5);
    // It ran until hour 6.
    expect(results.indexOf(0, 6)).toBe(6 + 8 * 24);
  });
});
