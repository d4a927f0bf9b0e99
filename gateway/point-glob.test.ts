import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pointGlob } from './point-glob.ts';

test.each([
  ['lift-1/position', 'lift-1/position', true],
  ['lift-1/position', 'lift-1/positions', false],
  ['lift-*/position', 'lift-12/position', true],
  ['lift-?/position', 'lift-12/position', false],
  ['lift-?', 'lift-1/doorOpen', true],
  ['*', 'pump/running', true],
  ['*/run*', 'pump/running', true],
  ['lift*', 'my-lift/position', false],
  // A star stays on its side of the slash.
  ['lift*n', 'lift-1/position', false],
  ['pump, lift-1/*', 'lift-1/position', true],
  ['pump,,', 'lift-1/position', false],
  ['', 'lift-1/position', false],
  // Nothing in a name is more than itself.
  ['l.ft-1', 'lift-1/position', false],
])('%s and %s: %s', (pattern, key, expected) => {
  expect(pointGlob(pattern)(key)).toBe(expected);
});

test('agrees with a regular expression on whatever there is', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*', '?'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(name, name, pattern, pattern, (asset, point, assetPattern, pointPattern) => {
      const source = `${assetPattern}/${pointPattern}`.replaceAll('*', '[^/]*').replaceAll('?', '[^/]');
      expect(pointGlob(`${assetPattern}/${pointPattern}`)(`${asset}/${point}`)).toBe(
        new RegExp(`^${source}$`).test(`${asset}/${point}`),
      );
    }),
  );
});

test('a pattern that is made to take long does not', () => {
  // A matcher that tries every way would take longer than the universe.
  expect(pointGlob(`${'*a'.repeat(249)}b`)(`${'a'.repeat(5000)}/x`)).toBe(false);
  expect(() => pointGlob('*'.repeat(501))).toThrow(RangeError);
});
