import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type AedesOptions } from 'aedes';
import { writeToStream } from 'mqtt-packet';
import { type Emit, LinkLost, type LinkPlan, SetupRefused, type Wire } from '../../model/adapter.ts';
import { DirectPublishes } from './direct-publishes.ts';
import { MessageReader } from './message-reader.ts';
import { pubacks } from './puback.ts';
import { MAX_TOPIC_LEVELS } from './resolve.ts';
import type { MqttAddress, MqttSettings } from './schema.ts';
import { SendAgain } from './send-again.ts';
import { Subscriptions } from './subscriptions.ts';

/** Devices that may be connected at once; a further one is turned away. */
export const MAX_CLIENTS = 5_000;
/** Largest packet; a device that announces a larger one is disconnected. */
export const MAX_PACKET_BYTES = 1024 * 1024;
/** Real ms for a new connection to introduce itself. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Real ms of silence that a device may take for each second of its keep-alive (MQTT 3.1.1, 3.1.2.10). */
const KEEPALIVE_LIMIT_MS = 1500;
/** Real ms after which a connection that went silent without a word is asked by TCP whether it lives. */
const TCP_KEEPALIVE_MS = 60_000;
/** Real ms for the broker to say goodbye to its clients. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Characters of an error in a text for people. */
const MAX_SHOWN_ERROR = 120;

/** Where the broker listens unless the site file says so. */
export const DEFAULT_LISTEN = 'tcp://127.0.0.1:1883';
/** Return code of CONNACK: bad user name or password (MQTT 3.1.1, 3.2.2.3). */
const BAD_USERNAME_OR_PASSWORD = 4;

// Else the first answer to any device makes 65,536 buffers, one for each number that a packet may have, and all devices
// wait for some 30 ms. Nearly all that we write are PUBACKs, and these do without (`puback.ts`).
writeToStream.cacheNumbers = false;

type AuthenticateError = Parameters<Parameters<NonNullable<AedesOptions['authenticate']>>[3]>[0];

/**
 * Is the broker of the devices until `signal` aborts, and reads what they publish without a further hop. A publish is
 * acknowledged when its samples are on disk: the authorization of a publish ends only then, and PUBACK comes after it.
 * A refusal would drop the device, so a payload that cannot be read is a bad sample and never refused.
 */
export async function runEmbeddedBroker(
  plan: LinkPlan<MqttSettings, MqttAddress>,
  emit: Emit,
  signal: AbortSignal,
  up: () => void,
): Promise<void> {
  const { settings, log } = plan;
  const address = listenAddress(settings.listen ?? DEFAULT_LISTEN);
  const reader = new MessageReader(plan, emit);
  const subscriptions = new Subscriptions();
  const devices = new Map<unknown, DirectPublishes>();
  const note = storing(plan);
  const late = new SendAgain();
  const broker = await Aedes.createBroker({
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxTopicLevels: MAX_TOPIC_LEVELS,
    preConnect: (client, packet, done) => {
      // Every session ends with its connection: what is kept for absent clients could grow without a bound.
      packet.clean = true;
      // The broker does not see all that a device sends, so its silence is measured where it is seen.
      const { keepalive = 0 } = packet;
      packet.keepalive = 0;
      if (keepalive > 0) devices.get(client.conn)?.connection.limitSilence(keepalive * KEEPALIVE_LIMIT_MS);
      done(null, true);
    },
    authenticate: authenticate(settings),
    authorizePublish: authorizePublish(reader, note, late, signal),
    published: (packet, client, done) => {
      if (client) devices.get(client.conn)?.dealtWith(packet.topic);
      done();
    },
    // QoS 2 would deliver each message by two handshakes more; nobody here needs it.
    authorizeSubscribe: (client, subscription, done) => {
      if (client) subscriptions.add(client.conn, subscription.topic);
      done(null, { ...subscription, qos: subscription.qos === 2 ? 1 : subscription.qos });
    },
  });
  // Faults of one client are its own: the broker has closed it when it tells.
  const turnedAway = (_client: unknown, error: Error) => tellOfStranger(plan.wire, error);
  broker.on('clientError', turnedAway);
  broker.on('connectionError', turnedAway);
  broker.on('clientReady', (client) => devices.get(client.conn)?.open());
  const over = new AbortController();
  const take = (socket: Socket) => {
    const device = new DirectPublishes({
      socket,
      maxPacketBytes: MAX_PACKET_BYTES,
      reader,
      now: () => plan.clock.now(),
      // The broker keeps what is retained, and delivers what somebody subscribes to.
      isDirect: (topic, retain) => !retain && !subscriptions.includes(topic.name),
      taken: (kept, error) => {
        if (signal.aborted) return;
        note(kept);
        if (error !== undefined) device.connection.destroy(error);
      },
      kept: (isLate, error) => {
        if (signal.aborted) return;
        if (error !== undefined) note(false);
        if (isLate || error === undefined) late.settled(device.connection, error === undefined);
      },
    });
    const { connection } = device;
    devices.set(connection, device);
    connection.once('close', () => {
      devices.delete(connection);
      subscriptions.forget(connection);
    });
    broker.handle(connection);
  };
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS, noDelay: true }, take);
  server.maxConnections = MAX_CLIENTS;
  server.once('drop', () => log.warn({ clients: MAX_CLIENTS }, 'further devices are turned away'));
  try {
    await listen(server, address);
    if (!signal.aborted) {
      const bound = server.address();
      log.info({ host: address.host, port: typeof bound === 'object' ? bound?.port : address.port }, 'broker listens');
      warnIfOpen(address.host, plan);
      up();
      await closedOrAborted(server, broker, signal, over.signal);
    }
  } finally {
    over.abort();
    late.close();
    reader.close();
    for (const { connection } of devices.values()) connection.destroy();
    await Promise.all([closeServer(server), closeBroker(broker)]);
  }
}

/** A device was disconnected over what it sent; that its network broke is nobody's fault. */
function tellOfStranger(wire: Wire, error: Error): void {
  if ('code' in error) return;
  const why = error.message.slice(0, MAX_SHOWN_ERROR);
  wire.failed({ zh: `断开一台设备：${why}`, en: `a device was disconnected: ${why}` });
}

/**
 * Says in the log when samples begin or cease to be stored. What reaches the disk late does not count as stored: while
 * a disk catches up, that comes by turns with what is not stored yet.
 */
function storing({ log }: LinkPlan<MqttSettings, MqttAddress>): (stored: boolean) => void {
  let storing = true;
  return (stored) => {
    if (stored === storing) return;
    storing = stored;
    if (stored) log.info({}, 'samples are stored again');
    else log.warn({}, 'samples cannot be stored; devices are not acknowledged and will send again');
  };
}

function authorizePublish(
  reader: MessageReader,
  note: (stored: boolean) => void,
  late: SendAgain,
  signal: AbortSignal,
): NonNullable<AedesOptions['authorizePublish']> {
  return (client, packet, done) => {
    // $SYS belongs to the broker itself, which keeps a table by what it reads there.
    if (packet.topic.startsWith('$')) return done(new Error('topics that begin with $ are reserved'));
    // Last wills of the devices that our own end disconnects are not theirs.
    if (signal.aborted) return done();
    // Retained messages stay in memory: only as many as there are points.
    if (!reader.topics.has(packet.topic)) packet.retain = false;
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    // A last will is published for a device that is gone and has no identifier.
    const messageId = packet.qos > 0 && 'messageId' in packet ? Number(packet.messageId) : undefined;
    let answered = false;
    const answer = (error?: Error) => {
      if (answered) return;
      answered = true;
      done(error);
    };
    // To a broker, `retain` asks to keep the message for later subscribers: it comes from the device just now.
    reader.read(packet.topic, payload, false, {
      taken(kept, error) {
        if (signal.aborted) return;
        note(kept);
        if (error) return answer(error);
        // Without its QoS the broker goes on reading the device and acknowledges nothing: that follows from the disk.
        if (!kept && messageId !== undefined) packet.qos = 0;
        answer();
      },
      ...(messageId !== undefined && {
        kept(error?: Error) {
          if (signal.aborted) return;
          if (error !== undefined) note(false);
          if (!answered) answer(error);
          else if (packet.qos === 0 && client) {
            if (error === undefined && !client.conn.destroyed) client.conn.write(pubacks([messageId]));
            late.settled(client.conn, error === undefined);
          }
        },
      }),
    });
  };
}

function authenticate(settings: MqttSettings): NonNullable<AedesOptions['authenticate']> {
  const { username, password } = settings;
  if (username === undefined || password === undefined) return (_client, _name, _word, done) => done(null, true);
  const digest = (text: string | Buffer) => createHash('sha256').update(text).digest();
  const name = digest(username);
  const word = digest(password);
  return (_client, givenName, givenWord, done) => {
    const right = timingSafeEqual(digest(givenName ?? ''), name) && timingSafeEqual(digest(givenWord ?? ''), word);
    if (right) return done(null, true);
    const error = Object.assign(new Error('bad user name or password'), { returnCode: BAD_USERNAME_OR_PASSWORD });
    done(error as NonNullable<AuthenticateError>, null);
  };
}

interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Throws SetupRefused where it is none. */
export function listenAddress(listen: string): ListenAddress {
  const match = /^tcp:\/\/(?:\[(?<v6>[^\]]+)\]|(?<name>[^:/]+)):(?<port>\d{1,5})$/.exec(listen);
  const host = match?.groups?.v6 ?? match?.groups?.name;
  const port = Number(match?.groups?.port);
  if (host === undefined || !(port <= 65535)) {
    throw new SetupRefused({
      zh: `监听地址 ${listen} 无法识别，应为 tcp://主机:端口`,
      en: `cannot read the address ${listen}; it is written tcp://host:port`,
    });
  }
  return { host, port };
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const at = `${host}:${port}`;
    const reasons: Record<string, { zh: string; en: string }> = {
      EADDRINUSE: { zh: `端口已被占用：${at}`, en: `port in use: ${at}` },
      EACCES: { zh: `没有权限监听 ${at}`, en: `no permission to listen on ${at}` },
      EADDRNOTAVAIL: { zh: `本机没有地址 ${at}`, en: `this machine does not have the address ${at}` },
    };
    throw new SetupRefused(reasons[code] ?? { zh: `无法监听 ${at}：${code}`, en: `cannot listen on ${at}: ${code}` }, {
      cause: error,
    });
  }
}

function warnIfOpen(host: string, plan: LinkPlan<MqttSettings, MqttAddress>): void {
  const loopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (!loopback && plan.settings.password === undefined) {
    plan.log.warn({ host }, 'broker is open to the network without a password');
  }
}

/** Resolves on abort; rejects where the listening socket or the broker fails under way. */
function closedOrAborted(server: Server, broker: Aedes, signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = (error: Error) =>
      reject(
        new LinkLost(
          { zh: `内置代理故障：${error.message}`, en: `embedded broker failed: ${error.message}` },
          { cause: error },
        ),
      );
    server.once('error', lost);
    (broker as NodeJS.EventEmitter).once('error', lost);
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function closeBroker(broker: Aedes): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    broker.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
