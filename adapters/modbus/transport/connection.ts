import { randomInt } from 'node:crypto';
import type { Text } from '../../../model/text.ts';
import { isBitTable } from '../address.ts';
import type { Table } from '../schema.ts';
import { ClientCodec } from './client-codec.ts';
import { type Endpoint, noModbusText, type SerialSettings, shownEndpoint } from './endpoint.ts';
import { EXCEPTION_BIT, expectedReply } from './expected-reply.ts';
import type { Framing, FramingHost, Outcome } from './framing.ts';
import { MbapFraming } from './mbap-framing.ts';
import { type LineTiming, RtuFraming } from './rtu-framing.ts';
import { openTcpTransport, openTlsTransport } from './tcp-transport.ts';
import type { Transport } from './transport.ts';

/** Reads `count` entries of `table` from `address` (as on the wire) on: FC 1, 2, 3 or 4. */
export interface ReadRequest {
  readonly unit: number;
  readonly table: Table;
  readonly address: number;
  readonly count: number;
}

/**
 * Writes registers (0 to 65535) or coils (0 or 1) from `address` on: one value by FC 6 or 5, several by FC 16 or 15; at
 * most 123 registers or 1968 coils.
 */
export interface WriteRequest {
  readonly unit: number;
  readonly table: 'coil' | 'holding';
  readonly address: number;
  readonly values: readonly number[];
}

/** What became of one request; a write that was taken is `data` without bytes. */
export type Reply =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | { readonly kind: 'lost' };

/** A reply to a request that had been given up: who sent it, the exception if it was one, and how long it took, real ms. */
export interface LateReply {
  readonly unit: number;
  readonly exception: number | undefined;
  readonly afterMs: number;
}

/** What one request may carry, by the protocol. */
const MOST = { readBits: 2000, readRegisters: 125, writeBits: 1968, writeRegisters: 123 };

/** A TCP gateway hands on bytes as they come; between those of one frame a network may pause so long. */
const RTU_OVER_TCP: LineTiming = { quietMs: 100, pauseMs: 0, byteMs: 0 };
/** Serial adapters on USB hand on what they have each 16 ms. */
const SERIAL_QUIET_MS = 30;

/**
 * One line to a controller, or to a gateway with several behind it. Up to `parallel` requests are under way at once, and
 * each gets the reply that is its own, or none.
 */
export class Connection {
  readonly #endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #framing: Framing;
  readonly #codec = new ClientCodec();
  readonly #timeoutMs: number;
  /** Numbers by which the codec tells requests under way apart; as many as may be under way. */
  readonly #freeSlots: number[];
  #broken = false;
  #isClosing = false;
  #closedByPeer = false;
  #lost: Text | undefined;
  #onLost: ((reason: Text) => void) | undefined;
  #onLate: ((late: LateReply) => void) | undefined;

  private constructor(endpoint: Endpoint, transport: Transport, timeoutMs: number) {
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.#timeoutMs = timeoutMs;
    this.#framing = framingOf(endpoint, {
      write: (bytes) => transport.write(bytes),
      broken: () => {
        this.#broken = true;
        void transport.close();
      },
      noModbus: () => {
        this.#lost ??= noModbusText(endpoint);
        void transport.close();
      },
      timedOut: () => this.#closeIfStuck(),
      late: (frame, afterMs) => this.#onLate?.(lateReply(frame, afterMs)),
    });
    this.#freeSlots = Array.from({ length: this.#framing.parallel }, (_, slot) => slot);
    transport.listen(
      (chunk) => this.#framing.receive(chunk),
      (cause) => this.#onClosed(cause),
    );
  }

  /**
   * Rejects with LinkLost where no connection can be had, or when `signal` aborts, and with SetupRefused where none can
   * be had as it is set up. `timeoutMs` is how long a request waits for its reply unless it says otherwise.
   */
  static async open(endpoint: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Connection> {
    return new Connection(endpoint, await openTransport(endpoint, signal), timeoutMs);
  }

  /** How many requests may be under way at once; sending more is a mistake of the caller's, and rejects. */
  get parallel(): number {
    return this.#framing.parallel;
  }

  /** Replies and noise that belonged to no request under way, and were dropped. */
  get strays(): number {
    return this.#framing.strays;
  }

  /** True once the other side sent what is no Modbus: where the next reply begins is then anyone's guess. */
  get broken(): boolean {
    return this.#broken;
  }

  /** True once the other side has closed it, in order or by a reset, rather than that it broke or was given up. */
  get closedByPeer(): boolean {
    return this.#closedByPeer;
  }

  /** Why the connection is gone; undefined while it stands. */
  get lost(): Text | undefined {
    return this.#lost ?? (this.#transport.isOpen ? undefined : this.#lostText(''));
  }

  /** Calls `listener` once when the connection is gone, at once if it already is. */
  onLost(listener: (reason: Text) => void): void {
    this.#onLost = listener;
    if (this.#lost !== undefined) listener(this.#lost);
  }

  /** Calls `listener` for each reply to a request that had been given up. */
  onLate(listener: (late: LateReply) => void): void {
    this.#onLate = listener;
  }

  /** Sends one request and waits for its reply, at most `timeoutMs` (real time; the link's if absent) after it is sent. */
  read(request: ReadRequest, timeoutMs = this.#timeoutMs): Promise<Reply> {
    const most = isBitTable(request.table) ? MOST.readBits : MOST.readRegisters;
    return this.#request(request, request.count, most, timeoutMs);
  }

  /** As `read`. A reply that is no echo of the request is malformed: whether the value was taken is then unknown. */
  write(request: WriteRequest, timeoutMs = this.#timeoutMs): Promise<Reply> {
    const most = isBitTable(request.table) ? MOST.writeBits : MOST.writeRegisters;
    return this.#request(request, request.values.length, most, timeoutMs);
  }

  /** Tears the connection down; resolves when nothing of it is left. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#onLost = undefined;
    this.#framing.abandon();
    await this.#transport.close();
  }

  async #request(request: ReadRequest | WriteRequest, count: number, most: number, timeoutMs: number): Promise<Reply> {
    if (!(count >= 1 && count <= most)) throw new RangeError(`a request for ${count} entries, at most ${most} can be`);
    if (this.lost !== undefined) return { kind: 'lost' };
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new RangeError(`more than ${this.parallel} requests at once`);
    const frame = this.#codec.encode(slot, request);
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        this.#freeSlots.push(slot);
        resolve(this.#replyOf(slot, outcome));
      };
      this.#framing.send({ request: frame, expected: expectedReply(frame), timeoutMs, settle });
    });
  }

  #replyOf(slot: number, outcome: Outcome): Reply {
    switch (outcome.kind) {
      case 'frame':
        return this.#codec.decode(slot, outcome.frame);
      case 'unanswered':
        return { kind: 'data', bytes: Buffer.alloc(0) };
      default:
        return outcome;
    }
  }

  /** A half-open connection takes what is written to it until the system's buffers are full, and then nothing. */
  #closeIfStuck(): void {
    if (this.#transport.waiting === 0) return;
    this.#lost ??= this.#lostText('EPIPE');
    void this.#transport.close();
  }

  #onClosed(cause: string): void {
    // A serial port that goes has been pulled out.
    const isOurs = this.#isClosing || this.#broken || this.#lost !== undefined;
    this.#closedByPeer = !isOurs && this.#endpoint.kind !== 'serial' && ['', 'ECONNRESET', 'EPIPE'].includes(cause);
    this.#lost ??= this.#lostText(cause);
    this.#framing.abandon();
    this.#onLost?.(this.#lost);
  }

  #lostText(cause: string): Text {
    const where = shownEndpoint(this.#endpoint);
    return {
      zh: cause === '' ? `${where} 关闭了连接` : `与 ${where} 的连接中断（${cause}）`,
      en: cause === '' ? `${where} closed the connection` : `connection to ${where} was lost (${cause})`,
    };
  }
}

function lateReply(frame: Buffer, afterMs: number): LateReply {
  const [unit = 0, code = 0, first] = frame;
  return { unit, exception: (code & EXCEPTION_BIT) === 0 ? undefined : first, afterMs };
}

async function openTransport(endpoint: Endpoint, signal: AbortSignal): Promise<Transport> {
  switch (endpoint.kind) {
    case 'tcp':
    case 'rtu+tcp':
      return openTcpTransport(endpoint, signal);
    case 'tls':
      return openTlsTransport(endpoint, endpoint.tls, signal);
    case 'serial': {
      const { openSerialTransport } = await import('./serial-transport.ts');
      return openSerialTransport(endpoint.path, endpoint.line, signal);
    }
  }
}

function framingOf(endpoint: Endpoint, host: FramingHost): Framing {
  switch (endpoint.kind) {
    case 'tcp':
    case 'tls':
      return new MbapFraming(host, endpoint.parallel, randomInt(0x1_0000));
    case 'rtu+tcp':
      return new RtuFraming(host, RTU_OVER_TCP);
    case 'serial':
      return new RtuFraming(host, serialTiming(endpoint.line));
  }
}

/** Frames lie 3.5 characters apart, and at least 1.75 ms ("MODBUS over Serial Transport" V1.02, 2.5.1.1). */
function serialTiming({ baud, parity, dataBits, stopBits }: SerialSettings): LineTiming {
  const byteMs = ((1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits) * 1000) / baud;
  const pauseMs = Math.max(1.75, 3.5 * byteMs);
  return { quietMs: SERIAL_QUIET_MS + pauseMs, pauseMs, byteMs };
}
