import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch } from '../../model/sample.ts';
import { decodeRecord, encodeEntry, greatestPointOfSamples } from './record-codec.ts';

const stamp = { logSeq: 7, logMs: 8 };
const SAMPLES = 1;
const anyText = fc.string({ unit: 'binary' });

/** Columns that are often one value for all rows, as most are in the field. */
const column = (rows: number, value: fc.Arbitrary<number>) =>
  fc.oneof(
    fc.array(value, { minLength: rows, maxLength: rows }),
    value.map((one) => Array.from({ length: rows }, () => one)),
  );
const rowTexts = (rows: number) => fc.dictionary(fc.nat({ max: Math.max(0, rows - 1) }).map(String), anyText);
const asMap = (texts: Record<string, string>) =>
  new Map(Object.entries(texts).map(([row, text]) => [Number(row), text]));

const batches: fc.Arbitrary<Batch> = fc.nat({ max: 40 }).chain((rows) =>
  fc
    .tuple(
      column(rows, fc.nat({ max: 0xffffffff })),
      column(rows, fc.double({ noNaN: true })),
      column(rows, fc.double({ noNaN: true })),
      column(rows, fc.constantFrom(0, 1, 2)),
      column(rows, fc.double()),
      column(rows, fc.nat({ max: 0xffff })),
      rowTexts(rows),
      rowTexts(rows),
    )
    .map(([point, sourceMs, receivedMs, quality, value, reason, texts, details]) => ({
      length: rows,
      point: new Uint32Array(point),
      sourceMs: new Float64Array(sourceMs),
      receivedMs: new Float64Array(receivedMs),
      quality: new Uint8Array(quality),
      value: new Float64Array(value),
      reason: new Uint16Array(reason),
      texts: asMap(texts),
      details: asMap(details),
    })),
);

test('samples come back as they were, to the bit', () => {
  fc.assert(
    fc.property(batches, anyText, fc.nat(), (batch, link, firstOrdinal) => {
      const { kind, count, body } = encodeEntry({ kind: 'samples', link, batch });
      expect(count).toBe(batch.length);
      expect(decodeRecord(stamp, kind, firstOrdinal, body)).toEqual({
        ...stamp,
        kind: 'samples',
        link,
        firstOrdinal,
        batch,
      });
    }),
  );
});

test('the greatest point of stored samples is that of the samples; of other bytes it is some number', () => {
  fc.assert(
    fc.property(batches, anyText, fc.nat({ max: 7 }), (batch, link, shift) => {
      const { body } = encodeEntry({ kind: 'samples', link, batch });
      const shifted = new Uint8Array(body.length + shift);
      shifted.set(body, shift);
      expect(greatestPointOfSamples(shifted.subarray(shift))).toBe(Math.max(0, ...batch.point));
      expect(greatestPointOfSamples(body.subarray(0, body.length >> 1))).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('samples are read wherever they lie in a buffer', () => {
  const batch: Batch = {
    length: 2,
    point: new Uint32Array([1, 2]),
    sourceMs: new Float64Array([1, 2]),
    receivedMs: new Float64Array([3, 3]),
    quality: new Uint8Array([0, 2]),
    value: new Float64Array([1.5, Number.NaN]),
    reason: new Uint16Array([0, 2]),
    texts: new Map(),
    details: new Map(),
  };
  const { body } = encodeEntry({ kind: 'samples', link: 'l', batch });
  const shifted = new Uint8Array(body.length + 3);
  shifted.set(body, 3);
  expect(decodeRecord(stamp, SAMPLES, 0, shifted.subarray(3))).toMatchObject({ link: 'l', batch });
});

test('whatever bytes there are, they are read or left, never thrown at', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 9 }), (bytes, kind) => {
      const record = decodeRecord(stamp, kind, 0, new Uint8Array(bytes));
      expect(record === undefined || record.logSeq === 7).toBe(true);
    }),
  );
});

test('a torn record of samples is left', () => {
  fc.assert(
    fc.property(batches, fc.nat(), fc.nat({ max: 255 }), (batch, at, byte) => {
      const { body } = encodeEntry({ kind: 'samples', link: 'link', batch });
      expect(decodeRecord(stamp, SAMPLES, 0, body.slice(0, at % body.length))).toBeUndefined();
      const bent = body.slice();
      bent[at % 12] = byte;
      decodeRecord(stamp, SAMPLES, 0, bent);
    }),
  );
});
