import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketScanner } from './packet-scanner.ts';

/** A packet of any type with a body of `length` bytes. */
function packet(length: number, fill = 0xff): Buffer {
  const header = [0x30];
  let left = length;
  do {
    header.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), Buffer.alloc(length, fill)]);
}

test('packets up to the limit pass and longer ones do not, however the stream is cut', () => {
  const limit = 300;
  const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 310 }), fc.constantFrom(0, 127, 128, 300, 301)));
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sizes, cuts) => {
      const stream = Buffer.concat(sizes.map((size) => packet(size)));
      const scanner = new PacketScanner(limit);
      let passed = true;
      for (let at = 0, i = 0; at < stream.length && passed; i++) {
        const step = cuts[i % cuts.length] ?? 1;
        passed = scanner.accept(stream.subarray(at, at + step));
        at += step;
      }
      expect(passed).toBe(sizes.every((size) => size <= limit));
    }),
  );
});

test('the announced length is enough to refuse a packet', () => {
  expect(new PacketScanner(1000).accept(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))).toBe(false);
});

test('a length of five bytes is none', () => {
  expect(new PacketScanner(2 ** 40).accept(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]))).toBe(false);
});
