import type { Socket } from 'node:net';
import { BoundedConnection, type Tap } from './bounded-connection.ts';
import type { Receiver } from './collector.ts';
import type { Topic } from './decode.ts';
import type { MessageReader } from './message-reader.ts';
import type { Publish, Verdict } from './packet-splitter.ts';
import { pubacks } from './puback.ts';

export interface DirectOptions {
  readonly socket: Socket;
  readonly maxPacketBytes: number;
  readonly reader: MessageReader;
  /** Site time. */
  readonly now: () => number;
  /** Called when something has come in, whatever it is. */
  readonly heard?: () => void;
  /** Whether a message of this topic needs nothing but to be read. */
  readonly isDirect: (topic: Topic, retain: boolean) => boolean;
  /** As {@link Receiver.taken}. */
  readonly taken: (kept: boolean, error: Error | undefined) => void;
  /** Told of messages with an acknowledgement, after it was sent where they are on disk; as {@link Receiver.kept}. */
  readonly kept: (late: boolean, error: Error | undefined) => void;
}

/**
 * Reads what a connection publishes straight out of its bytes, for libraries spend ten times as long on a message as
 * everything else. What has to be delivered or kept, and all packets but PUBLISH, still goes to the library, and so does
 * a message behind one of its topic that the library has not dealt with: they keep their order.
 */
export class DirectPublishes implements Tap, Receiver {
  readonly connection: BoundedConnection;
  readonly #options: DirectOptions;
  /** Messages of QoS 0 and 1 that the library has, by topic. Of other QoS nobody can expect an order among them. */
  readonly #underWay = new Map<string, number>();
  #receivedMs = 0;
  #isOpen = false;

  constructor(options: DirectOptions) {
    this.#options = options;
    this.connection = new BoundedConnection(options.socket, options.maxPacketBytes, this);
  }

  /** The connection stands; messages before that wait. */
  open(): void {
    this.#isOpen = true;
    this.connection.resumeReading();
  }

  /** The library has dealt with a message of this topic, which is in the collector. */
  dealtWith(topic: string): void {
    const left = (this.#underWay.get(topic) ?? 0) - 1;
    if (left > 0) this.#underWay.set(topic, left);
    else this.#underWay.delete(topic);
  }

  received(): void {
    // The time of receipt must not depend on how long the disk makes a message wait.
    this.#receivedMs = this.#options.now();
    this.#options.heard?.();
  }

  offer(publish: Publish): Verdict {
    if (!this.#isOpen) return 'wait';
    const { reader, isDirect } = this.#options;
    const topic = reader.topicIn(publish);
    if (topic === undefined || publish.qos === 2) return 'pass';
    if (isDirect(topic, publish.retain) && !this.#underWay.has(topic.name)) {
      return reader.readDirect(topic, publish, this.#receivedMs, this) ? 'taken' : 'wait';
    }
    this.#underWay.set(topic.name, (this.#underWay.get(topic.name) ?? 0) + 1);
    return 'pass';
  }

  taken(kept: boolean, error?: Error): void {
    this.#options.taken(kept, error);
  }

  kept(ids: readonly number[], late: boolean, error?: Error): void {
    if (error === undefined && !this.connection.destroyed) this.connection.write(pubacks(ids));
    this.#options.kept(late, error);
  }

  hasRoom(): void {
    this.connection.resumeReading();
  }
}
