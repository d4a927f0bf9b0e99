import type { AdapterLog } from '../../model/adapter.ts';
import type { Outcome, PlacedChange, SampleBlock } from '../../model/history.ts';
import type { Log, LogRecord } from '../../model/log.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { CountedHome } from './counted-home.ts';
import { type HistoryOffset, readOffset, START_OFFSET, writeOffset } from './offset-file.ts';

/** Samples after which a batch is written without waiting for more. */
const MAX_BATCH_SAMPLES = 20_000;
/** Records after which it is, whatever they hold. */
const MAX_BATCH_RECORDS = 5000;
/** Real ms that a batch waits for more. */
const MAX_BATCH_DELAY_MS = 500;
/** Changes written at a time. */
const MAX_CHANGES = 1000;
/** Real ms between tries: doubled from the first to the last, each more or less by up to a quarter. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** Reasons of refusals that are told, each once; after that they are only counted. */
const MAX_REASONS = 50;

/** Where the engine's changes come from, in order of their places. */
export interface ChangeSource {
  /** Durable changes after a place, at most `limit`. */
  after(place: HistoryOffset['change'], limit: number): readonly PlacedChange[];
  /** Calls back after each commit of further changes; gives a function that ends this. */
  onChanged(listener: () => void): () => void;
}

export interface HistoryReaderOptions {
  readonly log: Log;
  readonly changes: ChangeSource;
  readonly home: CountedHome;
  /** File that keeps how far history is; in an existing folder. */
  readonly offsetFile: string;
  readonly logger: AdapterLog;
}

/** How far history is behind, and what became of what it was given. Counts are since the start. */
export interface HistoryFacts {
  /** Log time between the newest record and the last one written; 0 where there is nothing left to write. */
  readonly behindMs: number;
  readonly offset: HistoryOffset;
  readonly writtenSamples: number;
  readonly writtenChanges: number;
  /** Samples and changes of batches of which the home refused something for good. */
  readonly refused: number;
  /** Samples of points that the site no longer has, and those with a time that cannot be. */
  readonly skipped: CountedHome['skipped'];
  /** Why the last try failed; null once one has gone through. */
  readonly lastError: string | null;
}

export interface HistoryReader {
  facts(): HistoryFacts;
  /** Rejects with the error that ended the reader, if one does, which is a bug; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Ends reading; what is not yet written is written after the next start. The home stays open. */
  stop(): Promise<void>;
}

/** Starts to bring samples and changes to `options.home`, from where the last reader stopped. */
export async function startHistoryReader(options: HistoryReaderOptions): Promise<HistoryReader> {
  const { log, home, offsetFile, logger } = options;
  const offset = await readOffset(offsetFile, home.identity);
  if (offset.logSeq <= log.last.logSeq) return new Reader(options, offset);
  logger.warn({ offset: offset.logSeq, last: log.last.logSeq }, 'history is ahead of the log, which must be a new one');
  return new Reader(options, START_OFFSET);
}

class Reader implements HistoryReader {
  readonly ended: Promise<void>;
  readonly #options: HistoryReaderOptions;
  readonly #stopping = new AbortController();
  readonly #toldReasons = new Set<string>();
  #offset: HistoryOffset;
  /** Log time of the last record that was written or held nothing to write; of the first to write before that. */
  #reachedMs: number | undefined;
  #written = { samples: 0, changes: 0 };
  #refused = 0;
  #lastError: string | null = null;
  #savedOffset: Promise<void> = Promise.resolve();

  constructor(options: HistoryReaderOptions, offset: HistoryOffset) {
    this.#options = options;
    this.#offset = offset;
    this.ended = Promise.all([this.#readSamples(), this.#readChanges()]).then(() => this.#savedOffset);
    // Whoever waits for the end gets the error; until then it is not an unhandled one.
    this.ended.catch(() => this.#stopping.abort());
  }

  facts(): HistoryFacts {
    const { last } = this.#options.log;
    return {
      behindMs:
        last.logSeq > this.#offset.logSeq && this.#reachedMs !== undefined
          ? Math.max(0, last.logMs - this.#reachedMs)
          : 0,
      offset: this.#offset,
      writtenSamples: this.#written.samples,
      writtenChanges: this.#written.changes,
      refused: this.#refused,
      skipped: { ...this.#options.home.skipped },
      lastError: this.#lastError,
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ended;
  }

  /** Goes on after a disk that could not be read; ends with the signal, or with the log. */
  async #readSamples(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await this.#followSamples();
      } catch (error) {
        if (!(error instanceof StorageError) || error.code === 'closed') throw error;
        this.#failed(error.text.en);
        await pause(retryMs(attempt), signal);
      }
    }
  }

  async #followSamples(): Promise<void> {
    const { log, home } = this.#options;
    const { signal } = this.#stopping;
    for await (const records of batched(log.follow(this.#offset.logSeq, signal), signal)) {
      const blocks = records.flatMap(blockOf);
      const samples = blocks.reduce((sum, { batch }) => sum + batch.length, 0);
      const [first, last] = [records[0], records.at(-1)];
      if (first === undefined || last === undefined) continue;
      this.#reachedMs ??= first.logMs;
      if (samples > 0) {
        const end = await this.#write(() => home.writeSamples(blocks, signal), samples);
        if (end === 'stopped') return;
        if (end === 'done') this.#written.samples += samples;
      }
      this.#reachedMs = last.logMs;
      this.#offset = { ...this.#offset, logSeq: last.logSeq };
      await this.#saveOffset();
    }
  }

  async #readChanges(): Promise<void> {
    const { changes, home } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Listening begins before looking, so that nothing falls between.
      const more = nextCall((listener) => changes.onChanged(listener), signal);
      const found = changes.after(this.#offset.change, MAX_CHANGES);
      const last = found.at(-1);
      if (last === undefined) {
        await more.called;
        continue;
      }
      more.cancel();
      const end = await this.#write(() => home.writeChanges(found, signal), found.length);
      if (end === 'stopped') return;
      if (end === 'done') this.#written.changes += found.length;
      this.#offset = { ...this.#offset, change: { logSeq: last.logSeq, ordinal: last.ordinal } };
      await this.#saveOffset();
    }
  }

  /** Writes until it is done, is refused, or the reader stops. `count` is how many samples or changes it is about. */
  async #write(write: () => Promise<Outcome>, count: number): Promise<'done' | 'refused' | 'stopped'> {
    const { signal } = this.#stopping;
    for (let attempt = 0; ; attempt++) {
      const outcome = await write();
      if (outcome.outcome === 'done') {
        this.#recovered();
        return 'done';
      }
      if (outcome.outcome === 'refused') {
        this.#recovered();
        this.#refuse(outcome.reason, count);
        return 'refused';
      }
      if (signal.aborted) return 'stopped';
      this.#failed(outcome.reason);
      await pause(Math.max(outcome.afterMs, retryMs(attempt)), signal);
      if (signal.aborted) return 'stopped';
    }
  }

  #failed(reason: string): void {
    if (this.#lastError === null)
      this.#options.logger.warn({ reason }, 'history cannot be written, will be tried again');
    this.#lastError = reason;
  }

  #recovered(): void {
    if (this.#lastError !== null) this.#options.logger.info({}, 'history is written again');
    this.#lastError = null;
  }

  #refuse(reason: string, count: number): void {
    this.#refused += count;
    // The same refusal differs in its figures; told once, it is told.
    const kind = reason.replace(/\d+/g, '#');
    if (this.#toldReasons.has(kind) || this.#toldReasons.size >= MAX_REASONS) return;
    this.#toldReasons.add(kind);
    this.#options.logger.warn({ reason, count }, 'history refused something for good');
  }

  /** One after the other, each with the newest of both offsets. A disk that fails costs writing again after a restart. */
  #saveOffset(): Promise<void> {
    this.#savedOffset = this.#savedOffset.then(async () => {
      const { offsetFile, home, logger } = this.#options;
      try {
        await writeOffset(offsetFile, home.identity, this.#offset);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#toldReasons.has('offset')) return;
        this.#toldReasons.add('offset');
        logger.warn({ reason }, 'the offset of history cannot be saved');
      }
    });
    return this.#savedOffset;
  }
}

function blockOf(record: LogRecord): SampleBlock[] {
  if (record.kind !== 'samples' || record.batch.length === 0) return [];
  return [{ logSeq: record.logSeq, firstOrdinal: record.firstOrdinal, batch: record.batch }];
}

/** Joins pages into batches, each as large as its bounds allow and no later than {@link MAX_BATCH_DELAY_MS}. */
async function* batched(
  pages: AsyncIterable<readonly LogRecord[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  const iterator = pages[Symbol.asyncIterator]();
  const ask = () => {
    const page = iterator.next();
    // It may fail while the batch before it is being written; whoever awaits it then still sees that.
    page.catch(() => undefined);
    return page;
  };
  let next = ask();
  for (;;) {
    const first = await next;
    if (first.done) return;
    const batch = [...first.value];
    let samples = samplesIn(first.value);
    next = ask();
    const full = new AbortController();
    const due = pause(MAX_BATCH_DELAY_MS, AbortSignal.any([signal, full.signal]));
    while (batch.length < MAX_BATCH_RECORDS && samples < MAX_BATCH_SAMPLES) {
      const more = await Promise.race([next, due]);
      if (more === undefined || more.done) break;
      batch.push(...more.value);
      samples += samplesIn(more.value);
      next = ask();
    }
    full.abort();
    yield batch;
  }
}

function samplesIn(records: readonly LogRecord[]): number {
  return records.reduce((sum, record) => sum + (record.kind === 'samples' ? record.batch.length : 0), 0);
}

/** More or less twice as long at each further try. */
function retryMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS) * (0.75 + Math.random() / 2);
}

/** Resolves after `ms` of real time, or when `signal` aborts. */
function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(undefined);
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Resolves at the next call of the listener, or when `signal` aborts. */
function nextCall(
  subscribe: (listener: () => void) => () => void,
  signal: AbortSignal,
): { readonly called: Promise<void>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = subscribe(() => end());
  const end = () => {
    unsubscribe();
    signal.removeEventListener('abort', end);
    resolve();
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return { called: promise, cancel: end };
}
