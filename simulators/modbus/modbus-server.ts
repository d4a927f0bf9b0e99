import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { listenOnLoopback } from '../listen.ts';
import { answer, takeFrame } from './frame.ts';
import type { UnitMemory } from './memory.ts';

/** Connections beyond this many are closed at once. */
export const MAX_CONNECTIONS = 256;
/** A client that does not read its answers is not read from while this many bytes wait for it. */
const MAX_WAITING_BYTES = 64 * 1024;

/** One controller on Modbus TCP; answers requests in the order in which they come, as soon as they are whole. */
export class ModbusServer {
  readonly #units: ReadonlyMap<number, UnitMemory>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #isPlugged = true;

  constructor(units: ReadonlyMap<number, UnitMemory>) {
    this.#units = units;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Listens on the wanted port where it is free, else on any free one. */
  async listen(wantedPort: number): Promise<void> {
    this.#port = await listenOnLoopback(this.#server, wantedPort);
  }

  /**
   * Cuts every connection, and new ones at once, as a controller whose network cable was pulled. The port is kept, so
   * that no other estate's server takes it and is read in place of this one.
   */
  unplug(): void {
    this.#isPlugged = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  plug(): void {
    this.#isPlugged = true;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.unplug();
    await closed;
  }

  #serve(socket: Socket): void {
    // A connection that breaks is the client's affair; it is closed by the event that follows.
    socket.on('error', () => socket.destroy());
    if (!this.#isPlugged) {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const replies: Buffer[] = [];
      for (;;) {
        const taken = takeFrame(bytes);
        if (taken === 'rubbish') {
          socket.destroy();
          return;
        }
        if (taken === 'more') break;
        replies.push(answer(taken.frame, this.#units));
        bytes = bytes.subarray(taken.size);
      }
      // What is left is shorter than one frame, because a longer rest would have been a frame or rubbish.
      rest = Buffer.from(bytes);
      if (replies.length > 0) socket.write(Buffer.concat(replies));
      if (socket.writableLength > MAX_WAITING_BYTES) socket.pause();
    });
    socket.on('drain', () => socket.resume());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
