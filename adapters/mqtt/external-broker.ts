import { connect as connectTcp, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { type ClientSubscribeCallback, type IPublishPacket, MqttClient } from 'mqtt';
import { type Emit, LinkLost, type LinkPlan, SetupRefused, type Wire } from '../../model/adapter.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Text } from '../../model/text.ts';
import type { BoundedConnection } from './bounded-connection.ts';
import { DirectPublishes } from './direct-publishes.ts';
import { MessageReader } from './message-reader.ts';
import { pubacks } from './puback.ts';
import type { MqttAddress, MqttSettings } from './schema.ts';
import { SendAgain } from './send-again.ts';

/** Real ms for the broker to accept the connection. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** A broker that is silent for half as long again is lost. */
export const KEEPALIVE_S = 4;
/** Largest packet; a broker that announces a larger one is left. */
export const MAX_PACKET_BYTES = 1024 * 1024;
/** Topics of one SUBSCRIBE. */
const MAX_SUBSCRIBE_TOPICS = 200;
/** Bound on the topics of a former site file that are unsubscribed from in one session. */
const MAX_UNSUBSCRIBED_TOPICS = 1_000;
/** Real ms for the broker to answer a SUBSCRIBE. */
const SUBSCRIBE_TIMEOUT_MS = 5_000;
/** Subscription was refused (MQTT 3.1.1, 3.9.3). */
const SUBACK_FAILURE = 0x80;

/** Answers of CONNACK that trying again cannot mend (MQTT 3.1.1, 3.2.2.3). */
const refusals: Readonly<Record<number, Text>> = {
  1: { zh: '代理不支持 MQTT 3.1.1', en: 'the broker does not speak MQTT 3.1.1' },
  2: { zh: '代理不接受 clientId', en: 'the broker does not accept the clientId' },
  4: { zh: '用户名或密码错误', en: 'wrong user name or password' },
  5: { zh: '代理拒绝授权', en: 'the broker does not authorize us' },
};

/**
 * Subscribes at a broker to the topics of its points until `signal` aborts. The broker keeps the session while we are
 * away (QoS 1), and a message is acknowledged when its samples are on disk.
 */
export async function runExternalBroker(
  plan: LinkPlan<MqttSettings, MqttAddress>,
  emit: Emit,
  signal: AbortSignal,
  up: () => void,
): Promise<void> {
  const endpoint = endpointOf(plan.settings.endpoint ?? '');
  if (signal.aborted) return;
  const reader = new MessageReader(plan, emit);
  const failed = Promise.withResolvers<never>();
  // It may fail when nobody waits for it any more.
  failed.promise.catch(() => undefined);
  // A broker sends what was not acknowledged only to a new connection.
  const cannotStore = (error: Error) =>
    failed.reject(new LinkLost({ zh: '数据无法保存', en: 'samples cannot be stored' }, { cause: error }));
  // What only the disk has lost is no fault of the connection: it is given up once, when the disk is back.
  const again = new SendAgain();
  const session = { destroyed: false, destroy: () => cannotStore(new Error('what was lost has to be sent again')) };
  const settled = (isLate: boolean, error: Error | undefined) => {
    if (isLate || error === undefined) again.settled(session, error === undefined);
    else cannotStore(error);
  };
  let direct: DirectPublishes | undefined;
  const connect = (): BoundedConnection => {
    direct = new DirectPublishes({
      socket: openSocket(endpoint),
      maxPacketBytes: MAX_PACKET_BYTES,
      reader,
      now: () => plan.clock.now(),
      heard: () => answered(),
      isDirect: () => true,
      taken: (_kept, error) => {
        if (error !== undefined) cannotStore(error);
      },
      kept: settled,
    });
    const { connection } = direct;
    // A broker that has hung up says nothing more; the client would wait for its silence to grow long.
    connection.once('end', () => connection.destroy());
    return connection;
  };
  const client = new MqttClient(connect, {
    protocolVersion: 4,
    clientId: plan.settings.clientId ?? `lamplighter-${hostname()}-${plan.key}`,
    clean: false,
    keepalive: KEEPALIVE_S,
    // Pings go out also while we send: only what comes from the broker proves that it lives.
    reschedulePings: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // One connection for each call: the supervisor tries again.
    reconnectPeriod: 0,
    resubscribe: false,
    manualConnect: true,
    ...(plan.settings.username !== undefined && { username: plan.settings.username }),
    ...(plan.settings.password !== undefined && { password: plan.settings.password }),
  });
  const over = new AbortController();
  const ended = connectionEnd(client, endpoint.text, signal, over.signal);
  const answered = anythingAnswersPings(client, () => direct?.connection.isRead ?? true);
  client.handleMessage = messageHandler(client, reader, settled);
  watchPings(client, plan.wire);
  try {
    client.connect();
    const connected = new Promise<void>((resolve) => client.once('connect', () => resolve()));
    // Only the first of these ends the call; the others may still fail after it, and nobody waits for them then.
    await Promise.race([ended, connected]);
    if (!signal.aborted) up();
    direct?.open();
    await Promise.race([ended, failed.promise, subscribe(client, reader, plan, emit)]);
    await Promise.race([ended, failed.promise]);
  } catch (error) {
    // What still fails because of the abort is no fault of the link.
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
    again.close();
    reader.close();
    await close(client);
  }
}

/** Tells of the round trip of each ping; one without an answer is told when the client gives up. */
function watchPings(client: MqttClient, wire: Wire): void {
  let askedMs: number | undefined;
  client.on('packetsend', ({ cmd }) => {
    if (cmd === 'pingreq') askedMs ??= performance.now();
  });
  client.on('packetreceive', ({ cmd }) => {
    if (cmd !== 'pingresp' || askedMs === undefined) return;
    wire.answered(performance.now() - askedMs);
    askedMs = undefined;
  });
  client.on('error', ({ message }) => {
    if (askedMs !== undefined && /keepalive/i.test(message)) wire.timedOut();
    askedMs = undefined;
  });
}

/** Where a broker is. */
export interface Endpoint {
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Throws SetupRefused where it is none. */
export function endpointOf(text: string): Endpoint {
  const match = /^(?<scheme>mqtts?):\/\/(?:\[(?<v6>[^\]]+)\]|(?<name>[^:/@]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.v6 ?? match?.groups?.name;
  const secure = match?.groups?.scheme === 'mqtts';
  const port = Number(match?.groups?.port ?? (secure ? 8883 : 1883));
  if (host === undefined || !(port <= 65535)) {
    throw new SetupRefused({
      zh: `代理地址 ${text} 无法识别，应为 mqtt://主机:端口`,
      en: `cannot read the broker's address ${text}; it is written mqtt://host:port`,
    });
  }
  return { text, host, port, secure };
}

export function openSocket({ host, port, secure }: Endpoint): Socket {
  return secure ? connectTls({ host, port, servername: host }) : connectTcp({ host, port, noDelay: true });
}

/** Resolves on abort; rejects when the connection fails, is refused or ends. */
export function connectionEnd(
  client: MqttClient,
  endpoint: string,
  signal: AbortSignal,
  over: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over });
    client.on('error', (error) => {
      const refusal = 'code' in error && typeof error.code === 'number' ? refusals[error.code] : undefined;
      if (refusal !== undefined) {
        const text = { zh: `${refusal.zh}：${endpoint}`, en: `${refusal.en}: ${endpoint}` };
        reject(new SetupRefused(text, { cause: error }));
        return;
      }
      const why = describe(error);
      reject(
        new LinkLost(
          { zh: `与代理 ${endpoint} 的连接中断：${why}`, en: `lost the broker ${endpoint}: ${why}` },
          { cause: error },
        ),
      );
    });
    client.on('close', () =>
      reject(new LinkLost({ zh: `代理 ${endpoint} 关闭了连接`, en: `the broker ${endpoint} closed the connection` })),
    );
  });
}

/** A failure to reach any of a name's addresses has a code and no message. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}

/** Subscribes to all topics; those that the broker denies have their points bad, the others go on. */
async function subscribe(
  client: MqttClient,
  reader: MessageReader,
  plan: LinkPlan<MqttSettings, MqttAddress>,
  emit: Emit,
): Promise<void> {
  const topics = [...reader.topics.keys()];
  const denied = new BatchBuilder();
  for (let at = 0; at < topics.length; at += MAX_SUBSCRIBE_TOPICS) {
    const some = topics.slice(at, at + MAX_SUBSCRIBE_TOPICS);
    const askedMs = performance.now();
    const granted = await subscribeSome(client, some);
    plan.wire.answered(performance.now() - askedMs);
    some.forEach((topic, i) => {
      if (((granted[i] ?? SUBACK_FAILURE) & SUBACK_FAILURE) === 0) return;
      plan.log.warn({ topic }, 'broker denies the subscription');
      plan.wire.failed({ zh: `代理拒绝订阅 ${topic}`, en: `the broker denies the subscription of ${topic}` });
      const now = plan.clock.now();
      for (const { number } of reader.topics.get(topic)?.points ?? []) denied.bad(number, now, now, 'access-denied');
    });
  }
  if (denied.length > 0) await emit(denied.take()).taken;
}

function subscribeSome(client: MqttClient, topics: string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const lost = (why: string, cause?: Error) =>
      reject(
        new LinkLost(
          { zh: `代理未完成订阅：${why}`, en: `the broker did not complete the subscription: ${why}` },
          { cause },
        ),
      );
    const timer = setTimeout(() => lost('timeout'), SUBSCRIBE_TIMEOUT_MS);
    client.subscribe(topics, { qos: 1 }, (error, _requested, packet?: Parameters<ClientSubscribeCallback>[2]) => {
      clearTimeout(timer);
      // One denied topic makes it an error as a whole; the packet tells which.
      const granted = packet?.granted;
      if (Array.isArray(granted) && granted.length === topics.length) resolve(granted.map(Number));
      else lost(error?.message ?? 'malformed answer', error ?? undefined);
    });
  });
}

/**
 * Takes messages as they come and acknowledges each when its samples are on disk. The library offers a message's
 * acknowledgement only before the next message: an error in its callback leaves the acknowledgement to us, so that
 * many messages can share one commit.
 */
function messageHandler(
  client: MqttClient,
  reader: MessageReader,
  settled: (isLate: boolean, error: Error | undefined) => void,
): MqttClient['handleMessage'] {
  const acknowledgedLater = new Error('acknowledged later');
  const acknowledge = acknowledger(client);
  let unsubscribed = 0;
  return (packet: IPublishPacket, callback) => {
    const { topic, payload, qos, messageId, retain } = packet;
    const next = () => callback(qos === 0 ? undefined : acknowledgedLater);
    if (!reader.topics.has(topic) && unsubscribed < MAX_UNSUBSCRIBED_TOPICS) {
      // The broker kept a subscription of a former site file in our session.
      unsubscribed += 1;
      client.unsubscribe(topic);
    }
    let hasRoom: boolean | undefined;
    let isLate = false;
    hasRoom = reader.read(topic, typeof payload === 'string' ? Buffer.from(payload) : payload, retain, {
      taken: (kept, error) => {
        isLate = !kept && error === undefined;
        if (hasRoom === false) next();
      },
      kept: (error) => {
        settled(isLate, error);
        if (error === undefined && qos > 0 && messageId !== undefined) acknowledge(messageId);
      },
    });
    if (hasRoom) next();
  };
}

/**
 * Gives the function to be called when something has come in: after a ping it is as good as the answer to it. A broker
 * that reads one packet of each connection in turn, as Mosquitto does, answers a ping only after thousands of
 * acknowledgements before it, while its messages come all the time; and leaving it would have it send everything again
 * whose acknowledgement it has not read. While we do not read it (`isRead`), it cannot be said to be silent.
 */
function anythingAnswersPings(client: MqttClient, isRead: () => boolean): () => void {
  const sendPing = client.sendPing.bind(client);
  let asked = false;
  client.sendPing = () => {
    asked = true;
    sendPing();
  };
  const isSilent = client.onKeepaliveTimeout.bind(client);
  client.onKeepaliveTimeout = () => {
    if (isRead()) isSilent();
    else client.reschedulePing(true);
  };
  return () => {
    if (!asked) return;
    asked = false;
    client.reschedulePing(true);
  };
}

/** Writes acknowledgements in the order of the messages; those of one commit as one piece. */
function acknowledger(client: MqttClient): (messageId: number) => void {
  let ids: number[] = [];
  return (messageId) => {
    ids.push(messageId);
    if (ids.length > 1) return;
    queueMicrotask(() => {
      const piece = pubacks(ids);
      ids = [];
      if (!client.stream.destroyed) client.stream.write(piece);
    });
  };
}

/** Resolves when the connection is closed. */
export function close(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    const { stream } = client;
    if (stream === undefined || stream.closed) return resolve();
    stream.once('close', () => resolve());
    client.end(true);
  });
}
