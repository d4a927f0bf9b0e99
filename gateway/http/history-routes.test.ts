import Fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import type { HistoryQueries } from '../../model/history.ts';
import { blockOf, points, type Row } from '../../test/contracts/history-samples.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { openEmbeddedHistory } from '../history/embedded.ts';
import { fail } from './errors.ts';
import { historyRoutes } from './history-routes.ts';

/** 2026-06-15 20:30 in Shanghai. */
const T = Date.UTC(2026, 5, 15, 12, 30);

async function serve(rows: readonly Row[], wrap: (home: HistoryQueries) => HistoryQueries = (home) => home) {
  const home = await openEmbeddedHistory({
    dir: tempFolder(),
    lookup: (n) => points.find(({ number }) => number === n),
  });
  await home.writeSamples([blockOf(0, rows)], new AbortController().signal);
  const app = Fastify();
  // As the server does with what the framework finds wrong.
  app.setErrorHandler((error: Error, _request, reply) => fail(reply, 'bad-request', error.message));
  historyRoutes(app, {
    history: wrap(home),
    // Keys as a site file has them.
    pointInfo: (key) => {
      const found = points.find(({ kind }) => `pump/${kind}` === key);
      return found && { ...found, key, asset: 'pump-1', unit: 'kPa' };
    },
    pointStates: (key) =>
      key === 'pump/bool' ? { 0: { zh: '停', en: 'stopped' }, 1: { zh: '=转', en: '=runs' } } : undefined,
    site: () => ({ nowMs: T + 3_600_000, timeZone: 'Asia/Shanghai' }),
  });
  onTestFinished(async () => {
    await app.close();
    await home.close();
  });
  return app;
}

const get = async (app: FastifyInstance, url: string) => {
  const { statusCode, body, headers } = await app.inject(url);
  return { status: statusCode, body, headers, json: () => JSON.parse(body) as unknown };
};

const someRows: Row[] = [
  [1, T, 1.5],
  [1, T + 1, null],
  [1, T + 2, ['?', 7]],
  [3, T + 1000, 1],
  [3, T + 31_000, 0],
  [4, T, '=cmd|"x"!A1'],
  [4, T + 1, '门, 关'],
];

test('answers a chart of several points, and one of one point as before', async () => {
  const app = await serve(someRows);
  const span = `from=${T}&to=${T + 60_000}&buckets=1`;
  const chart = await get(app, `/api/history/chart?point=pump/double&point=pump/bool&${span}`);
  expect(chart.json()).toMatchObject([
    { point: 'pump/double', count: [1], last: [1.5] },
    { point: 'pump/bool', count: [2], mean: [0.5] },
  ]);
  const one = await get(app, `/api/history/chart?point=pump/bool&${span}`);
  expect(one.json()).toHaveLength(1);
  const single = await get(app, `/api/history?point=pump/bool&${span}`);
  expect(single.json()).toMatchObject({ point: 'pump/bool', count: [2] });
});

test('answers raw samples page by page', async () => {
  const app = await serve(someRows);
  const ask = `/api/history/samples?point=pump/double&from=${T}&to=${T + 10}&limit=2`;
  const first = (await get(app, ask)).json() as { next: string };
  expect(first).toEqual({
    point: 'pump/double',
    ms: [T, T + 1],
    value: [1.5, null],
    quality: ['good', 'bad'],
    next: expect.stringMatching(/^\d+\.\d+$/),
  });
  expect((await get(app, `${ask}&after=${first.next}`)).json()).toMatchObject({
    ms: [T + 2],
    value: [7],
    quality: ['uncertain'],
    next: null,
  });
  expect((await get(app, `${ask}&after=1.x`)).status).toBe(400);
});

test('answers timelines, and says where a point has no states', async () => {
  const app = await serve(someRows);
  const span = `from=${T}&to=${T + 60_000}&pixels=60`;
  expect((await get(app, `/api/history/states?point=pump/bool&${span}`)).json()).toMatchObject([
    {
      point: 'pump/bool',
      exact: true,
      stretches: [
        { kind: 'unknown', fromMs: T, toMs: T + 1000 },
        { kind: 'state', fromMs: T + 1000, toMs: T + 31_000, state: 1 },
        { kind: 'state', fromMs: T + 31_000, toMs: T + 60_000, state: 0 },
      ],
    },
  ]);
  const wrong = await get(app, `/api/history/states?point=pump/double&${span}`);
  expect([wrong.status, wrong.body]).toEqual([400, expect.stringContaining('has no states')]);
});

test('writes a file that a spreadsheet reads, in either language, and that runs nothing there', async () => {
  const app = await serve(someRows);
  const ask = `/api/history.csv?point=pump/double&point=pump/bool&point=pump/text&from=${T}&to=${T + 1001}`;
  const zh = await get(app, ask);
  expect(zh.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="history.csv"',
  });
  expect(zh.body.split('\r\n')).toEqual([
    '\ufeff资产,点,时间,数值,文字,质量,单位',
    'pump-1,double,2026-06-15T20:30:00.000+08:00,1.5,,好,kPa',
    'pump-1,double,2026-06-15T20:30:00.001+08:00,,,坏,kPa',
    'pump-1,double,2026-06-15T20:30:00.002+08:00,7,,可疑,kPa',
    "pump-1,bool,2026-06-15T20:30:01.000+08:00,1,'=转,好,kPa",
    `pump-1,text,2026-06-15T20:30:00.000+08:00,,"'=cmd|""x""!A1",好,kPa`,
    'pump-1,text,2026-06-15T20:30:00.001+08:00,,"门, 关",好,kPa',
    '',
  ]);
  const en = await get(app, `${ask}&lang=en`);
  expect(en.body.split('\r\n')).toEqual(
    expect.arrayContaining([
      '\ufeffAsset,Point,Time,Value,Text,Quality,Unit',
      'pump-1,double,2026-06-15T20:30:00.002+08:00,7,,Uncertain,kPa',
      "pump-1,bool,2026-06-15T20:30:01.000+08:00,1,'=runs,Good,kPa",
    ]),
  );
});

test('refuses more exports at a time than there may be, and takes the next when one is over', async () => {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const app = await serve(someRows, (home) => ({
    series: (...question) => home.series(...question),
    chart: (...question) => home.chart(...question),
    states: (...question) => home.states(...question),
    async samples(...question) {
      asked++;
      await gate.promise;
      return home.samples(...question);
    },
  }));
  const ask = `/api/history.csv?point=pump/double&from=${T}&to=${T + 10}`;
  const running = Array.from({ length: 4 }, () => get(app, ask));
  await until('four exports run', 10_000, () => asked === 4);
  const fifth = await get(app, ask);
  expect([fifth.status, fifth.body]).toEqual([503, expect.stringContaining('too-many-exports')]);
  gate.resolve();
  for (const { status } of await Promise.all(running)) expect(status).toBe(200);
  expect((await get(app, ask)).status).toBe(200);
});

test('says what is wrong with a question, and that the store does not answer', async () => {
  const app = await serve([], (home) => ({
    series: () => Promise.reject(new Error('the disk is gone')),
    chart: (...question) => home.chart(...question),
    states: (...question) => home.states(...question),
    samples: (...question) => home.samples(...question),
  }));
  const codes = await Promise.all(
    [
      '/api/history?point=nobody/here',
      `/api/history?point=pump/double&from=${T}&to=${T}`,
      '/api/history?point=pump/double',
      '/api/history?point=pump/double&buckets=2001',
      '/api/history/chart',
      `/api/history/chart?${'point=pump/double&'.repeat(51)}`,
      '/api/history.csv?point=nobody/here',
    ].map(async (url) => {
      const { status, json } = await get(app, url);
      return [status, (json() as { code: string }).code];
    }),
  );
  expect(codes).toEqual([
    [404, 'unknown-point'],
    [400, 'bad-range'],
    [503, 'history-failed'],
    [400, expect.anything()],
    [400, expect.anything()],
    [400, expect.anything()],
    [404, 'unknown-point'],
  ]);
});
