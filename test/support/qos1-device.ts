import mqtt, { type MqttClient } from 'mqtt';
import { until } from './until.ts';

/** Messages that a device has on their way at most; a real one has less memory. */
const MAX_IN_FLIGHT = 50;

/** Real ms between two turns of publishing, and between two tries to connect. */
const TURN_MS = 10;
const RECONNECT_MS = 50;

/** Real ms for the broker to take a connection. */
const CONNECT_TIMEOUT_MS = 5_000;

/** One message: `sourceMs` is its own among all messages of the device, so that every sample is recognisable. */
export interface SentMessage {
  readonly sourceMs: number;
  readonly count: number;
  readonly fault: boolean;
  acknowledged: boolean;
  /** How many times it was put on the wire. */
  sends: number;
}

export interface DeviceOptions {
  readonly brokerUrl: string;
  readonly topic: string;
  readonly messagesPerSecond: number;
  /** Epoch ms of site time. */
  readonly now: () => number;
}

/**
 * A device that publishes `{ts, n, fault}` at QoS 1, keeps each message until its PUBACK has come, and sends again, on a
 * new connection, what was not acknowledged on the one before: in its order and unchanged, as devices do.
 */
export class Qos1Device {
  readonly messages: SentMessage[] = [];
  /** Whether the next messages tell of a fault. */
  fault = false;
  readonly #options: DeviceOptions;
  readonly #timer: NodeJS.Timeout;
  #client: MqttClient | undefined;
  /** Messages that were made and are not acknowledged, oldest first. */
  readonly #unacknowledged = new Set<SentMessage>();
  #lastMs = 0;
  #owed = 0;
  #publishing = true;
  #ended = false;
  #reconnects = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#connect();
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  /** Messages that were made, and those of them that are acknowledged. */
  get made(): number {
    return this.messages.length;
  }

  get acknowledged(): number {
    return this.messages.length - this.#unacknowledged.size;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  /** Makes no further message, or goes on. */
  publish(publishing: boolean): void {
    this.#publishing = publishing;
  }

  /** Makes no further message and waits until all are acknowledged. */
  async drain(withinMs: number): Promise<void> {
    this.publish(false);
    await until(`${this.#options.topic} is acknowledged`, withinMs, () => this.#unacknowledged.size === 0);
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#client?.end(true);
  }

  #turn(): void {
    if (!this.#publishing) return;
    this.#owed = Math.min(this.#owed + (this.#options.messagesPerSecond * TURN_MS) / 1000, MAX_IN_FLIGHT);
    while (this.#owed >= 1 && this.#unacknowledged.size < MAX_IN_FLIGHT) {
      this.#owed -= 1;
      this.#make();
    }
  }

  #make(): void {
    this.#lastMs = Math.max(this.#options.now(), this.#lastMs + 1);
    const message: SentMessage = {
      sourceMs: this.#lastMs,
      count: this.messages.length,
      fault: this.fault,
      acknowledged: false,
      sends: 0,
    };
    this.messages.push(message);
    this.#unacknowledged.add(message);
    if (this.#client?.connected) this.#send(this.#client, message);
  }

  #send(client: MqttClient, message: SentMessage): void {
    message.sends++;
    const payload = JSON.stringify({ ts: message.sourceMs, n: message.count, fault: message.fault });
    client.publish(this.#options.topic, payload, { qos: 1, dup: message.sends > 1 }, (error) => {
      // A connection that has ended says so of all that was on its way.
      if (error) return;
      message.acknowledged = true;
      this.#unacknowledged.delete(message);
    });
  }

  #connect(): void {
    if (this.#ended) return;
    const client = mqtt.connect(this.#options.brokerUrl, {
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      clientId: this.#options.topic.replaceAll('/', '-'),
      queueQoSZero: false,
    });
    this.#client = client;
    client.on('connect', () => {
      for (const message of this.#unacknowledged) this.#send(client, message);
    });
    // What is wrong with a connection shows in that it closes.
    client.on('error', () => undefined);
    client.once('close', () => {
      if (client !== this.#client) return;
      this.#client = undefined;
      this.#reconnects++;
      client.end(true);
      setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }
}
