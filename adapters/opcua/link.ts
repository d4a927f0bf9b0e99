import { type ClientSession, LogLevel, type OPCUAClient, setLogLevel } from 'node-opcua';
import { type Emit, type LinkPlan, SetupRefused } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { Publishing } from './reading/publishing.ts';
import { Reporter } from './reading/reporter.ts';
import type { Intervals } from './reading/revision.ts';
import { SessionReader } from './reading/session-reader.ts';
import type { Watched } from './reading/watched.ts';
import type { OpcuaAddress, OpcuaSettings } from './schema.ts';
import { type ClientIdentity, createClientIdentity } from './security/client-identity.ts';
import { CLOSE_TIMEOUT_MS, closed, createClient, detached, openSession } from './session/client.ts';
import { Endpoints } from './session/endpoints.ts';
import { explained, isSessionSpent, lostText } from './session/refusals.ts';
import { within } from './session/request.ts';

const DEFAULT_SAMPLING_MS = 500;
const DEFAULT_PUBLISHING_MS = 250;

/** A session with what reads and publishes on it; outlives its connection. */
interface Held {
  readonly endpoint: string;
  readonly session: ClientSession;
  readonly publishing: Publishing<Watched>;
  readonly watched: readonly Watched[];
}

/** One link to one server, or to redundant ones. Only one `run` at a time. */
export class OpcuaLink {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #asked: Intervals;
  readonly #endpoints: Endpoints;
  #identity: Promise<ClientIdentity> | undefined;
  /** The session of the last run, whose connection was lost: the next run takes it up again. */
  #kept: Held | undefined;
  /** The session of the run, from when it is asked for. */
  #session: Promise<ClientSession> | undefined;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>) {
    this.#plan = plan;
    const { publishing, sampling } = plan.settings;
    this.#asked = {
      publishingMs: parseDuration(publishing ?? '') ?? DEFAULT_PUBLISHING_MS,
      samplingMs: parseDuration(sampling ?? '') ?? DEFAULT_SAMPLING_MS,
    };
    this.#endpoints = new Endpoints(plan.settings);
    // The library writes to the console by itself.
    setLogLevel(LogLevel.Emergency);
  }

  /** See `Adapter.run`. */
  async run(emit: Emit, signal: AbortSignal, up: () => void): Promise<void> {
    this.#identity ??= createClientIdentity();
    const identity = await this.#identity;
    if (signal.aborted) return;
    const endpoint = this.#endpoints.current;
    const over = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
    });
    const lost = Promise.withResolvers<never>();
    // It may fail when nobody waits for it any more.
    lost.promise.catch(() => undefined);
    const fail = (zh: string, en: string) => lost.reject(lostText({ zh, en }, endpoint));
    const reporter = new Reporter(this.#plan, emit);
    const client = createClient(this.#plan.key, identity);
    client.on('connection_lost', () => fail('连接中断', 'connection lost'));
    client.on('close', () => fail('连接已关闭', 'connection closed'));
    const session = this.#open(client, endpoint);
    let held: Held | undefined;
    let answered = false;
    let keeps = false;
    try {
      const hold = async () => {
        held = await this.#take(await session, endpoint);
        const onClosed = () => fail('会话已关闭', 'session closed');
        held.session.once('session_closed', onClosed);
        over.signal.addEventListener('abort', () => held?.session.removeListener('session_closed', onClosed));
        this.#plan.wire.revised(null);
        this.#plan.wire.using(this.#endpoints.several ? endpoint : null);
        const risen = () => {
          answered = true;
          up();
        };
        await new SessionReader(this.#plan, this.#asked, held, reporter).hold(over.signal, risen);
      };
      // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
      await Promise.race([aborted, lost.promise, hold()]);
    } catch (error) {
      // What still fails because of the abort is no fault of the link.
      if (!signal.aborted) {
        const told = explained(error, endpoint);
        keeps = !(told instanceof SetupRefused) && !isSessionSpent(error);
        throw this.#endpoints.failed(told, answered);
      }
    } finally {
      over.abort();
      reporter.close();
      held?.publishing.pause();
      await this.#leave(client, session, held, keeps);
    }
  }

  /**
   * Does something for a person on the session that `run` holds, or is about to; where it holds none, on one of its own
   * that is closed afterwards, since small servers have few. Rejects with LinkLost or SetupRefused where there is none.
   */
  async withSession<T>(work: (session: ClientSession) => Promise<T>): Promise<T> {
    const held = await this.#session?.catch(() => undefined);
    if (held !== undefined) return await work(held);
    this.#identity ??= createClientIdentity();
    const client = createClient(this.#plan.key, await this.#identity);
    const endpoint = this.#endpoints.current;
    let session: ClientSession | undefined;
    try {
      session = await openSession(client, { ...this.#plan.settings, endpoint });
      return await work(session);
    } catch (error) {
      throw explained(error, endpoint);
    } finally {
      await closed(client, session);
    }
  }

  #open(client: OPCUAClient, endpoint: string): Promise<ClientSession> {
    const former = this.#kept?.endpoint === endpoint ? this.#kept.session : undefined;
    const session = openSession(client, { ...this.#plan.settings, endpoint }, former);
    session.catch(() => undefined);
    this.#session = session;
    return session;
  }

  /** What is read on a session: what was on the last one, where its subscription is still there, else everything anew. */
  async #take(session: ClientSession, endpoint: string): Promise<Held> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept?.endpoint === endpoint) {
      if (kept.session === session) return kept;
      if (kept.publishing.subscriptions.length > 0 && (await kept.publishing.transfer(session))) {
        return { ...kept, session };
      }
    }
    const watched = this.#plan.points.map((point) => ({ point, nodeId: undefined, known: true, monitored: false }));
    return { endpoint, session, publishing: new Publishing(session, this.#plan.wire), watched };
  }

  /** Closes the connection, and the session too, unless its connection is all that was lost. */
  async #leave(client: OPCUAClient, opening: Promise<ClientSession>, held: Held | undefined, keeps: boolean) {
    // A session that is being made when the run is to end is closed like any other.
    const session = held?.session ?? (await within(CLOSE_TIMEOUT_MS, opening, 'open').catch(() => undefined));
    this.#session = undefined;
    this.#plan.wire.using(null);
    if (keeps && held !== undefined) this.#kept = held;
    if (keeps && (session === undefined || session === this.#kept?.session)) await detached(client);
    else await closed(client, session);
  }
}
