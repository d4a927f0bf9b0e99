import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type HistorySeries,
  type Outcome,
  ordinalAt,
  type PlacedChange,
  type PointLookup,
  type SampleBlock,
} from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import { errorOf, StorageError } from '../storage/storage-error.ts';
import type { CountedHome, Skipped } from './counted-home.ts';
import type { EmbeddedReply, EmbeddedRequest, EmbeddedThreadData, EmbeddedWork } from './embedded-messages.ts';
import { HISTORY_FILE } from './embedded-schema.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_RETENTION_MS, type Retention, type SampleColumns } from './embedded-store.ts';
import { divide } from './history-buckets.ts';

/** Real ms after which a failed write may be tried again. */
const RETRY_AFTER_MS = 1000;
/** Epoch ms either way that are kept: any two differ by what a double holds exactly, as columns need. */
const MAX_TIME_MS = 4_000_000_000_000_000;

export interface EmbeddedHistoryOptions extends Partial<Retention> {
  /** Folder of the file; made if missing. One process at a time may use it. */
  readonly dir: string;
  readonly lookup: PointLookup;
}

/** Opens (or makes) the embedded home. Rejects with a StorageError: `newer`, `unreadable`. */
export async function openEmbeddedHistory(options: EmbeddedHistoryOptions): Promise<CountedHome> {
  const thread = new Worker(new URL('./embedded-thread.ts', import.meta.url), {
    workerData: {
      path: join(options.dir, HISTORY_FILE),
      retentionMs: options.retentionMs ?? DEFAULT_RETENTION_MS,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    } satisfies EmbeddedThreadData,
  });
  const { promise, resolve, reject } = Promise.withResolvers<EmbeddedReply>();
  thread.once('message', resolve);
  thread.once('error', reject);
  const reply = await promise;
  thread.off('error', reject);
  if (reply.type === 'ready') return new EmbeddedHistory(thread, reply.identity, options.lookup);
  await thread.terminate();
  if (reply.type === 'refused') throw errorOf(reply.fault);
  throw new Error(`the thread of history began with ${reply.type}`);
}

type Done = Extract<EmbeddedReply, { type: 'done' }>;

class EmbeddedHistory implements CountedHome {
  readonly identity: string;
  readonly skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly #thread: Worker;
  readonly #lookup: PointLookup;
  readonly #asked = new Map<number, { resolve: (reply: Done) => void; reject: (error: unknown) => void }>();
  #nextId = 1;
  #ended: StorageError | undefined;

  constructor(thread: Worker, identity: string, lookup: PointLookup) {
    this.#thread = thread;
    this.identity = `embedded ${identity}`;
    this.#lookup = lookup;
    thread.on('message', (reply: EmbeddedReply) => this.#onReply(reply));
    thread.on('error', (cause) => this.#onEnd(cause));
    thread.on('exit', () => this.#onEnd(undefined));
  }

  async writeSamples(blocks: readonly SampleBlock[], _signal: AbortSignal): Promise<Outcome> {
    const samples = columnsOf(blocks, this.#lookup, this.skipped);
    return samples.ms.length === 0 ? { outcome: 'done' } : await this.#write({ type: 'samples', samples });
  }

  async writeChanges(changes: readonly PlacedChange[], _signal: AbortSignal): Promise<Outcome> {
    const possible = changes.filter(({ change }) => isPossible(change.kind === 'ledger' ? change.fromMs : change.atMs));
    this.skipped.changes += changes.length - possible.length;
    return possible.length === 0 ? { outcome: 'done' } : await this.#write({ type: 'changes', changes: possible });
  }

  async series(point: PointInfo, fromMs: number, toMs: number, buckets: number): Promise<HistorySeries> {
    // Here, so that a wrong question is the asker's RangeError and not a fault of the file.
    divide(fromMs, toMs, buckets);
    const { number, key } = point;
    const { series } = await this.#ask({ type: 'series', point: { number, key }, fromMs, toMs, buckets });
    if (series === undefined) throw new Error('history gave no series');
    return series;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise((resolve) => this.#thread.once('exit', resolve));
    await this.#ask({ type: 'close' });
    await exited;
  }

  async #write(work: EmbeddedWork): Promise<Outcome> {
    try {
      await this.#ask(work);
      return { outcome: 'done' };
    } catch (error) {
      // The disk may have room again later; the log keeps what is to be written.
      return {
        outcome: 'retry',
        afterMs: RETRY_AFTER_MS,
        reason: error instanceof Error ? error.message : String(error),
      };
    }
  }

  #ask(work: EmbeddedWork): Promise<Done> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Done>();
    this.#asked.set(id, { resolve, reject });
    this.#thread.postMessage({ ...work, id } satisfies EmbeddedRequest);
    return promise;
  }

  #onReply(reply: EmbeddedReply): void {
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (reply.type === 'done') asked?.resolve(reply);
    else if (reply.type === 'failed') asked?.reject(errorOf(reply.fault));
  }

  #onEnd(cause: unknown): void {
    this.#ended ??= new StorageError('closed', { zh: '历史库已关闭', en: 'history is closed' }, { cause });
    for (const { reject } of this.#asked.values()) reject(this.#ended);
    this.#asked.clear();
  }
}

/** Samples of known points at possible times; the others are counted in `skipped`. */
function columnsOf(blocks: readonly SampleBlock[], lookup: PointLookup, skipped: Skipped): SampleColumns {
  const rows = blocks.reduce((sum, { batch }) => sum + batch.length, 0);
  const texts = new Map<number, string>();
  const columns = {
    point: new Uint32Array(rows),
    ms: new Float64Array(rows),
    ordinal: new Float64Array(rows),
    value: new Float64Array(rows),
    quality: new Uint8Array(rows),
  };
  const known = new Map<number, boolean>();
  let newestMs = Number.NEGATIVE_INFINITY;
  let kept = 0;
  for (const block of blocks) {
    const { batch } = block;
    for (let row = 0; row < batch.length; row++) {
      const point = batch.point[row] ?? 0;
      if (!known.has(point)) known.set(point, lookup(point) !== undefined);
      const ms = Math.floor(batch.sourceMs[row] ?? Number.NaN);
      if (known.get(point) !== true) skipped.unknownPoint++;
      else if (!isPossible(ms)) skipped.impossibleTime++;
      else {
        columns.point[kept] = point;
        columns.ms[kept] = ms;
        columns.ordinal[kept] = ordinalAt(block, row);
        columns.value[kept] = batch.value[row] ?? Number.NaN;
        columns.quality[kept] = batch.quality[row] ?? Quality.bad;
        const text = batch.texts.get(row);
        if (text !== undefined) texts.set(kept, text);
        newestMs = Math.max(newestMs, batch.receivedMs[row] ?? newestMs);
        kept++;
      }
    }
  }
  return {
    point: columns.point.slice(0, kept),
    ms: columns.ms.slice(0, kept),
    ordinal: columns.ordinal.slice(0, kept),
    value: columns.value.slice(0, kept),
    quality: columns.quality.slice(0, kept),
    texts,
    newestMs,
  };
}

function isPossible(ms: number): boolean {
  return Math.abs(ms) <= MAX_TIME_MS;
}
