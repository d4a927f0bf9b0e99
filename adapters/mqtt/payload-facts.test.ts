import { expect, test } from 'vitest';
import type { LinkPoint } from '../../model/adapter.ts';
import { pathTable, payloadText, pointTable } from './payload-facts.ts';
import type { MqttAddress } from './schema.ts';

const points: readonly LinkPoint<MqttAddress>[] = [
  {
    number: 41,
    key: 'a/temperature',
    kind: 'double',
    address: { topic: 't', path: ['air', 'temperature'], scale: 0.1 },
  },
  {
    number: 42,
    key: 'a/mode',
    kind: 'enum',
    states: { 1: { zh: '自动', en: 'auto' } },
    address: { topic: 't', path: ['mode'] },
  },
  { number: 43, key: 'a/missing', kind: 'bool', address: { topic: 't', path: ['none'] } },
  { number: 44, key: 'a/other', kind: 'double', address: { topic: 'u', path: [] } },
];
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test('every value of a payload with the path that a map would give it, and the points that read it', () => {
  const payload = bytes({ air: { temperature: 215, unit: null }, lamps: [true, 'x'], mode: 1 });
  expect(pathTable(payload, points)?.rows).toEqual([
    ['air.temperature', 'number', '215', 'a/temperature'],
    ['air.unit', 'null', 'null', ''],
    ['lamps.0', 'boolean', 'true', ''],
    ['lamps.1', 'string', '"x"', ''],
    ['mode', 'number', '1', 'a/mode'],
  ]);
  expect(pathTable(bytes(5), points)?.rows).toEqual([['—', 'number', '5', 'a/other']]);
  expect(pathTable(Buffer.from('no json'), points)).toBeUndefined();
});

test('a huge or deep payload is shown in part', () => {
  expect(pathTable(bytes(Array.from({ length: 5000 }, () => 0)), [])?.rows).toHaveLength(300);
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = { a: deep };
  expect(pathTable(bytes(deep), [])?.rows).toHaveLength(1);
});

test('what the site file makes of a message, and why not', () => {
  const message = { topic: 't', payload: bytes({ air: { temperature: 215 }, mode: 1 }), qos: 0, retained: false };
  expect(pointTable(message, points, 1)?.rows).toEqual([
    ['a/temperature', 'air.temperature', '21.5', { zh: '', en: '' }],
    ['a/mode', 'mode', { zh: '1 自动', en: '1 auto' }, { zh: '', en: '' }],
    ['a/missing', 'none', '—', { zh: '报文缺少该字段（none）', en: 'field is missing in the payload (none)' }],
  ]);
  expect(pointTable({ ...message, topic: 'nowhere' }, points, 1)).toBeUndefined();
});

test.each([
  [Buffer.from('ready 就绪'), 'ready 就绪'],
  [Buffer.from([0xff, 0x01]), 'ff 01'],
  [Buffer.alloc(0), '""'],
  [Buffer.alloc(100, 'a'), `${'a'.repeat(10)} …`],
])('a payload as people read it: %j', (payload, text) => {
  expect(payloadText(payload, 10)).toBe(text);
});
