import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export type DeviceTable = 'holding' | 'input' | 'coil' | 'discrete';

/** What a place does to every read that touches it. */
export type PlaceFault =
  | { readonly exception: number }
  | { readonly lateMs: number }
  | 'silent'
  | 'short'
  | 'wrong-count'
  | 'wrong-unit'
  | 'garbage';

/** A read as the device got it. */
export interface SeenRequest {
  readonly unit: number;
  readonly table: DeviceTable;
  readonly address: number;
  readonly count: number;
}

/** A write as the device got it, obeyed or not. */
export interface SeenWrite extends SeenRequest {
  readonly code: number;
  readonly values: readonly number[];
}

/** How a device speaks: headers of Modbus TCP, or frames with CRC as on a serial line; with TLS or without. */
export interface DeviceSpeech {
  readonly framing?: 'mbap' | 'rtu';
  readonly tls?: TlsOptions;
}

const tableOfFunction: Readonly<Record<number, DeviceTable>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };
const tableOfWrite: Readonly<Record<number, DeviceTable>> = { 5: 'coil', 6: 'holding', 15: 'coil', 16: 'holding' };

/** Bound on {@link ModbusDevice.requests}; older ones are dropped. */
const MAX_REQUESTS = 10_000;

/**
 * A Modbus device (or a gateway with several units) on loopback, written from the protocol's own text. Places that
 * were never set do not exist and answer exception 2, as on a strict controller.
 */
export class ModbusDevice {
  readonly #places = new Map<string, number>();
  readonly #seenAtMs = new WeakMap<SeenRequest, number>();
  readonly #faults = new Map<string, PlaceFault>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #speech: DeviceSpeech;
  #port = 0;
  /** Units that do not answer at all. */
  readonly silentUnits = new Set<number>();
  /** Units for which a gateway answers with this exception (10, 11: nobody there). */
  readonly unitExceptions = new Map<number, number>();
  /** Exceptions with which a unit answers its next requests, one each, before all else. */
  readonly nextExceptions = new Map<number, number[]>();
  /** `UNIT TABLE` that have no function to read it: exception 1. */
  readonly missingTables = new Set<string>();
  /** Units that take so long for each answer, real ms. */
  readonly slowUnits = new Map<number, number>();
  /** True: nothing is answered on any connection. */
  silent = false;
  /** Longest read that it gives, as some devices have it. */
  maxCount = 2000;
  requests: SeenRequest[] = [];
  writes: SeenWrite[] = [];
  /** True: writes are answered as if they were obeyed, but with another address. */
  wrongEchoes = false;
  /** True: it closes each connection after its first reply. */
  closesAfterReply = false;
  /** It closes a connection on which nothing was asked for so long, real ms. */
  closesIdleAfterMs: number | undefined;
  /** True: it closes a connection when it is asked for something. */
  hangsUp = false;
  /** Connections made since the start. */
  connectionsMade = 0;

  private constructor(speech: DeviceSpeech) {
    this.#speech = speech;
    const serve = (socket: Socket) => this.#serve(socket);
    this.#server = speech.tls === undefined ? createServer(serve) : createTlsServer(speech.tls, serve);
    // A client whose certificate is refused is the client's affair.
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(speech: DeviceSpeech = {}): Promise<ModbusDevice> {
    const device = new ModbusDevice(speech);
    await device.revive();
    return device;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    const scheme = this.#speech.framing === 'rtu' ? 'rtu+tcp' : this.#speech.tls === undefined ? 'tcp' : 'tls';
    return `${scheme}://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** When a request came, by the real clock. */
  seenAtMs(request: SeenRequest): number {
    return this.#seenAtMs.get(request) ?? Number.NaN;
  }

  /** Sets registers (0 to 65535) or bits (0 or 1) from `address` on. */
  set(unit: number, table: DeviceTable, address: number, ...values: number[]): void {
    for (const [i, value] of values.entries()) this.#places.set(key(unit, table, address + i), value);
  }

  /** Makes a place misbehave; undefined mends it. */
  fault(unit: number, table: DeviceTable, address: number, fault: PlaceFault | undefined): void {
    if (fault === undefined) this.#faults.delete(key(unit, table, address));
    else this.#faults.set(key(unit, table, address), fault);
  }

  /** Tears connections down and refuses new ones. */
  async kill(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens (again), on the same port. */
  async revive(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    this.connectionsMade += 1;
    this.#sockets.add(socket);
    let pending = Buffer.alloc(0);
    socket.setNoDelay();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    let idleTimer: NodeJS.Timeout | undefined;
    const closeIdle = () => {
      clearTimeout(idleTimer);
      if (this.closesIdleAfterMs !== undefined) idleTimer = setTimeout(() => socket.end(), this.closesIdleAfterMs);
    };
    socket.on('close', () => clearTimeout(idleTimer));
    closeIdle();
    socket.on('data', (chunk) => {
      if (this.hangsUp) return void socket.end();
      closeIdle();
      pending = Buffer.concat([pending, chunk]);
      for (let length = this.#requestLength(pending); length > 0; length = this.#requestLength(pending)) {
        this.#answer(pending.subarray(0, length), (reply) => {
          if (this.closesAfterReply) socket.end(reply);
          else socket.write(reply);
        });
        pending = pending.subarray(length);
      }
    });
  }

  /** Length of the whole request at the beginning; 0 where it is not whole yet. */
  #requestLength(bytes: Buffer): number {
    if (this.#speech.framing !== 'rtu') {
      return bytes.length >= 6 && bytes.length >= 6 + bytes.readUInt16BE(4) ? 6 + bytes.readUInt16BE(4) : 0;
    }
    if (bytes.length < 8) return 0;
    const length = bytes.readUInt8(1) >= 15 ? 9 + bytes.readUInt8(6) : 8;
    return bytes.length >= length ? length : 0;
  }

  #answer(frame: Buffer, send: (reply: Buffer) => void): void {
    const isRtu = this.#speech.framing === 'rtu';
    const transaction = isRtu ? 0 : frame.readUInt16BE(0);
    const content = isRtu ? frame.subarray(0, -2) : frame.subarray(6);
    const unit = content.readUInt8(0);
    const answer = this.#answerTo(unit, content.subarray(1));
    if (answer === undefined) return;
    const wrongUnit = answer.fault === 'wrong-unit' ? unit + 1 : unit;
    const reply =
      answer.fault === 'garbage'
        ? Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')
        : isRtu
          ? rtuFrame(wrongUnit, answer.content)
          : mbapFrame(transaction, wrongUnit, answer.content);
    if (answer.lateMs === 0) send(reply);
    else setTimeout(() => send(reply), answer.lateMs);
  }

  /** What is answered to a PDU; undefined where nothing is. */
  #answerTo(unit: number, request: Buffer): Answer | undefined {
    const code = request.readUInt8(0);
    const exception = (number: number): Answer => ({ content: Buffer.from([code | 0x80, number]), lateMs: 0 });
    const writes = tableOfWrite[code];
    if (writes !== undefined) return this.#obey(unit, writes, request, exception);
    const table = tableOfFunction[code];
    if (table === undefined) return exception(1);
    const address = request.readUInt16BE(1);
    const count = request.readUInt16BE(3);
    const seen: SeenRequest = { unit, table, address, count };
    this.requests.push(seen);
    this.#seenAtMs.set(seen, performance.now());
    if (this.requests.length > MAX_REQUESTS) this.requests.shift();
    if (this.silent || this.silentUnits.has(unit)) return undefined;
    const next = this.nextExceptions.get(unit)?.shift();
    if (next !== undefined) return exception(next);
    const unitException = this.unitExceptions.get(unit);
    if (unitException !== undefined) return exception(unitException);
    if (this.missingTables.has(`${unit} ${table}`)) return exception(1);
    const bits = table === 'coil' || table === 'discrete';
    if (count < 1 || count > Math.min(this.maxCount, bits ? 2000 : 125)) return exception(3);
    const values: number[] = [];
    let fault: PlaceFault | undefined;
    for (let at = address; at < address + count; at++) {
      const value = this.#places.get(key(unit, table, at));
      fault ??= this.#faults.get(key(unit, table, at));
      if (value === undefined) return exception(2);
      values.push(value);
    }
    const data = bits ? packBits(values) : packWords(values);
    const good = Buffer.concat([Buffer.from([code, data.length]), data]);
    if (fault === 'silent') return undefined;
    if (fault === undefined) return { content: good, lateMs: this.slowUnits.get(unit) ?? 0 };
    if (typeof fault === 'string') return { content: spoil(fault, good), lateMs: 0, fault };
    return 'exception' in fault ? exception(fault.exception) : { content: good, lateMs: fault.lateMs };
  }

  #obey(unit: number, table: DeviceTable, request: Buffer, exception: (number: number) => Answer): Answer | undefined {
    const code = request.readUInt8(0);
    const address = request.readUInt16BE(1);
    const isOne = code === 5 || code === 6;
    const count = isOne ? 1 : request.readUInt16BE(3);
    const word = (i: number) => request.readUInt16BE((isOne ? 3 : 6) + 2 * i);
    const bit = (i: number) => ((request[6 + (i >> 3)] ?? 0) >> (i & 7)) & 1;
    const value = (i: number) => (table === 'holding' ? word(i) : isOne ? Number(word(0) === 0xff00) : bit(i));
    const values = Array.from({ length: count }, (_, i) => value(i));
    this.writes.push({ unit, code, table, address, count, values });
    if (this.writes.length > MAX_REQUESTS) this.writes.shift();
    if (this.silent || this.silentUnits.has(unit)) return undefined;
    const there = values.map((_, i) => key(unit, table, address + i));
    if (unit !== 0 && !there.every((place) => this.#places.has(place))) return exception(2);
    for (const [i, place] of there.entries()) this.#places.set(place, values[i] ?? 0);
    // A broadcast, which on a serial line nobody answers.
    if (unit === 0 && this.#speech.framing === 'rtu') return undefined;
    const echo = Buffer.from(request.subarray(0, 5));
    if (this.wrongEchoes) echo.writeUInt16BE(address ^ 1, 1);
    return { content: echo, lateMs: 0 };
  }
}

/** A PDU that is answered, after how long, and what becomes of it on the way. */
interface Answer {
  readonly content: Buffer;
  readonly lateMs: number;
  readonly fault?: Exclude<PlaceFault, object>;
}

function spoil(fault: Exclude<PlaceFault, object>, good: Buffer): Buffer {
  if (fault === 'short') return good.subarray(0, good.length - 1);
  const spoilt = Buffer.from(good);
  if (fault === 'wrong-count') spoilt.writeUInt8(good.length - 3, 1);
  return spoilt;
}

function key(unit: number, table: DeviceTable, address: number): string {
  return `${unit} ${table} ${address}`;
}

function mbapFrame(transaction: number, unit: number, content: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(content.length + 1, 4);
  header.writeUInt8(unit & 0xff, 6);
  return Buffer.concat([header, content]);
}

/** The CRC bit by bit, as the specification has it, so that it shares no table with what is tested. */
function rtuFrame(unit: number, content: Buffer): Buffer {
  const frame = Buffer.concat([Buffer.from([unit & 0xff]), content, Buffer.alloc(2)]);
  let crc = 0xffff;
  for (const byte of frame.subarray(0, -2)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  frame.writeUInt16LE(crc, frame.length - 2);
  return frame;
}

function packWords(values: readonly number[]): Buffer {
  const data = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) data.writeUInt16BE(value & 0xffff, i * 2);
  return data;
}

function packBits(values: readonly number[]): Buffer {
  const data = Buffer.alloc(Math.ceil(values.length / 8));
  for (const [i, value] of values.entries()) data[i >> 3] = (data[i >> 3] ?? 0) | ((value & 1) << (i & 7));
  return data;
}
