import { randomBytes } from 'node:crypto';
import { MqttClient } from 'mqtt';
import { LinkLost, SetupRefused } from '../../model/adapter.ts';
import type { Text } from '../../model/text.ts';
import { BoundedConnection } from './bounded-connection.ts';
import { DEFAULT_LISTEN, listenAddress } from './embedded-broker.ts';
import {
  CONNECT_TIMEOUT_MS,
  close,
  connectionEnd,
  type Endpoint,
  endpointOf,
  KEEPALIVE_S,
  MAX_PACKET_BYTES,
  openSocket,
} from './external-broker.ts';
import type { MqttSettings } from './schema.ts';

/** A message as a person is shown it. */
export interface HeardMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  /** Kept by the broker from earlier; no proof that the device lives. */
  readonly retained: boolean;
}

/** How listening ended: told to, or why it could not go on. */
export type ListenEnd =
  | { readonly kind: 'over' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'unreachable'; readonly reason: Text };

/**
 * Subscribes for a person until `over` aborts. With a session of its own that leaves nothing behind: a message that the
 * link's own session keeps for the gateway must not be taken, and acknowledged, by anybody else. Never rejects for
 * anything that the broker does.
 */
export async function listenFor(
  settings: MqttSettings,
  filter: string,
  over: AbortSignal,
  hear: (message: HeardMessage) => void,
): Promise<ListenEnd> {
  try {
    return await listen(brokerOf(settings), settings, filter, over, hear);
  } catch (error) {
    if (!(error instanceof LinkLost) && !(error instanceof SetupRefused)) throw error;
    return over.aborted ? { kind: 'over' } : { kind: 'unreachable', reason: error.reason };
  }
}

/** The broker as a client on this machine reaches it; one that listens everywhere is reached on loopback. */
function brokerOf(settings: MqttSettings): Endpoint {
  if (settings.broker === 'external') return endpointOf(settings.endpoint ?? '');
  const { host: listens, port } = listenAddress(settings.listen ?? DEFAULT_LISTEN);
  const host = listens === '0.0.0.0' ? '127.0.0.1' : listens === '::' ? '::1' : listens;
  return { text: `mqtt://${host}:${port}`, host, port, secure: false };
}

async function listen(
  broker: Endpoint,
  { clientId, username, password }: MqttSettings,
  filter: string,
  over: AbortSignal,
  hear: (message: HeardMessage) => void,
): Promise<ListenEnd> {
  if (over.aborted) return { kind: 'over' };
  const connect = () =>
    new BoundedConnection(openSocket(broker), MAX_PACKET_BYTES, { received: () => undefined, offer: () => 'pass' });
  const client = new MqttClient(connect, {
    protocolVersion: 4,
    // A broker may allow only names that begin as the link's does.
    clientId: `${clientId ?? 'lamplighter'}-person-${randomBytes(4).toString('hex')}`,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    manualConnect: true,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  });
  const ended = new AbortController();
  const end = connectionEnd(client, broker.text, over, ended.signal);
  // It may fail when nobody waits for it any more.
  end.catch(() => undefined);
  client.on('message', (topic, payload, { qos, retain }) => {
    if (!over.aborted) hear({ topic, payload, qos, retained: retain });
  });
  try {
    client.connect();
    await Promise.race([end, new Promise<void>((resolve) => client.once('connect', () => resolve()))]);
    if (over.aborted) return { kind: 'over' };
    const granted = new Promise<boolean>((resolve) => {
      client.subscribe(filter, { qos: 0 }, (error) => resolve(!error));
    });
    if ((await Promise.race([end, granted])) === false) return { kind: 'denied' };
    await end;
    return { kind: 'over' };
  } finally {
    ended.abort();
    await close(client);
  }
}
