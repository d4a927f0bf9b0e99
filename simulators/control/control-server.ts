import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { FaultBook } from '../faults/fault-book.ts';
import type { FaultOptions } from '../faults/fault-kinds.ts';
import { parseObject, readBody, sendError, sendJson } from './json-http.ts';

const MAX_BODY_BYTES = 16 * 1024;
const MAX_FAULT_MS = 400 * 86_400_000;

/** What the control server lets its clients do. */
export interface Controls {
  readonly faults: FaultBook;
  /** Site time, epoch ms, with the plant moved up to it. */
  now(): number;
  /** Called after a fault began or ended, so that the wires show it at once. */
  changed(): void;
  truth(): object;
}

/** The HTTP server of `docs/demo-estate.md`, section "The simulator as a process"; not yet listening. */
export function createControlServer(controls: Controls): Server {
  return createServer((request, response) => {
    route(controls, request, response).catch((error: unknown) => {
      // Nothing in the routes is expected to throw; whoever asked should see that it did.
      sendError(response, 500, 'internal', { zh: '模拟器内部错误', en: `simulator error: ${String(error)}` });
    });
  });
}

async function route(controls: Controls, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://simulator');
  const id = /^\/faults\/([^/]+)$/.exec(pathname)?.[1];
  switch (`${request.method} ${id === undefined ? pathname : '/faults/{id}'}`) {
    case 'POST /faults':
      return await inject(controls, request, response);
    case 'GET /faults':
      controls.now();
      return sendJson(response, 200, controls.faults.list());
    case 'DELETE /faults': {
      controls.now();
      const ended = controls.faults.endAll();
      controls.changed();
      return sendJson(response, 200, { ended });
    }
    case 'DELETE /faults/{id}':
      return endOne(controls, decodeURIComponent(id ?? ''), response);
    case 'GET /truth':
      controls.now();
      return sendJson(response, 200, controls.truth());
    case 'GET /names':
      return sendJson(
        response,
        200,
        controls.faults.kinds.map((kind) => ({ name: kind.name, text: kind.text, assets: kind.fits() })),
      );
    default:
      return sendError(response, 404, 'unknown-path', { zh: '没有这个地址', en: 'no such path' });
  }
}

async function inject(controls: Controls, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request, MAX_BODY_BYTES);
  const wish = body === undefined ? undefined : parseObject(body);
  const bad = wish === undefined ? 'body' : wrongField(wish);
  if (wish === undefined || bad !== undefined) {
    const text = { zh: `请求格式错误：${bad}`, en: `malformed request: ${bad}` };
    return sendError(response, 400, 'malformed', text, { field: bad });
  }
  const { name, asset, forMs } = wish as { name: string; asset?: string; forMs?: number };
  const options: FaultOptions = wish.code === 2 || wish.code === 4 ? { code: wish.code } : {};
  const injection = controls.faults.inject(name, asset, forMs, controls.now(), options);
  switch (injection.outcome) {
    case 'standing':
      controls.changed();
      return sendJson(response, 200, injection.fault);
    case 'unknown-fault': {
      const text = { zh: `没有名为“${name}”的故障`, en: `there is no fault named "${name}"` };
      return sendError(response, 404, 'unknown-fault', text, { names: injection.names });
    }
    case 'unknown-asset': {
      const text =
        asset === undefined
          ? { zh: '目前没有适用的资产', en: 'no asset fits at the moment' }
          : { zh: `“${asset}”不适用于此故障`, en: `"${asset}" does not fit this fault` };
      return sendError(response, 404, 'unknown-asset', text, { assets: injection.assets });
    }
  }
}

function endOne(controls: Controls, id: string, response: ServerResponse): void {
  controls.now();
  const fault = controls.faults.end(id);
  if (fault === undefined) {
    const text = { zh: '没有这个故障，或已结束', en: 'no such fault, or it has ended' };
    return sendError(response, 404, 'unknown-id', text, { ids: controls.faults.list().map((standing) => standing.id) });
  }
  controls.changed();
  sendJson(response, 200, { ended: [fault] });
}

/** Name of the first field of a wish that is not as it must be. */
function wrongField(wish: Readonly<Record<string, unknown>>): string | undefined {
  const { name, asset, forMs, code } = wish;
  if (typeof name !== 'string') return 'name';
  if (asset !== undefined && typeof asset !== 'string') return 'asset';
  const isTime = typeof forMs === 'number' && forMs > 0 && forMs <= MAX_FAULT_MS;
  if (forMs !== undefined && !isTime) return 'forMs';
  return code === undefined || code === 2 || code === 4 ? undefined : 'code';
}
