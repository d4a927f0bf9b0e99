import Fastify from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { WRITE_TOKEN_HEADER } from './contract.ts';
import { type WritesSource, writeRoutes } from './write-routes.ts';

const TOKEN = 'a-token-for-writing';
const body = { value: 21.5, by: '张三', reason: 'too cold' };

type Wanted = Parameters<WritesSource['write']>[0];
type Answer = Awaited<ReturnType<WritesSource['write']>>;

let app = Fastify();
afterEach(() => app.close());

async function post(
  payload: unknown,
  options: { token?: string; given?: string; answer?: Answer } = {},
): Promise<{ status: number; body: { code?: string }; wanted: Wanted[] }> {
  const { token = TOKEN, given = TOKEN, answer = { kind: 'done', logSeq: 7, before: 20, after: 21.5 } } = options;
  const wanted: Wanted[] = [];
  app = Fastify();
  writeRoutes(app, {
    token: token === '' ? undefined : token,
    write: async (one) => {
      wanted.push(one);
      return answer;
    },
  });
  const reply = await app.inject({
    method: 'POST',
    url: '/api/points/fan-1/speed/write',
    payload: JSON.stringify(payload),
    headers: { 'content-type': 'application/json', ...(given !== '' && { [WRITE_TOKEN_HEADER]: given }) },
  });
  return { status: reply.statusCode, body: reply.json(), wanted };
}

test('a value goes to the point of the address, with who and why', async () => {
  expect(await post(body)).toEqual({
    status: 200,
    body: { logSeq: 7, before: 20, after: 21.5 },
    wanted: [{ asset: 'fan-1', point: 'speed', value: 21.5, by: '张三', reason: 'too cold' }],
  });
  const answer = { kind: 'done', logSeq: 7, before: null, after: '泵' } as const;
  expect(await post({ ...body, value: '泵' }, { answer })).toMatchObject({ body: { before: null, after: '泵' } });
  expect((await post({ ...body, value: true })).wanted).toMatchObject([{ value: 1 }]);
});

test.each<[string, string, string, number, string]>([
  ['no token is set up', '', TOKEN, 403, 'writing-off'],
  ['none is given', TOKEN, '', 403, 'write-token-needed'],
  ['another one is given', TOKEN, 'a-token-for-lookin', 403, 'write-token-needed'],
])('nobody writes where %s', async (_, token, given, status, code) => {
  const reply = await post(body, { token, given });
  expect(reply).toMatchObject({ status, body: { code }, wanted: [] });
});

test.each([
  { ...body, value: null },
  { ...body, value: 'x'.repeat(257) },
  { ...body, value: { raw: 5 } },
  { value: 5, reason: 'nobody says who' },
  { value: 5, by: '张三' },
  { ...body, force: true },
  null,
])('%j is no write', async (wrong) => {
  expect(await post(wrong)).toMatchObject({ status: 400, body: { code: 'bad-request' }, wanted: [] });
});

const why = { zh: '文', en: 'text' };
test.each<[Answer, number, object]>([
  [{ kind: 'unknown-point' }, 404, { code: 'unknown-point' }],
  [{ kind: 'refused', why }, 409, { code: 'refused', text: why }],
  [{ kind: 'failed', why }, 502, { code: 'write-failed', text: why }],
  [{ kind: 'too-many' }, 429, { code: 'too-many-writes' }],
  [{ kind: 'log-failed' }, 503, { code: 'log-failed' }],
])('%j is answered with %i', async (answer, status, expected) => {
  expect(await post(body, { answer })).toMatchObject({ status, body: expected });
});
