import { Worker } from 'node:worker_threads';
import type { Site } from '../model/site.ts';
import type { SiteProblem } from './site/problem.ts';

/** Real ms that a load may take. */
const LOAD_WITHIN_MS = 120_000;

/** What the thread is given. */
export interface LoadRequest {
  readonly path: string;
  /** Hash of the site that holds; the same one is not handed back. */
  readonly presentHash: string;
}

/** What became of a load: no `site` where it is the one that holds already. */
export type LoadReply =
  | { readonly ok: true; readonly site: Site | undefined; readonly warnings: readonly SiteProblem[] }
  | { readonly ok: false; readonly problems: readonly SiteProblem[]; readonly warnings: readonly SiteProblem[] };

/**
 * Reads, checks and compiles a site file in a thread of its own, since a large one takes seconds, in which no controller
 * would be answered. `too-slow` after {@link LOAD_WITHIN_MS}. Rejects where the thread fails, which is a bug, and where
 * `signal` aborts.
 */
export async function loadSiteAside(request: LoadRequest, signal: AbortSignal): Promise<LoadReply | 'too-slow'> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('./load-site-thread.ts', import.meta.url), { workerData: request });
  const { promise, resolve, reject } = Promise.withResolvers<LoadReply | 'too-slow'>();
  const timer = setTimeout(() => resolve('too-slow'), LOAD_WITHIN_MS);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread that loads the site file ended without an answer')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
