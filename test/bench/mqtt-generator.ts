/**
 * Publishes MQTT messages at a steady rate, as cheaply as that can be done: packets are encoded once, and a piece of
 * that ring is written at a time. Takes a `Load` as JSON; prints `began`, and at the end a `Published` as JSON.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { meterTopics, meterValue } from './meter-site.ts';
import type { Load, Published } from './mqtt-load.ts';

/** Packets of a connection's ring: as many packet identifiers, and so the bound on a connection's window. */
const RING_PACKETS = 20_000;
const EVERY_MS = 5;
/** Bytes that may wait in a socket before its connection is held to be behind. */
const MAX_WAITING_BYTES = 128 * 1024;
/** Packets that are written at once. */
const MAX_PIECE_PACKETS = 2000;
/** Real ms that the last PUBACKs may take. */
const LAST_ACKNOWLEDGEMENTS_MS = 10_000;
const CONNACK_BYTES = 4;
const PUBACK_BYTES = 4;

const load = JSON.parse(process.argv[2] ?? '') as Load;
if (load.window > RING_PACKETS) throw new RangeError('window is beyond the ring');

/** Encoded packets one after the other; packet n begins at `starts[n]`. */
interface Ring {
  readonly bytes: Buffer;
  readonly starts: readonly number[];
}

class Publisher {
  readonly #socket: Socket;
  readonly #ring: Ring;
  sent = 0;
  #bytes = 0;

  constructor(socket: Socket, ring: Ring) {
    this.#socket = socket;
    this.#ring = ring;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
    });
    socket.on('error', (error) => {
      throw error;
    });
    socket.on('close', () => {
      if (!done) throw new Error('the broker closed the connection');
    });
  }

  get acknowledged(): number {
    return load.qos === 0 ? 0 : Math.floor((this.#bytes - CONNACK_BYTES) / PUBACK_BYTES);
  }

  get connected(): boolean {
    return this.#bytes >= CONNACK_BYTES;
  }

  /** Sends until `wanted` messages are out, or socket or window are full. */
  advance(wanted: number): void {
    while (this.sent < wanted && this.#socket.writableLength < MAX_WAITING_BYTES) {
      const room = load.qos === 0 ? MAX_PIECE_PACKETS : load.window - (this.sent - this.acknowledged);
      const at = this.sent % RING_PACKETS;
      const count = Math.min(wanted - this.sent, room, MAX_PIECE_PACKETS, RING_PACKETS - at);
      if (count <= 0) return;
      this.#socket.write(this.#ring.bytes.subarray(this.#ring.starts[at], this.#ring.starts[at + count]));
      this.sent += count;
    }
  }

  get drained(): boolean {
    return this.#socket.writableLength === 0;
  }

  end(): void {
    this.#socket.end(Buffer.from([0xe0, 0]));
  }
}

let done = false;
const publishers = await Promise.all(Array.from({ length: load.connections }, (_, index) => open(index)));
process.stdout.write('began\n');
const beganMs = Date.now();
const startMs = performance.now();
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const elapsedMs = Math.min(performance.now() - startMs, load.durationMs);
    const wanted = load.rate === null ? Number.POSITIVE_INFINITY : (elapsedMs / 1000) * (load.rate / load.connections);
    for (const publisher of publishers) publisher.advance(Math.floor(wanted));
    if (elapsedMs < load.durationMs) return;
    clearInterval(timer);
    resolve();
  }, EVERY_MS);
});
const endedMs = Date.now();
const sum = (of: (publisher: Publisher) => number) => publishers.reduce((total, publisher) => total + of(publisher), 0);
while (performance.now() - startMs < load.durationMs + LAST_ACKNOWLEDGEMENTS_MS) {
  const waiting = load.qos === 1 && sum(({ acknowledged }) => acknowledged) < sum(({ sent }) => sent);
  if (!waiting && publishers.every(({ drained }) => drained)) break;
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}
done = true;
for (const publisher of publishers) publisher.end();
const { user, system } = process.cpuUsage();
const published: Published = {
  beganMs,
  endedMs,
  sent: sum(({ sent }) => sent),
  acknowledged: sum(({ acknowledged }) => acknowledged),
  processorSeconds: (user + system) / 1e6,
};
process.stdout.write(`${JSON.stringify(published)}\n`);

async function open(index: number): Promise<Publisher> {
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const publisher = new Publisher(socket, ringOf(index));
  socket.write(connectPacket(`generator-${process.pid}-${index}`));
  while (!publisher.connected) await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  return publisher;
}

/** Topics are shared out among the connections, each to one of them, so that a point's samples come in order. */
function ringOf(index: number): Ring {
  const topics = meterTopics.filter((_, topic) => topic % load.connections === index);
  const packets: Buffer[] = [];
  const starts = [0];
  for (let n = 0; n < RING_PACKETS; n++) {
    const topic = topics[n % topics.length] ?? '';
    const packet = publishPacket(topic, meterValue(n % topics.length, Math.floor(n / topics.length)), n + 1);
    packets.push(packet);
    starts.push((starts[n] ?? 0) + packet.length);
  }
  return { bytes: Buffer.concat(packets), starts };
}

function publishPacket(topic: string, payload: string, id: number): Buffer {
  const identifier = load.qos === 0 ? Buffer.alloc(0) : Buffer.from([id >> 8, id & 0xff]);
  const body = Buffer.concat([text(topic), identifier, Buffer.from(payload)]);
  if (body.length > 127) throw new RangeError('packet is longer than one byte of length can say');
  return Buffer.concat([Buffer.from([0x30 | (load.qos << 1), body.length]), body]);
}

/** MQTT 3.1.1, clean session, no keep-alive. */
function connectPacket(client: string): Buffer {
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0x02, 0, 0]), text(client)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

function text(words: string): Buffer {
  const bytes = Buffer.from(words);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
