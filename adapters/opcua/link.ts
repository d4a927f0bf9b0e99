import {
  AttributeIds,
  ClientMonitoredItemGroup,
  type ClientSession,
  type ClientSubscription,
  LogLevel,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  setLogLevel,
  TimestampsToReturn,
  UserTokenType,
} from 'node-opcua';
import { type Emit, LinkLost, type LinkPlan, SetupRefused, type Wire } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import type { Text } from '../../model/text.ts';
import { type ClientIdentity, createClientIdentity } from './client-identity.ts';
import type { NodePoint } from './decode.ts';
import { Reporter } from './reporter.ts';
import { REQUEST_TIMEOUT_MS, request, within } from './request.ts';
import { type Intervals, revisionOf } from './revision.ts';
import { DEFAULT_REFRESH_MS, type OpcuaAddress, type OpcuaSettings } from './schema.ts';

/** Real ms to connect, open a session and learn the namespaces. */
export const CONNECT_TIMEOUT_MS = 8_000;
/** Real ms that a run which ends waits for a subscription under way. */
const SUBSCRIBED_WITHIN_MS = 500;
/** Real ms for a session to be closed politely. */
export const CLOSE_TIMEOUT_MS = 1_500;
/** Nodes of one read or of one call that creates monitored items; small controllers refuse more. */
export const MAX_NODES_PER_CALL = 100;
/** Values that the server keeps for an item between two reports. */
const ITEM_QUEUE = 10;
/** A node that the server does not know is asked for again at every so many-th read. */
const UNKNOWN_EVERY_READS = 12;
/** How long the server keeps a session of which it hears nothing; short, for controllers with few of them. */
const SESSION_TIMEOUT_MS = 30_000;
/** Publishing intervals without a change after which the server says that it lives. */
const KEEPALIVE_COUNT = 10;
/** Publishing intervals without a request of ours after which the server drops the subscription. */
const LIFETIME_COUNT = 100;
/** Missed signs of life of the subscription, and the least real ms, after which it counts as lost. */
const MISSED_SIGNS = 3;
const LEAST_SILENCE_MS = 5_000;

const DEFAULT_SAMPLING_MS = 500;
const DEFAULT_PUBLISHING_MS = 250;

/** A point with what this connection knows of its node. */
interface Watched {
  readonly point: NodePoint;
  /** Undefined where the server does not have the namespace. */
  nodeId: string | undefined;
  known: boolean;
  monitored: boolean;
}

/** One link to one server. Only one `run` at a time. */
export class OpcuaLink {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #asked: Intervals;
  #identity: Promise<ClientIdentity> | undefined;
  #session: ClientSession | undefined;
  /** The newest subscription, from when it is asked for. */
  #subscribing: Promise<unknown> | undefined;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>) {
    this.#plan = plan;
    const { publishing, sampling } = plan.settings;
    this.#asked = {
      publishingMs: parseDuration(publishing ?? '') ?? DEFAULT_PUBLISHING_MS,
      samplingMs: parseDuration(sampling ?? '') ?? DEFAULT_SAMPLING_MS,
    };
    // The library writes to the console by itself.
    setLogLevel(LogLevel.Emergency);
  }

  /** See `Adapter.run`. */
  async run(emit: Emit, signal: AbortSignal, up: () => void): Promise<void> {
    const { settings } = this.#plan;
    this.#identity ??= createClientIdentity();
    const identity = await this.#identity;
    if (signal.aborted) return;
    const over = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
    });
    const lost = Promise.withResolvers<never>();
    // It may fail when nobody waits for it any more.
    lost.promise.catch(() => undefined);
    const fail = (zh: string, en: string, cause?: unknown) =>
      lost.reject(new LinkLost({ zh: `${zh}：${settings.endpoint}`, en: `${en}: ${settings.endpoint}` }, { cause }));
    const reporter = new Reporter(this.#plan, emit);
    const client = this.#createClient(identity);
    client.on('connection_lost', () => fail('连接中断', 'connection lost'));
    client.on('close', () => fail('连接已关闭', 'connection closed'));
    try {
      const hold = async () => {
        const session = await within(CONNECT_TIMEOUT_MS, this.#connect(client), 'connect');
        session.on('session_closed', () => fail('会话已关闭', 'session closed'));
        this.#session = session;
        this.#plan.wire.revised(null);
        await this.#hold(session, reporter, over.signal, up, fail);
      };
      // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
      await Promise.race([aborted, lost.promise, hold()]);
    } catch (error) {
      // What still fails because of the abort is no fault of the link.
      if (!signal.aborted) throw this.#explained(error);
    } finally {
      this.#session = undefined;
      over.abort();
      reporter.close();
      await this.#subscribed();
      await closed(client);
    }
  }

  /** Waits for a subscription that is being created: closing its session under it makes the library throw at nobody. */
  async #subscribed(): Promise<void> {
    const creating = this.#subscribing;
    this.#subscribing = undefined;
    if (creating !== undefined) await within(SUBSCRIBED_WITHIN_MS, creating, 'create').catch(() => undefined);
  }

  /**
   * Does something for a person on the session that `run` holds; where it holds none, on one of its own that is closed
   * afterwards, since small servers have few. Rejects with LinkLost or SetupRefused where there is no session.
   */
  async withSession<T>(work: (session: ClientSession) => Promise<T>): Promise<T> {
    if (this.#session !== undefined) return await work(this.#session);
    this.#identity ??= createClientIdentity();
    const client = this.#createClient(await this.#identity);
    try {
      return await work(await within(CONNECT_TIMEOUT_MS, this.#connect(client), 'connect'));
    } catch (error) {
      throw this.#explained(error);
    } finally {
      await closed(client);
    }
  }

  #createClient(identity: ClientIdentity): OPCUAClient {
    return OPCUAClient.create({
      ...identity,
      clientName: this.#plan.key,
      securityMode: MessageSecurityMode.None,
      securityPolicy: SecurityPolicy.None,
      // Controllers announce a host name of their own, which may not be the one under which we reach them.
      endpointMustExist: false,
      // One connection for each call: the supervisor tries again.
      connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
      requestedSessionTimeout: SESSION_TIMEOUT_MS,
      transportTimeout: REQUEST_TIMEOUT_MS,
      defaultTransactionTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  async #connect(client: OPCUAClient): Promise<ClientSession> {
    const { endpoint, username, password } = this.#plan.settings;
    await client.connect(endpoint);
    if (username === undefined || password === undefined) return await client.createSession();
    return await client.createSession({ type: UserTokenType.UserName, userName: username, password });
  }

  /** Reads and reports until the link is lost; never returns of itself. */
  async #hold(
    session: ClientSession,
    reporter: Reporter,
    over: AbortSignal,
    up: () => void,
    fail: (zh: string, en: string, cause?: unknown) => void,
  ): Promise<never> {
    const { settings, clock, wire } = this.#plan;
    const refreshMs = parseDuration(settings.refresh ?? '') ?? DEFAULT_REFRESH_MS;
    const watched = this.#plan.points.map((point) => ({ point, nodeId: undefined, known: true, monitored: false }));
    await locate(session, watched, wire);
    if (!over.aborted) up();
    await refresh(session, reporter, watched, { over, wire, retry: false });
    over.throwIfAborted();
    const subscription = await this.#subscribe(session, fail);
    const silentMs = signOfLife(subscription);
    const limitMs = Math.max(
      LEAST_SILENCE_MS,
      MISSED_SIGNS * subscription.publishingInterval * subscription.maxKeepAliveCount,
    );
    await this.#monitor(subscription, reporter, watched);
    for (let reads = 1; ; reads += 1) {
      await clock.delay(refreshMs, over);
      const retry = reads % UNKNOWN_EVERY_READS === 0;
      if (retry && watched.some(({ known }) => !known)) await locate(session, watched, wire);
      await refresh(session, reporter, watched, { over, wire, retry });
      if (retry) await this.#monitor(subscription, reporter, watched);
      // Reads can succeed while the subscription is silent; changes would come late, and nobody would see why.
      if (silentMs() > limitMs) fail('订阅无消息', 'the subscription is silent');
    }
  }

  async #subscribe(
    session: ClientSession,
    fail: (zh: string, en: string, cause?: unknown) => void,
  ): Promise<ClientSubscription> {
    const creating = session.createSubscription2({
      requestedPublishingInterval: this.#asked.publishingMs,
      requestedMaxKeepAliveCount: KEEPALIVE_COUNT,
      requestedLifetimeCount: LIFETIME_COUNT,
      maxNotificationsPerPublish: 0,
      publishingEnabled: true,
      priority: 1,
    });
    this.#subscribing = creating;
    const subscription = await request(this.#plan.wire, creating, 'create the subscription');
    subscription.on('terminated', () => fail('订阅已终止', 'the subscription ended'));
    subscription.on('status_changed', (status) =>
      fail(`订阅状态 ${status.name}`, `the subscription is ${status.name}`),
    );
    subscription.on('internal_error', (error) => fail('订阅故障', 'the subscription failed', error));
    subscription.on('error', (error) => fail('订阅故障', 'the subscription failed', error));
    return subscription;
  }

  /** Creates the items of all known nodes that have none; one that the server refuses is read only. */
  async #monitor(subscription: ClientSubscription, reporter: Reporter, watched: readonly Watched[]): Promise<void> {
    const missing = watched.filter(({ nodeId, known, monitored }) => nodeId !== undefined && known && !monitored);
    let refused = 0;
    let slowestMs = 0;
    for (const some of chunks(missing)) {
      const group = ClientMonitoredItemGroup.create(
        subscription,
        some.map(({ nodeId }) => ({ nodeId: nodeId ?? '', attributeId: AttributeIds.Value })),
        { samplingInterval: this.#asked.samplingMs, queueSize: ITEM_QUEUE, discardOldest: true },
        TimestampsToReturn.Both,
      );
      // Heard from the first moment on: the first report may come together with the answer that there are items.
      group.on('changed', (_item, value, index) => {
        const entry = some[index];
        if (entry === undefined) return;
        const decoded = reporter.notify(entry.point, value);
        note(entry, decoded.unknown);
        this.#plan.wire.heard(1);
        if (decoded.badStatus !== undefined) this.#plan.wire.failed(badText(entry, decoded.badStatus));
      });
      await request(this.#plan.wire, created(group), 'create the monitored items');
      some.forEach((entry, index) => {
        const item = group.monitoredItems[index];
        entry.monitored = item?.statusCode.isGood() ?? false;
        if (!entry.monitored) refused += 1;
        else slowestMs = Math.max(slowestMs, item?.monitoringParameters.samplingInterval ?? 0);
      });
    }
    const granted = { publishingMs: subscription.publishingInterval, samplingMs: slowestMs };
    if (missing.length > 0) this.#plan.wire.revised(revisionOf(this.#asked, granted));
    if (refused > 0) this.#plan.log.warn({ items: refused }, 'server refuses monitored items; they are read only');
  }

  /** Turns what the library threw into what the supervisor understands. */
  #explained(error: unknown): LinkLost | SetupRefused {
    if (error instanceof LinkLost || error instanceof SetupRefused) return error;
    const { endpoint } = this.#plan.settings;
    const message = error instanceof Error ? error.message : String(error);
    for (const [pattern, text] of refusals) {
      if (pattern.test(message)) {
        return new SetupRefused({ zh: `${text.zh}：${endpoint}`, en: `${text.en}: ${endpoint}` }, { cause: error });
      }
    }
    const why = message.split('\n', 1)[0]?.trim().slice(0, 120) ?? '';
    return new LinkLost(
      { zh: `无法连接 ${endpoint}：${why}`, en: `cannot reach ${endpoint}: ${why}` },
      { cause: error },
    );
  }
}

/** Faults of the set-up, by the status names in the library's messages. */
const refusals = [
  [/BadUserAccessDenied|BadIdentityToken/, { zh: '用户名或密码被拒绝', en: 'user name or password refused' }],
  [/End point must exist/, { zh: '服务器不提供无加密的端点', en: 'the server has no endpoint without encryption' }],
  [/user token policy/, { zh: '服务器不接受这种登录方式', en: 'the server does not accept this way to sign in' }],
] as const;

/** Looks up the namespaces and with them the nodes: an index may be another after each restart of the server. */
async function locate(session: ClientSession, watched: readonly Watched[], wire: Wire): Promise<void> {
  const namespaces = await request(wire, session.readNamespaceArray(), 'read the namespaces');
  for (const entry of watched) {
    const { namespace, node } = entry.point.address;
    const index = namespaces.indexOf(namespace);
    entry.nodeId = index < 0 ? undefined : `ns=${index};${node}`;
    if (index < 0) entry.known = false;
  }
}

/**
 * Reads all nodes, in bounded calls, and reports each with its own source time: a value that does not change is never
 * notified, and only an answer proves that it is still so. Also finds what a lost item did not tell.
 *
 * @param how `retry` asks for nodes too that the server did not know last time
 */
async function refresh(
  session: ClientSession,
  reporter: Reporter,
  watched: readonly Watched[],
  { over, wire, retry }: { readonly over: AbortSignal; readonly wire: Wire; readonly retry: boolean },
): Promise<void> {
  const asked: Watched[] = [];
  for (const entry of watched) {
    if (entry.nodeId !== undefined && (entry.known || retry)) asked.push(entry);
    else {
      await reporter.room(1);
      const { namespace, node } = entry.point.address;
      reporter.unknown(entry.point, entry.nodeId === undefined ? namespace : node);
    }
  }
  for (const some of chunks(asked)) {
    await reporter.room(some.length);
    const arrivals = some.map(({ point }) => reporter.arrivals(point));
    const values = await request(
      wire,
      session.read(some.map(({ nodeId }) => ({ nodeId: nodeId ?? '', attributeId: AttributeIds.Value }))),
      'read',
    );
    if (over.aborted) return;
    if (values.length !== some.length) throw new Error(`asked for ${some.length} values and got ${values.length}`);
    let refusal: Text | undefined;
    some.forEach((entry, i) => {
      const value = values[i];
      // What was notified meanwhile is newer than this answer.
      if (value === undefined || reporter.arrivals(entry.point) !== arrivals[i]) return;
      const { unknown, badStatus } = reporter.read(entry.point, value);
      note(entry, unknown);
      if (badStatus !== undefined) refusal ??= badText(entry, badStatus);
    });
    // One answer is one failure at most, however many of its values are bad.
    if (refusal !== undefined) wire.failed(refusal);
  }
  await reporter.settled();
}

/** Resolves when the server has answered for all items of the group, with good or bad. */
function created(group: ClientMonitoredItemGroup): Promise<void> {
  return new Promise((resolve, reject) => {
    group.once('initialized', () => resolve());
    group.once('err', (message: string) => reject(new Error(message)));
  });
}

function badText({ point }: Watched, status: string): Text {
  return { zh: `${point.address.node} 的状态为 ${status}`, en: `${point.address.node} has the status ${status}` };
}

/** An item may not outlive its node: it is created anew when the node is back. */
function note(entry: Watched, unknown: boolean): void {
  entry.known = !unknown;
  if (unknown) entry.monitored = false;
}

/** Tells how many real ms ago the subscription last gave a sign of life; data is one too. */
function signOfLife(subscription: ClientSubscription): () => number {
  let last = performance.now();
  const note = () => {
    last = performance.now();
  };
  subscription.on('raw_notification', note);
  subscription.on('keepalive', note);
  return () => performance.now() - last;
}

function chunks<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += MAX_NODES_PER_CALL) parts.push(all.slice(at, at + MAX_NODES_PER_CALL));
  return parts;
}

/** Closes session and connection; a server that does not answer is left to the library's own time-outs. */
async function closed(client: OPCUAClient): Promise<void> {
  const closing = client.disconnect();
  closing.catch(() => undefined);
  await within(CLOSE_TIMEOUT_MS, closing, 'close').catch(() => undefined);
}
