import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AdapterLog } from '../../model/adapter.ts';
import {
  type HistorySeries,
  type Outcome,
  ordinalAt,
  type PlacedChange,
  type PointLookup,
  type SampleBlock,
  type SamplePage,
  type StateTimeline,
} from '../../model/history.ts';
import type { Leap } from '../../model/leaps.ts';
import type { PointInfo } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import { firstMessage } from '../storage/first-message.ts';
import { errorOf, StorageError, type StorageFault } from '../storage/storage-error.ts';
import type { CountedHome, Skipped } from './counted-home.ts';
import type {
  EmbeddedAnswer,
  EmbeddedQueryData,
  EmbeddedQueryReply,
  EmbeddedQuestion,
  EmbeddedReply,
  EmbeddedThreadData,
  EmbeddedWork,
} from './embedded-messages.ts';
import type { AskedPoint } from './embedded-reader.ts';
import { HISTORY_FILE } from './embedded-schema.ts';
import { DEFAULT_MAX_BYTES, DEFAULT_RETENTION_MS, type Retention } from './embedded-store.ts';
import { type AskedPage, checkPage, checkPoints, checkStates, divide } from './history-buckets.ts';
import type { SampleColumns } from './sample-group.ts';

/** Real ms after which a failed write may be tried again. */
const RETRY_AFTER_MS = 1000;
/** Epoch ms either way that are kept: any two differ by what a double holds exactly, as columns need. */
const MAX_TIME_MS = 4_000_000_000_000_000;
/** Damaged files that are set aside while the program runs; a disk that damages more of them is to be replaced. */
const MAX_SET_ASIDE = 3;

export interface EmbeddedHistoryOptions extends Partial<Retention> {
  /** Folder of the file; made if missing. One process at a time may use it. */
  readonly dir: string;
  readonly lookup: PointLookup;
  /** When the clock leapt, so that nothing is removed for an age that it has not; never if absent. */
  readonly leaps?: () => readonly Leap[];
  /** Told of a damaged file that was set aside. */
  readonly logger?: AdapterLog;
}

/** The embedded home. */
export interface EmbeddedHome extends CountedHome {
  /** Resolves once all hours that are over are moved to where they stay, and all of a damaged file is taken over. */
  settled(): Promise<void>;
}

/**
 * Opens (or makes) the embedded home. A file that is damaged is set aside, what can be read of it is taken over in the
 * background, and the home is a new one, which is filled from the log. Rejects with a StorageError: `newer`,
 * `unreadable`.
 */
export async function openEmbeddedHistory(options: EmbeddedHistoryOptions): Promise<EmbeddedHome> {
  const { threads, identity } = await startThreads(options, undefined);
  return new EmbeddedHistory(options, threads, identity);
}

interface Threads {
  readonly writer: Asking<EmbeddedReply>;
  readonly reader: Asking<EmbeddedQueryReply>;
}

/** Starts both threads; the one that writes first, since it makes the file that the other reads. */
async function startThreads(options: EmbeddedHistoryOptions, damage: string | undefined) {
  const path = join(options.dir, HISTORY_FILE);
  const { retentionMs = DEFAULT_RETENTION_MS, maxBytes = DEFAULT_MAX_BYTES } = options;
  const writerData: EmbeddedThreadData = { path, damage, retentionMs, maxBytes };
  const readerData: EmbeddedQueryData = { path };
  const writer = await Asking.start<EmbeddedReply>('./embedded-thread.ts', writerData);
  const { ready } = writer;
  if (ready.type !== 'ready') throw new Error(`the thread of history began with ${ready.type}`);
  if (ready.setAside)
    options.logger?.warn({ ...ready.setAside }, 'history was damaged, set aside; what is readable is kept');
  try {
    const reader = await Asking.start<EmbeddedQueryReply>('./embedded-query-thread.ts', readerData);
    return { threads: { writer, reader } satisfies Threads, identity: ready.identity };
  } catch (error) {
    await writer.terminate();
    throw error;
  }
}

/** A thread that replies to each request under its number. */
class Asking<Reply extends EmbeddedReply | EmbeddedQueryReply> {
  readonly ready: Reply;
  /** Called where the thread finds the file damaged. */
  onDamage: (fault: StorageFault) => void = () => undefined;
  readonly #thread: Worker;
  readonly #asked = new Map<number, { resolve: (reply: Reply) => void; reject: (error: unknown) => void }>();
  #nextId = 1;
  #ended: StorageError | undefined;

  /** Rejects with the StorageError with which the thread begins. */
  static async start<Reply extends EmbeddedReply | EmbeddedQueryReply>(
    file: string,
    workerData: object,
  ): Promise<Asking<Reply>> {
    const thread = new Worker(new URL(file, import.meta.url), { workerData });
    const ready = await firstMessage<Reply>(thread, 'a thread of history');
    if (ready.type !== 'refused') return new Asking(thread, ready);
    await thread.terminate();
    throw errorOf(ready.fault);
  }

  constructor(thread: Worker, ready: Reply) {
    this.#thread = thread;
    this.ready = ready;
    thread.on('message', (reply: Reply) => this.#onReply(reply));
    thread.on('error', (cause) => this.#onEnd(cause));
    thread.on('exit', () => this.#onEnd(undefined));
  }

  ask(request: object, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    this.#asked.set(id, { resolve, reject });
    this.#thread.postMessage({ ...request, id }, [...transfer]);
    return promise;
  }

  /** Asks it to end; resolves when it has. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#thread, 'exit');
    await this.ask({ type: 'close' });
    await exited;
  }

  async terminate(): Promise<void> {
    await this.#thread.terminate();
  }

  #onReply(reply: Reply): void {
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (reply.type === 'done') asked?.resolve(reply);
    else if (reply.type === 'failed' || reply.type === 'damaged') asked?.reject(errorOf(reply.fault));
    if (reply.type === 'damaged') this.onDamage(reply.fault);
  }

  #onEnd(cause: unknown): void {
    this.#ended ??= new StorageError('closed', { zh: '历史库已关闭', en: 'history is closed' }, { cause });
    for (const { reject } of this.#asked.values()) reject(this.#ended);
    this.#asked.clear();
  }
}

class EmbeddedHistory implements EmbeddedHome {
  /** Stays while the program runs: a file that was made anew meanwhile is filled from the log at the next start. */
  readonly identity: string;
  readonly skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly #options: EmbeddedHistoryOptions;
  #threads: Threads;
  /** The threads being started anew. */
  #restart: Promise<void> | undefined;
  #restarts = 0;
  #isClosed = false;

  constructor(options: EmbeddedHistoryOptions, threads: Threads, identity: string) {
    this.#options = options;
    this.identity = `embedded ${identity}`;
    this.#threads = threads;
    this.#watch();
  }

  async writeSamples(blocks: readonly SampleBlock[], _signal: AbortSignal): Promise<Outcome> {
    const samples = columnsOf(blocks, this.#options.lookup, this.skipped);
    if (samples.ms.length === 0) return { outcome: 'done' };
    const { point, ms, ordinal, value, quality } = samples;
    return await this.#write(
      { type: 'samples', samples, leaps: this.#options.leaps?.() ?? [] },
      [point, ms, ordinal, value, quality].map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  async writeChanges(changes: readonly PlacedChange[], _signal: AbortSignal): Promise<Outcome> {
    const possible = changes.filter(({ change }) => isPossible(change.kind === 'ledger' ? change.fromMs : change.atMs));
    this.skipped.changes += changes.length - possible.length;
    return possible.length === 0 ? { outcome: 'done' } : await this.#write({ type: 'changes', changes: possible });
  }

  async series(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries> {
    // Here, so that a wrong question is the asker's RangeError and not a fault of the file.
    divide(fromMs, toMs, buckets);
    return (await this.#ask({ type: 'series', point: asked(point), fromMs, toMs, buckets }, signal)) as HistorySeries;
  }

  async chart(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries[]> {
    checkPoints(points);
    divide(fromMs, toMs, buckets);
    // One by one, so that a question about years leaves room for others in between.
    return await Promise.all(points.map((point) => this.series(point, fromMs, toMs, buckets, signal)));
  }

  async samples(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    page: AskedPage,
    signal?: AbortSignal,
  ): Promise<SamplePage> {
    checkPage(fromMs, toMs, page);
    return (await this.#ask({ type: 'samples', point: asked(point), fromMs, toMs, page }, signal)) as SamplePage;
  }

  async states(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    pixels: number,
    signal?: AbortSignal,
  ): Promise<StateTimeline[]> {
    checkStates(points);
    divide(fromMs, toMs, pixels);
    const ask = async (point: PointInfo) =>
      (await this.#ask({ type: 'states', point: asked(point), fromMs, toMs, pixels }, signal)) as StateTimeline;
    return await Promise.all(points.map(ask));
  }

  async settled(): Promise<void> {
    await this.#threads.writer.ask({ type: 'settle' });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#restart;
    await this.#threads.reader.close();
    await this.#threads.writer.close();
  }

  async #write(work: EmbeddedWork, transfer?: readonly ArrayBuffer[]): Promise<Outcome> {
    try {
      await this.#threads.writer.ask(work, transfer);
      return { outcome: 'done' };
    } catch (error) {
      // The disk may have room again later; the log keeps what is to be written.
      return {
        outcome: 'retry',
        afterMs: RETRY_AFTER_MS,
        reason: error instanceof Error ? error.message : String(error),
        ...(error instanceof StorageError && { text: error.text }),
      };
    }
  }

  /** Rejects with the signal's reason as soon as it aborts; the thread then leaves off at its next look. */
  async #ask(question: EmbeddedQuestion, signal?: AbortSignal): Promise<EmbeddedAnswer> {
    signal?.throwIfAborted();
    const wanted = new Int32Array(new SharedArrayBuffer(4));
    wanted[0] = 1;
    const ended = Promise.withResolvers<never>();
    const onAbort = () => {
      Atomics.store(wanted, 0, 0);
      ended.reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const reply = await Promise.race([this.#threads.reader.ask({ ...question, wanted }), ended.promise]);
      if (reply.type !== 'done' || reply.answer === undefined) throw new Error('history gave no answer');
      return reply.answer;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #watch(): void {
    const onDamage = (fault: StorageFault) => this.#startAnew(fault.text.en);
    this.#threads.writer.onDamage = onDamage;
    this.#threads.reader.onDamage = onDamage;
  }

  /** Sets the file aside and goes on with a new one; what is asked meanwhile fails, what is written is tried again. */
  #startAnew(damage: string): void {
    if (this.#restart !== undefined || this.#isClosed || this.#restarts >= MAX_SET_ASIDE) return;
    this.#restarts++;
    const { writer, reader } = this.#threads;
    this.#restart = (async () => {
      await Promise.all([writer.terminate(), reader.terminate()]);
      const { threads } = await startThreads(this.#options, damage);
      this.#threads = threads;
      this.#watch();
    })()
      // The folder cannot be written now: writes and questions say so until the next start.
      .catch((error: unknown) => this.#options.logger?.warn({ err: error }, 'history could not be made anew'))
      .finally(() => {
        this.#restart = undefined;
      });
  }
}

function asked({ number, key, heartbeatMs, staleAfterMs }: PointInfo): AskedPoint {
  return {
    number,
    key,
    ...(heartbeatMs !== undefined && { heartbeatMs }),
    ...(staleAfterMs !== undefined && { staleAfterMs }),
  };
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
