import { type ClientSession, type ClientSubscription, LogLevel, setLogLevel } from 'node-opcua';
import { type Emit, LinkLost, type LinkPlan } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { monitor } from './reading/monitored-items.ts';
import { refresh } from './reading/refresh.ts';
import { Reporter } from './reading/reporter.ts';
import type { Intervals } from './reading/revision.ts';
import { createSubscription, type Fail, failWithSubscription, silenceOf } from './reading/subscription.ts';
import { locate } from './reading/watched.ts';
import { DEFAULT_REFRESH_MS, type OpcuaAddress, type OpcuaSettings } from './schema.ts';
import { type ClientIdentity, createClientIdentity } from './security/client-identity.ts';
import { closed, createClient, openSession } from './session/client.ts';
import { explained } from './session/refusals.ts';
import { request, within } from './session/request.ts';
import { describeTypes } from './values/type-catalogue.ts';

/** Real ms that a run which ends waits for a subscription under way. */
const SUBSCRIBED_WITHIN_MS = 500;
/** A node that the server does not know is asked for again at every so many-th read. */
const UNKNOWN_EVERY_READS = 12;

const DEFAULT_SAMPLING_MS = 500;
const DEFAULT_PUBLISHING_MS = 250;

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
    const client = createClient(this.#plan.key, identity);
    client.on('connection_lost', () => fail('连接中断', 'connection lost'));
    client.on('close', () => fail('连接已关闭', 'connection closed'));
    try {
      const hold = async () => {
        const session = await openSession(client, settings);
        session.on('session_closed', () => fail('会话已关闭', 'session closed'));
        this.#session = session;
        this.#plan.wire.revised(null);
        await this.#hold(session, reporter, over.signal, up, fail);
      };
      // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
      await Promise.race([aborted, lost.promise, hold()]);
    } catch (error) {
      // What still fails because of the abort is no fault of the link.
      if (!signal.aborted) throw explained(error, settings.endpoint);
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
    const client = createClient(this.#plan.key, await this.#identity);
    try {
      return await work(await openSession(client, this.#plan.settings));
    } catch (error) {
      throw explained(error, this.#plan.settings.endpoint);
    } finally {
      await closed(client);
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
    const { settings, clock, wire } = this.#plan;
    const refreshMs = parseDuration(settings.refresh ?? '') ?? DEFAULT_REFRESH_MS;
    const watched = this.#plan.points.map((point) => ({ point, nodeId: undefined, known: true, monitored: false }));
    await locate(session, watched, wire);
    await describeTypes(session, watched);
    if (!over.aborted) up();
    await refresh(session, reporter, watched, { over, wire, retry: false });
    over.throwIfAborted();
    const subscription = await this.#subscribe(session, fail);
    const silent = silenceOf(subscription);
    await monitor(subscription, reporter, watched, this.#asked, this.#plan);
    for (let reads = 1; ; reads += 1) {
      await clock.delay(refreshMs, over);
      const retry = reads % UNKNOWN_EVERY_READS === 0;
      if (retry && watched.some(({ known }) => !known)) await locate(session, watched, wire);
      await refresh(session, reporter, watched, { over, wire, retry });
      if (retry) await monitor(subscription, reporter, watched, this.#asked, this.#plan);
      // Reads can succeed while the subscription is silent; changes would come late, and nobody would see why.
      if (silent()) fail('订阅无消息', 'the subscription is silent');
    }
  }

  async #subscribe(session: ClientSession, fail: Fail): Promise<ClientSubscription> {
    const creating = createSubscription(session, this.#asked.publishingMs);
    this.#subscribing = creating;
    const subscription = await request(this.#plan.wire, creating, 'create the subscription');
    failWithSubscription(subscription, fail);
    return subscription;
  }
}
