import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AlarmReply, AssetReply, LinkReply, PointReply, SystemReply } from '../../gateway/http/contract.ts';
import type { Notice } from '../../model/channel.ts';
import { Child } from './child.ts';
import { freePort } from './servers.ts';
import { until } from './until.ts';

interface SimulatorReady {
  readonly control: string;
  readonly modbus: Readonly<Record<string, string>>;
  readonly opcua: Readonly<Record<string, string>>;
}

export interface Fault {
  readonly id: string;
  readonly name: string;
  readonly asset: string;
}

/** Site time at which the estate opens: 20:30 in June, when the lamps are due. */
const OPENS_MS = Date.parse('2026-06-15T20:30:00+08:00');

const SECRET = 'a-secret-of-the-test';

/** The demo estate as real processes, each of which the test can kill: simulators, phone, gateway. */
export class Estate {
  readonly dataDir: string;
  readonly simulator: Child;
  readonly phone: Child;
  gateway: Child;
  url = '';
  control = '';
  phoneUrl = '';
  readonly brokerUrl: string;
  readonly #clock: string;
  readonly #port: number;
  readonly #options: readonly string[];
  #environment: Record<string, string> = {};

  private constructor(rate: number, mqttPort: number, port: number, options: readonly string[]) {
    this.#options = options;
    this.dataDir = mkdtempSync(join(tmpdir(), 'lamplighter-estate-'));
    this.#clock = `${OPENS_MS}@${rate}#${Date.now()}`;
    this.#port = port;
    this.brokerUrl = `mqtt://127.0.0.1:${mqttPort}`;
    this.simulator = new Child('simulators/main.ts', [
      ...['--with-parent', '--seed', '7', '--mqtt', this.brokerUrl, '--clock', this.#clock, '--control-port', '0'],
    ]);
    this.phone = new Child('simulators/phone/main.ts', ['--with-parent', '--port', '0'], { PHONE_SECRET: SECRET });
    this.#environment.LAMPLIGHTER_LINK_FIELD_BUS = `tcp://127.0.0.1:${mqttPort}`;
    this.gateway = this.phone;
  }

  /** Starts everything; `rate` is site seconds per real second, `options` go to the gateway. */
  static async start(rate: number, options: readonly string[] = []): Promise<Estate> {
    const estate = new Estate(rate, await freePort(), await freePort(), options);
    try {
      const simulator = await estate.simulator.ready<SimulatorReady>();
      const phone = await estate.phone.ready<{ url: string }>();
      estate.control = simulator.control;
      estate.phoneUrl = phone.url;
      const links = { ...simulator.modbus, ...simulator.opcua };
      for (const [key, address] of Object.entries(links)) {
        const name = `LAMPLIGHTER_LINK_${key.toUpperCase().replaceAll('-', '_')}`;
        estate.#environment[name] = address.includes('://') ? address : `tcp://${address}`;
      }
      estate.#environment.LAMPLIGHTER_PHONE_URL = `${phone.url}/webhook`;
      estate.#environment.LAMPLIGHTER_PHONE_SECRET = SECRET;
      await estate.startGateway();
      return estate;
    } catch (error) {
      await estate.end();
      throw error;
    }
  }

  /** Starts the gateway, also again after it was killed, on the same data, port and clock. */
  async startGateway(): Promise<void> {
    this.gateway = new Child(
      'gateway/main.ts',
      [
        ...['run', '--site', 'gateway/demo/site.yaml', '--data', this.dataDir, '--port', String(this.#port)],
        ...['--clock', this.#clock, ...this.#options],
      ],
      this.#environment,
    );
    this.url = (await this.gateway.ready<{ url: string }>()).url;
  }

  async end(): Promise<void> {
    for (const child of [this.gateway, this.phone, this.simulator]) await child.end();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  systems(): Promise<SystemReply[]> {
    return this.get('/api/systems');
  }

  async system(key: string): Promise<SystemReply> {
    const system = (await this.systems()).find((candidate) => candidate.key === key);
    if (!system) throw new Error(`no system ${key}`);
    return system;
  }

  alarms(): Promise<AlarmReply[]> {
    return this.get('/api/alarms');
  }

  assets(): Promise<AssetReply[]> {
    return this.get('/api/assets');
  }

  async asset(key: string): Promise<AssetReply> {
    const asset = (await this.assets()).find((candidate) => candidate.key === key);
    if (!asset) throw new Error(`no asset ${key}`);
    return asset;
  }

  links(): Promise<LinkReply[]> {
    return this.get('/api/links');
  }

  points(asset: string): Promise<PointReply[]> {
    return this.get(`/api/points?asset=${asset}`);
  }

  notices(): Promise<(Notice & { receivedMs: number })[]> {
    return ask(`${this.phoneUrl}/notices`);
  }

  get<T>(path: string): Promise<T> {
    return ask(this.url + path);
  }

  fault(name: string, asset?: string): Promise<Fault> {
    return ask(`${this.control}/faults`, 'POST', { name, asset });
  }

  async mend(fault: Fault): Promise<void> {
    await ask(`${this.control}/faults/${fault.id}`, 'DELETE');
  }

  truth<T>(): Promise<T> {
    return ask(`${this.control}/truth`);
  }

  /** Resets a latching alarm, acknowledged before, once its condition is gone. */
  async resetWhenGone(activationId: string, withinMs: number): Promise<void> {
    await until('the alarm is latched', withinMs, async () =>
      (await this.alarms()).some((alarm) => alarm.activationId === activationId && alarm.state === 'latched'),
    );
    await ask(`${this.url}/api/alarms/${encodeURIComponent(activationId)}/reset`, 'POST', { by: 'zhang-san' });
  }

  acknowledge(activationId: string, by: string): Promise<AlarmReply> {
    return ask(`${this.url}/api/alarms/${encodeURIComponent(activationId)}/ack`, 'POST', { by });
  }
}

async function ask<T>(url: string, method = 'GET', body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
