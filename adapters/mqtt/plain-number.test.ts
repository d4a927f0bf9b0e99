import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainNumber } from './plain-number.ts';

const read = (text: string) => {
  const bytes = Buffer.from(`x${text}x`);
  return plainNumber(bytes, 1, bytes.length - 1);
};

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test('a number that it reads is the one that JSON reads, to the digit', () => {
  const text = fc.oneof(
    fc.stringMatching(/^-?[0-9]{1,10}(\.[0-9]{1,10})?$/),
    fc.string({ unit: fc.constantFrom(...'0123456789.-+eE '), maxLength: 20 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  );
  fc.assert(
    fc.property(text, (given) => {
      const found = read(given);
      if (found !== undefined) expect(found).toBe(jsonOf(given));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['231.7', 231.7],
  ['-0.1', -0.1],
  ['0', 0],
  ['-0', -0],
  ['999999999999999', 999_999_999_999_999],
  ['0.000000000000001', undefined],
  ['00000.1', undefined],
  ['01', undefined],
  ['1.', undefined],
  ['.5', undefined],
  ['-', undefined],
  ['', undefined],
  ['1e3', undefined],
  ['1.2.3', undefined],
  [' 1', undefined],
  ['9007199254740993', undefined],
])('%j', (text, value) => {
  expect(read(text)).toBe(value);
});
