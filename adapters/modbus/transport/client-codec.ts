import { EventEmitter } from 'node:events';
import modbusSerial from 'modbus-serial';
import type { Table } from '../schema.ts';
import type { ReadRequest, Reply, WriteRequest } from './connection.ts';

type Client = InstanceType<typeof modbusSerial.default>;
type Callback = (error: NodeJS.ErrnoException | null, result: { readonly buffer?: Buffer }) => void;

/**
 * The `modbus-serial` client, fed through a port of our own. It makes the requests and takes the replies apart; lines
 * and frames are ours, because its ports take any length for granted, know 256 transactions only, and on a serial line
 * take whatever looks like a reply for the one that is waited for.
 */
export class ClientCodec {
  readonly #port = new CodecPort();
  readonly #client: Client;
  readonly #replies: (Reply | undefined)[] = [];

  constructor() {
    this.#client = new modbusSerial.default(this.#port);
    this.#client.open();
  }

  /** The request as unit and PDU. `slot` is a small number that no other request under way has. */
  encode(slot: number, request: ReadRequest | WriteRequest): Buffer {
    this.#port._transactionIdWrite = slot;
    const callback: Callback = (error, result) => {
      this.#replies[slot] = error ? replyOf(error) : { kind: 'data', bytes: result.buffer ?? Buffer.alloc(0) };
    };
    if ('count' in request) sendRead(this.#client, request, callback);
    else sendWrite(this.#client, request, callback);
    return this.#port.sent.subarray(0, -2);
  }

  /** What a frame of a serial line says that answers the request in `slot`. */
  decode(slot: number, frame: Buffer): Reply {
    this.#replies[slot] = undefined;
    this.#port._transactionIdRead = slot;
    this.#port.emit('data', frame);
    return this.#replies[slot] ?? { kind: 'malformed', detail: 'the client made nothing of the reply' };
  }
}

/** The port as the client wants it: it keeps what is sent. The client finds its request by the two numbers. */
class CodecPort extends EventEmitter {
  readonly isOpen = true;
  _transactionIdRead = 0;
  _transactionIdWrite = 0;
  sent: Buffer = Buffer.alloc(0);

  open(callback: () => void): void {
    callback();
  }

  write(frame: Buffer): void {
    this.sent = frame;
  }
}

function sendRead(client: Client, { unit, table, address, count }: ReadRequest, callback: Callback): void {
  const byTable: Record<Table, () => void> = {
    coil: () => client.writeFC1(unit, address, count, callback),
    discrete: () => client.writeFC2(unit, address, count, callback),
    holding: () => client.writeFC3(unit, address, count, callback),
    input: () => client.writeFC4(unit, address, count, callback),
  };
  byTable[table]();
}

/** The framing has compared the echo already; what the client makes of it is of no further use. */
function sendWrite(client: Client, { unit, table, address, values }: WriteRequest, callback: Callback): void {
  const [first = 0] = values;
  const taken = (error: NodeJS.ErrnoException | null) => callback(error, {});
  if (table === 'coil' && values.length === 1) client.writeFC5(unit, address, first !== 0, taken);
  else if (table === 'coil') client.writeFC15(unit, address, values.map(Boolean), taken);
  else if (values.length === 1) client.writeFC6(unit, address, first, taken);
  else client.writeFC16(unit, address, [...values], taken);
}

/** The client tells an exception by `modbusCode`, and what is wrong with a reply in words. */
function replyOf(error: NodeJS.ErrnoException): Reply {
  if ('modbusCode' in error && typeof error.modbusCode === 'number') {
    return { kind: 'exception', code: error.modbusCode };
  }
  return { kind: 'malformed', detail: error.message };
}
