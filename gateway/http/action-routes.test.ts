import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Action } from '../../model/log.ts';
import type { AlarmView } from '../../model/view.ts';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { type ActionsSource, actionRoutes } from './action-routes.ts';

const text = { zh: '文', en: 'text' };
const alarm: AlarmView = { ...raisedAlarm({ state: 'latched' }), assetName: text, system: null };

let app: FastifyInstance;
let taken: Action[];
let source: { -readonly [K in keyof ActionsSource]: ActionsSource[K] };

beforeEach(() => {
  taken = [];
  source = {
    activation: (id) => (id === alarm.activationId ? alarm : undefined),
    refusal: () => undefined,
    async act(action) {
      taken.push(action);
      return { logSeq: 42, workedIn: true };
    },
  };
  app = Fastify();
  actionRoutes(app, {
    activation: (id) => source.activation(id),
    refusal: (action) => source.refusal(action),
    act: (action) => source.act(action),
  });
});
afterEach(() => app.close());

async function post(url: string, payload?: object): Promise<{ status: number; body: unknown }> {
  const reply = await app.inject({ method: 'POST', url, ...(payload && { payload }) });
  return { status: reply.statusCode, body: reply.json() };
}

const oneShot = { type: 'shelve', asset: 'lift', alarm: 'fault', untilMs: null, reason: 'rope', by: '张三' };

test('an action reaches the log as it was sent: a one-shot shelving stays one', async () => {
  expect(await post('/api/actions', oneShot)).toEqual({ status: 200, body: { logSeq: 42 } });
  expect(taken).toEqual([oneShot]);
  expect(await post('/api/actions', { type: 'close-job', asset: 'lift' })).toMatchObject({ status: 200 });
  expect(taken[1]).toEqual({ type: 'close-job', asset: 'lift', by: 'operator' });
});

test('what is wrong with a body is said, and nothing is taken', async () => {
  const { status, body } = await post('/api/actions', { ...oneShot, untilMs: 'soon' });
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: 'bad-request', text: { en: expect.stringContaining('body/untilMs') } });
  expect(await post('/api/actions')).toMatchObject({ status: 400 });
  expect(taken).toEqual([]);
});

test('what the rules refuse is a 409 with their reason, and nothing is taken', async () => {
  const why = { zh: '救生报警不能搁置', en: 'a life-safety alarm cannot be shelved' };
  source.refusal = ({ type }) => (type === 'acknowledge' ? text : why);
  expect(await post('/api/actions', oneShot)).toEqual({ status: 409, body: { code: 'refused', text: why } });
  expect(await post(`/api/alarms/${alarm.activationId}/reset`)).toMatchObject({ status: 409, body: { text: why } });
  expect(taken).toEqual([]);
  // Whoever comes second to acknowledge is shown who was first.
  expect(await post(`/api/alarms/${alarm.activationId}/ack`)).toMatchObject({ status: 200 });
});

test('the addresses of an alarm stand for their actions, and answer the alarm as it is then', async () => {
  expect(await post(`/api/alarms/${alarm.activationId}/reset`, { by: '李四' })).toEqual({ status: 200, body: alarm });
  expect(await post(`/api/alarms/${alarm.activationId}/ack`)).toEqual({ status: 200, body: alarm });
  const { activationId } = alarm;
  expect(taken).toEqual([
    { type: 'reset', activationId, by: '李四' },
    { type: 'acknowledge', activationId, by: 'operator' },
  ]);
  expect(await post('/api/alarms/none/reset')).toMatchObject({ status: 404, body: { code: 'unknown-alarm' } });
});

test('a log that cannot be written, and an engine that is behind, are told apart', async () => {
  source.act = () => Promise.reject(new Error('disk full'));
  expect(await post('/api/actions', oneShot)).toMatchObject({ status: 503, body: { code: 'log-failed' } });
  source.act = async () => ({ logSeq: 42, workedIn: false });
  expect(await post('/api/actions', oneShot)).toMatchObject({ status: 503, body: { code: 'engine-behind' } });
  expect(await post(`/api/alarms/${alarm.activationId}/ack`)).toMatchObject({ body: { code: 'engine-behind' } });
});
