import Fastify from 'fastify';
import { Type } from 'typebox';
import { expect, onTestFinished, test } from 'vitest';
import * as contract from './contract.ts';
import { PointReply } from './contract.ts';

const point: PointReply = {
  key: 'lift-1/door',
  asset: 'lift-1',
  point: 'door',
  name: { zh: '门', en: 'Door' },
  kind: 'enum',
  unit: null,
  states: { '0': { zh: '关', en: 'closed' } },
  value: null,
  quality: 'good',
  reason: { code: 'timeout', text: { zh: '超时', en: 'timed out' }, detail: null },
  sourceMs: 1.5,
  receivedMs: null,
};

test('what may be null or of several types goes over the wire as it is', async () => {
  const rows: PointReply[] = [null, 0, -2.5, true, false, '', 'a "word"', '12'].map((value) => ({ ...point, value }));
  rows.push({ ...point, unit: 'kW', states: null, reason: null, sourceMs: null, receivedMs: 0 });
  const app = Fastify();
  onTestFinished(() => app.close());
  app.get('/', { schema: { response: { 200: Type.Array(PointReply) } } }, () => rows);
  const { payload } = await app.inject('/');
  expect(JSON.parse(payload)).toEqual(rows);
});

/** Whether a serializer needs a validator for some part of a schema. */
function hasUnion(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  return Object.entries(schema).some(([key, part]) => key === 'anyOf' || hasUnion(part));
}

test('no answer needs a validator to be serialized, but what was read at a controller', () => {
  const replies = Object.entries(contract).filter(([name]) => name.endsWith('Reply'));
  expect(replies.filter(([, schema]) => hasUnion(schema)).map(([name]) => name)).toEqual(['ReadReply']);
});
