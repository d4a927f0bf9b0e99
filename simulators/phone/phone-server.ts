import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseObject, readBody, sendError, sendJson } from '../control/json-http.ts';
import { Inbox } from './inbox.ts';
import { isSigned } from './signature.ts';

const MAX_BODY_BYTES = 256 * 1024;
/** Pages that may watch at the same time. */
const MAX_WATCHERS = 20;
/** Requests that the mode `hang` leaves without an answer; more are refused. */
const MAX_HANGING = 100;
const HEARTBEAT_MS = 5000;
/** A page that reads slower than this is cut off; it comes back for a new snapshot. */
const MAX_WAITING_BYTES = 1024 * 1024;

const modes = ['ok', 'hang', 'error500', 'ok200-with-error'] as const;
/** How the phone answers a notice; all but `ok` lose it. */
export type Mode = (typeof modes)[number];

const files: Readonly<Record<string, readonly [name: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
};

/** Makes the phone's server; not yet listening. Without a `secret` no signature is asked for. */
export function createPhoneServer(secret: string | undefined): Server {
  const watchers = new Set<ServerResponse>();
  const hanging = new Set<ServerResponse>();
  let mode: Mode = 'ok';
  const tellWatchers = (event: string, data: unknown) => {
    for (const watcher of watchers) {
      watcher.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (watcher.writableLength > MAX_WAITING_BYTES) watcher.destroy();
    }
  };
  const inbox = new Inbox((notice) => tellWatchers('notice', notice));
  const heartbeat = setInterval(() => tellWatchers('heartbeat', {}), HEARTBEAT_MS);
  heartbeat.unref();

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined) {
      return sendError(response, 413, 'too-large', { zh: '通知过大', en: 'notice is too large' });
    }
    const { 'x-lamplighter-timestamp': timestamp, 'x-lamplighter-signature': signature } = request.headers;
    if (secret !== undefined && !isSigned(body, String(timestamp), String(signature), secret)) {
      return sendError(response, 401, 'bad-signature', { zh: '签名不符', en: 'signature does not match' });
    }
    switch (mode) {
      case 'hang':
        if (hanging.size >= MAX_HANGING) {
          response.destroy();
          return;
        }
        hanging.add(response);
        response.once('close', () => hanging.delete(response));
        return;
      case 'error500':
        return sendError(response, 500, 'told-to-fail', { zh: '按要求失败', en: 'told to fail' });
      case 'ok200-with-error':
        return sendJson(response, 200, { ok: false, errcode: 45009, errmsg: 'api freq out of limit' });
      case 'ok': {
        const notice = parseObject(body);
        const id = notice?.id;
        if (notice === undefined || typeof id !== 'string' || id === '') {
          return sendError(response, 400, 'malformed', { zh: '不是通知', en: 'not a notice' });
        }
        inbox.take({ ...notice, id }, Date.now());
        return sendJson(response, 200, { ok: true });
      }
    }
  };

  const behave = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request, MAX_BODY_BYTES);
    const wanted = body === undefined ? undefined : parseObject(body)?.mode;
    const known = modes.find((candidate) => candidate === wanted);
    if (known === undefined) {
      return sendError(response, 400, 'unknown-mode', { zh: '没有这种方式', en: 'no such mode' }, { modes });
    }
    mode = known;
    // What hangs no longer would hang for ever: its sender is told to try again.
    for (const held of hanging) held.destroy();
    sendJson(response, 200, { mode });
  };

  const watch = (response: ServerResponse): void => {
    if (watchers.size >= MAX_WATCHERS) {
      return sendError(response, 503, 'too-many', { zh: '打开的页面过多', en: 'too many pages are open' });
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`event: snapshot\ndata: ${JSON.stringify(inbox.notices)}\n\n`);
    watchers.add(response);
    response.once('close', () => watchers.delete(response));
  };

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '/', 'http://phone');
    const file = request.method === 'GET' ? files[pathname] : undefined;
    if (file !== undefined) return sendFile(response, ...file);
    switch (`${request.method} ${pathname}`) {
      case 'POST /webhook':
        return await receive(request, response);
      case 'POST /behaviour':
        return await behave(request, response);
      case 'GET /notices':
        return sendJson(response, 200, inbox.notices);
      case 'GET /live':
        return watch(response);
      default:
        return sendError(response, 404, 'unknown-path', { zh: '没有这个地址', en: 'no such path' });
    }
  };

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      // Nothing in the routes is expected to throw; whoever asked should see that it did.
      sendError(response, 500, 'internal', { zh: '手机模拟器内部错误', en: `phone error: ${String(error)}` });
    });
  });
  server.once('close', () => clearInterval(heartbeat));
  return server;
}

function sendFile(response: ServerResponse, name: string, type: string): void {
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-cache',
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
  });
  response.end(readFileSync(new URL(name, import.meta.url)));
}
