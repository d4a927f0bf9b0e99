import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Commissioning, ScanEvent, Unreadable } from '../../model/probe.ts';
import type { Text } from '../../model/text.ts';
import { ErrorReply, ReadBody, ReadReply, ScanBody } from './contract.ts';
import { errorReply, fail } from './errors.ts';

/** Reads that may be under way at once, and scans, of which each link has one. */
const MAX_READS = 8;
const MAX_SCANS = 4;

/** Bytes of a scan's answer that may wait for a slow reader; then the scan ends. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** A link of which a person may ask something. */
export interface AskedLink {
  /** Null where the link does not run; `reason` says why, if anybody knows. */
  readonly adapter: Commissioning | null;
  readonly reason: Text | null;
  /** Aborts when the link is held no more. */
  readonly over: AbortSignal;
}

export interface CommissioningSource {
  /** Undefined where there is no such link. */
  link(key: string): AskedLink | undefined;
  /** The link connects anew at once. */
  reconnect(key: string): void;
}

interface OfLink {
  readonly Params: { readonly key: string };
}

/** What a person asks of a link's controllers: it goes between what the gateway itself asks of them. */
export function commissioningRoutes(app: FastifyInstance, { link: linkOf, reconnect }: CommissioningSource): void {
  let reads = 0;
  const scanned = new Set<string>();
  app.post<OfLink & { Body: ReadBody }>(
    '/api/links/:key/read',
    { schema: { body: ReadBody, response: { 200: ReadReply, default: ErrorReply } } },
    async ({ params, body }, reply) => {
      const link = linkOf(params.key);
      if (link === undefined) return fail(reply, 'unknown-link');
      if (link.adapter === null) return failOf(reply, 'link-not-held', link.reason);
      if (link.adapter.probe === undefined) return fail(reply, 'not-possible');
      if (reads >= MAX_READS) return fail(reply, 'too-many-reads');
      reads += 1;
      try {
        const answer = await link.adapter.probe(body, AbortSignal.any([gone(reply), link.over]));
        return answer.ok ? answer.finding : refuse(reply, answer);
      } finally {
        reads -= 1;
      }
    },
  );
  app.post<OfLink>(
    '/api/links/:key/reconnect',
    { schema: { response: { 204: { description: 'it connects anew', type: 'null' }, default: ErrorReply } } },
    ({ params }, reply) => {
      if (linkOf(params.key) === undefined) return fail(reply, 'unknown-link');
      reconnect(params.key);
      return reply.code(204).send();
    },
  );
  app.post<OfLink & { Body: ScanBody }>(
    '/api/links/:key/scan',
    { schema: { body: ScanBody, response: { 200: { description: 'lines of JSON' }, default: ErrorReply } } },
    async ({ params, body, log }, reply) => {
      const { key } = params;
      const link = linkOf(key);
      if (link === undefined) return fail(reply, 'unknown-link');
      if (link.adapter === null) return failOf(reply, 'link-not-held', link.reason);
      if (link.adapter.scan === undefined) return fail(reply, 'not-possible');
      if (scanned.has(key) || scanned.size >= MAX_SCANS) return fail(reply, 'too-many-reads');
      scanned.add(key);
      const lines = new Lines(reply);
      try {
        const signal = AbortSignal.any([gone(reply), lines.tooSlow, link.over]);
        const answer = await link.adapter.scan(body.options, signal, (event) => lines.write(event));
        if (!answer.ok) return refuse(reply, answer);
        lines.write({ kind: 'end', ...answer.end });
        lines.end();
      } catch (error) {
        if (!lines.begun) throw error;
        // What has begun as lines cannot become an error: it ends without its last line, and the log says why.
        log.error({ err: error, link: key }, 'scan failed');
        lines.end();
      } finally {
        scanned.delete(key);
      }
      return reply;
    },
  );
}

/** Aborts when whoever asked is gone, and after the answer. */
function gone(reply: FastifyReply): AbortSignal {
  const control = new AbortController();
  reply.raw.once('close', () => control.abort());
  return control.signal;
}

function refuse(reply: FastifyReply, { text }: Unreadable): FastifyReply {
  const { status, body } = errorReply('bad-place');
  return reply.code(status).send({ ...body, text });
}

function failOf(reply: FastifyReply, code: 'link-not-held', reason: Text | null): FastifyReply {
  const { status, body } = errorReply(code);
  const { zh, en } = body.text;
  const text = reason === null ? body.text : { zh: `${zh}：${reason.zh}`, en: `${en}: ${reason.en}` };
  return reply.code(status).send({ ...body, text });
}

/** Lines of JSON to one reader; the answer begins with the first of them, so that before it an error can be told. */
class Lines {
  readonly #reply: FastifyReply;
  readonly #slow = new AbortController();
  begun = false;

  constructor(reply: FastifyReply) {
    this.#reply = reply;
  }

  /** Aborts when more waits for the reader than may. */
  get tooSlow(): AbortSignal {
    return this.#slow.signal;
  }

  write(line: ScanEvent | { readonly kind: 'end' }): void {
    if (!this.begun) this.#begin();
    const { raw } = this.#reply;
    if (!raw.writableEnded && !raw.destroyed) raw.write(`${JSON.stringify(line)}\n`);
    if (raw.writableLength > MAX_WAITING_BYTES) this.#slow.abort();
  }

  end(): void {
    this.#reply.raw.end();
  }

  #begin(): void {
    this.begun = true;
    const headers = {
      ...this.#reply.getHeaders(),
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
    };
    // A reader that vanished is no error of ours; 'close' ends the scan.
    this.#reply.raw.on('error', () => undefined);
    this.#reply.hijack();
    this.#reply.raw.writeHead(200, headers as Record<string, string>);
  }
}
