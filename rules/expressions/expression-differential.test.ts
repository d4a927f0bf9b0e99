import { CelScalar, celEnv, celFunc, parse, plan } from '@bufbuild/cel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileExpression, MAX_EXPRESSION_LENGTH, type Scope } from './expression.ts';

/**
 * Our closures against the evaluator of the library whose parser we use, over generated expressions. Numbers are doubles
 * to us, so the expressions hold double literals, but for comparisons, in which CEL compares an int with a double too.
 * CEL has no `%` of doubles, and no windows; those have tests of their own.
 */
const bools = ['a', 'b', 'c'] as const;
const numbers = ['x', 'y', 'z'] as const;
type Name = (typeof bools)[number] | (typeof numbers)[number];
type Values = Readonly<Record<Name, number>>;

const scope: Scope = { points: { a: 'bool', b: 'bool', c: 'bool', x: 'double', y: 'double', z: 'double' } };

const library = celEnv({
  variables: {
    a: CelScalar.BOOL,
    b: CelScalar.BOOL,
    c: CelScalar.BOOL,
    x: CelScalar.DOUBLE,
    y: CelScalar.DOUBLE,
    z: CelScalar.DOUBLE,
  },
  funcs: [
    celFunc('bit', [CelScalar.DOUBLE, CelScalar.INT], CelScalar.BOOL, (word, n) => {
      return Number.isFinite(word) && (BigInt(Math.floor(word)) >> n) % 2n !== 0n;
    }),
    celFunc('known', [CelScalar.DOUBLE], CelScalar.BOOL, (x) => !Number.isNaN(x)),
    celFunc('known', [CelScalar.BOOL], CelScalar.BOOL, () => true),
  ],
});

function libraryValue(source: string, values: Values): number {
  const { a, b, c, x, y, z } = values;
  const result = plan(library, parse(source))({ a: a === 1, b: b === 1, c: c === 1, x, y, z });
  if (typeof result !== 'boolean' && typeof result !== 'number') throw new Error(`${source}: ${String(result)}`);
  return Number(result);
}

function ourValue(source: string, type: 'bool' | 'number', values: Values): number {
  const compilation = compileExpression(source, scope, type);
  if (!compilation.ok) throw new Error(`${source}: ${compilation.problems[0]?.text.en}`);
  const { names, evaluate } = compilation.expression;
  // Slots in another order than the names, and not from 0 on.
  const slots = Int32Array.from(names, (_, index) => 2 * (names.length - index));
  const columns = new Float64Array(2 * names.length + 1).fill(-77);
  names.forEach((name, index) => {
    columns[slots[index] as number] = values[name as Name];
  });
  return evaluate(columns, slots);
}

interface Generated {
  readonly source: string;
  readonly type: 'bool' | 'number';
  /** All numeric parts, in which CEL may find NaN (0/0, a number to it and unknown to us) and infinity. */
  readonly numericParts: readonly string[];
}

function made(type: 'bool' | 'number', source: string, ...from: readonly Generated[]): Generated {
  const parts = from.flatMap((part) => part.numericParts);
  return { source, type, numericParts: type === 'number' ? [...parts, source] : parts };
}

/** Well-typed expressions; with `known` only where asked, since it makes a known value of an unknown one. */
function expressions(withKnown: boolean): fc.Arbitrary<Generated> {
  const { bool, number } = fc.letrec<{ bool: Generated; number: Generated; operand: Generated }>((tie) => ({
    bool: fc.oneof(
      { maxDepth: 5, depthSize: 'xlarge' },
      { weight: 2, arbitrary: fc.constantFrom(...bools).map((name) => made('bool', name)) },
      fc.boolean().map((value) => made('bool', String(value))),
      tie('bool').map((a) => made('bool', `!${a.source}`, a)),
      fc.tuple(fc.constantFrom('&&', '||', '==', '!='), tie('bool'), tie('bool')).map(binary('bool')),
      fc.tuple(fc.constantFrom('&&', '||'), tie('bool'), tie('bool')).map(chain),
      fc.tuple(fc.constantFrom('<', '<=', '>', '>=', '==', '!='), tie('operand'), tie('operand')).map(binary('bool')),
      fc.tuple(tie('bool'), tie('bool'), tie('bool')).map(conditional),
      fc.tuple(tie('operand'), fc.array(tie('operand'), { maxLength: 4 })).map(([item, list]) => {
        const source = `(${item.source} in [${list.map((element) => element.source).join(', ')}])`;
        return made('bool', source, item, ...list);
      }),
      fc.tuple(tie('number'), fc.nat({ max: 31 })).map(([x, n]) => made('bool', `bit(${x.source}, ${n})`, x)),
      ...(withKnown ? [fc.oneof(tie('number'), tie('bool')).map((x) => made('bool', `known(${x.source})`, x))] : []),
    ),
    number: fc.oneof(
      { maxDepth: 5, depthSize: 'xlarge' },
      { weight: 3, arbitrary: fc.constantFrom(...numbers).map((name) => made('number', name)) },
      fc.constantFrom('0.0', '1.0', '-1.0', '0.5', '2.0', '3.25', '1e3', '255.0').map((text) => made('number', text)),
      tie('number').map((x) => made('number', `-(${x.source})`, x)),
      fc.tuple(fc.constantFrom('+', '-', '*', '/'), tie('number'), tie('number')).map(binary('number')),
      fc.tuple(tie('bool'), tie('number'), tie('number')).map(conditional),
    ),
    operand: fc.oneof(
      { weight: 3, arbitrary: tie('number') },
      fc
        .integer({ min: -3, max: 300 })
        .map((value) => ({ source: String(value), type: 'number', numericParts: [] }) as const),
    ),
  }));
  const isShort = ({ source }: Generated) => source.length < MAX_EXPRESSION_LENGTH - 20;
  return fc.oneof({ weight: 3, arbitrary: bool }, number).filter(isShort);
}

function binary(type: 'bool' | 'number') {
  return ([operator, left, right]: readonly [string, Generated, Generated]): Generated =>
    made(type, `(${left.source} ${operator} ${right.source})`, left, right);
}

/** Without parentheses of its own, so that the parser makes one chain of the same operator. */
function chain([operator, left, right]: readonly [string, Generated, Generated]): Generated {
  return made('bool', `(a ${operator} ${left.source} ${operator} ${right.source})`, left, right);
}

function conditional([test, yes, no]: readonly [Generated, Generated, Generated]): Generated {
  return made(yes.type, `(${test.source} ? ${yes.source} : ${no.source})`, test, yes, no);
}

const bit = fc.constantFrom(0, 1);
const number = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(-2, -1, 0, 0.5, 1, 2, 3, 255) },
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const assignment: fc.Arbitrary<Values> = fc.record({ a: bit, b: bit, c: bit, x: number, y: number, z: number });
const RUNS = { numRuns: 1000 };

test('where all values are known, an expression gives what the library gives', () => {
  fc.assert(
    fc.property(expressions(true), assignment, ({ source, type, numericParts }, values) => {
      const ours = ourValue(source, type, values);
      const theirs = libraryValue(source, values);
      // 0/0 is a number to CEL and unknown to us, and so is a bit of 1/0; nothing else makes known values unknown. What
      // is `known` differs there too, and with it whatever follows from it.
      if (numericParts.every((part) => Number.isFinite(libraryValue(part, values)))) expect(ours).toBe(theirs);
      else if (!source.includes('known') && !Number.isNaN(ours)) expect(ours).toBe(theirs);
    }),
    RUNS,
  );
});

test('where some values are unknown, it gives what the library gives whatever they turn out to be, or unknown', () => {
  let decided = 0;
  const unknowns = fc.subarray<Name>([...bools, ...numbers], { minLength: 1 });
  const completions = fc.array(assignment, { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(expressions(false), assignment, unknowns, completions, (expression, values, unknown, samples) => {
      const { source, type } = expression;
      const hidden = Object.fromEntries(unknown.map((name) => [name, Number.NaN]));
      const ours = ourValue(source, type, { ...values, ...hidden });
      if (Number.isNaN(ours)) return;
      if (unknown.some((name) => new RegExp(`\\b${name}\\b`).test(source))) decided++;
      for (const sample of samples) {
        const revealed = Object.fromEntries(unknown.map((name) => [name, sample[name]]));
        expect(ours).toBe(libraryValue(source, { ...values, ...revealed }));
      }
    }),
    RUNS,
  );
  // Expressions that are unknown as soon as anything is would pass the above.
  expect(decided).toBeGreaterThan(RUNS.numRuns / 50);
});

test('false && and true || decide, on either side, whatever the other side is', () => {
  const anything: Values = { a: 0, b: 1, c: Number.NaN, x: Number.NaN, y: 2, z: Number.NaN };
  fc.assert(
    fc.property(expressions(true), fc.boolean(), ({ source, type }, isLeft) => {
      const other = type === 'bool' ? source : `${source} > 1.0`;
      const join = (decisive: string, operator: string) =>
        isLeft ? `${decisive} ${operator} (${other})` : `(${other}) ${operator} ${decisive}`;
      expect(ourValue(join('a', '&&'), 'bool', anything)).toBe(0);
      expect(ourValue(join('b', '||'), 'bool', anything)).toBe(1);
    }),
    { numRuns: 500 },
  );
});
