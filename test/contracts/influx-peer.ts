import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { onTestFinished } from 'vitest';

/** A body of line protocol that came in, and the answer that is still to be given. */
export interface PeerWrite {
  readonly lines: readonly string[];
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A server that speaks HTTP as InfluxDB does, and answers as the test wants. */
export interface InfluxPeer {
  readonly url: string;
  /** Lines of bodies that were answered with 204. */
  readonly taken: string[];
  /** Number of lines of each body, in the order in which they came. */
  readonly bodies: number[];
  /** What `/query` was asked. */
  readonly queries: string[];
  /** Answers the next bodies, one each; a body for which none waits is taken. */
  readonly next: ((write: PeerWrite) => void)[];
  /** Answers every body that `next` has no answer for, if given. */
  onWrite: ((write: PeerWrite) => void) | undefined;
  /** Answers `/query`, if given. */
  onQuery: ((query: string, response: ServerResponse, request: IncomingMessage) => void) | undefined;
}

/** Starts a peer on loopback, which knows its identity again by itself; over TLS with the key and certificate (PEM) if given. */
export async function startInfluxPeer(tls?: { readonly key: string; readonly cert: string }): Promise<InfluxPeer> {
  let about = '';
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://peer');
    if (pathname === '/query') {
      const query = searchParams.get('q') ?? new URLSearchParams(body).get('q') ?? '';
      peer.queries.push(query);
      if (peer.onQuery) peer.onQuery(query, response, request);
      else if (about !== '' && query.startsWith('SELECT "identity"')) {
        const series = { name: 'lamplighter:about', columns: ['time', 'identity'], values: [[0, about]] };
        answer(response, 200, JSON.stringify({ results: [{ statement_id: 0, series: [series] }] }));
      } else answer(response, 200, '{"results":[{"statement_id":0}]}');
      return;
    }
    if (searchParams.get('rp') === 'lamplighter_about') {
      about = /identity="(.+)" 0$/.exec(body)?.[1] ?? '';
      response.writeHead(204).end();
      return;
    }
    const lines = body.split('\n').filter((line) => line !== '');
    peer.bodies.push(lines.length);
    const write = { lines, request, response };
    const by = peer.next.shift() ?? peer.onWrite ?? take;
    response.once('finish', () => {
      if (response.statusCode === 204 && !response.hasHeader('content-type')) peer.taken.push(...lines);
    });
    by(write);
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const scheme = tls === undefined ? 'http' : 'https';
  const peer: InfluxPeer = {
    url: `${scheme}://127.0.0.1:${address.port}`,
    taken: [],
    bodies: [],
    queries: [],
    next: [],
    onWrite: undefined,
    onQuery: undefined,
  };
  return peer;
}

/** Takes a body, as InfluxDB says it. */
export function take({ response }: PeerWrite): void {
  response.writeHead(204, { 'x-influxdb-version': 'peer' }).end();
}

/** Answers with a status and an error as InfluxDB words it. */
export function refuse(status: number, error: string, headers: Record<string, string> = {}) {
  return ({ response }: PeerWrite): void => answer(response, status, JSON.stringify({ error }), headers);
}

export function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // The other side has gone; what it sent until then is looked at by nobody.
  }
  return Buffer.concat(chunks).toString();
}
