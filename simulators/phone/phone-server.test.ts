import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { listenOnPort } from '../listen.ts';
import { MAX_NOTICES } from './inbox.ts';
import { createPhoneServer } from './phone-server.ts';

const SECRET = 'between gateway and phone';

async function phone(secret?: string): Promise<string> {
  const server = createPhoneServer(secret);
  const port = await listenOnPort(server, 0);
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return `http://127.0.0.1:${port}`;
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(10_000) });
const notice = (id: string) => JSON.stringify({ id, priority: 1, text: { zh: '电梯困人', en: 'Passenger trapped' } });
const received = async (url: string) => (await (await fetch(`${url}/notices`)).json()) as Record<string, unknown>[];

test('a notice is kept once, with the time of its receipt', async () => {
  const url = await phone();
  for (const id of ['a', 'b', 'a']) {
    const response = await post(`${url}/webhook`, notice(id));
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
  }
  const notices = await received(url);
  expect(notices.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(notices[0]).toMatchObject({ priority: 1, text: { zh: '电梯困人' } });
  expect(Math.abs(Number(notices[0]?.receivedMs) - Date.now())).toBeLessThan(60_000);
});

test('with a key, only what is signed with it is taken', async () => {
  const url = await phone(SECRET);
  const sign = (body: string, key: string) => createHmac('sha256', key).update(`1781526600000.${body}`).digest('hex');
  const send = async (body: string, signature: string) =>
    (
      await post(`${url}/webhook`, body, {
        'x-lamplighter-timestamp': '1781526600000',
        'x-lamplighter-signature': signature,
      })
    ).status;
  expect(await send(notice('a'), sign(notice('a'), SECRET))).toBe(200);
  expect(await send(notice('b'), sign(notice('a'), SECRET))).toBe(401);
  expect(await send(notice('c'), sign(notice('c'), 'another key'))).toBe(401);
  expect(await send(notice('d'), 'rubbish')).toBe(401);
  expect((await post(`${url}/webhook`, notice('e'))).status).toBe(401);
  expect((await received(url)).map(({ id }) => id)).toEqual(['a']);
});

test.each(['', '[]', '{"id":7}', '{"id":""}', '{"id":'])('%j is no notice', async (body) => {
  const url = await phone();
  expect((await post(`${url}/webhook`, body)).status).toBe(400);
  expect(await received(url)).toEqual([]);
});

test('it can be told to fail, and not to', async () => {
  const url = await phone();
  const behave = (mode: string) => post(`${url}/behaviour`, JSON.stringify({ mode }));
  await behave('error500');
  expect((await post(`${url}/webhook`, notice('a'))).status).toBe(500);
  await behave('ok200-with-error');
  const polite = await post(`${url}/webhook`, notice('b'));
  expect([polite.status, ((await polite.json()) as { ok: boolean }).ok]).toEqual([200, false]);
  await behave('hang');
  let end = 'none';
  const hanging = post(`${url}/webhook`, notice('c')).then(
    () => {
      end = 'answered';
    },
    (error: Error) => {
      end = error.name;
    },
  );
  expect((await behave('sulk')).status).toBe(400);
  expect(await received(url)).toEqual([]);
  expect(end).toBe('none');
  await behave('ok');
  await hanging;
  // The connection was cut; a time-out of the sender would have another name.
  expect(end).toBe('TypeError');
  expect((await post(`${url}/webhook`, notice('d'))).status).toBe(200);
  expect((await received(url)).map(({ id }) => id)).toEqual(['d']);
});

test('it keeps a bounded number of notices, the newest', async () => {
  const url = await phone();
  for (let i = 0; i < MAX_NOTICES + 3; i += 1) await post(`${url}/webhook`, notice(`n${i}`));
  const ids = (await received(url)).map(({ id }) => id);
  expect(ids).toHaveLength(MAX_NOTICES);
  expect([ids[0], ids.at(-1)]).toEqual(['n3', `n${MAX_NOTICES + 2}`]);
});

test('a page sees what was received, and what comes as it comes', async () => {
  const url = await phone();
  await post(`${url}/webhook`, notice('early'));
  const stop = new AbortController();
  const live = await fetch(`${url}/live`, { signal: stop.signal });
  expect(live.headers.get('content-type')).toBe('text/event-stream');
  const reader = live.body?.pipeThrough(new TextDecoderStream()).getReader();
  let seen = '';
  const see = async (text: string) => {
    while (!seen.includes(text)) seen += (await reader?.read())?.value ?? '';
  };
  await see('"id":"early"');
  expect(seen).toMatch(/^event: snapshot\ndata: \[/);
  await post(`${url}/webhook`, notice('late'));
  await see('"id":"late"');
  expect(seen).toContain('event: notice\n');
  stop.abort();
});

test.each([
  ['/', 'text/html', '<ol id="notices"'],
  ['/page.css', 'text/css', '#b80020'],
  ['/page.js', 'text/javascript', 'acknowledgeUrl'],
])('%s is served', async (path, type, content) => {
  const response = await fetch((await phone()) + path);
  expect(response.headers.get('content-type')).toContain(type);
  expect(await response.text()).toContain(content);
});
