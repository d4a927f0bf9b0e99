import { createServer } from 'node:net';
import { CommandFailed } from '../exit.ts';

/** True where something listens on this loopback port already. */
export async function isTaken(port: number): Promise<boolean> {
  return (await tryPort(port)) === undefined;
}

/** `usual` if it is free, else one that is. */
export async function freePort(usual: number): Promise<number> {
  const port = (await tryPort(usual)) ?? (await tryPort(0));
  if (port === undefined) throw new CommandFailed({ zh: '没有空闲端口', en: 'there is no free port' });
  return port;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : undefined));
    });
  });
}
