import { connect, type MqttClient } from 'mqtt';
import type { WireFaults } from '../faults/wire-faults.ts';
import type { Log } from '../log.ts';

/** Real ms between two tries to reach the broker. */
const RECONNECT_MS = 1000;
/** Messages that the broker may owe an acknowledgement for; more wait, and go out with what is true then. */
const MAX_UNACKNOWLEDGED = 500;

/** One device that publishes under its own topic. */
export interface Publisher {
  readonly asset: string;
  readonly topic: string;
  /** Site ms between two messages while nothing changes. */
  readonly intervalMs: number;
  /** False while the device has no power to speak. */
  speaks(): boolean;
  /** The message without its time. */
  state(): Readonly<Record<string, unknown>>;
  /** What must be told at once when it changes: everything but the measured values that waver. */
  notable(): string;
}

/** All devices of one trade with their one client to the broker. */
export interface TradeOptions {
  readonly key: string;
  readonly url: string;
  readonly will: { readonly topic: string; readonly payload: string } | undefined;
  readonly publishers: readonly Publisher[];
  readonly faults: WireFaults;
  readonly log: Log;
}

interface Turn {
  readonly publisher: Publisher;
  dueMs: number;
  told: string | undefined;
}

/** Publishes for the devices of one trade; keeps trying for the broker until it is there. */
export class Trade {
  readonly #options: TradeOptions;
  readonly #turns: readonly Turn[];
  #client: MqttClient | undefined;
  #unacknowledged = 0;
  #lastError = '';

  constructor(options: TradeOptions) {
    this.#options = options;
    this.#turns = options.publishers.map((publisher) => ({ publisher, dueMs: 0, told: undefined }));
  }

  /** Begins to look for the broker. */
  plug(): void {
    const { key, url, will, log } = this.#options;
    const client = connect(url, {
      clientId: `lamplight-${key}-${Math.random().toString(36).slice(2, 10)}`,
      reconnectPeriod: RECONNECT_MS,
      ...(will === undefined ? {} : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 } }),
    });
    this.#client = client;
    this.#unacknowledged = 0;
    client.on('connect', () => {
      this.#lastError = '';
      log('broker found', { trade: key });
      for (const turn of this.#turns) turn.dueMs = 0;
    });
    client.on('error', (error) => this.#tellOnce(error.message));
    client.on('close', () => this.#tellOnce('no connection to the broker'));
  }

  /** Breaks the connection without a goodbye, so that the broker tells the will, and stays away. */
  async unplug(): Promise<void> {
    await this.#end(true);
  }

  /** Says goodbye and ends. */
  async stop(): Promise<void> {
    await this.#end(this.#client?.connected !== true);
  }

  /** Publishes what is due or has changed at this site time. */
  show(siteMs: number): void {
    const client = this.#client;
    if (client?.connected !== true) return;
    for (const [i, turn] of this.#turns.entries()) {
      if (this.#unacknowledged >= MAX_UNACKNOWLEDGED) return;
      const { publisher } = turn;
      if (!publisher.speaks()) {
        turn.told = undefined;
        continue;
      }
      const isGarbage = this.#options.faults.garbage.has(publisher.asset);
      const notable = `${isGarbage}${publisher.notable()}`;
      if (siteMs < turn.dueMs && notable === turn.told) continue;
      // The first message after a connection or a change sets the beat, a little apart for each device.
      const isOnBeat = turn.dueMs > 0 && notable === turn.told;
      const share = isOnBeat ? 1 : (i + 1) / this.#turns.length;
      turn.dueMs = siteMs + publisher.intervalMs * share;
      turn.told = notable;
      const payload = JSON.stringify({ ts: siteMs, ...publisher.state() });
      this.#publish(client, publisher.topic, isGarbage ? payload.slice(0, payload.length / 2) : payload);
    }
  }

  #publish(client: MqttClient, topic: string, payload: string): void {
    this.#unacknowledged += 1;
    client.publish(topic, payload, { qos: 1 }, () => {
      // An error says that the client ended before the acknowledgement; the next client starts its count anew.
      if (client === this.#client) this.#unacknowledged -= 1;
    });
  }

  async #end(isUngraceful: boolean): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    client.removeAllListeners('close');
    await client.endAsync(isUngraceful);
  }

  #tellOnce(error: string): void {
    if (this.#lastError !== '') return;
    this.#lastError = error;
    this.#options.log('broker not reachable, trying on', { trade: this.#options.key, error });
  }
}
