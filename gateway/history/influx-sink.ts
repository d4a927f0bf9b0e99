import { Worker } from 'node:worker_threads';
import type { Outcome, PlacedChange, PointLookup, SampleBlock, Sink } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import type { FoundDatabase, SentRows, Skipped } from './counted-home.ts';
import { FieldNames } from './field-names.ts';
import type { InfluxNews, InfluxReply, InfluxRequest, InfluxThreadData, ToldPoint } from './influx-messages.ts';
import type { InfluxTarget } from './influx-target.ts';

/** Real ms between two looks at whether the database is still the same. */
const LOOK_EVERY_MS = 60_000;
/** Real ms after which to hand over again what a thread that ended did not write. */
const RETRY_AFTER_MS = 1000;

export interface InfluxSinkOptions extends InfluxTarget {
  readonly lookup: PointLookup;
  /** How long a database that is made for us keeps samples as they came, as InfluxQL has it; for ever if absent. */
  readonly rawDuration?: string;
  /** Folder for the rows that InfluxDB refuses; they are only counted if absent. */
  readonly deadLetterDir?: string;
  /** Real ms between two looks at whether the database is still the same; a minute if absent. */
  readonly lookEveryMs?: number;
  readonly logger?: { warn(fields: object, message: string): void };
}

/** The writing side of history in InfluxDB: hands everything to a thread, which is started with the first write. */
export class InfluxSink implements Sink {
  readonly skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly sent: SentRows = { rows: 0, rejected: 0, deadLettered: 0 };
  readonly #options: InfluxSinkOptions;
  /** How fields are called in this database, as far as the thread has found out. */
  readonly names = new FieldNames();
  /** Which database is there, as the thread has found out last. */
  #database: FoundDatabase | undefined;
  readonly #asked = new Map<number, (reply: InfluxReply) => void>();
  /** Points as the thread knows them. */
  #told = new Map<PointNumber, PointInfo | undefined>();
  #thread: Worker | undefined;
  #nextId = 1;
  #closed = false;

  constructor(options: InfluxSinkOptions) {
    this.#options = options;
  }

  get database(): FoundDatabase | undefined {
    return this.#database;
  }

  writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome> {
    if (blocks.every(({ batch }) => batch.length === 0)) return Promise.resolve({ outcome: 'done' });
    const id = this.#nextId++;
    // The thread comes first: a new one must be told of every point.
    const thread = this.#startedThread();
    return this.#ask(thread, { type: 'samples', id, points: this.#news(blocks), blocks: blocks.map(toSend) }, signal);
  }

  writeChanges(changes: readonly PlacedChange[], signal: AbortSignal): Promise<Outcome> {
    if (changes.length === 0) return Promise.resolve({ outcome: 'done' });
    return this.#ask(this.#startedThread(), { type: 'changes', id: this.#nextId++, changes }, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
  }

  async #ask(
    thread: Worker,
    request: Exclude<InfluxRequest, { type: 'cancel' }>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { id } = request;
    if (this.#closed) return { outcome: 'retry', afterMs: RETRY_AFTER_MS, reason: 'history is closed' };
    const { promise, resolve } = Promise.withResolvers<InfluxReply>();
    this.#asked.set(id, resolve);
    thread.postMessage(request);
    const cancel = () => thread.postMessage({ type: 'cancel', id } satisfies InfluxRequest);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    const reply = await promise;
    signal.removeEventListener('abort', cancel);
    if (reply.type === 'retry') return { outcome: 'retry', afterMs: reply.afterMs, reason: reply.reason };
    if (reply.identity !== this.#database?.identity) {
      return { outcome: 'retry', afterMs: 0, reason: 'the database has become another one meanwhile' };
    }
    this.#count(reply);
    if (reply.reason === null) return { outcome: 'done' };
    return { outcome: 'refused', reason: reply.reason, count: reply.rejected };
  }

  #count({ rows, rejected, deadLettered, skipped }: Extract<InfluxReply, { type: 'done' }>): void {
    this.sent.rows += rows;
    this.sent.rejected += rejected;
    this.sent.deadLettered += deadLettered;
    this.skipped.unknownPoint += skipped.unknownPoint;
    this.skipped.impossibleTime += skipped.impossibleTime;
    this.skipped.changes += skipped.changes;
  }

  /** Points of these blocks that the thread knows otherwise, or not at all. */
  #news(blocks: readonly SampleBlock[]): ToldPoint[] {
    const news: ToldPoint[] = [];
    const seen = new Set<PointNumber>();
    for (const { batch } of blocks) {
      for (const number of batch.point) {
        if (seen.has(number)) continue;
        seen.add(number);
        const point = this.#options.lookup(number);
        if (this.#told.get(number) === point) continue;
        this.#told.set(number, point);
        news.push([
          number,
          point && { system: point.system, asset: point.asset, point: point.point, kind: point.kind },
        ]);
      }
    }
    return news;
  }

  #startedThread(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const {
      lookup: _lookup,
      logger: _logger,
      rawDuration = 'INF',
      deadLetterDir,
      lookEveryMs = LOOK_EVERY_MS,
      ...target
    } = this.#options;
    const thread = new Worker(new URL('./influx-thread.ts', import.meta.url), {
      workerData: { target, rawDuration, deadLetterDir, lookEveryMs } satisfies InfluxThreadData,
    });
    this.#thread = thread;
    thread.on('message', (message: InfluxReply | InfluxNews) => {
      if ('id' in message) this.#answered(message);
      else this.#onNews(message);
    });
    let fault = 'the thread that writes to InfluxDB has ended';
    thread.on('error', (error) => {
      fault = `${fault}: ${error instanceof Error ? error.message : String(error)}`;
      this.#options.logger?.warn({ err: error }, 'the thread that writes to InfluxDB failed and is started again');
    });
    thread.on('exit', () => {
      this.#thread = undefined;
      this.#told = new Map();
      for (const id of [...this.#asked.keys()]) {
        this.#answered({ type: 'retry', id, afterMs: RETRY_AFTER_MS, reason: fault });
      }
    });
    return thread;
  }

  #answered(reply: InfluxReply): void {
    this.#asked.get(reply.id)?.(reply);
    this.#asked.delete(reply.id);
  }

  #onNews(news: InfluxNews): void {
    if (news.type === 'database') {
      this.#database = news.database;
      return;
    }
    if (news.type === 'told') {
      this.#options.logger?.warn({ reasons: news.reasons }, news.message);
      return;
    }
    for (const renamed of news.fields) this.names.adopt(renamed);
    this.#options.logger?.warn(
      { fields: news.fields },
      'the database has fields of ours with another type; ours have other names there',
    );
  }
}

/** Only what a line is made of, since all of it is copied. */
function toSend({ logSeq, firstOrdinal, ordinals, batch }: SampleBlock): SampleBlock {
  const { receivedMs: _received, details: _details, ...rest } = batch;
  return {
    logSeq,
    firstOrdinal,
    ...(ordinals !== undefined && { ordinals }),
    batch: { ...rest, receivedMs: rest.sourceMs, details: noDetails },
  };
}

const noDetails: ReadonlyMap<number, string> = new Map();
