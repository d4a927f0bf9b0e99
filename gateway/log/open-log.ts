import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AdapterLog } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import type { Handed, Log, LogEntry, LogFacts, LogRecord, Stamp } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import { type FolderLock, lockFolder } from '../storage/folder-lock.ts';
import { errorOf, StorageError } from '../storage/storage-error.ts';
import { CommitQueue } from './commit-queue.ts';
import { DEFAULT_LOG_BOUNDS, type LogBounds } from './log-bounds.ts';
import { LogDisk } from './log-disk.ts';
import type { DiskFacts, KeptFrom, WriterReply, WriterRequest, WriterThreadData } from './log-messages.ts';
import { LogReader } from './log-reader.ts';
import { LOG_FILE } from './log-schema.ts';
import { PointNumbers, type WantedPoint } from './point-numbers.ts';
import { RecentRecords } from './recent-records.ts';
import { decodeRecord } from './record-codec.ts';

/** Records that `follow` hands out at a time. */
const FOLLOW_RECORDS = 256;
/** Bytes that are read from disk at a time, unless a single record is larger. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;
/** Real ms that what is not on disk yet has for it when the log closes. */
const CLOSE_WITHIN_MS = 3000;
/** Damaged records that are told one by one. */
const MAX_TOLD_DAMAGED = 100;

export interface OpenLogOptions {
  /** Folder of the log; made if missing. */
  readonly dir: string;
  /** The folder that an error names in which the log's lies; `dir` itself if absent. */
  readonly dataDir?: string;
  readonly clock: Clock;
  readonly log: AdapterLog;
  /** How much is kept, and where; {@link DEFAULT_LOG_BOUNDS} if absent. */
  readonly bounds?: LogBounds;
  /**
   * A record that others know to have been written, e.g. the engine: a log that has lost its end goes on after it, so
   * that no place is given twice. A log without any record is a new one and begins at 1.
   */
  readonly minimumSeq?: number;
}

/** The log, and the numbers of points that it keeps. */
export interface DurableLog extends Log {
  /** The number of every key that has one now; changes as numbers are given. */
  readonly pointNumbers: ReadonlyMap<PointKey, PointNumber>;
  /**
   * Numbers of these keys, new ones appended to the log first. A key without a number takes over that of `formerly`
   * where given; the former key then stands for nothing. Rejects as `append` does.
   */
  numbersFor(keys: readonly WantedPoint[]): Promise<ReadonlyMap<PointKey, PointNumber>>;
  /** Rejects with what ended the log for good, which no part of the site can live without. */
  readonly failed: Promise<never>;
  /** `logSeq` of the newest record that can be seen; beyond `last` only while the disk fails. */
  readonly shownSeq: number;
  facts(): LogFacts;
  /** How it lies on the disk. */
  diskFacts(): DiskFacts;
  /** What stays, whatever the bounds. Until this is called, all records stay in the log's own file. */
  keepFrom(kept: KeptFrom): void;
}

/**
 * Opens (or makes) the log in `options.dir` for this process alone. Rejects with a StorageError: `in-use` (names the
 * holder), `newer`, `unreadable`.
 */
export async function openLog(options: OpenLogOptions): Promise<DurableLog> {
  const lock = lockFolder(options.dir, options.dataDir);
  const path = join(options.dir, LOG_FILE);
  const writer = new Worker(new URL('./log-writer-thread.ts', import.meta.url), {
    workerData: {
      path,
      bounds: options.bounds ?? DEFAULT_LOG_BOUNDS,
      minimumSeq: options.minimumSeq ?? 0,
    } satisfies WriterThreadData,
  });
  try {
    const ready = await firstReply(writer, options.log);
    return new SqliteLog(options, path, lock, writer, ready);
  } catch (error) {
    await writer.terminate();
    lock.release();
    throw error;
  }
}

type Ready = Extract<WriterReply, { type: 'ready' }>;

async function firstReply(writer: Worker, log: AdapterLog): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<WriterReply>();
  const onMessage = (reply: WriterReply) => {
    // To save what can be read of a damaged log takes its time, and whoever waits is told so.
    if (reply.type === 'told') log.warn(reply.telling.fields, reply.telling.message);
    else resolve(reply);
  };
  writer.on('message', onMessage);
  const onExit = () => reject(new Error("the log's writer ended before it began"));
  writer.once('error', reject);
  writer.once('exit', onExit);
  const reply = await promise;
  writer.off('message', onMessage);
  writer.off('error', reject);
  writer.off('exit', onExit);
  if (reply.type === 'ready') return reply;
  if (reply.type === 'refused') throw errorOf(reply.fault);
  throw new Error(`the log's writer began with ${reply.type}`);
}

class SqliteLog implements DurableLog {
  readonly failed: Promise<never>;
  readonly #log: AdapterLog;
  readonly #lock: FolderLock;
  readonly #writer: Worker;
  readonly #reader: LogReader;
  readonly #disk: LogDisk;
  readonly #queue: CommitQueue;
  readonly #recent: RecentRecords;
  readonly #numbers: PointNumbers;
  readonly #toldDamaged = new Set<number>();
  readonly #followers = new Set<() => void>();
  readonly #fail: (reason: StorageError) => void;
  #closing: Promise<void> | undefined;
  #broken = false;
  #hasEngine = false;

  constructor(options: OpenLogOptions, path: string, lock: FolderLock, writer: Worker, ready: Ready) {
    this.#log = options.log;
    this.#lock = lock;
    this.#writer = writer;
    this.#reader = new LogReader(path, (fields, message) => options.log.warn(fields, message));
    this.#disk = new LogDisk(ready, options.log, (request) => this.#post(request));
    this.#recent = new RecentRecords(ready.last.logSeq);
    this.#numbers = new PointNumbers(ready.points, ready.nextPoint);
    this.#queue = new CommitQueue({
      last: ready.last,
      nextOrdinal: ready.nextOrdinal,
      now: () => options.clock.now(),
      log: options.log,
      commit: (records, points) => this.#post({ type: 'commit', records, points }),
      onShown: (record, bytes) => this.#onShown(record, bytes),
      onVisible: () => this.#wakeFollowers(),
      onLost: () => this.#recent.forget(this.#queue.shownSeq),
    });
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
    promise.catch(() => undefined);
    writer.on('message', (reply: WriterReply) => this.#onReply(reply));
    writer.on('error', (error) => this.#onWriterEnd(error));
    writer.on('exit', () => this.#onWriterEnd(undefined));
  }

  get last(): Stamp {
    return this.#queue.last;
  }

  get shownSeq(): number {
    return this.#queue.shownSeq;
  }

  get firstLostSeq(): number | undefined {
    return this.#queue.firstLostSeq;
  }

  get pointNumbers(): ReadonlyMap<PointKey, PointNumber> {
    return this.#numbers.current;
  }

  facts(): LogFacts {
    const { bytes, archiveBytes, oldest } = this.#disk.facts;
    return { ...this.#queue.facts, bytes, archiveBytes, oldest };
  }

  diskFacts(): DiskFacts {
    return this.#disk.facts;
  }

  keepFrom(kept: KeptFrom): void {
    this.#hasEngine = true;
    this.#disk.keepFrom(kept);
  }

  hand(entry: LogEntry): Handed {
    return this.#queue.hand(entry);
  }

  append(entry: LogEntry): Promise<Stamp> {
    return this.hand(entry).kept;
  }

  numbersFor(keys: readonly WantedPoint[]): Promise<ReadonlyMap<PointKey, PointNumber>> {
    return this.#numbers.give(keys, (numbers) => this.hand({ kind: 'points', numbers }).taken);
  }

  async read(afterSeq: number, limit: number): Promise<readonly LogRecord[]> {
    let after = afterSeq;
    while (after < this.last.logSeq) {
      const page = await this.#page(after, this.last.logSeq, limit);
      if (page.records.length > 0) return page.records;
      after = page.throughSeq;
    }
    return [];
  }

  async *follow(
    afterSeq: number,
    signal: AbortSignal,
    options = { volatile: false },
  ): AsyncGenerator<readonly LogRecord[], void> {
    let after = afterSeq;
    let durableSeq = this.last.logSeq;
    while (!signal.aborted && this.#closing === undefined) {
      const throughSeq = options.volatile ? this.#queue.shownSeq : this.last.logSeq;
      if (after >= throughSeq) {
        // Whoever has seen it before the disk had it hears that the disk has it.
        if (options.volatile && durableSeq < this.last.logSeq) {
          durableSeq = this.last.logSeq;
          yield [];
        } else await this.#nextCommit(signal);
        continue;
      }
      const page = await this.#page(after, throughSeq, FOLLOW_RECORDS);
      after = page.throughSeq;
      if (page.records.length > 0 && !signal.aborted) yield page.records;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#wakeFollowers();
    await this.#queue.drain(CLOSE_WITHIN_MS);
    if (!this.#broken) {
      const exited = new Promise((resolve) => this.#writer.once('exit', resolve));
      this.#post({ type: 'close' });
      await exited;
    }
    await this.#reader.close();
    this.#lock.release();
  }

  #post(request: WriterRequest): void {
    const bodies = request.type === 'commit' ? request.records.map(({ body }) => body.buffer) : [];
    this.#writer.postMessage(request, bodies);
  }

  #onReply(reply: WriterReply): void {
    if (this.#disk.takes(reply)) {
      const { overfull } = this.#disk.facts;
      // Nobody waits for an engine that has not come yet.
      if (overfull === 'engine' && this.#hasEngine) this.#queue.hold('engine');
      else this.#queue.hold(overfull === 'restart' ? 'disk' : null);
      return;
    }
    if (reply.type === 'done') this.#queue.committed();
    else if (reply.type === 'failed') this.#queue.failed(errorOf(reply.fault));
  }

  #onShown(record: LogRecord, bytes: number): void {
    this.#recent.add(record, bytes);
    if (record.kind === 'points') this.#numbers.apply(record.numbers);
  }

  #onWriterEnd(cause: unknown): void {
    if (this.#broken || this.#closing !== undefined) return;
    this.#broken = true;
    const reason = new StorageError(
      'write-failed',
      { zh: '日志写入线程意外终止', en: "the log's writer ended unexpectedly" },
      { cause },
    );
    this.#queue.end(reason);
    this.#fail(reason);
  }

  /** At least one step further than `after`, which must be before `throughSeq`. */
  async #page(
    after: number,
    throughSeq: number,
    limit: number,
  ): Promise<{ records: readonly LogRecord[]; throughSeq: number }> {
    const inMemory = this.#recent.after(after, Math.min(limit, throughSeq - after));
    if (inMemory) return { records: inMemory, throughSeq: after + inMemory.length };
    const { logSeq } = this.last;
    if (after >= logSeq) {
      const record = this.#queue.firstVolatile(after);
      return { records: record ? [record] : [], throughSeq: record?.logSeq ?? throughSeq };
    }
    const request = { afterSeq: after, throughSeq: Math.min(throughSeq, logSeq), limit, maxBytes: MAX_PAGE_BYTES };
    const page = await this.#reader.page(request);
    const records = page.records.map(({ seq, ms, kind, ordinal, body }): LogRecord => {
      const stamp = { logSeq: seq, logMs: ms };
      const record = body && decodeRecord(stamp, kind, ordinal, body);
      return record ?? this.#damaged(stamp);
    });
    return { records, throughSeq: page.throughSeq };
  }

  /** What readers get in place of a record that cannot be read; told once, however many of them come by. */
  #damaged(stamp: Stamp): LogRecord {
    if (!this.#toldDamaged.has(stamp.logSeq) && this.#toldDamaged.size < MAX_TOLD_DAMAGED) {
      this.#toldDamaged.add(stamp.logSeq);
      this.#log.warn({ ...stamp }, DAMAGED);
      if (this.#toldDamaged.size === MAX_TOLD_DAMAGED) this.#log.warn({ count: MAX_TOLD_DAMAGED }, MORE_DAMAGED);
    }
    return { ...stamp, kind: 'damaged' };
  }

  /** Resolves at the next commit, when the log closes, or when `signal` aborts. */
  #nextCommit(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#followers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#followers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wakeFollowers(): void {
    for (const wake of [...this.#followers]) wake();
  }
}

const DAMAGED = 'a record of the log cannot be read and counts as nothing';
const MORE_DAMAGED = 'further damaged records of the log are not told one by one';
