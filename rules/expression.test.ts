import { describe, expect, test } from 'vitest';
import { checkExpression, compileExpression, type Scope } from './expression.ts';

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
    ['known(x)', {}, 0],
    ['known(x) && x > 1', { x: 2 }, 1],
    ['parent.closed && site.dark', { 'parent.closed': 1, 'site.dark': 1 }, 1],
    ['site.hour >= 18 || site.hour < 6', { 'site.hour': 20.5 }, 1],
    ['-x + 2 * y', { x: 1, y: 2 }, 3],
  ])('%s with %o is %s', (source, values, expected) => {
    const isNumber = /^(a \?|-x)/.test(source);
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
  ])('%s', (source, offset, text) => {
    const [problem] = checkExpression(source, scope);
    expect(problem?.text.en).toMatch(text);
    expect(problem?.text.zh).not.toBe('');
    expect(problem?.offset).toBe(offset);
  });

  test('suggests the name that was meant', () => {
    expect(checkExpression('wrod > 1', scope)[0]?.suggestion).toBe('word');
    expect(checkExpression('parent.closd', scope)[0]?.suggestion).toBe('parent.closed');
  });

  test('refuses an expression that is too long', () => {
    expect(checkExpression(`a${' || a'.repeat(1000)}`, scope)[0]?.text.en).toMatch(/longer than/);
  });
});
