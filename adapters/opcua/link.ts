import { type ClientSession, type ClientSubscription, LogLevel, type OPCUAClient, setLogLevel } from 'node-opcua';
import { type Emit, LinkLost, type LinkPlan } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { NodeReader } from './reading/node-reader.ts';
import { Reporter } from './reading/reporter.ts';
import { createSubscription, type Fail, failWithSubscription, silenceOf } from './reading/subscription.ts';
import type { OpcuaAddress, OpcuaSettings } from './schema.ts';
import { Preparation } from './security/prepare.ts';
import { closed, createClient, openSession } from './session/client.ts';
import { explained } from './session/refusals.ts';
import { request, within } from './session/request.ts';

/** Real ms that a run which ends waits for a subscription under way. */
const SUBSCRIBED_WITHIN_MS = 500;
const DEFAULT_PUBLISHING_MS = 250;

/** One link to one server. Only one `run` at a time. */
export class OpcuaLink {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #publishingMs: number;
  readonly #preparation: Preparation;
  #session: ClientSession | undefined;
  /** The newest subscription, from when it is asked for. */
  #subscribing: Promise<unknown> | undefined;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>) {
    this.#plan = plan;
    this.#preparation = new Preparation(plan);
    this.#publishingMs = parseDuration(plan.settings.publishing ?? '') ?? DEFAULT_PUBLISHING_MS;
    // The library writes to the console by itself.
    setLogLevel(LogLevel.Emergency);
  }

  /** See `Adapter.run`. */
  async run(emit: Emit, signal: AbortSignal, up: () => void): Promise<void> {
    const { settings } = this.#plan;
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
    const clients: OPCUAClient[] = [];
    const opened = (client: OPCUAClient) => {
      // One that comes after the end would be closed by nobody.
      over.signal.throwIfAborted();
      clients.push(client);
    };
    const open = async () => {
      const prepared = await this.#preparation.prepare(settings.endpoint, opened);
      const client = createClient(this.#plan.key, prepared);
      opened(client);
      client.on('connection_lost', () => fail('连接中断', 'connection lost'));
      client.on('close', () => fail('连接已关闭', 'connection closed'));
      return await openSession(client, settings.endpoint, prepared.user);
    };
    try {
      const hold = async () => {
        const session = await open();
        session.on('session_closed', () => fail('会话已关闭', 'session closed'));
        this.#session = session;
        this.#plan.wire.revised(null);
        await this.#hold(session, reporter, over.signal, up, fail);
      };
      // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
      await Promise.race([aborted, lost.promise, hold()]);
    } catch (error) {
      // What still fails because of the abort is no fault of the link.
      if (!signal.aborted) throw explained(error, { endpoint: settings.endpoint, ...this.#preparation.own });
    } finally {
      this.#session = undefined;
      over.abort();
      reporter.close();
      await this.#subscribed();
      await Promise.all(clients.map(closed));
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
    const { endpoint } = this.#plan.settings;
    const clients: OPCUAClient[] = [];
    try {
      const prepared = await this.#preparation.prepare(endpoint, (client) => clients.push(client));
      const client = createClient(this.#plan.key, prepared);
      clients.push(client);
      return await work(await openSession(client, endpoint, prepared.user));
    } catch (error) {
      throw explained(error, { endpoint, ...this.#preparation.own });
    } finally {
      await Promise.all(clients.map(closed));
    }
  }

  /** Reads and reports until the link is lost; never returns of itself. */
  async #hold(
    session: ClientSession,
    reporter: Reporter,
    over: AbortSignal,
    up: () => void,
    fail: Fail,
  ): Promise<never> {
    const silences: (() => boolean)[] = [];
    const reader = new NodeReader({
      plan: this.#plan,
      session,
      reporter,
      over,
      publishingMs: this.#publishingMs,
      subscribe: async () => {
        const subscription = await this.#subscribe(session, fail);
        silences.push(silenceOf(subscription));
        return subscription;
      },
      // Reads can succeed while a subscription is silent; changes would come late, and nobody would see why.
      afterRead: () => {
        if (silences.some((silent) => silent())) fail('订阅无消息', 'the subscription is silent');
      },
    });
    return await reader.hold(up);
  }

  async #subscribe(session: ClientSession, fail: Fail): Promise<ClientSubscription> {
    const creating = createSubscription(session, this.#publishingMs);
    this.#subscribing = creating;
    const subscription = await request(this.#plan.wire, creating, 'create the subscription');
    failWithSubscription(subscription, fail);
    return subscription;
  }
}
