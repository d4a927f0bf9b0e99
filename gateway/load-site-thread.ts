import { parentPort, workerData } from 'node:worker_threads';
import { compileSite } from '../rules/compile.ts';
import type { LoadReply, LoadRequest } from './load-site-aside.ts';
import { loadSite } from './site/load-site.ts';

const { path, presentHash } = workerData as LoadRequest;
const result = loadSite(path);
if (result.ok && result.site.hash === presentHash) {
  parentPort?.postMessage({ ok: true, site: undefined, warnings: result.warnings } satisfies LoadReply);
} else {
  // What the check lets pass and the engine cannot compile would end the engine, and again at each start.
  if (result.ok) compileSite(result.site, new Map());
  parentPort?.postMessage(result satisfies LoadReply);
}
