import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import { reasonOf } from '../../model/reason.ts';
import { type Batch, BatchBuilder, Quality } from '../../model/sample.ts';
import { decodeMessage, MAX_AHEAD_MS, MAX_PAYLOAD_BYTES, topicsOf } from './decode.ts';
import type { MqttAddress } from './schema.ts';

const NOW = 1_795_000_000_000;

interface Given {
  readonly kind: ValueKind;
  readonly states?: readonly number[];
  readonly address?: Partial<MqttAddress>;
}

function topicOf(...given: readonly Given[]) {
  const topics = topicsOf(
    given.map(({ kind, states, address }, i) => ({
      number: i + 1,
      key: `a/p${i}`,
      kind,
      ...(states && { states: Object.fromEntries(states.map((n) => [n, { zh: '态', en: 'state' }])) }),
      address: { topic: 't', path: ['v'], ...address },
    })),
  );
  const topic = topics.get('t');
  if (topic === undefined) throw new Error('no topic');
  return topic;
}

function decode(payload: unknown, retained: boolean, ...given: readonly Given[]): Batch & { clockOff: boolean } {
  const into = new BatchBuilder();
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(payload as string);
  const { clockOff } = decodeMessage(into, topicOf(...given), bytes, NOW, retained);
  return { ...into.take(), clockOff };
}

/** The one sample, as a value or a reason. */
function one(payload: unknown, given: Given): number | string | undefined {
  const batch = decode(payload, false, given);
  expect(batch.length).toBe(1);
  if (batch.quality[0] === Quality.bad) {
    expect(batch.value[0]).toBeNaN();
    return reasonOf(batch.reason[0] ?? 0);
  }
  expect(batch.quality[0]).toBe(Quality.good);
  return batch.texts.get(0) ?? batch.value[0];
}

describe('values', () => {
  test.each<[string, Given, number | string]>([
    ['{"v":21.5}', { kind: 'double' }, 21.5],
    ['{"v":-3}', { kind: 'double' }, -3],
    ['{"v":250}', { kind: 'double', address: { scale: 0.1 } }, 25],
    ['{"v":"21.5"}', { kind: 'double' }, 'wrong-type'],
    ['{"v":1e999}', { kind: 'double' }, 'not-finite'],
    ['{"v":-1e999}', { kind: 'double' }, 'not-finite'],
    ['{"v":1e308}', { kind: 'double', address: { scale: 10 } }, 'integer-too-large'],
    ['{"v":9007199254740991}', { kind: 'double' }, 9007199254740991],
    ['{"v":9007199254740993}', { kind: 'double' }, 'integer-too-large'],
    ['{"v":null}', { kind: 'double' }, 'no-value'],
    ['{}', { kind: 'double' }, 'missing-field'],
    ['{"v":{"deep":1}}', { kind: 'double', address: { path: ['v', 'deep'] } }, 1],
    ['{"v":5}', { kind: 'double', address: { path: ['v', 'deep'] } }, 'missing-field'],
    ['{"v":[4,5]}', { kind: 'double', address: { path: ['v', '1'] } }, 5],
    ['{"v":1}', { kind: 'double', address: { path: ['toString'] } }, 'missing-field'],
    ['23.5', { kind: 'double', address: { path: [] } }, 23.5],
    ['{"v":true}', { kind: 'bool' }, 1],
    ['{"v":false}', { kind: 'bool' }, 0],
    ['{"v":1}', { kind: 'bool' }, 'wrong-type'],
    ['{"v":"ON"}', { kind: 'bool', address: { values: { ON: 1, OFF: 0 } } }, 1],
    ['{"v":1}', { kind: 'bool', address: { values: { 1: 1, 0: 0 } } }, 1],
    ['{"v":"toString"}', { kind: 'bool', address: { values: { ON: 1 } } }, 'unknown-enum'],
    ['{"v":["diskerror","diskfull"]}', { kind: 'bool', address: { contains: 'diskfull' } }, 1],
    ['{"v":[]}', { kind: 'bool', address: { contains: 'diskfull' } }, 0],
    ['{"v":"diskfull"}', { kind: 'bool', address: { contains: 'diskfull' } }, 'wrong-type'],
    ['{"v":2}', { kind: 'enum', states: [1, 2] }, 2],
    ['{"v":3}', { kind: 'enum', states: [1, 2] }, 'unknown-enum'],
    ['{"v":3}', { kind: 'enum' }, 3],
    ['{"v":-1}', { kind: 'enum' }, 'out-of-range'],
    ['{"v":1.5}', { kind: 'enum' }, 'wrong-type'],
    ['{"v":"Reachable"}', { kind: 'enum', states: [0, 1], address: { values: { Reachable: 1 } } }, 1],
    ['{"v":"Melted"}', { kind: 'enum', states: [0, 1], address: { values: { Reachable: 1 } } }, 'unknown-enum'],
    ['{"v":4294967295}', { kind: 'bitset' }, 4294967295],
    ['{"v":4294967296}', { kind: 'bitset' }, 'out-of-range'],
    ['{"v":"大堂"}', { kind: 'text' }, '大堂'],
    ['{"v":7}', { kind: 'text' }, 'wrong-type'],
    [`{"v":"${'灯'.repeat(85)}"}`, { kind: 'text' }, '灯'.repeat(85)],
    [`{"v":"${'灯'.repeat(86)}"}`, { kind: 'text' }, 'text-too-long'],
    ['not json', { kind: 'double' }, 'unparsable-payload'],
    ['', { kind: 'double' }, 'unparsable-payload'],
    [`{"v":${' '.repeat(MAX_PAYLOAD_BYTES)}1}`, { kind: 'double' }, 'payload-too-large'],
  ])('%.60s as %j is %s', (payload, given, expected) => {
    expect(one(payload, given)).toBe(expected);
  });

  test('a payload in GBK is unparsable, not a text with replacement characters', () => {
    const gbk = Buffer.from([0x7b, 0x22, 0x76, 0x22, 0x3a, 0x22, 0xb5, 0xc6, 0x22, 0x7d]);
    expect(one(gbk, { kind: 'text' })).toBe('unparsable-payload');
  });

  test('a last will has its one field, and the other points are bad', () => {
    const batch = decode(
      '{"online":false}',
      false,
      { kind: 'bool', address: { path: ['online'] } },
      { kind: 'bool', address: { path: ['recording'] } },
    );
    expect([...batch.quality]).toEqual([Quality.good, Quality.bad]);
    expect(batch.value[0]).toBe(0);
    expect(reasonOf(batch.reason[1] ?? 0)).toBe('missing-field');
    expect(batch.details.get(1)).toBe('recording');
  });

  test('a retained message is uncertain', () => {
    const batch = decode('{"v":1}', true, { kind: 'double' });
    expect(batch.quality[0]).toBe(Quality.uncertain);
    expect(batch.value[0]).toBe(1);
    expect(reasonOf(batch.reason[0] ?? 0)).toBe('retained');
  });

  test('whatever the payload: one sample per point, a value or a reason, nothing thrown', () => {
    const kinds: readonly ValueKind[] = ['double', 'bool', 'enum', 'bitset', 'text'];
    const payloads = fc.oneof(
      fc.json().map((text) => Buffer.from(text)),
      fc.jsonValue().map((v) => Buffer.from(JSON.stringify({ v }))),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(payloads, fc.boolean(), (payload, retained) => {
        const batch = decode(payload, retained, ...kinds.map((kind) => ({ kind, address: { time: ['ts'] } })));
        expect([...batch.point]).toEqual([1, 2, 3, 4, 5]);
        for (let row = 0; row < batch.length; row++) {
          const bad = batch.quality[row] === Quality.bad;
          const has = batch.texts.has(row) || Number.isFinite(batch.value[row]);
          expect(has).toBe(!bad);
          expect(reasonOf(batch.reason[row] ?? 0) === undefined).toBe(!bad && !retained);
        }
      }),
    );
  });

  test('every exact number comes through as it was written', () => {
    const exact = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, min: -1e15, max: 1e15 }));
    fc.assert(
      fc.property(exact, (v) => {
        expect(one(JSON.stringify({ v }), { kind: 'double' })).toBe(v === 0 ? 0 : v);
      }),
    );
  });
});

describe('time', () => {
  const timed: Given = { kind: 'double', address: { time: ['ts'] } };

  test.each<[string, number, boolean]>([
    [`{"v":1,"ts":${NOW - 500}}`, NOW - 500, false],
    [`{"v":1,"ts":${NOW - 500}.75}`, NOW - 500, false],
    [`{"v":1,"ts":${NOW + MAX_AHEAD_MS}}`, NOW + MAX_AHEAD_MS, false],
    [`{"v":1,"ts":${NOW + MAX_AHEAD_MS + 1}}`, NOW, true],
    [`{"v":1,"ts":${Math.round(NOW / 1000)}}`, NOW, true],
    ['{"v":1,"ts":0}', NOW, true],
    ['{"v":1,"ts":"2026-11-23"}', NOW, true],
    ['{"v":1}', NOW, false],
  ])('%s', (payload, sourceMs, clockOff) => {
    const batch = decode(payload, false, timed);
    expect(batch.sourceMs[0]).toBe(sourceMs);
    expect(batch.receivedMs[0]).toBe(NOW);
    expect(batch.clockOff).toBe(clockOff);
  });

  test('points of one message may have times of their own', () => {
    const batch = decode(
      `{"v":1,"a":${NOW - 1},"b":${NOW - 2}}`,
      false,
      { kind: 'double', address: { time: ['b'] } },
      { kind: 'double' },
      { kind: 'double', address: { time: ['a'] } },
    );
    expect([...batch.sourceMs]).toEqual([NOW - 2, NOW, NOW - 1]);
  });
});
