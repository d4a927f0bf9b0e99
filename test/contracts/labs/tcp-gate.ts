import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { LabWire } from '../adapter-lab.ts';

/** Whose bytes: those of who connected to the gate, or those of the server behind it. */
export type From = 'near' | 'far';

/** Stands between an adapter and a real server, and breaks their connection in the ways that networks do. */
export interface TcpGate {
  readonly port: number;
  /** Connections of the adapter that are open. */
  connections(): number;
  /** Connections stay open and new ones are accepted, but not one byte passes. */
  freeze(): void;
  thaw(): void;
  /** All bytes of either side pass so much later, real ms. */
  delay(ms: number): void;
  /** Bytes of this side vanish, while all seems well to it: a cable that is half cut, a firewall that forgot. */
  swallow(from: From): void;
  /** Who connects, or has connected, is answered random bytes: another device has taken the server's address. */
  babble(seed: number): void;
  /** Ends delay, swallow and babble, and the connections on which they were: their streams have holes. */
  heal(): void;
  /** As `heal`, but leaves the connections, for what goes over them has no stream to have holes in. */
  mend(): void;
  /** Tears all connections down and refuses new ones. */
  cut(): Promise<void>;
  /** Accepts again, on the same port. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens a gate before a server on loopback. */
export async function openGate(targetPort: number): Promise<TcpGate> {
  const gate = new Gate(targetPort);
  await gate.restore();
  return gate;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A gate that an adapter connects to, as the wire between it and its device. */
export function wireOf(gate: TcpGate): LabWire {
  return {
    delay: (ms) => gate.delay(ms),
    swallow: (way) => gate.swallow(way === 'to-device' ? 'near' : 'far'),
    babble: (seed) => gate.babble(seed),
    heal: () => gate.heal(),
  };
}

class Gate implements TcpGate {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #port = 0;
  #frozen = false;
  #delayMs = 0;
  #swallowed: From | undefined;
  #babble: (() => Buffer) | undefined;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((near) => this.#join(near));
  }

  get port(): number {
    return this.#port;
  }

  connections(): number {
    return this.#pairs.size;
  }

  freeze(): void {
    this.#frozen = true;
    this.#eachSocket((socket) => socket.pause());
  }

  thaw(): void {
    this.#frozen = false;
    this.#eachSocket((socket) => socket.resume());
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  swallow(from: From): void {
    this.#swallowed = from;
  }

  babble(seed: number): void {
    this.#babble = randomPieces(seed);
    for (const { near } of this.#pairs) near.write(this.#babble());
  }

  mend(): void {
    this.#delayMs = 0;
    this.#swallowed = undefined;
    this.#babble = undefined;
  }

  heal(): void {
    this.mend();
    this.#eachSocket((socket) => socket.destroy());
  }

  async cut(): Promise<void> {
    this.#eachSocket((socket) => socket.destroy());
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async restore(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = portOf(this.#server);
  }

  stop(): Promise<void> {
    return this.cut();
  }

  #join(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#targetPort, noDelay: true });
    near.setNoDelay(true);
    const pair = { near, far };
    this.#pairs.add(pair);
    this.#pass(pair, 'near');
    this.#pass(pair, 'far');
    if (this.#babble !== undefined) near.write(this.#babble());
  }

  #pass(pair: Pair, side: From): void {
    const [from, to] = side === 'near' ? [pair.near, pair.far] : [pair.far, pair.near];
    const late = (act: () => void) => {
      if (this.#delayMs === 0) act();
      else setTimeout(act, this.#delayMs);
    };
    from.on('data', (chunk) => {
      if (this.#babble !== undefined) {
        if (side === 'near') from.write(this.#babble());
      } else if (this.#swallowed !== side) {
        late(() => to.write(chunk));
      }
    });
    from.on('end', () => late(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      to.destroy();
      this.#pairs.delete(pair);
    });
    if (this.#frozen) from.pause();
  }

  #eachSocket(act: (socket: Socket) => void): void {
    for (const { near, far } of this.#pairs) {
      act(near);
      act(far);
    }
  }
}

/** Longest piece of {@link randomPieces}, bytes. */
const MAX_PIECE_BYTES = 300;

/** Pieces of 1 to 300 random bytes; the same for the same seed (numbers by mulberry32). */
export function randomPieces(seed: number): () => Buffer {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return () => Buffer.from(Array.from({ length: 1 + (next() % MAX_PIECE_BYTES) }, () => next() & 0xff));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}
