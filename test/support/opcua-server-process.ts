import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpcuaServerFaults } from './opcua-server-faults.ts';
import { freePort } from './servers.ts';

/** The namespace in which the nodes of the server are. */
export const PLANT_NAMESPACE = 'urn:lab:plant';

/** Real ms for the server to be loaded, to answer a question, and to end. */
const LOADED_MS = 60_000;
const ANSWER_MS = 5_000;
const END_MS = 10_000;
/** Characters of what the server printed that explain a failure. */
const MAX_PRINTED = 4_000;

/** Limits by the names of the library's `serverCapabilities`; `operationLimits` are those of one call. */
export interface OpcuaServerLimits {
  readonly maxSubscriptions?: number;
  readonly maxSubscriptionsPerSession?: number;
  readonly maxMonitoredItems?: number;
  readonly maxMonitoredItemsPerSubscription?: number;
  readonly maxMonitoredItemsQueueSize?: number;
  readonly operationLimits?: {
    readonly maxNodesPerRead?: number;
    readonly maxNodesPerBrowse?: number;
    readonly maxMonitoredItemsPerCall?: number;
  };
}

/** What kind of server is started. Everything is plain data, since it goes to another process. */
export interface OpcuaServerOptions {
  /** Doubles `s=n0`, `s=n1` … in {@link PLANT_NAMESPACE}, each with its index as its first value; 10 if absent. */
  readonly items?: number;
  /**
   * Namespaces in the order in which they get their indices, from 2 on; {@link PLANT_NAMESPACE} alone if absent. Each
   * other has nodes of the same names, whose values are the negative of what they are there, less one.
   */
  readonly namespaces?: readonly string[];
  /** Sessions that it allows at a time; 100 if absent. */
  readonly maxSessions?: number;
  /** Other limits, which can be changed while it runs. */
  readonly capabilities?: OpcuaServerLimits;
  /** The first so many nodes have this range as their EURange; none has one if absent. */
  readonly ranges?: { readonly items: number; readonly low: number; readonly high: number };
  /** Least publishing interval that it grants, ms; 50 if absent. */
  readonly minPublishingMs?: number;
  /** Least sampling interval of the nodes, ms; 20 if absent. */
  readonly minSamplingMs?: number;
  /** So far is its clock ahead of ours (behind where negative), ms. */
  readonly clockOffMs?: number;
  /** From the start on, all values change this often; see {@link OpcuaServerProcess.changeEvery}. */
  readonly changeEveryMs?: number;
  /** Names of the library's security policies and modes; `None` alone if absent. */
  readonly securityPolicies?: readonly ('None' | 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss')[];
  readonly securityModes?: readonly ('None' | 'Sign' | 'SignAndEncrypt')[];
  /** Passwords by user name. */
  readonly users?: Readonly<Record<string, string>>;
  /** False: only {@link users} may sign in. */
  readonly allowAnonymous?: boolean;
  /** True: an anonymous session may take over a subscription over a channel without security. */
  readonly allowTransfer?: boolean;
  /** Where its certificates are; made there where there are none. A folder of its own if absent. */
  readonly certificatesFolder?: string;
}

/** What a server counts of its clients. */
export interface OpcuaServerCounts {
  readonly channels: number;
  readonly sessions: number;
  readonly subscriptions: number;
  /** Monitored items of all subscriptions. */
  readonly items: number;
  /** Since its start. */
  readonly sessionsMade: number;
  readonly subscriptionsMade: number;
  /** Sessions that it refused, since its start. */
  readonly sessionsRefused: number;
  /** Requests that it refused as a whole, since its start. */
  readonly faults: number;
  /** Requests of each service since its start, e.g. `CreateMonitoredItemsRequest`. */
  readonly requests: Readonly<Record<string, number>>;
}

/** What a server is told or asked; `opcua-server.ts` obeys. */
export type OpcuaServerCommand =
  | { readonly do: 'listen' }
  | { readonly do: 'count' }
  | { readonly do: 'set'; readonly item: number; readonly value: number }
  | { readonly do: 'mark'; readonly item: number; readonly status: string }
  | { readonly do: 'change'; readonly everyMs: number }
  | { readonly do: 'remove' | 'restore'; readonly item: number }
  | { readonly do: 'drop' }
  | { readonly do: 'mute'; readonly on: boolean }
  | { readonly do: 'forget'; readonly keepSubscriptions: boolean }
  | { readonly do: 'limit'; readonly to: OpcuaServerLimits }
  | { readonly do: 'misbehave'; readonly how: OpcuaServerFaults }
  | { readonly do: 'register'; readonly namespace: string }
  | { readonly do: 'end' };

/** What the program is given as its only argument. */
export interface OpcuaServerPlan extends OpcuaServerOptions {
  readonly port: number;
  readonly certificatesFolder: string;
}

/**
 * A node-opcua server in a process of its own, at `opc.tcp://127.0.0.1:PORT/UA`: it can be killed, frozen and started
 * again for real. It keeps its port. Somebody must `stop` it.
 */
export class OpcuaServerProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #ownsFolder: boolean;
  #options: OpcuaServerOptions;
  #child: LoadedServer | undefined;
  /** Loaded, and waits until the other has ended. */
  #next: LoadedServer | undefined;

  private constructor(port: number, options: OpcuaServerOptions) {
    this.port = port;
    this.#options = options;
    this.#ownsFolder = options.certificatesFolder === undefined;
    this.#folder = options.certificatesFolder ?? mkdtempSync(join(tmpdir(), 'lamplighter-opcua-server-'));
  }

  /** Starts a server; resolves when it listens. */
  static async start(options: OpcuaServerOptions = {}): Promise<OpcuaServerProcess> {
    const server = new OpcuaServerProcess(await freePort(), options);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `opc.tcp://127.0.0.1:${this.port}/UA`;
  }

  /** Of the process that serves; 0 where there is none. */
  get pid(): number {
    return this.#child?.process.pid ?? 0;
  }

  /** Starts it again after it has ended, with what is said here instead of what was; resolves when it listens. */
  async start(changed: OpcuaServerOptions = {}): Promise<void> {
    if (this.#child !== undefined) throw new Error('the server runs already');
    if (Object.keys(changed).length > 0) {
      this.#options = { ...this.#options, ...changed };
      await this.#next?.kill();
      this.#next = undefined;
    }
    this.#child = this.#next ?? this.#load();
    this.#next = undefined;
    await this.#child.loaded;
    await this.#child.tell({ do: 'listen' });
  }

  /** Loads the process that the next {@link start} needs, which then takes a tenth of a second. */
  async prepare(): Promise<void> {
    this.#next ??= this.#load();
    await this.#next.loaded;
  }

  /** Ends the process at once, as a power failure does. */
  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  /** Lets it say farewell to its clients and end; killed where it does not within some seconds. */
  async shutDown(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await child?.tell({ do: 'end' }).catch(() => undefined);
    await child?.kill();
  }

  /** Stops the process where it is: its sockets stay open, and nothing is answered. */
  freeze(): void {
    this.#child?.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.process.kill('SIGCONT');
  }

  async counts(): Promise<OpcuaServerCounts> {
    return (await this.#tell({ do: 'count' })) as OpcuaServerCounts;
  }

  async set(item: number, value: number): Promise<void> {
    await this.#tell({ do: 'set', item, value });
  }

  /** From now on the item's value has the status of this name, e.g. `BadSensorFailure`. */
  async mark(item: number, status: string): Promise<void> {
    await this.#tell({ do: 'mark', item, status });
  }

  /** From now on every value grows by one each `everyMs`; 0: no more. */
  async changeEvery(everyMs: number): Promise<void> {
    await this.#tell({ do: 'change', everyMs });
  }

  /** Removes a node from the address space, or brings it back. */
  async remove(item: number): Promise<void> {
    await this.#tell({ do: 'remove', item });
  }

  async restore(item: number): Promise<void> {
    await this.#tell({ do: 'restore', item });
  }

  /** Forgets all subscriptions and tells nobody; sessions stay. */
  async dropSubscriptions(): Promise<void> {
    await this.#tell({ do: 'drop' });
  }

  /** Forgets all sessions and tells nobody; their subscriptions live on without a session, or go with them. */
  async forgetSessions(keepSubscriptions: boolean): Promise<void> {
    await this.#tell({ do: 'forget', keepSubscriptions });
  }

  /** From now on requests to publish are taken and not answered, on all sessions; everything else is. */
  async mutePublishing(on: boolean): Promise<void> {
    await this.#tell({ do: 'mute', on });
  }

  /** From now on these limits hold; what is not named is as it was. */
  async limit(to: OpcuaServerLimits): Promise<void> {
    await this.#tell({ do: 'limit', to });
  }

  /** From now on it does this wrong, and nothing else. */
  async misbehave(how: OpcuaServerFaults): Promise<void> {
    await this.#tell({ do: 'misbehave', how });
  }

  /** Adds a namespace with its nodes, as {@link OpcuaServerOptions.namespaces} has them. */
  async register(namespace: string): Promise<void> {
    await this.#tell({ do: 'register', namespace });
  }

  /** Ends everything and removes the certificates. */
  async stop(): Promise<void> {
    await Promise.all([this.#child?.kill(), this.#next?.kill()]);
    this.#child = undefined;
    this.#next = undefined;
    if (this.#ownsFolder) rmSync(this.#folder, { recursive: true, force: true });
  }

  #load(): LoadedServer {
    return new LoadedServer({ certificatesFolder: this.#folder, ...this.#options, port: this.port });
  }

  async #tell(command: OpcuaServerCommand): Promise<unknown> {
    if (this.#child === undefined) throw new Error('the server does not run');
    return await this.#child.tell(command);
  }
}

/** One process with a server in it, which listens when it is told to. */
class LoadedServer {
  readonly process: ChildProcess;
  /** Resolves when it could listen. */
  readonly loaded: Promise<unknown>;
  readonly #dieWithUs = () => void this.process.kill('SIGKILL');
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #printed = '';

  constructor(plan: OpcuaServerPlan) {
    this.process = fork(new URL('./opcua-server.ts', import.meta.url), [JSON.stringify(plan)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    });
    process.once('exit', this.#dieWithUs);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.#printed = (this.#printed + String(chunk)).slice(-MAX_PRINTED);
      });
    }
    this.process.on('message', (message) => this.#take(message as Answer));
    this.process.on('exit', () => {
      process.removeListener('exit', this.#dieWithUs);
      for (const { reject } of this.#waiting.values()) reject(new Error(`the server has ended:\n${this.#printed}`));
      this.#waiting.clear();
    });
    this.loaded = this.#answer(0, LOADED_MS, 'load');
    // It may be killed while it loads, and nobody may wait for it.
    this.loaded.catch(() => undefined);
  }

  async tell(command: OpcuaServerCommand): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    const answer = this.#answer(id, ANSWER_MS, command.do);
    answer.catch(() => undefined);
    if (this.process.connected) this.process.send({ id, command });
    return await answer;
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit', { signal: AbortSignal.timeout(END_MS) });
    this.process.kill('SIGKILL');
    await ended;
  }

  async #answer(id: number, withinMs: number, what: string): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const timer = setTimeout(
      () => waiting.reject(new Error(`the server does not ${what}:\n${this.#printed}`)),
      withinMs,
    );
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #take({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}
