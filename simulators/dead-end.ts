import { createServer, type Server } from 'node:net';
import { isPortTaken, listenOnPort } from './listen.ts';

/**
 * Holds a port for a server that is away: whoever connects is cut off at once. Otherwise another estate's server could
 * take the port, and a gateway would read a stranger.
 */
export class DeadEnd {
  #server: Server | undefined;

  /** Takes the port; where another program was faster, it is left to it. */
  async hold(port: number): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((socket) => {
      // A client that breaks the connection first has done the same.
      socket.on('error', () => undefined);
      socket.resetAndDestroy();
    });
    try {
      await listenOnPort(server, port);
      this.#server = server;
    } catch (error) {
      if (!isPortTaken(error)) throw error;
    }
  }

  async release(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}
