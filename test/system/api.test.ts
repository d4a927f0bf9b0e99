import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  AlarmHealthReply,
  DecisionsReply,
  LedgerReply,
  RateDetailReply,
  SiteReply,
} from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { Estate } from '../support/estate.ts';
import { freePort } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 45_000;

/** A request with headers, or a target, that fetch would not let us set. */
function raw(
  url: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    const sent = request(url, rest, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('on loopback', () => {
  let estate: Estate;
  beforeAll(async () => {
    estate = await Estate.start(10);
  });
  afterAll(() => estate.end());

  test.each([
    ['/api/nothing', 404, 'not-found'],
    ['/assets/none.js', 404, 'not-found'],
    ['/api/history', 400, 'bad-request'],
    ['/api/history?point=lift-1/none', 404, 'unknown-point'],
    ['/api/history?point=lift-1/position&from=5&to=1', 400, 'bad-range'],
    ['/api/history?point=lift-1/position&buckets=0', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&buckets=1000000', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&from=NaN', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&from=-1e300', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&from=8640000000000001', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&from=0.5', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&to=1e16', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&to=Infinity', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&from=-Infinity', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&buckets=Infinity', 400, 'bad-request'],
    ['/api/history?point=lift-1/position&to=-8640000000000000', 400, 'bad-range'],
    ['/api/rates?system=none', 404, 'unknown-system'],
    ['/api/rates?rate=none', 404, 'unknown-rate'],
    ['/api/rates?system=lift&rate=lit', 404, 'unknown-rate'],
    ['/api/rates?at=0', 400, 'bad-time'],
    ['/api/rates?at=4102444800000', 400, 'bad-time'],
    ['/api/rates?at=now', 400, 'bad-request'],
    ['/api/rates?at=Infinity', 400, 'bad-request'],
    ['/api/ledger', 400, 'bad-request'],
    ['/api/ledger?asset=none', 404, 'unknown-asset'],
    ['/api/ledger?asset=lift-1&from=5&to=1', 400, 'bad-range'],
    ['/api/ledger?asset=lift-1&to=1e16', 400, 'bad-request'],
    ['/%zz', 400, 'bad-request'],
    [`/a/${'x'.repeat(1001)}`, 404, 'not-found'],
    ['//index.html', 403, 'forbidden'],
  ])('GET %s answers %d with a code and both languages', async (path, status, code) => {
    const { status: seen, text } = await raw(estate.url + path);
    expect(seen).toBe(status);
    const reply = JSON.parse(text) as { code: string; text: { zh: string; en: string } };
    expect(reply.code).toBe(code);
    expect(reply.text.zh).toMatch(/\p{Script=Han}/u);
    expect(reply.text.en).not.toBe('');
  });

  test('acknowledging what is not there is a 404, a broken body a 400, and neither ends anything', async () => {
    const url = `${estate.url}/api/alarms/none.at-all.1.0/ack`;
    const headers = { 'content-type': 'application/json' };
    expect((await raw(url, { method: 'POST', headers, body: '{}' })).status).toBe(404);
    expect((await raw(url, { method: 'POST', headers, body: '{"by":' })).status).toBe(400);
    expect((await raw(url, { method: 'POST', headers, body: '{"by":""}' })).status).toBe(400);
    const large = await raw(url, { method: 'POST', headers, body: `{"by":"${'x'.repeat(100_000)}"}` });
    expect({ ...large, text: JSON.parse(large.text) }).toMatchObject({ status: 413, text: { code: 'too-large' } });
    const long = await raw(url.replace('none', 'x'.repeat(1001)), { method: 'POST', headers, body: '{}' });
    expect({ ...long, text: JSON.parse(long.text) }).toMatchObject({ status: 414, text: { code: 'address-too-long' } });
    expect((await raw(`${estate.url}/a/forged.token`)).status).toBe(403);
    expect((await raw(`${estate.url}/a/%00`, { method: 'POST' })).status).toBe(403);
    expect((await raw(`${estate.url}/healthz`)).status).toBe(200);
  });

  const post = async (body: string, headers = {}, path = '/api/actions') => {
    const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
    const { status, text } = await raw(estate.url + path, sent);
    return { status, reply: JSON.parse(text) as { code?: string; text?: { en: string }; logSeq?: number } };
  };

  test('an action is taken down and worked in; a broken one is told what is wrong with it', async () => {
    const isOpen = async () => (await estate.alarms()).find(({ asset }) => asset === 'door-4');
    const fault = await estate.fault('door-forced', 'door-4');
    const { activationId } = await until('the door is an alarm', WITHIN_MS, isOpen);
    for (const body of ['', '{"type":', '[]', 'null', '{}', '{"type":"shave"}', '{"type":"acknowledge"}']) {
      expect({ body, ...(await post(body)) }).toMatchObject({ body, status: 400, reply: { code: 'bad-request' } });
    }
    const more = await post(JSON.stringify({ type: 'acknowledge', activationId, asset: 'door-4' }));
    expect(more).toMatchObject({ status: 400, reply: { text: { en: expect.stringContaining('asset') } } });
    const other = await post(JSON.stringify({ type: 'acknowledge', activationId }), { origin: 'http://evil.example' });
    expect(other).toMatchObject({ status: 403, reply: { code: 'wrong-origin' } });
    expect(await isOpen()).toMatchObject({ state: 'unacknowledged' });

    const { status, reply } = await post(JSON.stringify({ type: 'acknowledge', activationId, by: 'li-si' }));
    expect({ status, reply }).toEqual({ status: 200, reply: { logSeq: expect.any(Number) } });
    // Worked in by the time of the answer, not some time after it.
    expect(await isOpen()).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'li-si' });
    const reset = (id: string) => post('{}', {}, `/api/alarms/${id}/reset`);
    expect(await reset('none.at-all.1.0')).toMatchObject({ status: 404, reply: { code: 'unknown-alarm' } });
    expect(await reset(activationId)).toMatchObject({ status: 409, reply: { code: 'refused' } });
    await estate.mend(fault);
  });

  test('what is being done at an asset is shown there, and what the rules do not allow is refused', async () => {
    const asset = 'intercom-5';
    const act = (action: object) => post(JSON.stringify({ by: 'li-si', asset, ...action }));
    const { nowMs } = await estate.get<{ nowMs: number }>('/api/site');
    expect(await act({ type: 'take-out-of-service', reason: '换电池' })).toMatchObject({ status: 200 });
    expect(await act({ type: 'open-job', untilMs: nowMs + 3_600_000 })).toMatchObject({ status: 200 });
    expect(await estate.asset(asset)).toMatchObject({
      outOfService: { by: 'li-si', reason: '换电池', sinceMs: expect.any(Number) },
      job: { by: 'li-si', untilMs: nowMs + 3_600_000 },
      plannedUntilMs: null,
      commissioning: false,
    });
    expect(await act({ type: 'take-out-of-service', reason: '换电池' })).toMatchObject({
      status: 409,
      reply: { code: 'refused', text: { en: 'it is out of service already' } },
    });
    const toMs = nowMs + 7_200_000;
    expect(await act({ type: 'plan', fromMs: nowMs - 1, toMs, reason: '保养' })).toMatchObject({ status: 409 });
    const begins = (await estate.get<{ nowMs: number }>('/api/site')).nowMs + 5000;
    expect(await act({ type: 'plan', fromMs: begins, toMs, reason: '保养' })).toMatchObject({ status: 200 });
    await until('it has begun', WITHIN_MS, async () => (await estate.asset(asset)).plannedUntilMs === toMs);
    expect(await act({ type: 'cancel-plan', fromMs: begins })).toMatchObject({ status: 200 });
    expect(await act({ type: 'close-job' })).toMatchObject({ status: 200 });
    expect(await act({ type: 'return-to-service' })).toMatchObject({ status: 200 });
    const isOver = { outOfService: null, job: null, plannedUntilMs: null };
    await until('it is over', WITHIN_MS, async () => (await estate.asset(asset)).plannedUntilMs === null);
    expect(await estate.asset(asset)).toMatchObject(isOver);
    expect(await act({ asset: 'none', type: 'close-job' })).toMatchObject({ status: 409 });
  });

  test('rates, ledger and the health of the alarm system are there', async () => {
    const rates = await estate.get<RateDetailReply[]>('/api/rates?system=floor-light');
    expect(rates.map(({ system, rate }) => `${system} ${rate.key}`)).toEqual([
      'floor-light lit',
      'floor-light floor-lit',
    ]);
    expect(rates[0]?.rate.target).toBe(0.5);
    const { nowMs } = await estate.get<{ nowMs: number }>('/api/site');
    const past = await estate.get<RateDetailReply[]>(`/api/rates?rate=availability&at=${Math.floor(nowMs) - 60_000}`);
    expect(past.map(({ system }) => system).sort()).toEqual([
      'access-control',
      'cctv',
      'fire-pump',
      'intercom',
      'lift',
    ]);
    expect(past.every(({ groups }) => groups.length > 0)).toBe(true);
    await until('the lift is known', WITHIN_MS, async () => (await estate.asset('lift-1')).class === 'up');
    const ledger = await estate.get<LedgerReply>('/api/ledger?asset=lift-1');
    expect(ledger.toMs - ledger.fromMs).toBe(86_400_000);
    expect(ledger.stretches.at(-1)).toMatchObject({ class: 'up', toMs: null });
    const health = await estate.get<AlarmHealthReply>('/api/alarm-health');
    expect(health.fromMs).toBeLessThanOrEqual(health.toMs);
    expect(Object.keys(health.byPriority)).toEqual(['1', '2', '3', '4']);
  });

  test('what was planned, and excluded afterwards, is there with name and reason', async () => {
    await until('the door is known', WITHIN_MS, async () => (await estate.asset('door-1')).class === 'up');
    const { nowMs } = await estate.get<SiteReply>('/api/site');
    const plan = { type: 'plan', asset: 'door-1', fromMs: nowMs + 3_600_000, toMs: nowMs + 7_200_000, by: 'zhang' };
    const past = { type: 'exclude', asset: 'door-1', fromMs: nowMs - 1000, toMs: nowMs, by: 'li', reason: 'power cut' };
    const post = (body: object) =>
      raw(`${estate.url}/api/actions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({ ...plan, reason: 'new lock' })).status).toBe(200);
    expect((await post(past)).status).toBe(200);
    const decisions = await estate.get<DecisionsReply>('/api/decisions?asset=door-1');
    expect(decisions).toMatchObject({
      plans: [{ asset: 'door-1', fromMs: plan.fromMs, toMs: plan.toMs, by: 'zhang', reason: 'new lock' }],
      exclusions: [{ asset: 'door-1', toMs: nowMs, by: 'li', reason: 'power cut' }],
      signedOff: [],
    });
    expect(await estate.get<DecisionsReply>('/api/decisions?asset=door-2')).toMatchObject({
      plans: [],
      exclusions: [],
    });
  });

  test('the longest range that dates can hold is answered', async () => {
    const range = 'from=-8640000000000000&to=8640000000000000';
    expect((await raw(`${estate.url}/api/history?point=lift-1/position&${range}`)).status).toBe(200);
  });

  test('a HEAD of the live feed is answered, and takes no place of it', async () => {
    expect((await raw(`${estate.url}/api/live`, { method: 'HEAD' })).status).toBe(404);
  });

  test('a browser that another site has led here is turned away', async () => {
    const post = {
      method: 'POST',
      headers: { origin: 'http://evil.example', 'content-type': 'application/json' },
      body: '{}',
    };
    expect((await raw(`${estate.url}/api/alarms/x/ack`, post)).status).toBe(403);
    expect((await raw(`${estate.url}/api/systems`, { headers: { host: 'evil.example' } })).status).toBe(403);
    const garbled = { ...post, headers: { ...post.headers, origin: 'not an origin' } };
    expect((await raw(`${estate.url}/api/alarms/x/ack`, garbled)).status).toBe(403);
    expect((await raw(estate.url, { ...post, path: '/a/../api/alarms/x/ack' })).status).toBe(403);
    // The link of a notice is its own permission, however its address is written.
    expect((await raw(`${estate.url}/%61/forged.token`, post)).text).toContain('链接无效');
  });

  test('readiness, metrics and the description of the API are there', async () => {
    await until('it is ready', WITHIN_MS, async () => (await raw(`${estate.url}/readyz`)).status === 200);
    const metrics = (await raw(`${estate.url}/metrics`)).text;
    expect(metrics).toMatch(/^lamplighter_engine_divergences 0$/m);
    expect(metrics).toMatch(/^lamplighter_event_loop_delay_seconds_bucket\{le="0.02"\} \d+$/m);
    expect(metrics).toMatch(/^lamplighter_event_loop_delay_worst_seconds [\d.e-]+$/m);
    expect(metrics).toMatch(/^lamplighter_link_up\{link="lifts"\} [01]$/m);
    expect(metrics).toMatch(/^lamplighter_link_requests\{link="lifts"\} \d+$/m);
    expect(metrics).toMatch(/^lamplighter_link_attempts\{state="waiting"\} \d+$/m);
    expect(metrics.match(/^lamplighter_alarms_open\{priority="[1-4]",silence="[a-z-]+"\} \d+$/gm)).toHaveLength(24);
    expect(metrics).toMatch(/^lamplighter_samples_irregular\{kind="late"\} \d+$/m);
    expect(metrics).toMatch(/^lamplighter_samples_irregular\{kind="future-stamp"\} \d+$/m);
    expect(metrics).toMatch(/^lamplighter_alarm_flood [01]$/m);
    expect(metrics).toMatch(/^lamplighter_alarms_per_hour \S+$/m);
    expect(metrics).toMatch(/^lamplighter_reloads\{outcome="taken"\} 0$/m);
    expect(metrics).toMatch(/^lamplighter_reloads\{outcome="refused"\} 0$/m);
    expect(metrics).toMatch(/^lamplighter_site_refused 0$/m);
    const description = await estate.get<{ paths: Record<string, unknown> }>('/api/openapi.json');
    expect(Object.keys(description.paths)).toEqual(
      expect.arrayContaining([
        '/api/systems',
        '/api/alarms/{activationId}/ack',
        '/api/alarms/{activationId}/reset',
        '/api/history',
        '/api/actions',
        '/api/rates',
        '/api/alarm-health',
        '/api/decisions',
        '/api/ledger',
        '/api/site/reload',
      ]),
    );
  });

  test('the live feed begins with a snapshot and goes on with deltas and heartbeats', async () => {
    const stop = new AbortController();
    const response = await fetch(`${estate.url}/api/live`, { signal: stop.signal });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const seen = new Set<string>();
    let text = '';
    let snapshot: { systems: unknown[]; points: unknown[]; alarms: unknown[] } | undefined;
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [event = '', data = ''] = text.slice(0, end).split('\n');
        text = text.slice(end + 2);
        seen.add(event.slice('event: '.length));
        if (event === 'event: snapshot') snapshot = JSON.parse(data.slice('data: '.length)) as typeof snapshot;
      }
      if (seen.has('snapshot') && seen.has('delta') && seen.has('heartbeat')) break;
    }
    stop.abort();
    expect(snapshot?.systems).toHaveLength(7);
    expect(snapshot?.points.length).toBeGreaterThan(1000);
  });
});

test('on any other address everything but the page needs the token', async () => {
  const port = await freePort();
  const token = 'a-token-that-is-long-enough';
  const dataDir = tempFolder();
  const gateway = new Child(
    'gateway/main.ts',
    ['run', '--site', 'gateway/demo/site.yaml', '--host', '0.0.0.0', '--port', String(port), '--data', dataDir],
    { LAMPLIGHTER_TOKEN: token, LAMPLIGHTER_LINK_FIELD_BUS: `tcp://127.0.0.1:${await freePort()}` },
  );
  try {
    await gateway.ready();
    const url = `http://127.0.0.1:${port}`;
    expect((await raw(`${url}/`)).status).toBe(200);
    expect((await raw(`${url}/healthz`)).status).toBe(200);
    for (const path of ['/api/systems', '/api/live', '/metrics', '/readyz', '/api/openapi.json']) {
      expect({ path, status: (await raw(url + path)).status }).toEqual({ path, status: 401 });
    }
    for (const path of ['/api/rates', '/api/ledger?asset=lift-1', '/api/alarm-health', '/api/decisions']) {
      expect({ path, status: (await raw(url + path)).status }).toEqual({ path, status: 401 });
    }
    for (const path of ['/api/actions', '/api/site/reload', '/api/alarms/x/ack', '/api/alarms/x/reset']) {
      expect({ path, status: (await raw(url + path, { method: 'POST' })).status }).toEqual({ path, status: 401 });
    }
    for (const path of ['/%61pi/systems', '/api/system%73', '/metric%73', '/%72eadyz', `${url}/metrics`]) {
      expect({ path, status: (await raw(url, { path })).status }).toEqual({ path, status: 401 });
    }
    for (const path of ['//metrics', '/x/../metrics', '/;/metrics', '/METRICS', '/metrics/', '/%2fmetrics']) {
      expect({ path, text: (await raw(url, { path })).text }).toEqual({
        path,
        text: expect.not.stringContaining('lamplighter_'),
      });
    }
    expect((await raw(`${url}/api/systems`, { method: 'HEAD' })).status).toBe(401);
    expect((await raw(`${url}/api/systems`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect((await raw(`${url}/api/systems`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await raw(`${url}/api/systems`, { headers: { cookie: `lamplighter_token=${token}` } })).status).toBe(200);
    const session = (text: string) =>
      raw(`${url}/api/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token: text }),
      });
    expect((await session('wrong')).status).toBe(401);
    expect((await session(token)).status).toBe(200);
    // A command on the machine finds token and address by itself, also of a gateway that listens everywhere.
    const command = new Child('gateway/main.ts', ['reload', '--data', dataDir]);
    expect(await command.exit()).toBe(0);
    expect(command.lines).toEqual(['site file unchanged']);
    expect(gateway.lines.join('\n')).not.toContain(token);
  } finally {
    await gateway.end();
  }
});
