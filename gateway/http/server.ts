import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import fastifyStatic from '@fastify/static';
import fastifySwagger from '@fastify/swagger';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { Type } from 'typebox';
import type { HistoryHome } from '../../model/history.ts';
import type { AlarmView } from '../../model/view.ts';
import { acknowledgePage } from './acknowledge-page.ts';
import { type ActionsSource, actionRoutes } from './action-routes.ts';
import { type CommissioningSource, commissioningRoutes } from './commissioning-routes.ts';
import { AlarmReply, AssetReply, HealthReply, LinkReply, PointReply, SystemReply } from './contract.ts';
import { errorReply, fail } from './errors.ts';
import { type FiguresSource, figureRoutes } from './figure-routes.ts';
import { type HistoryRouteOptions, historyRoutes } from './history-routes.ts';
import { LiveFeed, type LiveSource } from './live-feed.ts';
import { sameSecret } from './same-secret.ts';
import { type SiteSource, siteRoutes } from './site-routes.ts';
import { type WritesSource, writeRoutes } from './write-routes.ts';

/** Bytes of a request's body at most; nothing that is asked here is larger. */
const MAX_BODY_BYTES = 64 * 1024;

/** Name of the cookie that carries the access token. */
const TOKEN_COOKIE = 'lamplighter_token';

/** Pattern of the page behind a notice's link, and of the built page's files. */
const NOTICE_ROUTE = '/a/:token';
const PAGE_ROUTE = '/*';

/**
 * What is answered without the token, by the pattern of the route that was found: an address can be written in many
 * ways. No route is the page's start, or the answer that there is nothing.
 */
const publicRoutes: ReadonlySet<string | undefined> = new Set([
  NOTICE_ROUTE,
  PAGE_ROUTE,
  '/healthz',
  '/api/session',
  undefined,
]);

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Needed on every address but loopback; without one, requests must come to a loopback name. */
  readonly token: string | undefined;
  readonly logger: FastifyBaseLogger;
  readonly source: LiveSource & { pointsOf(asset: string): readonly PointReply[] };
  readonly history: HistoryHome;
  readonly pointInfo: HistoryRouteOptions['pointInfo'];
  readonly pointStates: HistoryRouteOptions['pointStates'];
  readonly figures: FiguresSource;
  readonly actions: ActionsSource;
  readonly writes: WritesSource;
  readonly reload: SiteSource['reload'];
  readonly commissioning: CommissioningSource;
  readonly readPermission: (token: string) => { activationId: string; person: string } | 'forged' | 'expired';
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
  readonly health: () => HealthReply;
  /** Empty when all is well; otherwise what is not, e.g. `engine-behind`. */
  readonly notReady: () => readonly string[];
  /** Folder of the built page. */
  readonly pageDir: string;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  readonly feed: LiveFeed;
  close(): Promise<void>;
}

/** Serves API, live feed, page and the acknowledge page of notices. Rejects where the address cannot be had. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1000 },
    frameworkErrors: answerError,
    // Strict numbers would let a text that becomes infinite pass by its bounds.
    ajv: { customOptions: { strictNumbers: false } },
    // What validators answers need is compiled before anybody asks, not by the first who does.
    serializerOpts: { compileValidators: true },
  });
  const feed = new LiveFeed(options.source);
  try {
    await app.register(fastifySwagger, {
      openapi: { openapi: '3.1.0', info: { title: 'Lamplighter', version: options.source.site().version } },
    });
    guard(app, options);
    app.setErrorHandler(answerError);
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, _body, done) =>
      done(null, {}),
    );
    questions(app, options);
    const { history, pointInfo, pointStates } = options;
    historyRoutes(app, { history, pointInfo, pointStates, site: options.source.site });
    siteRoutes(app, { site: options.source.site, reload: options.reload });
    figureRoutes(app, options.figures, () => options.source.site().nowMs);
    actionRoutes(app, options.actions);
    writeRoutes(app, options.writes);
    commissioningRoutes(app, options.commissioning);
    live(app, feed);
    health(app, options);
    session(app, options);
    notices(app, options);
    await page(app, options.pageDir);
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    feed.close();
    await app.close();
    throw error;
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  return {
    url: `http://${isIP(options.host) === 6 ? `[${options.host}]` : options.host}:${port}`,
    port,
    feed,
    async close() {
      feed.close();
      await app.close();
    },
  };
}

/** True for the names and addresses that only this machine can mean. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Lets nobody in whom the address does not vouch for: a token, or loopback reached by a loopback name. */
function guard(app: FastifyInstance, options: HttpOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'same-origin');
    reply.header(
      'content-security-policy',
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
    const { host = '', origin } = request.headers;
    if (options.token === undefined && !isLoopback(host.replace(/:\d+$/, ''))) return fail(reply, 'wrong-origin');
    // A page of another site can make a browser post here; its Origin gives it away. The link of a notice is its own
    // permission, and message apps open it in browsers that tell no origin.
    const route = request.routeOptions.url;
    if (request.method !== 'GET' && route !== NOTICE_ROUTE && origin !== undefined && hostOf(origin) !== host) {
      return fail(reply, 'wrong-origin');
    }
    if (options.token === undefined || publicRoutes.has(route)) return;
    if (!sameSecret(tokenOf(request), options.token)) return fail(reply, 'token-needed');
  });
}

/** The host of an origin; undefined for `null` (sandboxed pages, some message apps) and for what is no origin. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function tokenOf(request: FastifyRequest): string {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const cookie = (request.headers.cookie ?? '').split(/;\s*/).find((part) => part.startsWith(`${TOKEN_COOKIE}=`));
  return cookie === undefined ? '' : decodeCookie(cookie.slice(TOKEN_COOKIE.length + 1));
}

function decodeCookie(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A malformed cookie is no token.
    return '';
  }
}

/** Answers what the framework found wrong, or what was thrown, in the form of every other error. */
function answerError(error: Error & { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): void {
  const status = error.statusCode ?? 500;
  if (status >= 500) {
    request.log.error({ err: error, url: request.url }, 'request failed');
    fail(reply, 'internal');
  } else if (status === 403) fail(reply, 'forbidden');
  else if (status === 413) fail(reply, 'too-large');
  else if (status === 414) fail(reply, 'address-too-long');
  else fail(reply, 'bad-request', error.message);
}

function questions(app: FastifyInstance, { source }: HttpOptions): void {
  app.get('/api/systems', { schema: { response: { 200: Type.Array(SystemReply) } } }, () => source.systems());
  app.get('/api/alarms', { schema: { response: { 200: Type.Array(AlarmReply) } } }, () => source.alarms());
  app.get('/api/links', { schema: { response: { 200: Type.Array(LinkReply) } } }, () => source.links());
  const assetQuery = Type.Object({ system: Type.Optional(Type.String()) });
  app.get<{ Querystring: { system?: string } }>(
    '/api/assets',
    { schema: { querystring: assetQuery, response: { 200: Type.Array(AssetReply) } } },
    ({ query }) => source.assets().filter((asset) => query.system === undefined || asset.system === query.system),
  );
  const pointQuery = Type.Object({ asset: Type.Optional(Type.String()) });
  app.get<{ Querystring: { asset?: string } }>(
    '/api/points',
    { schema: { querystring: pointQuery, response: { 200: Type.Array(PointReply) } } },
    ({ query }) => (query.asset === undefined ? source.points() : source.pointsOf(query.asset)),
  );
}

function live(app: FastifyInstance, feed: LiveFeed): void {
  // A HEAD would open a stream that nobody reads.
  app.get('/api/live', { schema: { hide: true }, exposeHeadRoute: false }, (_request, reply) => {
    if (!feed.hasRoom) return fail(reply, 'too-many-pages');
    openStream(feed, reply);
    return reply;
  });
}

function openStream(feed: LiveFeed, reply: FastifyReply): void {
  const headers = {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  reply.hijack();
  reply.raw.writeHead(200, headers as Record<string, string>);
  feed.add(reply.raw);
}

function health(app: FastifyInstance, { metrics, notReady, health: path }: HttpOptions): void {
  app.get('/api/health', { schema: { response: { 200: HealthReply } } }, () => path());
  app.get('/healthz', () => ({ ok: true }));
  app.get('/readyz', (_request, reply) => {
    const reasons = notReady();
    if (reasons.length > 0) return fail(reply, 'not-ready', reasons.join(', '));
    return { ok: true };
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    const { contentType, text } = await metrics();
    return reply.type(contentType).send(text);
  });
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

function session(app: FastifyInstance, { token }: HttpOptions): void {
  const body = Type.Object({ token: Type.String({ maxLength: 512 }) }, { additionalProperties: false });
  app.post<{ Body: { token: string } }>('/api/session', { schema: { body } }, (request, reply) => {
    if (token !== undefined && !sameSecret(request.body.token, token)) return fail(reply, 'token-needed');
    const cookie = `${TOKEN_COOKIE}=${encodeURIComponent(request.body.token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000`;
    return reply.header('set-cookie', cookie).send({ ok: true });
  });
}

/** The page behind a notice's link: looking changes nothing, posting acknowledges. */
function notices(app: FastifyInstance, { source, actions, readPermission }: HttpOptions): void {
  const { activation } = actions;
  const show = (
    reply: FastifyReply,
    status: number,
    content: Omit<Parameters<typeof acknowledgePage>[0], 'site' | 'timeZone'>,
  ) => {
    const { name, timeZone } = source.site();
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(acknowledgePage({ ...content, site: name, timeZone }));
  };
  const refused = (reply: FastifyReply, why: 'forged' | 'expired') =>
    show(reply, 403, {
      alarm: undefined,
      person: '',
      notice:
        why === 'expired'
          ? { zh: '链接已过期，请在值班页面接单', en: 'This link has expired; take the alarm on the duty page' }
          : { zh: '链接无效', en: 'This link is not valid' },
    });
  const unknown = { zh: '这条报警已不在记录中', en: 'This alarm is no longer on record' };
  app.get<{ Params: { token: string } }>(NOTICE_ROUTE, { schema: { hide: true } }, ({ params }, reply) => {
    const permission = readPermission(params.token);
    if (typeof permission === 'string') return refused(reply, permission);
    const alarm = activation(permission.activationId);
    return show(reply, alarm ? 200 : 404, { alarm, person: permission.person, notice: alarm ? undefined : unknown });
  });
  app.post<{ Params: { token: string } }>(NOTICE_ROUTE, { schema: { hide: true } }, async ({ params, log }, reply) => {
    const permission = readPermission(params.token);
    if (typeof permission === 'string') return refused(reply, permission);
    const { activationId, person } = permission;
    if (!activation(activationId)) return show(reply, 404, { alarm: undefined, person, notice: unknown });
    try {
      await actions.act({ type: 'acknowledge', activationId, by: person });
    } catch (error) {
      log.error({ err: error }, 'acknowledgement could not be recorded');
      const { body } = errorReply('log-failed');
      return show(reply, 503, { alarm: activation(activationId), person, notice: body.text });
    }
    const alarm = activation(activationId);
    return show(reply, 200, { alarm, person, notice: takenBy(alarm, person) });
  });
}

function takenBy(alarm: AlarmView | undefined, person: string): { zh: string; en: string } {
  const by = alarm?.acknowledgedBy ?? person;
  return by === person
    ? { zh: '已接单，不再呼叫其他人', en: 'Taken; nobody else will be called' }
    : { zh: `${by} 已先接单`, en: `${by} has taken it already` };
}

/** The built page; every other address that is no API's is answered by its start, which reads the address itself. */
async function page(app: FastifyInstance, pageDir: string): Promise<void> {
  if (!existsSync(pageDir)) {
    app.log.warn({ pageDir }, 'page is not built, serving the API only');
    app.setNotFoundHandler((_request, reply) => fail(reply, 'not-found'));
    return;
  }
  await app.register(fastifyStatic, { root: pageDir, preCompressed: true, cacheControl: false });
  app.setNotFoundHandler((request, reply) => {
    const isPage = request.method === 'GET' && !/^\/(api|assets|a)\//.test(request.url);
    if (!isPage) return fail(reply, 'not-found');
    return reply.header('cache-control', 'no-cache').sendFile('index.html');
  });
}
