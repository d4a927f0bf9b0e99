import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONTENT_DIGITS, contentDigits, SamplePlace } from './sample-place.ts';

const said = fc.tuple(fc.double(), fc.constantFrom(0, 1, 2), fc.option(fc.string(), { nil: undefined }));

test('what is said alike has the same digits, which fit into a millisecond', () => {
  fc.assert(
    fc.property(said, ([value, quality, text]) => {
      const digits = contentDigits(value, quality, text);
      expect(Number.isInteger(digits) && digits >= 0 && digits < CONTENT_DIGITS).toBe(true);
      expect(contentDigits(value, quality, text)).toBe(digits);
    }),
  );
  expect(contentDigits(-0, 0, undefined)).toBe(contentDigits(0, 0, undefined));
});

test('what is said otherwise has other digits, but for about one pair in a thousand', () => {
  const pairs = 20_000;
  let alike = 0;
  for (let at = 0; at < pairs; at++) {
    if (contentDigits(at / 10, 0, undefined) === contentDigits((at + 1) / 10, 0, undefined)) alike++;
    if (contentDigits(Number.NaN, 0, `E-${at}`) === contentDigits(Number.NaN, 0, `E-${at + 1}`)) alike++;
  }
  expect(alike / (2 * pairs)).toBeLessThan(0.003);
  const states = [0, 1, 2, 3].flatMap((value) => [0, 1, 2].map((quality) => contentDigits(value, quality, undefined)));
  expect(new Set(states).size).toBe(states.length);
});

test('values of one millisecond keep their turn; the same again is where it was', () => {
  const block = {};
  const at = (place: SamplePlace, of: object, ms: number, value: number) =>
    place.next(of, ms, contentDigits(value, 0, undefined));
  const place = new SamplePlace();
  const all = [0, 1, 1, 0].map((value) => at(place, block, 5, value));
  expect(all.map((ns) => Math.floor(ns / CONTENT_DIGITS))).toEqual([0, 1, 1, 2]);
  expect(all[1]).toBe(all[2]);
  const again = new SamplePlace();
  expect([0, 1, 0].map((value) => at(again, block, 5, value))).toEqual([all[0], all[1], all[3]]);
  // Another block, or millisecond, begins anew: a device that says it again says it by itself.
  expect(at(again, {}, 5, 0)).toBe(all[0]);
  expect(at(again, block, 6, 0)).toBe(all[0]);
});
