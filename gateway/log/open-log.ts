import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AdapterLog } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import type { Log, LogEntry, LogRecord, Stamp } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import { type FolderLock, lockFolder } from '../storage/folder-lock.ts';
import { errorOf, StorageError } from '../storage/storage-error.ts';
import type { LogThreadData, StoredRecord, WriterReply, WriterRequest } from './log-messages.ts';
import { LogReader } from './log-reader.ts';
import { LOG_FILE } from './log-schema.ts';
import { PointNumbers, type WantedPoint } from './point-numbers.ts';
import { RecentRecords } from './recent-records.ts';
import { decodeRecord, type EncodedEntry, encodeEntry } from './record-codec.ts';

/** Records of one commit at most; what comes meanwhile waits for the next one. */
const MAX_COMMIT_RECORDS = 2048;
/** Bytes after which a commit takes no further record. */
const MAX_COMMIT_BYTES = 8 * 1024 * 1024;
/**
 * Bytes that are made ready beyond the running commit at most; entries that come then wait as they are, and their
 * callers with them.
 */
const MAX_READY_BYTES = 16 * 1024 * 1024;
/** Records that `follow` hands out at a time. */
const FOLLOW_RECORDS = 256;
/** Bytes that are read from disk at a time, unless a single record is larger. */
const MAX_PAGE_BYTES = 2 * 1024 * 1024;
/** Damaged records that are told one by one. */
const MAX_TOLD_DAMAGED = 100;

export interface OpenLogOptions {
  /** Folder of the log; made if missing. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: AdapterLog;
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
}

/**
 * Opens (or makes) the log in `options.dir` for this process alone. Rejects with a StorageError: `in-use` (names the
 * holder), `newer`, `unreadable`.
 */
export async function openLog(options: OpenLogOptions): Promise<DurableLog> {
  const lock = lockFolder(options.dir);
  const path = join(options.dir, LOG_FILE);
  const writer = new Worker(new URL('./log-writer-thread.ts', import.meta.url), {
    workerData: { path } satisfies LogThreadData,
  });
  try {
    const ready = await firstReply(writer);
    return new SqliteLog(options, path, lock, writer, ready);
  } catch (error) {
    await writer.terminate();
    lock.release();
    throw error;
  }
}

type Ready = Extract<WriterReply, { type: 'ready' }>;

async function firstReply(writer: Worker): Promise<Ready> {
  const { promise, resolve, reject } = Promise.withResolvers<WriterReply>();
  writer.once('message', resolve);
  const onExit = () => reject(new Error("the log's writer ended before it began"));
  writer.once('error', reject);
  writer.once('exit', onExit);
  const reply = await promise;
  writer.off('error', reject);
  writer.off('exit', onExit);
  if (reply.type === 'ready') return reply;
  if (reply.type === 'refused') throw errorOf(reply.fault);
  throw new Error(`the log's writer began with ${reply.type}`);
}

/** An append that waits for its turn; not yet `encoded` where too much is waiting. */
interface Waiting {
  readonly entry: LogEntry;
  readonly encoded: EncodedEntry | undefined;
  readonly ms: number;
  readonly resolve: (stamp: Stamp) => void;
  readonly reject: (error: unknown) => void;
}

/** An append that is being committed. */
type Committing = Waiting & { readonly encoded: EncodedEntry };

class SqliteLog implements DurableLog {
  readonly #clock: Clock;
  readonly #log: AdapterLog;
  readonly #lock: FolderLock;
  readonly #writer: Worker;
  readonly #reader: LogReader;
  readonly #recent: RecentRecords;
  readonly #numbers: PointNumbers;
  readonly #toldDamaged = new Set<number>();
  readonly #waiting: Waiting[] = [];
  #readyBytes = 0;
  readonly #followers = new Set<() => void>();
  #committing: Committing[] = [];
  #last: Stamp;
  #stampMs: number;
  #nextOrdinal: number;
  #closing: Promise<void> | undefined;
  #broken: StorageError | undefined;
  /** Called once nothing is being committed and nothing waits. */
  #onIdle: () => void = () => undefined;

  constructor(options: OpenLogOptions, path: string, lock: FolderLock, writer: Worker, ready: Ready) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#lock = lock;
    this.#writer = writer;
    this.#last = ready.last;
    this.#stampMs = ready.last.logMs;
    this.#nextOrdinal = ready.nextOrdinal;
    this.#reader = new LogReader(path);
    this.#recent = new RecentRecords(ready.last.logSeq);
    this.#numbers = new PointNumbers(ready.points);
    writer.on('message', (reply: WriterReply) => this.#onReply(reply));
    writer.on('error', (error) => this.#onWriterEnd(error));
    writer.on('exit', () => this.#onWriterEnd(undefined));
  }

  get last(): Stamp {
    return this.#last;
  }

  get pointNumbers(): ReadonlyMap<PointKey, PointNumber> {
    return this.#numbers.current;
  }

  async append(entry: LogEntry): Promise<Stamp> {
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    const encoded = this.#readyBytes < MAX_READY_BYTES ? encodeEntry(entry) : undefined;
    this.#readyBytes += encoded?.body.byteLength ?? 0;
    const { promise, resolve, reject } = Promise.withResolvers<Stamp>();
    this.#stampMs = Math.max(this.#clock.now(), this.#stampMs);
    this.#waiting.push({ entry, encoded, ms: this.#stampMs, resolve, reject });
    this.#commitNext();
    return promise;
  }

  numbersFor(keys: readonly WantedPoint[]): Promise<ReadonlyMap<PointKey, PointNumber>> {
    return this.#numbers.give(keys, (numbers) => this.append({ kind: 'points', numbers }));
  }

  async read(afterSeq: number, limit: number): Promise<readonly LogRecord[]> {
    let after = afterSeq;
    while (after < this.#last.logSeq) {
      const page = await this.#page(after, limit);
      if (page.records.length > 0) return page.records;
      after = page.throughSeq;
    }
    return [];
  }

  async *follow(afterSeq: number, signal: AbortSignal): AsyncGenerator<readonly LogRecord[], void> {
    let after = afterSeq;
    while (!signal.aborted && !this.#closing) {
      if (after >= this.#last.logSeq) {
        await this.#nextCommit(signal);
        continue;
      }
      const page = await this.#page(after, FOLLOW_RECORDS);
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
    if (this.#committing.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    if (!this.#broken) {
      const exited = new Promise((resolve) => this.#writer.once('exit', resolve));
      this.#post({ type: 'close' });
      await exited;
    }
    await this.#reader.close();
    this.#lock.release();
  }

  #refusal(): StorageError | undefined {
    if (this.#broken) return this.#broken;
    if (!this.#closing) return undefined;
    return new StorageError('closed', { zh: '日志已关闭', en: 'the log is closed' });
  }

  #post(request: WriterRequest): void {
    this.#writer.postMessage(request);
  }

  /** Hands the next group to the writer, unless it is at work. */
  #commitNext(): void {
    if (this.#committing.length > 0) return;
    const group = this.#takeGroup();
    if (group.length === 0) return this.#onIdle();
    this.#committing = group;
    let ordinal = this.#nextOrdinal;
    const records = group.map(({ ms, encoded }, index): StoredRecord => {
      const record = { seq: this.#last.logSeq + 1 + index, ms, ordinal, ...encoded };
      ordinal += encoded.count;
      return record;
    });
    const points = group.flatMap(({ entry }) => (entry.kind === 'points' ? entry.numbers : []));
    this.#post({ type: 'commit', records, points });
  }

  /** What waits longest, as much as one commit may hold; at least one entry if there is any. */
  #takeGroup(): Committing[] {
    const group: Committing[] = [];
    let bytes = 0;
    let taken = 0;
    for (const waiting of this.#waiting) {
      if (group.length === MAX_COMMIT_RECORDS || bytes >= MAX_COMMIT_BYTES) break;
      taken++;
      if (waiting.encoded) this.#readyBytes -= waiting.encoded.body.byteLength;
      try {
        const encoded = waiting.encoded ?? encodeEntry(waiting.entry);
        bytes += encoded.body.byteLength;
        group.push({ ...waiting, encoded });
      } catch (error) {
        waiting.reject(error);
      }
    }
    this.#waiting.splice(0, taken);
    return group;
  }

  #onReply(reply: WriterReply): void {
    const group = this.#committing;
    if (group.length === 0) return;
    this.#committing = [];
    if (reply.type === 'done') this.#onCommitted(group);
    else if (reply.type === 'failed') for (const { reject } of group) reject(errorOf(reply.fault));
    this.#commitNext();
  }

  #onCommitted(group: readonly Committing[]): void {
    for (const { entry, encoded, ms, resolve } of group) {
      const stamp = { logSeq: this.#last.logSeq + 1, logMs: ms };
      this.#recent.add(asRecord(entry, encoded, stamp, this.#nextOrdinal), encoded.body.byteLength);
      this.#last = stamp;
      this.#nextOrdinal += encoded.count;
      if (entry.kind === 'points') this.#numbers.apply(entry.numbers);
      resolve(stamp);
    }
    this.#wakeFollowers();
  }

  #onWriterEnd(cause: unknown): void {
    if (this.#broken || (this.#closing && this.#committing.length === 0)) return;
    this.#broken = new StorageError(
      'write-failed',
      { zh: '日志写入线程意外终止', en: "the log's writer ended unexpectedly" },
      { cause },
    );
    for (const { reject } of [...this.#committing, ...this.#waiting.splice(0)]) reject(this.#broken);
    this.#committing = [];
    this.#onIdle();
  }

  /** At least one step further than `after`, which must be before the last record. */
  async #page(after: number, limit: number): Promise<{ records: readonly LogRecord[]; throughSeq: number }> {
    const inMemory = this.#recent.after(after, limit);
    if (inMemory) return { records: inMemory, throughSeq: after + inMemory.length };
    const request = { afterSeq: after, throughSeq: this.#last.logSeq, limit, maxBytes: MAX_PAGE_BYTES };
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

/**
 * The record as a reader gets it from memory: exactly as it would come from disk, so that a replay sees the same. The
 * columns of samples are shared, since nobody may change a batch that was handed over.
 */
function asRecord(entry: LogEntry, encoded: EncodedEntry, stamp: Stamp, firstOrdinal: number): LogRecord {
  if (entry.kind === 'samples') return { ...stamp, ...entry, firstOrdinal };
  const record = decodeRecord(stamp, encoded.kind, firstOrdinal, encoded.body);
  if (record === undefined) throw new Error(`a ${entry.kind} record cannot be read back`);
  return record;
}
