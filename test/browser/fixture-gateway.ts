import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type {
  ActionBody,
  AlarmHealthReply,
  AlarmReply,
  AssetReply,
  DecisionsReply,
  HealthReply,
  HistoryReply,
  LiveEvents,
  SiteReply,
} from '../../gateway/http/contract.ts';
import { LIVE_HEARTBEAT_MS } from '../../gateway/http/contract.ts';
import { fixtureAlarmHealth, fixturePath, fixtureRates, fixtureSnapshot } from './fixture-estate.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
};

/** As strict as the gateway is to be: nothing from elsewhere, no inline script or style. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'";

export interface FixtureOptions {
  /** Folder of the built page. */
  readonly page: string;
  /** Port to listen on; 0 takes a free one. */
  readonly port?: number;
  /** Wanted of every call where given. */
  readonly token?: string;
}

/**
 * Speaks the contract of the API over a real socket, with an estate that only changes when a test says so: the page can
 * be met with a silence, a cut or a refusal that a healthy gateway does not show on demand.
 */
export class FixtureGateway {
  /** What the next page that connects is told; a test may replace it. */
  snapshot = fixtureSnapshot();
  /** Bodies of acknowledgements by activation, in the order in which they came. */
  readonly acknowledgements: { activationId: string; by: string | undefined }[] = [];
  /** The next acknowledgements are answered with this status. */
  refuseAcknowledgementsWith: number | undefined;
  /** Bodies of actions, in the order in which they came. */
  readonly actions: ActionBody[] = [];
  /** The next actions are refused with this text. */
  refuseActionsWith: AlarmReply['text'] | undefined;
  /** What people decided so far, of all assets. */
  decisions: DecisionsReply = { plans: [], exclusions: [], writes: [], signedOff: [] };
  health: AlarmHealthReply = fixtureAlarmHealth();
  path: HealthReply = fixturePath();
  /** Number of `/api/live` connections that were ever opened. */
  connections = 0;
  readonly #options: FixtureOptions;
  readonly #live = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy());
  });
  readonly #startedMs = Date.now();
  #heartbeat: NodeJS.Timeout | undefined;
  #silent = false;
  #port = 0;

  constructor(options: FixtureOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port ?? 0, '127.0.0.1', () => resolve());
    });
    this.#port = (this.#server.address() as AddressInfo).port;
    this.#heartbeat = setInterval(() => this.send('heartbeat', { nowMs: this.nowMs() }), LIVE_HEARTBEAT_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Where it listens, or listened before it was stopped. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Live connections that stand now. */
  get listeners(): number {
    return this.#live.size;
  }

  nowMs(): number {
    return this.snapshot.site.nowMs + Date.now() - this.#startedMs;
  }

  /** Keeps the connections open, but says nothing more. */
  silence(): void {
    this.#silent = true;
  }

  speak(): void {
    this.#silent = false;
  }

  send<Name extends keyof LiveEvents>(name: Name, data: LiveEvents[Name]): void {
    if (this.#silent) return;
    for (const response of this.#live) response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** A delta with some rows; the others are left out. */
  delta(rows: Partial<LiveEvents['delta']>): void {
    this.send('delta', { nowMs: this.nowMs(), systems: [], assets: [], points: [], links: [], ...rows });
  }

  /** Makes an alarm what is given, here and on all pages. */
  alarm(alarm: AlarmReply): void {
    const rest = this.snapshot.alarms.filter((other) => other.activationId !== alarm.activationId);
    this.snapshot = { ...this.snapshot, alarms: alarm.state === 'normal' ? rest : [...rest, alarm] };
    this.send('alarm', alarm);
  }

  /** Changes an asset, here and on all pages. */
  asset(key: string, more: Partial<AssetReply>): void {
    const assets = this.snapshot.assets.map((row) => (row.key === key ? { ...row, ...more } : row));
    this.snapshot = { ...this.snapshot, assets };
    this.delta({ assets: assets.filter((row) => row.key === key) });
  }

  /** Has the site file refused, or sound again, here and on all pages: each gets a new snapshot, as from the gateway. */
  refuseSite(refused: SiteReply['refused']): void {
    const { refused: _before, ...site } = this.snapshot.site;
    this.snapshot = { ...this.snapshot, site: refused === undefined ? site : { ...site, refused } };
    this.send('snapshot', { ...this.snapshot, site: { ...this.snapshot.site, nowMs: this.nowMs() } });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    if (!url.pathname.startsWith('/api/')) return this.#file(url.pathname, response);
    if (url.pathname === '/api/session') return this.#session(request, response);
    const { token } = this.#options;
    if (token !== undefined && !(request.headers.cookie ?? '').includes(`lamplighter_token=${token}`)) {
      return json(response, 401, { code: 'unauthorized', text: { zh: '需要访问令牌', en: 'access token needed' } });
    }
    if (url.pathname === '/api/live') return this.#listen(response);
    if (url.pathname === '/api/systems') return json(response, 200, this.snapshot.systems);
    if (url.pathname === '/api/history') return json(response, 200, history(url.searchParams));
    if (url.pathname === '/api/alarm-health') return json(response, 200, this.health);
    if (url.pathname === '/api/health') return json(response, 200, this.path);
    if (url.pathname === '/api/decisions') return json(response, 200, this.#decisionsOf(url.searchParams.get('asset')));
    if (url.pathname === '/api/rates') {
      const all = fixtureRates(this.snapshot.systems, this.snapshot.assets);
      const [system, rate] = [url.searchParams.get('system'), url.searchParams.get('rate')];
      const wanted = all.filter((of) => of.system === (system ?? of.system) && of.rate.key === (rate ?? of.rate.key));
      return json(response, 200, wanted);
    }
    if (request.method === 'POST' && url.pathname === '/api/actions') return this.#act(request, response);
    if (request.method === 'POST' && url.pathname === '/api/site/reload') return json(response, 200, {});
    const match = /^\/api\/alarms\/(?<id>[^/]+)\/ack$/.exec(url.pathname);
    const id = match?.groups?.id;
    if (request.method === 'POST' && id !== undefined)
      return this.#acknowledge(decodeURIComponent(id), request, response);
    return json(response, 404, { code: 'not-found', text: { zh: '没有此接口', en: 'no such call' } });
  }

  #listen(response: ServerResponse): void {
    this.connections += 1;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.on('close', () => this.#live.delete(response));
    const site = { ...this.snapshot.site, nowMs: this.nowMs() };
    response.write(`event: snapshot\ndata: ${JSON.stringify({ ...this.snapshot, site })}\n\n`);
    this.#live.add(response);
  }

  async #acknowledge(activationId: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await readJson(request)) as { by?: string };
    this.acknowledgements.push({ activationId, by: body.by });
    if (this.refuseAcknowledgementsWith !== undefined) {
      const text = { zh: '日志写入失败，未确认', en: 'the log cannot be written: not acknowledged' };
      return json(response, this.refuseAcknowledgementsWith, { code: 'log-unavailable', text });
    }
    const alarm = this.snapshot.alarms.find((row) => row.activationId === activationId);
    if (alarm === undefined)
      return json(response, 404, { code: 'no-alarm', text: { zh: '报警已结束', en: 'alarm is closed' } });
    const over = alarm.state === 'returned-unacknowledged' ? 'normal' : 'latched';
    const state = alarm.returnedMs === null ? 'acknowledged' : over;
    const now = this.nowMs();
    const after: AlarmReply = { ...alarm, state, acknowledgedMs: now, acknowledgedBy: body.by ?? null };
    json(response, 200, after);
    this.alarm(after);
  }

  async #act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const action = (await readJson(request)) as ActionBody;
    this.actions.push(action);
    if (this.refuseActionsWith !== undefined) {
      return json(response, 409, { code: 'refused', text: this.refuseActionsWith });
    }
    json(response, 200, {});
    this.#take(action);
  }

  /** What the gateway would make of an action, as far as the page's tests look at it. */
  #take(action: ActionBody): void {
    const by = action.by ?? 'operator';
    switch (action.type) {
      case 'reset': {
        const alarm = this.snapshot.alarms.find((row) => row.activationId === action.activationId);
        if (alarm !== undefined) this.alarm({ ...alarm, state: 'normal' });
        return;
      }
      case 'shelve':
      case 'unshelve': {
        const alarm = this.snapshot.alarms.find((row) => row.asset === action.asset && row.alarm === action.alarm);
        if (alarm === undefined) return;
        const shelf = action.type === 'shelve' ? { untilMs: action.untilMs, by, reason: action.reason } : null;
        this.alarm({ ...alarm, shelf, silence: shelf === null ? null : 'shelved' });
        return;
      }
      case 'take-out-of-service':
        return this.asset(action.asset, { outOfService: { by, reason: action.reason, sinceMs: this.nowMs() } });
      case 'return-to-service':
        return this.asset(action.asset, { outOfService: null });
      case 'open-job':
        return this.asset(action.asset, { job: { by, untilMs: action.untilMs } });
      case 'close-job':
        return this.asset(action.asset, { job: null });
      case 'sign-off':
        return this.#signOff(action.points);
      case 'plan':
      case 'cancel-plan':
      case 'exclude':
        return this.#decide(action);
      case 'acknowledge':
        return;
    }
  }

  #decisionsOf(asset: string | null): DecisionsReply {
    const isAsked = (of: { readonly asset: string }) => of.asset === (asset ?? of.asset);
    const { plans, exclusions, writes, signedOff } = this.decisions;
    return {
      plans: plans.filter(isAsked),
      exclusions: exclusions.filter(isAsked),
      writes: writes.filter(isAsked),
      signedOff: signedOff.filter((key) => asset === null || key.startsWith(`${asset}/`)),
    };
  }

  /** Planned work that has begun was planned until it was cancelled. */
  #decide(action: Extract<ActionBody, { type: 'plan' | 'cancel-plan' | 'exclude' }>): void {
    const { asset, fromMs } = action;
    const { plans, exclusions } = this.decisions;
    if (action.type === 'cancel-plan') {
      const nowMs = this.nowMs();
      const left = plans.flatMap((plan) => {
        if (plan.asset !== asset || plan.fromMs !== fromMs) return plan;
        return fromMs < nowMs ? { ...plan, toMs: nowMs } : [];
      });
      this.decisions = { ...this.decisions, plans: left };
      return;
    }
    const { toMs, reason, by = 'operator' } = action;
    const decided = { asset, fromMs, toMs, by, reason };
    if (action.type === 'plan') this.decisions = { ...this.decisions, plans: [...plans, decided] };
    else {
      const exclusion = { ...decided, atMs: this.nowMs(), excludedMs: toMs - fromMs };
      this.decisions = { ...this.decisions, exclusions: [...exclusions, exclusion] };
    }
  }

  #signOff(points: readonly string[]): void {
    const signedOff = [...new Set([...this.decisions.signedOff, ...points])];
    this.decisions = { ...this.decisions, signedOff };
    for (const { key, commissioning } of this.snapshot.assets) {
      const own = this.snapshot.points.filter((row) => row.asset === key);
      if (commissioning && own.every((row) => signedOff.includes(row.key))) this.asset(key, { commissioning: false });
    }
  }

  async #session(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token } = (await readJson(request)) as { token?: string };
    if (token !== this.#options.token) {
      return json(response, 401, { code: 'unauthorized', text: { zh: '令牌不正确', en: 'wrong token' } });
    }
    response.setHeader('set-cookie', `lamplighter_token=${token}; HttpOnly; SameSite=Strict; Path=/`);
    return json(response, 200, {});
  }

  async #file(pathname: string, response: ServerResponse): Promise<void> {
    const path = join(this.#options.page, normalize(pathname === '/' ? '/index.html' : pathname));
    const content = await readFile(path).catch(() => undefined);
    if (content === undefined)
      return json(response, 404, { code: 'not-found', text: { zh: '没有此页', en: 'no such page' } });
    response.writeHead(200, {
      'content-type': contentTypes[extname(path)] ?? 'application/octet-stream',
      'content-security-policy': CONTENT_SECURITY_POLICY,
    });
    response.end(content);
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text === '' ? '{}' : text);
}

/** A slow wave with a gap of a sixth in the middle and one spike. */
function history(query: URLSearchParams): HistoryReply {
  const [fromMs, toMs, buckets] = ['from', 'to', 'buckets'].map((name) => Number(query.get(name))) as [
    number,
    number,
    number,
  ];
  const rows = Array.from({ length: buckets }, (_, index) => {
    const share = index / buckets;
    if (share > 0.5 && share < 0.67) return null;
    const mean = 7.8 + Math.sin(share * 20) * 0.3;
    return { mean, min: mean - 0.08, max: index === Math.floor(buckets / 5) ? 9.2 : mean + 0.08 };
  });
  const column = (of: (row: { mean: number; min: number; max: number }) => number) =>
    rows.map((row) => (row === null ? null : of(row)));
  return {
    point: query.get('point') ?? '',
    fromMs,
    toMs,
    bucketMs: (toMs - fromMs) / buckets,
    count: rows.map((row) => (row === null ? 0 : 12)),
    min: column((row) => row.min),
    max: column((row) => row.max),
    mean: column((row) => row.mean),
    last: column((row) => row.mean),
  };
}
