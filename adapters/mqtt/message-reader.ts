import type { Emit, LinkPlan } from '../../model/adapter.ts';
import { reasons } from '../../model/reason.ts';
import type { BatchBuilder } from '../../model/sample.ts';
import { Collector, type Hearer, type Receiver } from './collector.ts';
import { decodeMessage, type Topic, topicsOf } from './decode.ts';
import type { Publish } from './packet-splitter.ts';
import { plainNumber } from './plain-number.ts';
import type { MqttAddress, MqttSettings } from './schema.ts';
import { TopicTable } from './topic-table.ts';

/** Characters of a topic in a text for people. */
const MAX_SHOWN_TOPIC = 120;

/** Bound on the unknown topics that are named in the log. */
export const MAX_NAMED_TOPICS = 100;

/** Turns the messages of one link into samples, and says in the log what changes about them. */
export class MessageReader {
  readonly topics: ReadonlyMap<string, Topic>;
  readonly #table: TopicTable<Topic>;
  readonly #plan: LinkPlan<MqttSettings, MqttAddress>;
  readonly #collector: Collector;
  readonly #clockOff = new Set<string>();
  readonly #unknown = new Set<string>();
  #unknownMessages = 0;

  constructor(plan: LinkPlan<MqttSettings, MqttAddress>, emit: Emit) {
    this.#plan = plan;
    this.topics = topicsOf(plan.points);
    this.#table = new TopicTable(this.topics);
    this.#collector = new Collector(emit);
  }

  /**
   * Reads one message; `hearer` hears what becomes of its samples. Returns false where the collector has no room, so that
   * the caller takes no further message before they were taken.
   */
  read(name: string, payload: Uint8Array, retained: boolean, hearer: Hearer): boolean {
    const topic = this.topics.get(name);
    if (topic === undefined) {
      this.#countUnknown(name);
      hearer.taken?.(true);
      hearer.kept?.();
      return true;
    }
    // The time of receipt is taken here: it must not depend on how long the disk makes the message wait.
    const receivedMs = this.#plan.clock.now();
    this.#plan.wire.heard(1);
    return this.#collector.add(
      topic.points.length,
      (into) => this.#decode(into, topic, payload, receivedMs, retained),
      hearer,
    );
  }

  /** The topic of a PUBLISH; undefined where no point reads it. */
  topicIn({ bytes, topicFrom, topicTo }: Publish): Topic | undefined {
    return this.#table.find(bytes, topicFrom, topicTo);
  }

  /**
   * Reads a message where it lies. `receiver` hears what becomes of its samples, by its packet identifier. False where
   * there is no room: then nothing was read, and `receiver.hasRoom` is called when there is.
   */
  readDirect(topic: Topic, publish: Publish, receivedMs: number, receiver: Receiver): boolean {
    const { bytes, payloadFrom, payloadTo, retain, id } = publish;
    const into = this.#collector.place(topic.points.length, receiver, id);
    if (into === undefined) return false;
    this.#plan.wire.heard(1);
    const value = topic.plain === undefined || retain ? undefined : plainNumber(bytes, payloadFrom, payloadTo);
    if (topic.plain !== undefined && value !== undefined) {
      into.good(topic.plain, receivedMs, receivedMs, value);
    } else {
      this.#decode(into, topic, bytes.subarray(payloadFrom, payloadTo), receivedMs, retain);
    }
    return true;
  }

  close(): void {
    this.#collector.close();
    if (this.#unknownMessages > 0) {
      this.#plan.log.info({ messages: this.#unknownMessages }, 'messages under unknown topics were not stored');
    }
  }

  #decode(into: BatchBuilder, topic: Topic, payload: Uint8Array, receivedMs: number, retained: boolean): void {
    const { clockOff, refusal } = decodeMessage(into, topic, payload, receivedMs, retained);
    this.#noteClock(topic.name, clockOff);
    if (refusal === undefined) return;
    const { zh, en } = reasons[refusal.reason].text;
    const detail = refusal.detail === undefined ? '' : ` (${refusal.detail})`;
    const name = topic.name.slice(0, MAX_SHOWN_TOPIC);
    this.#plan.wire.failed({ zh: `主题 ${name}：${zh}${detail}`, en: `topic ${name}: ${en}${detail}` });
  }

  #noteClock(topic: string, off: boolean): void {
    if (off === this.#clockOff.has(topic)) return;
    if (off) {
      this.#clockOff.add(topic);
      this.#plan.log.warn({ topic }, 'device time is not plausible; gateway time is used');
    } else {
      this.#clockOff.delete(topic);
      this.#plan.log.info({ topic }, 'device time is plausible again');
    }
  }

  #countUnknown(topic: string): void {
    this.#unknownMessages += 1;
    if (this.#unknown.has(topic) || this.#unknown.size >= MAX_NAMED_TOPICS) return;
    this.#unknown.add(topic);
    this.#plan.log.warn({ topic: topic.slice(0, 256) }, 'message under a topic that no point reads');
  }
}
