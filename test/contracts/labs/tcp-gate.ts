import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between an adapter and a real server, and breaks their connection in the ways that networks do. */
export interface TcpGate {
  readonly port: number;
  /** Connections of the adapter that are open. */
  connections(): number;
  /** Connections stay open and new ones are accepted, but not one byte passes. */
  freeze(): void;
  thaw(): void;
  /** Tears all connections down and refuses new ones. */
  cut(): Promise<void>;
  /** Accepts again, on the same port. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens a gate before a server on loopback. */
export async function openGate(targetPort: number): Promise<TcpGate> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let frozen = false;
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    near.setNoDelay(true);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (frozen) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  const eachSocket = (act: (socket: Socket) => void) => {
    for (const pair of pairs) for (const socket of pair) act(socket);
  };
  const cut = async () => {
    eachSocket((socket) => socket.destroy());
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return {
    port,
    connections: () => pairs.size,
    freeze() {
      frozen = true;
      eachSocket((socket) => socket.pause());
    },
    thaw() {
      frozen = false;
      eachSocket((socket) => socket.resume());
    },
    cut,
    async restore() {
      if (server.listening) return;
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    stop: cut,
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}
