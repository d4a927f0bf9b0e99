import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

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

/** A request as the device got it. */
export interface SeenRequest {
  readonly unit: number;
  readonly table: DeviceTable;
  readonly address: number;
  readonly count: number;
}

const tableOfFunction: Readonly<Record<number, DeviceTable>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };

/** Bound on {@link ModbusDevice.requests}; older ones are dropped. */
const MAX_REQUESTS = 10_000;

/**
 * A Modbus TCP device (or a gateway with several units) on loopback, written from the protocol's own text. Places that
 * were never set do not exist and answer exception 2, as on a strict controller.
 */
export class ModbusDevice {
  readonly #places = new Map<string, number>();
  readonly #seenAtMs = new WeakMap<SeenRequest, number>();
  readonly #faults = new Map<string, PlaceFault>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
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
  /** Connections made since the start. */
  connectionsMade = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ModbusDevice> {
    const device = new ModbusDevice();
    await device.revive();
    return device;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `tcp://127.0.0.1:${this.#port}`;
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
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 6 && pending.length >= 6 + pending.readUInt16BE(4)) {
        const length = 6 + pending.readUInt16BE(4);
        this.#answer(pending.subarray(0, length), (reply) => socket.write(reply));
        pending = pending.subarray(length);
      }
    });
  }

  #answer(frame: Buffer, send: (reply: Buffer) => void): void {
    const answer = this.#replyTo(frame);
    if (answer === undefined) return;
    if (answer.lateMs === 0) send(answer.reply);
    else setTimeout(() => send(answer.reply), answer.lateMs);
  }

  #replyTo(frame: Buffer): { reply: Buffer; lateMs: number } | undefined {
    const transaction = frame.readUInt16BE(0);
    const unit = frame.readUInt8(6);
    const code = frame.readUInt8(7);
    const table = tableOfFunction[code];
    const now = (reply: Buffer) => ({ reply, lateMs: 0 });
    const exception = (number: number) => now(framed(transaction, unit, Buffer.from([code | 0x80, number])));
    if (table === undefined) return exception(1);
    const address = frame.readUInt16BE(8);
    const count = frame.readUInt16BE(10);
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
    if (fault === undefined) return { reply: framed(transaction, unit, good), lateMs: this.slowUnits.get(unit) ?? 0 };
    if (typeof fault === 'string') {
      const spoilt = spoil(fault, transaction, unit, good);
      return spoilt === undefined ? undefined : now(spoilt);
    }
    if ('exception' in fault) return exception(fault.exception);
    return { reply: framed(transaction, unit, good), lateMs: fault.lateMs };
  }
}

function spoil(
  fault: Exclude<PlaceFault, object>,
  transaction: number,
  unit: number,
  good: Buffer,
): Buffer | undefined {
  switch (fault) {
    case 'silent':
      return undefined;
    case 'short':
      return framed(transaction, unit, good.subarray(0, good.length - 1));
    case 'wrong-count': {
      const lying = Buffer.from(good);
      lying.writeUInt8(good.length - 3, 1);
      return framed(transaction, unit, lying);
    }
    case 'wrong-unit':
      return framed(transaction, unit + 1, good);
    case 'garbage':
      return Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
  }
}

function key(unit: number, table: DeviceTable, address: number): string {
  return `${unit} ${table} ${address}`;
}

function framed(transaction: number, unit: number, content: Buffer): Buffer {
  const header = Buffer.alloc(7);
  header.writeUInt16BE(transaction, 0);
  header.writeUInt16BE(content.length + 1, 4);
  header.writeUInt8(unit & 0xff, 6);
  return Buffer.concat([header, content]);
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
