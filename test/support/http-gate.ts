import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/**
 * What the gate does with requests that write: `pass` hands them on; a number answers with that status and hands nothing
 * on; `lose-answer` hands them on and then cuts the connection, so that nobody knows what became of them.
 */
export type GateMode = 'pass' | 'lose-answer' | number;

/** Bytes of a request at most. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** An HTTP proxy on loopback before one server, that can be made to fail. */
export interface HttpGate {
  readonly url: string;
  /** Writes that were met with something else than `pass`. */
  readonly met: number;
  set(mode: GateMode): void;
  close(): Promise<void>;
}

/** Opens a gate before the server at `target`. */
export async function openHttpGate(target: string): Promise<HttpGate> {
  let mode: GateMode = 'pass';
  let met = 0;
  const server = createServer(async (incoming, outgoing) => {
    const body = await bodyOf(incoming);
    const isWrite = incoming.url?.startsWith('/write') === true;
    if (isWrite && mode !== 'pass') met++;
    if (isWrite && typeof mode === 'number') {
      outgoing.writeHead(mode, { 'content-type': 'application/json' }).end('{"error":"the gate is shut"}');
      return;
    }
    forward(target, incoming, body, outgoing, isWrite && mode === 'lose-answer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an HTTP server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get met() {
      return met;
    },
    set(next) {
      mode = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('a request beyond the gate’s bound');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function forward(
  target: string,
  incoming: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  loseAnswer: boolean,
): void {
  const { method, headers, url = '/' } = incoming;
  const onward = request(new URL(url, target), { method, headers }, (answer) => {
    if (loseAnswer) {
      answer.resume();
      answer.once('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  // A server that is away is seen as such.
  onward.once('error', () => outgoing.destroy());
  onward.end(body);
}
