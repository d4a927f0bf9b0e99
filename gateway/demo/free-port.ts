import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { CommandFailed } from '../exit.ts';

/** True where something listens on this loopback port already. */
export async function isTaken(port: number): Promise<boolean> {
  return (await tryPort(port)) === undefined;
}

/** A port of this demo's own, until it is given back. */
export interface ClaimedPort {
  readonly port: number;
  release(): void;
}

/**
 * `usual` if it is free, else one that is. Two demos that start at the same moment both see `usual` free; so it goes to
 * the one that holds the UDP port of the same number, which is kept for that only.
 */
export async function claimPort(usual: number): Promise<ClaimedPort> {
  const claim = createSocket('udp4');
  const isMine = await new Promise<boolean>((done) => {
    claim.once('error', () => done(false));
    claim.bind({ port: usual, address: '127.0.0.1', exclusive: true }, () => done(true));
  });
  const port = (isMine ? await tryPort(usual) : undefined) ?? (await tryPort(0));
  if (port === undefined) throw new CommandFailed({ zh: '没有空闲端口', en: 'there is no free port' });
  return { port, release: () => isMine && claim.close() };
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
