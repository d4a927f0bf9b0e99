import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { PacketScanner } from './packet-scanner.ts';

/**
 * A socket that ends as soon as the other side announces an MQTT packet above the limit: the parsers of broker and
 * client collect whatever length is announced (up to 256 MB) before they look at it.
 */
export class BoundedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #scanner: PacketScanner;

  constructor(socket: Socket, maxPacketBytes: number) {
    super();
    this.#socket = socket;
    this.#scanner = new PacketScanner(maxPacketBytes);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  #receive(chunk: Buffer): void {
    if (!this.#scanner.accept(chunk)) {
      this.destroy(new Error('MQTT packet beyond the size limit'));
    } else if (!this.push(chunk)) {
      this.#socket.pause();
    }
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(
    chunks: { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
