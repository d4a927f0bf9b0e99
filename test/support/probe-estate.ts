import { mkdirSync, mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AlarmReply, PointReply, SystemReply } from '../../gateway/http/contract.ts';
import { Child } from './child.ts';
import { gatewayMetrics } from './gateway-metrics.ts';
import { type LoopDelay, loopDelayOf } from './loop-delay.ts';
import { probeKey, probeTopic, writeProbeSite } from './probe-site.ts';
import { Qos1Device } from './qos1-device.ts';
import { freePort } from './servers.ts';
import { until } from './until.ts';

interface SimulatorReady {
  readonly control: string;
  readonly opcua: Readonly<Record<string, string>>;
}

export interface ProbeEstateOptions {
  readonly probes: number;
  /** How many of them publish, from the first on; all of them if absent. */
  readonly publishing?: number;
  readonly messagesPerSecond: number;
  /** Site seconds per real second. */
  readonly rate: number;
  /** Further options of `run`. */
  readonly gatewayOptions?: readonly string[];
  /** The gateway's data folder; one of the estate's own if absent. */
  readonly dataDir?: string;
  /** Where notices go; nobody is told if absent. */
  readonly webhook?: string;
  /** With the six lifts of the simulated estate. */
  readonly lifts?: boolean;
  /** Further environment of the gateway. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Program with its options that runs the gateway, e.g. a tracer; `folder` is the estate's own, for its output. */
  readonly under?: (folder: string) => readonly string[];
}

/** Site time at which the estate opens: ten minutes before a full hour, so that hours end under way. */
const OPENS_MS = Date.parse('2026-06-15T20:50:00+08:00');

/** Real ms between two ticks of the log at most. */
const TICK_MS = 1_000;

/** Real ms for a figure or an answer of the API. */
const ASK_MS = 5_000;

/** A gateway that a test kills and starts again on one data folder, with devices that publish to it at QoS 1. */
export class ProbeEstate {
  readonly folder: string;
  readonly dataDir: string;
  readonly siteFile: string;
  readonly devices: readonly Qos1Device[];
  /** Epoch ms of site time now; and the real epoch ms at which the site's clock shows `siteMs`. */
  readonly now: () => number;
  readonly realMs: (siteMs: number) => number;
  readonly brokerPort: number;
  gateway: Child | undefined;
  readonly #options: ProbeEstateOptions;
  readonly #clock: string;
  readonly #port: number;
  readonly #environment: Record<string, string> = {
    LAMPLIGHTER_LOG_LEVEL: 'warn',
    LAMPLIGHTER_PHONE_SECRET: 'a-secret-of-the-test',
  };
  #simulator: Child | undefined;
  #control = '';

  private constructor(options: ProbeEstateOptions, brokerPort: number, port: number) {
    this.#options = options;
    this.#port = port;
    this.brokerPort = brokerPort;
    this.folder = mkdtempSync(join(tmpdir(), 'lamplighter-probes-'));
    this.dataDir = options.dataDir ?? join(this.folder, 'data');
    mkdirSync(this.dataDir, { recursive: true });
    const { probes, webhook, lifts } = options;
    this.siteFile = writeProbeSite(this.folder, { probes, brokerPort, webhook, lifts });
    const { rate, messagesPerSecond } = options;
    const originMs = Date.now();
    this.realMs = (siteMs) => originMs + (siteMs - OPENS_MS) / rate;
    this.#clock = `${OPENS_MS}@${rate}#${originMs}`;
    this.now = () => Math.floor(OPENS_MS + (Date.now() - originMs) * rate);
    this.devices = Array.from(
      { length: options.publishing ?? options.probes },
      (_, n) =>
        new Qos1Device({
          brokerUrl: this.brokerUrl,
          topic: probeTopic(n + 1),
          messagesPerSecond,
          now: this.now,
        }),
    );
  }

  /** Devices that begin to publish at once; no gateway yet. */
  static async open(options: ProbeEstateOptions): Promise<ProbeEstate> {
    const estate = new ProbeEstate(options, await freePort(), await freePort());
    if (options.lifts) await estate.#startLifts(await freePort());
    return estate;
  }

  /** The simulators; its MQTT devices find no broker at `deadPort`. */
  async #startLifts(deadPort: number): Promise<void> {
    this.#simulator = new Child('simulators/main.ts', [
      ...['--with-parent', '--seed', '7', '--mqtt', `mqtt://127.0.0.1:${deadPort}`],
      ...['--clock', this.#clock, '--control-port', '0'],
    ]);
    const { control, opcua } = await this.#simulator.ready<SimulatorReady>();
    this.#control = control;
    this.#environment.LAMPLIGHTER_LINK_LIFTS = opcua.lifts ?? '';
  }

  /** A passenger is trapped in a lift from now on. */
  async trapPassenger(asset: string): Promise<void> {
    const response = await fetch(`${this.#control}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'trapped-passenger', asset }),
      signal: AbortSignal.timeout(ASK_MS),
    });
    if (!response.ok) throw new Error(`the simulator refused: ${await response.text()}`);
  }

  /** How many assets of a system are unknown. */
  async unknownOf(system: string): Promise<number> {
    const response = await fetch(`${this.url}/api/systems`, { signal: AbortSignal.timeout(ASK_MS) });
    const systems = (await response.json()) as SystemReply[];
    return systems.find(({ key }) => key === system)?.counts.unknown ?? Number.NaN;
  }

  /** The open alarms, as `asset.alarm`. */
  async openAlarms(): Promise<string[]> {
    const response = await fetch(`${this.url}/api/alarms`, { signal: AbortSignal.timeout(ASK_MS) });
    const alarms = (await response.json()) as AlarmReply[];
    return alarms.map(({ asset, alarm }) => `${asset}.${alarm}`);
  }

  get brokerUrl(): string {
    return `mqtt://127.0.0.1:${this.brokerPort}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the gateway's process, also again; it is not ready yet. */
  spawn(): Child {
    const { gatewayOptions = [], under, environment } = this.#options;
    this.gateway = new Child(
      'gateway/main.ts',
      [
        ...['run', '--site', this.siteFile, '--data', this.dataDir, '--port', String(this.#port)],
        ...['--clock', this.#clock, ...gatewayOptions],
      ],
      { ...this.#environment, ...environment },
      under?.(this.folder),
    );
    return this.gateway;
  }

  /** Starts the gateway and waits until it is ready. */
  async start(): Promise<Child> {
    const gateway = this.spawn();
    await gateway.ready();
    return gateway;
  }

  /** Real-time figures of the gateway, by name with labels as in `/metrics`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    return await gatewayMetrics(this.url);
  }

  /** How late the gateway's event loop was since its start was over. */
  async loopDelay(): Promise<LoopDelay> {
    return loopDelayOf(await this.metrics());
  }

  /** Whether the gateway says that it is ready. */
  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(ASK_MS) });
    await response.text();
    return response.ok;
  }

  /** Time of the newest good sample that the page shows of a probe; 0 where there is none. */
  async newestSampleMs(probe: number): Promise<number> {
    const response = await fetch(`${this.url}/api/points?asset=${probeKey(probe)}`, {
      signal: AbortSignal.timeout(ASK_MS),
    });
    const points = (await response.json()) as PointReply[];
    return Math.max(0, ...points.map(({ quality, sourceMs }) => (quality === 'good' ? (sourceMs ?? 0) : 0)));
  }

  async alarms(): Promise<readonly AlarmReply[]> {
    const response = await fetch(`${this.url}/api/alarms`, { signal: AbortSignal.timeout(ASK_MS) });
    return (await response.json()) as AlarmReply[];
  }

  /** Acknowledges an activation; true where the gateway says that it is taken, which means on disk. */
  async acknowledge(activationId: string, by: string): Promise<boolean> {
    const response = await fetch(`${this.url}/api/alarms/${encodeURIComponent(activationId)}/ack`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ by }),
      signal: AbortSignal.timeout(ASK_MS),
    });
    await response.text();
    return response.ok;
  }

  /** Every device tells of a fault from now on, or no longer. */
  raiseFault(fault: boolean): void {
    for (const device of this.devices) device.fault = fault;
  }

  /** Every device makes no more messages and has all of its own acknowledged. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all(this.devices.map((device) => device.drain(withinMs)));
  }

  /** Newest record of the log. */
  async lastSeq(): Promise<number> {
    return (await this.metrics()).get('lamplighter_log_last_seq') ?? 0;
  }

  /** Waits until history has all samples and changes that there are now; gives the newest record of that moment. */
  async historyCaughtUp(withinMs: number): Promise<number> {
    const askedMs = this.now();
    const throughSeq = await this.lastSeq();
    // The log is at most a tick behind the clock.
    const tickMs = TICK_MS * this.#options.rate;
    await until('history has the samples', withinMs, async () => {
      const behindMs = (await this.metrics()).get('lamplighter_history_behind_ms') ?? Number.POSITIVE_INFINITY;
      return this.now() - behindMs - tickMs > askedMs;
    });
    const lastChange = lastChangeThrough(this.dataDir, throughSeq);
    await until('history has the changes', withinMs, async () => {
      const { change } = await readStoredOffset(this.dataDir);
      return (
        change.logSeq > lastChange.logSeq ||
        (change.logSeq === lastChange.logSeq && change.ordinal >= lastChange.ordinal)
      );
    });
    return throughSeq;
  }

  async end(): Promise<void> {
    for (const device of this.devices) device.end();
    await this.gateway?.end('SIGKILL');
    await this.#simulator?.end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface Place {
  readonly logSeq: number;
  readonly ordinal: number;
}

/** Place of the last stored change of a record up to `throughSeq`. */
function lastChangeThrough(dataDir: string, throughSeq: number): Place {
  const database = new DatabaseSync(join(dataDir, 'state.db'), { readOnly: true });
  try {
    const row = database
      .prepare('SELECT seq, ordinal FROM changes WHERE seq <= ? ORDER BY seq DESC, ordinal DESC LIMIT 1')
      .get(throughSeq);
    return { logSeq: Number(row?.seq ?? 0), ordinal: Number(row?.ordinal ?? 0) };
  } finally {
    database.close();
  }
}

async function readStoredOffset(dataDir: string): Promise<{ readonly change: Place }> {
  return JSON.parse(await readFile(join(dataDir, 'history', 'offset.json'), 'utf8')) as { change: Place };
}
