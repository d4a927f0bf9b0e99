import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { PacketSplitter, type Progress, type Publish, type Verdict } from './packet-splitter.ts';

/** Takes PUBLISHes out of a connection. */
export interface Tap {
  /** Called before the packets of each piece that has come in. */
  received(): void;
  /** See {@link Verdict}; after `wait` the connection is read no further until {@link BoundedConnection.resumeReading}. */
  offer(publish: Publish): Verdict;
}

/**
 * A socket that ends as soon as the other side announces an MQTT packet above the limit: the parsers of broker and
 * client collect whatever length is announced (up to 256 MB) before they look at it. What `tap` takes never reaches them.
 */
export class BoundedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #splitter: PacketSplitter;
  #waiting = false;
  #hasRoom = true;
  /** The other side has said, or done, all that it will; what was read before is still worked in. */
  #ended = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(socket: Socket, maxPacketBytes: number, tap: Tap) {
    super();
    this.#socket = socket;
    this.#splitter = new PacketSplitter(maxPacketBytes, {
      offer: (publish) => tap.offer(publish),
      pass: (bytes) => {
        this.#hasRoom = this.push(bytes);
      },
    });
    socket.on('data', (chunk: Buffer) => {
      this.#idle?.refresh();
      tap.received();
      this.#went(this.#splitter.accept(chunk));
    });
    socket.on('end', () => this.#end());
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.#end());
  }

  /** Whether it is read; not while something waits for room. */
  get isRead(): boolean {
    return !this.#waiting;
  }

  /** Goes on after a `wait`. */
  resumeReading(): void {
    if (!this.#waiting || this.destroyed) return;
    this.#waiting = false;
    this.#went(this.#splitter.resume());
  }

  /** Ends the connection where nothing comes for so long, real ms. While it is not read it cannot be told to be silent. */
  limitSilence(limitMs: number): void {
    this.#idle = setTimeout(() => {
      if (this.#waiting) this.#idle?.refresh();
      else this.destroy(new Error('nothing was heard for too long'));
    }, limitMs);
  }

  #went(progress: Progress): void {
    this.#waiting = progress === 'waiting';
    if (progress === 'refused') {
      this.destroy(new Error('MQTT packet beyond the size limit'));
    } else if (this.#waiting || !this.#hasRoom) {
      this.#socket.pause();
    } else if (this.#ended) {
      this.push(null);
    } else {
      this.#socket.resume();
    }
  }

  #end(): void {
    if (this.#ended || this.destroyed) return;
    this.#ended = true;
    if (!this.#waiting) this.push(null);
  }

  override _read(): void {
    this.#hasRoom = true;
    if (!this.#waiting) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done);
  }

  override _writev(
    chunks: { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void): void {
    // Who has left is told nothing more, which is no reason to forget what came before.
    if (this.#ended && this.#socket.destroyed) done();
    else this.#socket.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    this.#socket.destroy();
    done(error);
  }
}
