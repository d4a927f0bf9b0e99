import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { authorization, cleaned, faultText, INFLUX_TIMEOUT_MS, type InfluxTarget } from './influx-target.ts';

/** Connections at a time; as many as there are writes in flight. */
const MAX_SOCKETS = 8;
/** Bytes of an answer that are read; what is longer is no answer of InfluxDB. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Real ms after which to try again where the server does not say. */
export const RETRY_AFTER_MS = 1000;
/** Longest wait that a server can ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * What InfluxDB said to a body.
 *
 * - `done`: it has taken it; `isSent`: and had read all of it before it said so, so that nobody reads `body` any more
 * - `too-large`: the same in smaller bodies may go through
 * - `no-database`: it must be made (again) first
 * - `rejected`: lines of it will never be taken; `partial`: the others have been, and `dropped` of them have not
 * - `retry`: what is wrong is the server, the way to it, or our access; `timedOut`: it did not answer in time
 */
export type PostAnswer =
  | { readonly kind: 'done'; readonly isSent: boolean }
  | { readonly kind: 'too-large'; readonly reason: string }
  | { readonly kind: 'no-database'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string; readonly partial: boolean; readonly dropped: number | null }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number; readonly timedOut: boolean };

/** Posts bodies of line protocol over kept connections. */
export class InfluxPoster {
  readonly #target: InfluxTarget;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  #connections = 0;

  /** To the database's default retention policy where none is given. */
  constructor(target: InfluxTarget, policy?: string) {
    this.#target = target;
    const query = new URLSearchParams({
      db: target.database,
      ...(policy !== undefined && { rp: policy }),
      precision: 'ns',
    });
    this.#url = new URL(`write?${query}`, target.url.endsWith('/') ? target.url : `${target.url}/`);
    const options = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new HttpsAgent({ ...options, ...(target.ca !== undefined && { ca: target.ca }) })
        : new HttpAgent(options);
  }

  /** Connections over which something has been answered, so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Never rejects. */
  async post(body: Uint8Array, signal: AbortSignal): Promise<PostAnswer> {
    const timeoutMs = this.#target.timeoutMs ?? INFLUX_TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const end = AbortSignal.any([signal, timeout]);
    try {
      return this.#answerOf(await this.#send(body, end));
    } catch (error) {
      if (timeout.aborted && !signal.aborted) return retry(`no answer within ${timeoutMs} ms`, true);
      return retry(faultText(error, this.#target), false);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Rejects with what is wrong with the connection. */
  async #send(body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#sendOnce(body, signal);
    } catch (error) {
      // A server may end a kept connection just when it is used again, which says nothing about the server.
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#sendOnce(body, signal);
    }
  }

  #sendOnce(body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': body.byteLength,
      ...authorization(this.#target),
    };
    const request = send(this.#url, { method: 'POST', headers, agent: this.#agent, signal });
    let answered = false;
    request.on('response', (response) => {
      answered = true;
      if (!request.reusedSocket) this.#connections++;
      const isSent = request.writableFinished;
      readText(response).then((text) => resolve({ response, text, isSent }), reject);
    });
    request.on('error', (error) => {
      // A server that answers before it has read all may end the connection; its answer counts.
      if (answered) return;
      const isReset = 'code' in error && error.code === 'ECONNRESET';
      reject(request.reusedSocket && isReset && !signal.aborted ? new StaleConnection() : error);
    });
    request.end(body);
    return promise;
  }

  #answerOf({ response, text, isSent }: Answer): PostAnswer {
    const status = response.statusCode ?? 0;
    const type = response.headers['content-type'] ?? '';
    const reason = `HTTP ${status}: ${cleaned((errorOf(text) ?? text) || (response.statusMessage ?? ''), this.#target)}`;
    // InfluxDB says 204 and nothing else where it has taken a body. Whoever says otherwise is not InfluxDB.
    if (status === 204 && text === '' && !/html/.test(type)) return { kind: 'done', isSent };
    if (status < 400) return retry(`HTTP ${status} ${type}: this is not an answer of InfluxDB`, false);
    if (status === 413) return { kind: 'too-large', reason };
    if (status === 404) return { kind: 'no-database', reason };
    // The lines are not to blame: they are kept until someone has mended the server, or our access to it.
    if (status >= 500 || [401, 403, 408, 429].includes(status)) {
      return retry(reason, status === 408, afterMs(response.headers['retry-after']));
    }
    // Only InfluxDB's own word is about the lines; a proxy, or a server that wants TLS now, refuses whatever comes.
    if (![400, 422].includes(status) || errorOf(text) === undefined) return retry(reason, false);
    const dropped = /\bdropped=(\d+)/.exec(text)?.[1];
    return {
      kind: 'rejected',
      reason,
      partial: /partial write/.test(text),
      dropped: dropped === undefined ? null : Number(dropped),
    };
  }
}

interface Answer {
  readonly response: IncomingMessage;
  readonly text: string;
  readonly isSent: boolean;
}

class StaleConnection extends Error {}

function retry(reason: string, timedOut: boolean, ms = RETRY_AFTER_MS): PostAnswer {
  return { kind: 'retry', reason, timedOut, afterMs: ms };
}

/** `Retry-After` is seconds, or a date. */
function afterMs(header: string | undefined): number {
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header ?? '') - Date.now();
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : RETRY_AFTER_MS;
}

/** Rejects where the connection ends before the answer does, or the answer does not end. */
async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** What InfluxDB says in an answer; undefined where it is not its own, e.g. a proxy's page. */
function errorOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return undefined;
    // 1.x and 3 say `error`, 2.x says `message`.
    if ('error' in body) return String(body.error);
    return 'message' in body ? String(body.message) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
