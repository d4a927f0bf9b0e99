import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf, fitting, LineWriter, lineAt, MAX_NUMBER_BYTES } from './lines.ts';

/** Values as devices have them, with few decimals, among all others. */
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.tuple(fc.integer(), fc.integer({ min: 0, max: 7 })).map(([digits, decimals]) => digits / 10 ** decimals),
  fc.constantFrom(
    0,
    -0,
    0.1 + 0.2,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    2 ** 53 - 1,
    1e21,
    1e-7,
    5e-324,
    Number.MAX_VALUE,
  ),
  fc.constantFrom(0.0001, 0.00005, 214748.3647, 214748.3648, 9.9999, 1.00001, 429496729.6, -999999999.5),
);

function written(write: (writer: LineWriter) => void): string {
  const writer = new LineWriter();
  writer.begin(MAX_NUMBER_BYTES);
  write(writer);
  writer.end();
  return lineAt(writer.lines, 0);
}

test('a number is written as the runtime shows it, so that nothing of it is lost', () => {
  fc.assert(
    fc.property(value, (number) => {
      const text = written((writer) => writer.number(number));
      expect(text).toBe(String(number));
      expect(text.length).toBeLessThanOrEqual(MAX_NUMBER_BYTES);
    }),
    { numRuns: 3000 },
  );
});

test('digits have zeros before them', () => {
  expect(written((writer) => writer.digits(42, 6))).toBe('000042');
  expect(written((writer) => writer.digits(999_999, 6))).toBe('999999');
  expect(written((writer) => writer.digits(0, 6))).toBe('000000');
});

test('lines are found again, however long and many they are, and none of those before them is left after clear', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).map((some) => some.replaceAll('\n', ' '));
  const writer = new LineWriter();
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 1500 }), (texts) => {
      writer.clear();
      for (const some of texts) {
        const bytes = Buffer.from(some);
        if (some.length % 2 === 0) writer.add(some);
        else {
          writer.begin(bytes.length);
          writer.copy(bytes);
          writer.end();
        }
      }
      const { lines } = writer;
      expect(lines.ends.length).toBe(texts.length);
      expect(Buffer.from(bytesOf(lines, 0, texts.length)).toString()).toBe(
        texts.map((some) => `${Buffer.from(some).toString()}\n`).join(''),
      );
      expect(lineAt(lines, texts.length - 1)).toBe(Buffer.from(texts.at(-1) ?? '').toString());
      expect(fitting(lines, 0, texts.length, lines.bytes.length)).toBe(texts.length);
    }),
    { numRuns: 12 },
  );
});
