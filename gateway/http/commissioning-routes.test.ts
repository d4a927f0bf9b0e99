import Fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import type { Commissioning, ScanEvent } from '../../model/probe.ts';
import { until } from '../../test/support/until.ts';
import { type AskedLink, commissioningRoutes } from './commissioning-routes.ts';

const WITHIN_MS = 5000;
const end = { complete: true, outcome: 'answered', notes: [], trouble: null } as const;
const finding = { outcome: 'answered', facts: [], tables: [], trouble: null } as const;

interface Served {
  readonly app: FastifyInstance;
  /** Ends what the links are held for. */
  readonly over: AbortController;
}

function serve(
  adapter: Commissioning | null,
  reason: AskedLink['reason'] = null,
  reconnect: (key: string) => void = () => undefined,
): Served {
  const app = Fastify({ forceCloseConnections: true });
  const over = new AbortController();
  commissioningRoutes(app, {
    reconnect,
    link: (key) => (key.startsWith('link') ? { adapter, reason, over: over.signal } : undefined),
  });
  onTestFinished(() => app.close());
  return { app, over };
}

const post = (app: FastifyInstance, path: string, body: object) =>
  app.inject({ method: 'POST', url: `/api/links/${path}`, payload: body });

/** An adapter whose reads and scans wait until they are cancelled; `running` counts them. */
function waiting(): Commissioning & { running: number } {
  const wait = async (signal: AbortSignal) => {
    adapter.running += 1;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    adapter.running -= 1;
  };
  const adapter: Required<Commissioning> & { running: number } = {
    running: 0,
    async probe(_request, signal) {
      await wait(signal);
      return { ok: true, finding };
    },
    async scan(_options, signal, tell) {
      tell({ kind: 'row', table: 't', key: 'k', cells: ['found'] });
      await wait(signal);
      // What is still found while it ends has nobody to be told to.
      tell({ kind: 'row', table: 't', key: 'late', cells: ['x'] });
      return { ok: true, end: { ...end, complete: false } };
    },
  };
  return adapter;
}

test('a read hands on what the adapter found, or what cannot be read', async () => {
  const { app } = serve({
    probe: async ({ where }) =>
      where === 'good' ? { ok: true, finding } : { ok: false, text: { zh: '不行', en: 'no place' } },
  });
  expect((await post(app, 'link/read', { where: 'good' })).json()).toEqual(finding);
  const bad = await post(app, 'link/read', { where: 'bad' });
  expect([bad.statusCode, bad.json()]).toEqual([400, { code: 'bad-place', text: { zh: '不行', en: 'no place' } }]);
  expect((await post(app, 'nowhere/read', { where: 'good' })).json()).toMatchObject({ code: 'unknown-link' });
  expect((await post(app, 'link/scan', { options: {} })).json()).toMatchObject({ code: 'not-possible' });
});

test('a link that does not run says why', async () => {
  const { app } = serve(null, { zh: '没有这种协议', en: 'no such protocol' });
  const reply = await post(app, 'link/read', { where: 'x' });
  expect(reply.statusCode).toBe(409);
  expect(reply.json()).toMatchObject({
    code: 'link-not-held',
    text: { en: 'this link does not run: no such protocol' },
  });
});

test('a scan answers in lines, the last of which is its end; a refusal is an error and no line', async () => {
  const rows: ScanEvent[] = [
    { kind: 'table', table: { key: 't', title: { zh: '表', en: 'table' }, columns: [] } },
    { kind: 'row', table: 't', key: 'a', cells: ['1', { zh: '一', en: 'one' }] },
  ];
  const { app } = serve({
    async scan(options, _signal, tell) {
      if (options.bad !== undefined) return { ok: false, text: { zh: '没有', en: 'no such option' } };
      for (const row of rows) tell(row);
      return { ok: true, end };
    },
  });
  const reply = await post(app, 'link/scan', { options: {} });
  expect(reply.headers['content-type']).toBe('application/x-ndjson');
  const lines = reply.body.trimEnd().split('\n');
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([...rows, { kind: 'end', ...end }]);
  const bad = await post(app, 'link/scan', { options: { bad: '1' } });
  expect([bad.statusCode, bad.json()]).toMatchObject([400, { code: 'bad-place' }]);
});

test('so many at a time, and one scan of each link; room is there again once they are over', async () => {
  const adapter = waiting();
  const { app, over } = serve(adapter);
  const reads = Array.from({ length: 8 }, () => post(app, 'link/read', { where: 'x' }));
  await until('they run', WITHIN_MS, () => adapter.running === 8);
  expect((await post(app, 'link/read', { where: 'x' })).json()).toMatchObject({ code: 'too-many-reads' });
  const scan = post(app, 'link-1/scan', { options: {} });
  await until('it runs', WITHIN_MS, () => adapter.running === 9);
  expect((await post(app, 'link-1/scan', { options: {} })).statusCode).toBe(503);
  const others = ['link-2', 'link-3', 'link-4'].map((key) => post(app, `${key}/scan`, { options: {} }));
  await until('they run', WITHIN_MS, () => adapter.running === 12);
  expect((await post(app, 'link-5/scan', { options: {} })).statusCode).toBe(503);
  // The links are held no more: all that was asked of them ends.
  over.abort();
  await Promise.all([...reads, scan, ...others]);
  expect(adapter.running).toBe(0);
  expect((await post(app, 'link/read', { where: 'x' })).statusCode).toBe(200);
  expect((await post(app, 'link-1/scan', { options: {} })).statusCode).toBe(200);
});

test('whoever goes away is not asked for any more', async () => {
  const adapter = waiting();
  const { app } = serve(adapter);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const stop = new AbortController();
  const ask = (path: string, body: object) =>
    fetch(`${url}/api/links/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: stop.signal,
    })
      .then((response) => response.text())
      .catch(() => 'aborted');
  const asked = [ask('link/read', { where: 'x' }), ask('link/scan', { options: {} })];
  await until('both run', WITHIN_MS, () => adapter.running === 2);
  stop.abort();
  await until('both are over', WITHIN_MS, () => adapter.running === 0);
  expect(await Promise.all(asked)).toEqual(['aborted', 'aborted']);
});

test('a reader that takes nothing ends the scan', async () => {
  let [told, over] = [0, false];
  const { app } = serve({
    async scan(_options, signal, tell) {
      const cells = ['x'.repeat(100_000)];
      while (!signal.aborted && told < 1000) {
        tell({ kind: 'row', table: 't', key: String(told), cells });
        told += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      over = true;
      return { ok: true, end: { ...end, complete: false } };
    },
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(`${url}/api/links/link/scan`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"options":{}}',
  });
  await until('it has ended', WITHIN_MS, () => over);
  expect(told).toBeLessThan(1000);
  await response.body?.cancel();
});

test('a scan that fails under way ends without its last line, and gives its room back', async () => {
  const { app } = serve({
    async scan(_options, _signal, tell) {
      tell({ kind: 'progress', done: 0, total: 1, text: { zh: '', en: '' } });
      throw new Error('a bug');
    },
  });
  for (let i = 0; i < 5; i++) {
    const reply = await post(app, 'link/scan', { options: {} });
    expect(reply.body.trimEnd().split('\n')).toHaveLength(1);
  }
});

test('a link connects anew when somebody asks, and only one that there is', async () => {
  const asked: string[] = [];
  const { app } = serve(null, null, (key) => asked.push(key));
  expect((await post(app, 'link-1/reconnect', {})).statusCode).toBe(204);
  expect((await post(app, 'nowhere/reconnect', {})).statusCode).toBe(404);
  expect(asked).toEqual(['link-1']);
});
