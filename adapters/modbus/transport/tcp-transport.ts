import { open } from 'node:fs/promises';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import type { TlsSettings } from './endpoint.ts';
import { OPEN_TIMEOUT_MS, type Transport } from './transport.ts';

/** After this silence the operating system asks whether the other side is still there. */
const KEEP_ALIVE_MS = 30_000;
/** A certificate file that is longer is none. */
const MAX_PEM_BYTES = 1_048_576;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Rejects with LinkLost where no connection can be had, or when `signal` aborts. */
export async function openTcpTransport({ host, port }: Address, signal: AbortSignal): Promise<Transport> {
  return transportOf(await opened(connect({ host, port, noDelay: true }), 'connect', { host, port }, signal));
}

/**
 * As {@link openTcpTransport}, with TLS 1.2 or newer; a controller whose certificate does not prove it to be the one that is
 * meant is refused (SetupRefused), and so are files that cannot be read.
 */
export async function openTlsTransport(
  address: Address,
  settings: TlsSettings,
  signal: AbortSignal,
): Promise<Transport> {
  const { host, port } = address;
  const [ca, cert, key] = await Promise.all([pem(settings.ca), pem(settings.certificate), pem(settings.key)]);
  const serverName = settings.serverName ?? host;
  const options: ConnectionOptions = {
    host,
    port,
    minVersion: 'TLSv1.2',
    // The name to be proven; it may be an address, which is compared but not sent.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const socket = connectTls({ ...options, secureContext: secureContextOf(options) });
  socket.setNoDelay();
  return transportOf(await opened(socket, 'secureConnect', address, signal));
}

function secureContextOf(options: ConnectionOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    const text = {
      zh: 'tls 下的文件不是成对的证书与密钥',
      en: 'the files under tls are no certificate and key that go together',
    };
    throw new SetupRefused(text, { cause });
  }
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    const file = await open(path);
    try {
      if ((await file.stat()).size > MAX_PEM_BYTES) throw new RangeError('EFBIG');
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new SetupRefused(
      { zh: `无法读取证书文件 ${path}`, en: `cannot read the certificate file ${path}` },
      { cause },
    );
  }
}

function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  address: Address,
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const fail = (error: Error) => {
      cleanUp();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const lost = (cause: string) => new LinkLost(connectText(address, cause));
    const onError = (error: NodeJS.ErrnoException) => fail(refusalOf(error, address) ?? lost(causeOf(error)));
    const onClose = () => fail(lost('ECONNRESET'));
    const onAbort = () => fail(lost('aborted'));
    const onOpen = () => {
      cleanUp();
      resolve(socket);
    };
    const timer = setTimeout(() => fail(lost('ETIMEDOUT')), OPEN_TIMEOUT_MS);
    const cleanUp = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('close', onClose);
      socket.off(event, onOpen);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.on(event, onOpen);
    if (signal.aborted) onAbort();
  });
}

function transportOf(socket: Socket): Transport {
  let cause = '';
  socket.on('error', (error: NodeJS.ErrnoException) => {
    cause = causeOf(error);
  });
  return {
    get isOpen() {
      return !socket.destroyed;
    },
    get waiting() {
      return socket.writableLength;
    },
    write: (bytes) => void socket.write(bytes),
    listen(onBytes, onClosed) {
      socket.on('data', onBytes);
      socket.on('close', () => onClosed(cause));
      if (socket.closed) onClosed(cause);
    },
    close: () =>
      new Promise((resolve) => {
        if (socket.closed) return resolve();
        socket.once('close', () => resolve());
        socket.destroy();
      }),
  };
}

function causeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

/** What Node and OpenSSL call a certificate that proves nothing, or not what it should. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|INVALID_CA|HOSTNAME_MISMATCH/;

/** Trying again cannot help where files are no certificates, or the controller's proves nothing. */
function refusalOf(error: NodeJS.ErrnoException, { host, port }: Address): SetupRefused | undefined {
  const cause = causeOf(error);
  // An alert is the other side's word, which may change by itself; the rest is our own judgement.
  if (!UNTRUSTED.test(cause) || cause.includes('ALERT')) return undefined;
  const text: Text = {
    zh: `${host}:${port} 的证书不可信（${cause}）`,
    en: `the certificate of ${host}:${port} is not to be trusted (${cause})`,
  };
  return new SetupRefused(text, { cause: error });
}

function connectText({ host, port }: Address, cause: string): Text {
  return { zh: `无法连接 ${host}:${port}（${cause}）`, en: `cannot connect to ${host}:${port} (${cause})` };
}
