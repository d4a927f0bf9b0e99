import { createServer, type Server } from 'node:net';

/**
 * Listens on loopback: on the wanted port where it is free, else on any free one.
 *
 * @returns the port
 */
export async function listenOnLoopback(server: Server, wantedPort: number): Promise<number> {
  try {
    return await listenOnPort(server, wantedPort);
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    return await listenOnPort(server, 0);
  }
}

/** Listens on loopback on this very port (0: any free one); rejects where it is taken. */
export function listenOnPort(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(error);
    server.once('error', onError);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', onError);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** A port on loopback that was free just now: the wanted one where it is, else any. */
export async function freePort(wantedPort: number): Promise<number> {
  const probe = createServer();
  const port = await listenOnLoopback(probe, wantedPort);
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}

/** True if listening failed because another program has the port, or may keep it from us. */
export function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES');
}
