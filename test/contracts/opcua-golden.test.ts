import { readFileSync } from 'node:fs';
import { BinaryStream, DataValue } from 'node-opcua';
import { expect, test } from 'vitest';
import { decodeValue, type NodePoint } from '../../adapters/opcua/values/decode.ts';
import type { ValueKind } from '../../model/point.ts';
import { reasonOf } from '../../model/reason.ts';
import { BatchBuilder, Quality } from '../../model/sample.ts';

interface GoldenValue {
  readonly name: string;
  readonly hex: string;
  readonly kind: ValueKind;
  readonly expected: number | string;
  readonly index?: number | readonly number[];
  readonly member?: readonly string[];
  readonly quality?: 'uncertain';
  /** The source's time is such that ours is taken. */
  readonly time?: 'gateway';
}

const file = new URL('../cases/opcua/golden-values.json', import.meta.url);
const { sourceTime, cases } = JSON.parse(readFileSync(file, 'utf8')) as { sourceTime: string; cases: GoldenValue[] };

const RECEIVED_MS = Date.parse('2026-06-16T00:00:00Z');

/** Bytes that another implementation encoded, through the library and our decoding: `made` in the file says by which. */
test.each(cases)('$name', ({ hex, kind, expected, index, member, quality, time }) => {
  const value = new DataValue();
  value.decode(new BinaryStream(Buffer.from(hex, 'hex')));
  const address = { namespace: 'urn:x', node: 's=x', ...(index !== undefined && { index }), ...(member && { member }) };
  const point: NodePoint = { number: 1, kind, address };
  const builder = new BatchBuilder(1);
  decodeValue(builder, point, value, RECEIVED_MS);
  const batch = builder.take();
  const isBad = batch.quality[0] === Quality.bad;
  expect(isBad ? reasonOf(batch.reason[0] ?? 0) : (batch.texts.get(0) ?? batch.value[0])).toBe(expected);
  if (!isBad) expect(batch.quality[0]).toBe(quality === 'uncertain' ? Quality.uncertain : Quality.good);
  expect(batch.sourceMs[0]).toBe(time === 'gateway' ? RECEIVED_MS : Date.parse(sourceTime));
});
