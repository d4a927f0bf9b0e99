import { type ClientSession, LogLevel, type OPCUAClient, setLogLevel } from 'node-opcua';
import { type Emit, type LinkPlan, SetupRefused } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { NodeReader } from './reading/node-reader.ts';
import { Reporter } from './reading/reporter.ts';
import type { OpcuaAddress, OpcuaSettings } from './schema.ts';
import { Preparation } from './security/prepare.ts';
import { CLOSE_TIMEOUT_MS, closed, closedSession, createClient, openSession } from './session/client.ts';
import { Endpoints } from './session/endpoints.ts';
import { explained, isSessionSpent, lostAt } from './session/refusals.ts';
import { within } from './session/request.ts';

const DEFAULT_PUBLISHING_MS = 250;

/** A session with what is read on it; outlives its connection. */
interface Held {
  readonly endpoint: string;
  readonly session: ClientSession;
  readonly reader: NodeReader;
}

/** The connections of one run, and the session that is asked for on the last of them. */
interface Opening {
  readonly clients: readonly OPCUAClient[];
  readonly session: Promise<ClientSession>;
}

/** One link to one server, or to redundant ones. Only one `run` at a time. */
export class OpcuaLink {
  readonly #plan: LinkPlan<OpcuaSettings, OpcuaAddress>;
  readonly #publishingMs: number;
  readonly #preparation: Preparation;
  readonly #endpoints: Endpoints;
  /** The session of the last run, whose connection was lost: the next run takes it up again. */
  #kept: Held | undefined;
  /** The session of the run, from when it is asked for. */
  #session: Promise<ClientSession> | undefined;

  constructor(plan: LinkPlan<OpcuaSettings, OpcuaAddress>) {
    this.#plan = plan;
    this.#preparation = new Preparation(plan);
    this.#endpoints = new Endpoints(plan.settings);
    this.#publishingMs = parseDuration(plan.settings.publishing ?? '') ?? DEFAULT_PUBLISHING_MS;
    // The library writes to the console by itself.
    setLogLevel(LogLevel.Emergency);
  }

  /** See `Adapter.run`. */
  async run(emit: Emit, signal: AbortSignal, up: () => void): Promise<void> {
    if (signal.aborted) return;
    const { wire } = this.#plan;
    const endpoint = this.#endpoints.current;
    const over = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
    });
    const lost = Promise.withResolvers<never>();
    // It may fail when nobody waits for it any more.
    lost.promise.catch(() => undefined);
    const fail = (zh: string, en: string) => lost.reject(lostAt(endpoint, { zh, en }));
    const reporter = new Reporter(this.#plan, emit);
    const opening = this.#open(endpoint, over.signal, fail);
    let held: Held | undefined;
    let answered = false;
    let keeps = false;
    try {
      const hold = async () => {
        const { session, reader } = await this.#take(await opening.session, endpoint);
        held = { endpoint, session, reader };
        const onClosed = () => fail('会话已关闭', 'session closed');
        session.once('session_closed', onClosed);
        over.signal.addEventListener('abort', () => session.removeListener('session_closed', onClosed));
        wire.revised(null);
        const risen = () => {
          answered = true;
          wire.using(this.#endpoints.several ? endpoint : null);
          up();
        };
        await reader.hold({ session, reporter, over: over.signal, up: risen });
      };
      // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
      await Promise.race([aborted, lost.promise, hold()]);
    } catch (error) {
      // What still fails because of the abort is no fault of the link.
      if (!signal.aborted) {
        const told = explained(error, { endpoint, nowMs: Date.now(), ...this.#preparation.own });
        keeps = !(told instanceof SetupRefused) && !isSessionSpent(error);
        // Without its session there is nothing to come back to, and what is wrong with this one may be right with the next.
        throw this.#endpoints.failed(told, answered && keeps);
      }
    } finally {
      over.abort();
      reporter.close();
      held?.reader.pause();
      wire.using(null);
      await this.#leave(opening, held, keeps);
    }
  }

  /**
   * Does something for a person on the session that `run` holds, or is about to; where it holds none, on one of its own
   * that is closed afterwards, since small servers have few. Rejects with LinkLost or SetupRefused where there is none.
   */
  async withSession<T>(work: (session: ClientSession) => Promise<T>): Promise<T> {
    const held = await this.#session?.catch(() => undefined);
    if (held !== undefined) return await work(held);
    const endpoint = this.#endpoints.current;
    const clients: OPCUAClient[] = [];
    let session: ClientSession | undefined;
    try {
      const prepared = await this.#preparation.prepare(endpoint, (client) => clients.push(client));
      const client = createClient(this.#plan.key, prepared);
      clients.push(client);
      session = await openSession(client, endpoint, prepared.user);
      return await work(session);
    } catch (error) {
      throw explained(error, { endpoint, nowMs: Date.now(), ...this.#preparation.own });
    } finally {
      if (session !== undefined) await closedSession(session);
      await Promise.all(clients.map(closed));
    }
  }

  #open(endpoint: string, over: AbortSignal, fail: (zh: string, en: string) => void): Opening {
    const clients: OPCUAClient[] = [];
    const opened = (client: OPCUAClient) => {
      // One that comes after the end would be closed by nobody.
      over.throwIfAborted();
      clients.push(client);
    };
    const former = this.#kept?.endpoint === endpoint ? this.#kept.session : undefined;
    const open = async () => {
      const prepared = await this.#preparation.prepare(endpoint, opened);
      const client = createClient(this.#plan.key, prepared);
      opened(client);
      client.on('connection_lost', () => fail('连接中断', 'connection lost'));
      client.on('close', () => fail('连接已关闭', 'connection closed'));
      return await openSession(client, endpoint, prepared.user, former);
    };
    const session = open();
    session.catch(() => undefined);
    this.#session = session;
    return { clients, session };
  }

  /** What is read on a session: what was on the last one, where the server has that still, else everything anew. */
  async #take(session: ClientSession, endpoint: string): Promise<{ session: ClientSession; reader: NodeReader }> {
    const kept = this.#kept;
    this.#kept = undefined;
    const isSame = kept?.endpoint === endpoint && kept.session === session;
    if (isSame || (kept?.endpoint === endpoint && (await kept.reader.transferTo(session)))) {
      return { session, reader: kept.reader };
    }
    return { session, reader: new NodeReader(this.#plan, this.#publishingMs) };
  }

  /** Closes the connections, and the session too, unless its connection is all that was lost. */
  async #leave(opening: Opening, held: Held | undefined, keeps: boolean): Promise<void> {
    // A session that is being made when the run is to end is closed like any other.
    const opened = within(CLOSE_TIMEOUT_MS, opening.session, 'open').catch(() => undefined);
    const session = held?.session ?? (await opened);
    this.#session = undefined;
    if (keeps && held !== undefined) this.#kept = held;
    if (session !== undefined && !(keeps && session === this.#kept?.session)) await closedSession(session);
    await Promise.all(opening.clients.map(closed));
  }
}
