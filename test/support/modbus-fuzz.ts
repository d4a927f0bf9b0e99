import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection, type ReadRequest, type Reply } from '../../adapters/modbus/transport/connection.ts';
import type { Endpoint } from '../../adapters/modbus/transport/endpoint.ts';
import { LinkLost } from '../../model/adapter.ts';
import { garbageCollector } from './garbage-collector.ts';

/** Real ms that a request waits for its reply; short, since many replies never come. */
const TIMEOUT_MS = 60;
/** Real ms within which every request must be settled, whatever happens to its reply. */
const SETTLED_WITHIN_MS = 20_000;
/** Longest lateness of a reply, in time-outs. */
const MAX_LATE_TIMEOUTS = 3;
/** What must not have come back after so many of a connection's replies is remembered no more. */
const REMEMBERED = 64;
const UNITS = 4;
const MAX_REGISTERS = 20;
const MAX_BITS = 200;

/** How requests are framed, how many at once, over how many connections, and which share of the replies is spoilt. */
interface Way {
  readonly name: string;
  readonly framing: 'mbap' | 'rtu';
  readonly parallel: number;
  readonly connections: number;
  readonly spoilt: number;
}

const ways: readonly Way[] = [
  { name: 'MBAP, one at a time', framing: 'mbap', parallel: 1, connections: 60, spoilt: 0.25 },
  { name: 'MBAP, eight at a time', framing: 'mbap', parallel: 8, connections: 20, spoilt: 0.25 },
  // Noise on such a line is waited out, so that more of them are needed for as many replies.
  { name: 'RTU', framing: 'rtu', parallel: 1, connections: 300, spoilt: 0.12 },
];

/** Why a wrong value could be found by nobody who reads this protocol, with this fault on the wire. */
export type Unfindable =
  | 'MBAP: bits of the data were flipped, and nothing checks them'
  | 'MBAP: the number of another request under way'
  | 'MBAP: cut short and filled up by the reply behind it, to the byte'
  | 'RTU: a unit that answered a later request first'
  | 'RTU: an answer in another unit’s name, which came when that one was asked for as much'
  | 'RTU: other bytes with the same CRC'
  | 'RTU: an answer given twice, the second time within another request that asks as much';

/** What was seen. `replies` were sent, spoilt or not. */
export interface FuzzReport {
  readonly replies: number;
  readonly spoilt: number;
  readonly good: number;
  readonly exceptions: number;
  readonly malformed: number;
  readonly timeouts: number;
  readonly lost: number;
  readonly reconnections: number;
  /** Good values that the device never had at that place in that moment, and that could have been found. */
  readonly wrong: readonly string[];
  readonly unfindable: Readonly<Partial<Record<Unfindable, number>>>;
  /** Growth of the heap, after collection, from a fifth of the replies to the end. */
  readonly heapGrowthMb: number;
  readonly rssMb: number;
}

/**
 * Asks devices of our own that spoil a share of their replies in every way that wires, gateways and firmware do, until
 * so many `replies` were sent. Each register says where and when it was read, so that each value can be judged.
 */
export async function fuzzModbus(
  replies: number,
  seed: number,
  signal: AbortSignal,
  progress: (line: string) => void = () => undefined,
): Promise<FuzzReport> {
  const tally = new Tally();
  const gc = garbageCollector();
  let heapMb = 0;
  let done = 0;
  const share = Math.ceil(replies / ways.length);
  const device = await FuzzDevice.start(seed, tally);
  try {
    for (const [index, way] of ways.entries()) {
      const until = share * (index + 1);
      device.way = way;
      const watch = async (): Promise<void> => {
        while (tally.replies < until && !signal.aborted) {
          await delay(1000, undefined, { ref: false });
          gc();
          const nowMb = process.memoryUsage().heapUsed / 2 ** 20;
          if (tally.replies < replies / 5 || heapMb === 0) heapMb = nowMb;
          progress(`${way.name}: ${tally.replies - done} replies, heap ${nowMb.toFixed(1)} MB`);
        }
      };
      const asking = Array.from({ length: way.connections }, (_, i) =>
        ask(device, way, tally, randomNumbers(seed + 1000 * index + i), () => tally.replies >= until || signal.aborted),
      );
      await Promise.all([...asking, replies > 10_000 ? watch() : undefined]);
      done = tally.replies;
    }
    gc();
    const { heapUsed, rss } = process.memoryUsage();
    return { ...tally.report(), heapGrowthMb: heapMb === 0 ? 0 : heapUsed / 2 ** 20 - heapMb, rssMb: rss / 2 ** 20 };
  } finally {
    await device.stop();
  }
}

/** Keeps one connection full of requests, and makes it anew each time that it is lost. */
async function ask(
  device: FuzzDevice,
  way: Way,
  tally: Tally,
  random: () => number,
  isOver: () => boolean,
): Promise<void> {
  const { port } = device;
  const endpoint: Endpoint =
    way.framing === 'rtu'
      ? { kind: 'rtu+tcp', host: '127.0.0.1', port }
      : { kind: 'tcp', host: '127.0.0.1', port, parallel: way.parallel };
  for (let connection = await opened(endpoint); ; connection = await opened(endpoint)) {
    const requests = async (): Promise<void> => {
      while (!isOver() && connection.lost === undefined) await askOnce(connection, device, tally, random);
    };
    await Promise.all(Array.from({ length: way.parallel }, requests));
    await connection.close();
    if (isOver()) return;
    tally.reconnections += 1;
  }
}

async function opened(endpoint: Endpoint): Promise<Connection> {
  for (;;) {
    try {
      return await Connection.open(endpoint, TIMEOUT_MS, new AbortController().signal);
    } catch (error) {
      // Ports may run short for a moment, after so many connections.
      if (!(error instanceof LinkLost)) throw error;
      await delay(10);
    }
  }
}

async function askOnce(connection: Connection, device: FuzzDevice, tally: Tally, random: () => number): Promise<void> {
  const isBits = random() < 0.2;
  const request: ReadRequest = {
    unit: 1 + Math.floor(random() * UNITS),
    table: isBits ? 'coil' : random() < 0.7 ? 'holding' : 'input',
    address: Math.floor(random() * 60_000),
    count: isBits ? 64 + Math.floor(random() * (MAX_BITS - 64)) : 3 + Math.floor(random() * (MAX_REGISTERS - 2)),
  };
  const since = device.moment;
  const timer = setTimeout(() => tally.unsettled(request), SETTLED_WITHIN_MS);
  const reply = await connection.read(request);
  clearTimeout(timer);
  tally.settled(request, reply, since, device);
}

/** Counts what became of the requests, and judges the values. */
class Tally {
  replies = 0;
  spoilt = 0;
  reconnections = 0;
  readonly #kinds = { data: 0, exception: 0, malformed: 0, timeout: 0, lost: 0 };
  readonly #wrong: string[] = [];
  readonly #unfindable: Partial<Record<Unfindable, number>> = {};

  settled(request: ReadRequest, reply: Reply, since: number, device: FuzzDevice): void {
    this.#kinds[reply.kind] += 1;
    if (reply.kind !== 'data' || device.had(request, reply.bytes, since)) return;
    const why = device.whyUnfindable(request, reply.bytes);
    if (why !== undefined) this.#unfindable[why] = (this.#unfindable[why] ?? 0) + 1;
    else
      this.#wrong.push(
        `${JSON.stringify(request)}: ${reply.bytes.toString('hex')}, which was ${device.originOf(reply.bytes)}`,
      );
  }

  unsettled(request: ReadRequest): void {
    this.#wrong.push(`never settled: ${JSON.stringify(request)}`);
  }

  report(): Omit<FuzzReport, 'heapGrowthMb' | 'rssMb'> {
    const { data: good, exception: exceptions, malformed, timeout: timeouts, lost } = this.#kinds;
    const { replies, spoilt, reconnections } = this;
    const counts = { replies, spoilt, good, exceptions, malformed, timeouts, lost, reconnections };
    return { ...counts, wrong: this.#wrong, unfindable: this.#unfindable };
  }
}

/** What a device answers at one moment: the moment itself in the first two bytes, then what tells unit, table and address. */
function dataOf(unit: number, code: number, address: number, count: number, moment: number): Buffer {
  const isBits = code <= 2;
  const data = Buffer.alloc(isBits ? Math.ceil(count / 8) : count * 2);
  for (let at = 0; at < data.length; at++) {
    const place = isBits ? address + at : address + (at >> 1);
    const mixed = mix(mix(mix(unit * 8 + code, place), moment), at & 1);
    data[at] = mixed & 0xff;
  }
  data.writeUInt8((moment >> 8) & 0xff);
  if (data.length > 1) data.writeUInt8(moment & 0xff, 1);
  const spare = data.length * 8 - count;
  if (isBits && spare > 0) data[data.length - 1] = (data.at(-1) ?? 0) & (0xff >> spare);
  return data;
}

function mix(a: number, b: number): number {
  let mixed = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Asked {
  readonly transaction: number;
  readonly unit: number;
  readonly code: number;
  readonly address: number;
  readonly count: number;
}

/** Serves any number of connections; what it answers is told by {@link dataOf}, what it spoils by {@link spoil}. */
class FuzzDevice {
  way: Way = { name: '', framing: 'mbap', parallel: 1, connections: 0, spoilt: 0 };
  /** Goes up with each answer. */
  moment = 0;
  readonly #tally: Tally;
  readonly #random: () => number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Data that could not be known as wrong, with the place that it was of; the newest last. */
  readonly #unfindable = new Map<string, Unfindable>();
  /** What waits on a connection until something else is out: no device sends a reply in the middle of another. */
  readonly #waiting = new Map<Socket, Buffer[]>();
  /** What was answered of late, by its data. */
  readonly #answers = new Map<string, string>();

  private constructor(seed: number, tally: Tally) {
    this.#tally = tally;
    this.#random = randomNumbers(seed ^ 0x5eed);
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(seed: number, tally: Tally): Promise<FuzzDevice> {
    const device = new FuzzDevice(seed, tally);
    device.#server.listen(0, '127.0.0.1');
    await once(device.#server, 'listening');
    return device;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Whether those are the bytes that were there at some moment after `since`. */
  had({ unit, table, address, count }: ReadRequest, bytes: Buffer, since: number): boolean {
    const code = table === 'coil' ? 1 : table === 'holding' ? 3 : 4;
    const told = bytes.readUInt16BE(0);
    const latest = this.moment - ((this.moment - told) & 0xffff);
    for (let moment = latest; moment > since; moment -= 0x1_0000) {
      if (dataOf(unit, code, address, count, moment).equals(bytes)) return true;
    }
    return false;
  }

  whyUnfindable(request: ReadRequest, bytes: Buffer): Unfindable | undefined {
    const whole = this.#unfindable.get(bytes.toString('hex'));
    if (whole !== undefined) return whole;
    for (const [key, why] of this.#unfindable) {
      const [place, beginning = ''] = key.split(' ');
      if (place === placeOf(request) && bytes.toString('hex').startsWith(beginning)) return why;
    }
    return undefined;
  }

  /** What answer the bytes are of, and what became of it. */
  originOf(bytes: Buffer): string {
    return this.#answers.get(bytes.toString('hex')) ?? 'no answer of late';
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    const { way } = this;
    let pending = Buffer.alloc(0);
    const held: Buffer[] = [];
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      const length = way.framing === 'rtu' ? 8 : 12;
      for (; pending.length >= length; pending = pending.subarray(length)) {
        const at = way.framing === 'rtu' ? 0 : 6;
        this.#answer(socket, way, held, {
          transaction: way.framing === 'rtu' ? 0 : pending.readUInt16BE(0),
          unit: pending.readUInt8(at),
          code: pending.readUInt8(at + 1),
          address: pending.readUInt16BE(at + 2),
          count: pending.readUInt16BE(at + 4),
        });
      }
    });
  }

  #answer(socket: Socket, way: Way, held: Buffer[], asked: Asked): void {
    const { unit, code, address, count } = asked;
    const moment = ++this.moment;
    this.#tally.replies += 1;
    const data = dataOf(unit, code, address, count, moment);
    const content = Buffer.concat([Buffer.from([unit, code, data.length]), data]);
    const good = framed(way, asked.transaction, content);
    const send = (bytes: Buffer, lateMs = 0) => {
      if (lateMs === 0) this.#write(socket, bytes);
      else setTimeout(() => this.#write(socket, bytes), lateMs);
    };
    const before = held.splice(0);
    const fault = this.#random() < way.spoilt ? this.#anyFault(way) : undefined;
    const told = `${fault ?? 'sound'}, ${JSON.stringify(asked)} at ${Math.round(performance.now())} ms`;
    keep(this.#answers, data.toString('hex'), told, REMEMBERED * way.connections);
    if (fault === undefined) {
      send(Buffer.concat([good, ...before]));
      return;
    }
    this.#tally.spoilt += 1;
    for (const bytes of before) send(bytes);
    this.#spoil(fault, { socket, way, asked, content, good, data, send, held });
  }

  #anyFault({ framing }: Way): Fault {
    const faults = framing === 'rtu' ? rtuFaults : mbapFaults;
    return faults[Math.floor(this.#random() * faults.length)] ?? 'silent';
  }

  #spoil(fault: Fault, reply: SpoiltReply): void {
    const { socket, way, asked, content, good, data, send, held } = reply;
    const random = (below: number) => Math.floor(this.#random() * below);
    const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => random(256)));
    const reframed = (changed: Buffer, transaction = asked.transaction) => framed(way, transaction, changed);
    switch (fault) {
      case 'silent':
        return;
      case 'exception':
        return send(reframed(Buffer.from([asked.unit, asked.code | 0x80, 1 + random(11)])));
      case 'late': {
        const lateMs = TIMEOUT_MS + random((MAX_LATE_TIMEOUTS - 1) * TIMEOUT_MS);
        // A network is late with whatever comes behind, too; over Modbus TCP each reply may be.
        if (way.framing === 'rtu') return this.#hold(socket, good, lateMs);
        return send(good, lateMs);
      }
      case 'overtaken':
        this.#remember(data.toString('hex'), 'RTU: a unit that answered a later request first');
        return send(good, TIMEOUT_MS + random((MAX_LATE_TIMEOUTS - 1) * TIMEOUT_MS));
      case 'reordered':
        held.push(good);
        return;
      case 'torn': {
        const at = 1 + random(good.length - 1);
        return this.#writeTorn(socket, good, at, 1 + random(20));
      }
      case 'cut': {
        const cut = good.subarray(0, 1 + random(good.length - 1));
        if (way.framing === 'mbap') {
          const beginning = cut.subarray(9).toString('hex');
          this.#remember(
            `${placeOfAsked(asked)} ${beginning}`,
            'MBAP: cut short and filled up by the reply behind it, to the byte',
          );
        }
        return send(cut);
      }
      case 'short':
        return send(reframed(content.subarray(0, 2 + random(content.length - 2))));
      case 'long':
        return send(reframed(Buffer.concat([content, bytes(1 + random(20))])));
      case 'followed':
        return send(Buffer.concat([good, bytes(1 + random(20))]));
      case 'preceded':
        return send(Buffer.concat([bytes(1 + random(20)), good]));
      case 'inserted': {
        const at = 1 + random(good.length - 1);
        const spoilt = Buffer.concat([good.subarray(0, at), bytes(1 + random(8)), good.subarray(at)]);
        this.#noteSameCrc(asked, spoilt);
        return send(spoilt);
      }
      case 'repeated':
        return send(Buffer.concat([good, good]));
      case 'repeated later':
        this.#remember(
          data.toString('hex'),
          'RTU: an answer given twice, the second time within another request that asks as much',
        );
        send(good);
        return send(good, 1 + random(40));
      case 'flipped': {
        const spoilt = Buffer.from(good);
        for (let i = 0; i <= random(3); i++) {
          const at = random(spoilt.length * 8);
          spoilt[at >> 3] = (spoilt[at >> 3] ?? 0) ^ (1 << (at & 7));
        }
        if (way.framing === 'mbap') {
          this.#remember(
            spoilt.subarray(9).toString('hex'),
            'MBAP: bits of the data were flipped, and nothing checks them',
          );
        }
        return send(spoilt);
      }
      case 'wrong unit':
        if (way.framing === 'rtu') {
          this.#remember(
            data.toString('hex'),
            'RTU: an answer in another unit’s name, which came when that one was asked for as much',
          );
        }
        return send(reframed(Buffer.concat([Buffer.from([1 + (asked.unit % UNITS)]), content.subarray(1)])));
      case 'wrong function':
        return send(reframed(Buffer.concat([content.subarray(0, 1), Buffer.from([random(256)]), content.subarray(2)])));
      case 'wrong count':
        return send(reframed(Buffer.concat([content.subarray(0, 2), Buffer.from([random(256)]), content.subarray(3)])));
      case 'wrong transaction':
        this.#remember(data.toString('hex'), 'MBAP: the number of another request under way');
        return send(reframed(content, (asked.transaction + 1 + random(8)) & 0xffff));
      case 'rubbish':
        return send(bytes(1 + random(300)));
    }
  }

  /** Where bytes were inserted the CRC may be right by chance, once in 65,536 times. */
  #noteSameCrc({ unit, code, count }: Asked, spoilt: Buffer): void {
    const length = 5 + (code <= 2 ? Math.ceil(count / 8) : 2 * count);
    for (let at = 0; at + length <= spoilt.length; at++) {
      const frame = spoilt.subarray(at, at + length);
      if (frame[0] !== unit || frame[1] !== code || crcOf(frame.subarray(0, -2)) !== frame.readUInt16LE(length - 2))
        continue;
      this.#remember(frame.subarray(3, -2).toString('hex'), 'RTU: other bytes with the same CRC');
    }
  }

  #write(socket: Socket, bytes: Buffer): void {
    const queue = this.#waiting.get(socket);
    if (queue !== undefined) queue.push(bytes);
    else if (!socket.destroyed) socket.write(bytes);
  }

  #writeTorn(socket: Socket, bytes: Buffer, at: number, pauseMs: number): void {
    if (this.#waiting.has(socket)) return this.#write(socket, bytes);
    socket.write(bytes.subarray(0, at));
    this.#hold(socket, bytes.subarray(at), pauseMs);
  }

  /** Nothing goes out on the connection before these bytes do. */
  #hold(socket: Socket, bytes: Buffer, pauseMs: number): void {
    if (this.#waiting.has(socket)) return this.#write(socket, bytes);
    this.#waiting.set(socket, [bytes]);
    setTimeout(() => {
      const queue = this.#waiting.get(socket) ?? [];
      this.#waiting.delete(socket);
      for (const next of queue) this.#write(socket, next);
    }, pauseMs);
  }

  #remember(key: string, why: Unfindable): void {
    keep(this.#unfindable, key, why, REMEMBERED * this.way.connections);
  }
}

/** Adds to a map that holds `most` at most: the oldest go. */
function keep<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
}

interface SpoiltReply {
  readonly socket: Socket;
  readonly way: Way;
  readonly asked: Asked;
  readonly content: Buffer;
  readonly good: Buffer;
  readonly data: Buffer;
  readonly send: (bytes: Buffer, lateMs?: number) => void;
  /** Sent behind the next reply. */
  readonly held: Buffer[];
}

const bothFaults = [
  ...(['silent', 'exception', 'late', 'reordered', 'torn', 'cut', 'short', 'long', 'followed'] as const),
  ...([
    'preceded',
    'inserted',
    'repeated',
    'flipped',
    'wrong unit',
    'wrong function',
    'wrong count',
    'rubbish',
  ] as const),
];
const mbapFaults = [...bothFaults, 'wrong transaction'] as const;
const rtuFaults = [...bothFaults, 'repeated later', 'overtaken'] as const;
type Fault = (typeof mbapFaults)[number] | (typeof rtuFaults)[number];

const placeOf = ({ unit, address, count }: ReadRequest) => `${unit}:${address}:${count}`;
const placeOfAsked = ({ unit, address, count }: Asked) => `${unit}:${address}:${count}`;

function framed({ framing }: Way, transaction: number, content: Buffer): Buffer {
  if (framing === 'rtu') {
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crcOf(content));
    return Buffer.concat([content, crc]);
  }
  const header = Buffer.alloc(6);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(content.length, 4);
  return Buffer.concat([header, content]);
}

/** Bit by bit, so that it shares no table with what is tested. */
function crcOf(bytes: Buffer): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}
