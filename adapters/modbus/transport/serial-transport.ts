import type { SerialPort } from 'serialport';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import type { SerialSettings } from './endpoint.ts';
import { OPEN_TIMEOUT_MS, type Transport } from './transport.ts';

/**
 * Opens a serial port for this process alone. Rejects with LinkLost where the port cannot be had, SetupRefused where this
 * machine has no library for it: it is an optional one with a native part (which `modbus-serial` loads, too, if it can).
 */
export async function openSerialTransport(
  path: string,
  settings: SerialSettings,
  signal: AbortSignal,
): Promise<Transport> {
  const { baud: baudRate, dataBits, parity, stopBits } = settings;
  const { SerialPort } = await import('serialport').catch((cause: unknown) => {
    const text = {
      zh: '本机没有串口支持（serialport 未安装）',
      en: 'no serial ports on this machine (serialport is not installed)',
    };
    throw new SetupRefused(text, { cause });
  });
  const port = new SerialPort({ path, baudRate, dataBits, parity, stopBits, autoOpen: false });
  await opened(port, path, signal);
  return transportOf(port);
}

function opened(port: SerialPort, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = (cause: string) =>
      new LinkLost({ zh: `无法打开串口 ${path}（${cause}）`, en: `cannot open the serial port ${path} (${cause})` });
    let isOver = false;
    const end = (error: Error | undefined) => {
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = () => end(lost('aborted'));
    const timer = setTimeout(() => end(lost('ETIMEDOUT')), OPEN_TIMEOUT_MS);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return onAbort();
    port.open((error) => {
      // Nobody waits any more: a port that opens all the same must not stay taken.
      if (isOver && error === null) port.close();
      else if (!isOver) end(error === null ? undefined : lost(error.message));
    });
  });
}

function transportOf(port: SerialPort): Transport {
  const closed = Promise.withResolvers<string>();
  let isClosing = false;
  let cause = '';
  const close = () => {
    if (isClosing) return;
    isClosing = true;
    port.close();
  };
  port.on('error', (error: Error) => {
    cause = error.message;
    // A port that cannot even be closed in order is gone.
    if (!port.isOpen) closed.resolve(cause);
  });
  port.on('close', (error: Error | null) => closed.resolve(error?.message ?? cause));
  // The other end of a pseudo-terminal, or a driver that says so, is gone.
  port.on('end', close);
  return {
    get isOpen() {
      return port.isOpen && !isClosing;
    },
    get waiting() {
      return port.writableLength;
    },
    write: (bytes) => void port.write(bytes),
    listen(onBytes, onClosed) {
      port.on('data', onBytes);
      void closed.promise.then(onClosed);
    },
    async close() {
      close();
      await closed.promise;
    },
  };
}
