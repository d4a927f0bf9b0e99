import { connect, type Socket } from 'node:net';
import modbusSerial from 'modbus-serial';
import { LinkLost } from '../../model/adapter.ts';
import type { Text } from '../../model/text.ts';
import { isBitTable } from './address.ts';
import { frameWatch } from './frame-watch.ts';
import type { Table } from './schema.ts';

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

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Bound on making the TCP connection, real time. */
const CONNECT_TIMEOUT_MS = 5000;
/** After this silence the operating system asks whether the other side is still there. */
const KEEP_ALIVE_MS = 30_000;

type Client = InstanceType<typeof modbusSerial.default>;
type Callback<T> = (error: NodeJS.ErrnoException | null, result: T) => void;
type Answered = (error: NodeJS.ErrnoException | null, reply: () => Reply) => void;

/** One TCP connection to a controller, with at most one request under way (many gateways can do no more). */
export class Connection {
  /** How many requests may be under way at once. */
  readonly parallel = 1;
  readonly #socket: Socket;
  readonly #client: Client;
  readonly #timeoutMs: number;
  readonly #endpoint: Endpoint;
  #settle: ((reply: Reply) => void) | undefined;
  #broken = false;
  #lost: Text | undefined;
  #onLost: ((reason: Text) => void) | undefined;

  private constructor(socket: Socket, client: Client, endpoint: Endpoint, timeoutMs: number) {
    this.#socket = socket;
    this.#client = client;
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    let cause = '';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      cause = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.#lost = lostText(endpoint, cause);
      this.#settle?.({ kind: 'lost' });
      this.#onLost?.(this.#lost);
    });
  }

  #watchFrames(): void {
    this.#socket.on(
      'data',
      frameWatch((detail) => {
        this.#broken = true;
        this.#settle?.({ kind: 'malformed', detail });
        this.#socket.destroy();
      }),
    );
  }

  /** Rejects with LinkLost where no connection can be had, or when `signal` aborts. */
  static async open(endpoint: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Connection> {
    const socket = await openSocket(endpoint, signal);
    const client = new modbusSerial.default();
    // A failing port is told by the socket's own events; without a listener the client would throw.
    client.on('error', () => undefined);
    const connection = new Connection(socket, client, endpoint, timeoutMs);
    await client.linkTCP(socket, { port: endpoint.port });
    // The client's own listener comes first, so that a whole reply with rubbish behind it is still taken.
    connection.#watchFrames();
    return connection;
  }

  /** True once the other side sent what is no Modbus: where the next reply begins is then anyone's guess. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Why the connection is gone; undefined while it stands. */
  get lost(): Text | undefined {
    return this.#lost ?? (this.#socket.destroyed ? lostText(this.#endpoint, '') : undefined);
  }

  /** Calls `listener` once when the connection is gone, at once if it already is. */
  onLost(listener: (reason: Text) => void): void {
    this.#onLost = listener;
    if (this.#lost !== undefined) listener(this.#lost);
  }

  /** Sends one request and waits for its reply, at most `timeoutMs` (real time; the link's if absent). Never rejects. */
  read(request: ReadRequest, timeoutMs = this.#timeoutMs): Promise<Reply> {
    const wanted = isBitTable(request.table) ? Math.ceil(request.count / 8) : request.count * 2;
    return this.#request(timeoutMs, (answered) => {
      sendRead(this.#client, request, (error, result) => answered(error, () => dataOf(result.buffer, wanted)));
    });
  }

  /** As `read`. A reply that is no echo of the request is malformed: whether the value was taken is then unknown. */
  write(request: WriteRequest, timeoutMs = this.#timeoutMs): Promise<Reply> {
    return this.#request(timeoutMs, (answered) => {
      sendWrite(this.#client, request, (error, isEcho) => answered(error, () => echoOf(isEcho())));
    });
  }

  #request(timeoutMs: number, send: (answered: Answered) => void): Promise<Reply> {
    return new Promise((resolve) => {
      if (this.lost !== undefined) return resolve({ kind: 'lost' });
      const settle = (reply: Reply) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(reply);
      };
      const timer = setTimeout(() => settle({ kind: 'timeout' }), timeoutMs);
      this.#settle = settle;
      send((error, reply) => {
        // A reply that comes after the time-out belongs to a request that is given up.
        if (this.#settle === settle) settle(error ? replyOf(error) : reply());
      });
    });
  }

  /** Tears the connection down; resolves when nothing of it is left. */
  close(): Promise<void> {
    this.#onLost = undefined;
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve();
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }
}

function sendRead(
  client: Client,
  { unit, table, address, count }: ReadRequest,
  callback: Callback<{ readonly buffer: Buffer }>,
): void {
  const byTable: Record<Table, () => void> = {
    coil: () => client.writeFC1(unit, address, count, callback),
    discrete: () => client.writeFC2(unit, address, count, callback),
    holding: () => client.writeFC3(unit, address, count, callback),
    input: () => client.writeFC4(unit, address, count, callback),
  };
  byTable[table]();
}

/** `callback` gets a function, to be called where there is no error: whether the reply is an echo of the request. */
function sendWrite(
  client: Client,
  { unit, table, address, values }: WriteRequest,
  callback: (error: NodeJS.ErrnoException | null, isEcho: () => boolean) => void,
): void {
  const [first = 0] = values;
  const one: Callback<{ readonly address: number; readonly state?: boolean; readonly value?: number }> = (
    error,
    result,
  ) => callback(error, () => result.address === address && Number(result.state ?? result.value) === first);
  const several: Callback<{ readonly address: number; readonly length: number }> = (error, result) =>
    callback(error, () => result.address === address && result.length === values.length);
  if (table === 'coil' && values.length === 1) client.writeFC5(unit, address, first !== 0, one);
  else if (table === 'coil') client.writeFC15(unit, address, values.map(Boolean), several);
  else if (values.length === 1) client.writeFC6(unit, address, first, one);
  else client.writeFC16(unit, address, [...values], several);
}

function dataOf(bytes: Buffer, wanted: number): Reply {
  if (bytes.length === wanted) return { kind: 'data', bytes };
  return { kind: 'malformed', detail: `${bytes.length} bytes in place of ${wanted}` };
}

function echoOf(isEcho: boolean): Reply {
  if (isEcho) return { kind: 'data', bytes: Buffer.alloc(0) };
  return { kind: 'malformed', detail: 'the reply is no echo of what was written' };
}

/** The client tells an exception by `modbusCode`, and what is wrong with a reply in words. */
function replyOf(error: NodeJS.ErrnoException): Reply {
  if ('modbusCode' in error && typeof error.modbusCode === 'number') {
    return { kind: 'exception', code: error.modbusCode };
  }
  return error.name === 'PortNotOpenError' ? { kind: 'lost' } : { kind: 'malformed', detail: error.message };
}

function openSocket(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const fail = (cause: string) => {
      cleanUp();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(new LinkLost(connectText(endpoint, cause)));
    };
    const onError = (error: NodeJS.ErrnoException) => fail(error.code ?? error.message);
    const onAbort = () => fail('aborted');
    const onConnect = () => {
      cleanUp();
      resolve(socket);
    };
    const timer = setTimeout(() => fail('ETIMEDOUT'), CONNECT_TIMEOUT_MS);
    const cleanUp = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('connect', onConnect);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.on('connect', onConnect);
    if (signal.aborted) onAbort();
  });
}

function connectText({ host, port }: Endpoint, cause: string): Text {
  return { zh: `无法连接 ${host}:${port}（${cause}）`, en: `cannot connect to ${host}:${port} (${cause})` };
}

function lostText({ host, port }: Endpoint, cause: string): Text {
  return {
    zh: cause === '' ? `${host}:${port} 关闭了连接` : `与 ${host}:${port} 的连接中断（${cause}）`,
    en: cause === '' ? `${host}:${port} closed the connection` : `connection to ${host}:${port} was lost (${cause})`,
  };
}
