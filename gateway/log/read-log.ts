import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { LogRecord, Stamp } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { StorageError, unreadable } from '../storage/storage-error.ts';
import { archiveFolder } from './archive-folder.ts';
import { ArchiveReader } from './archive-reader.ts';
import type { FoundRecord, StoredRecord } from './log-messages.ts';
import { LogReader } from './log-reader.ts';
import { LogRows } from './log-rows.ts';
import { LOG_FILE, logMigrations } from './log-schema.ts';
import { decodeRecord } from './record-codec.ts';

/** Records, and bytes of them, that are read from disk at a time, unless a single record is larger. */
const PAGE_RECORDS = 256;
const PAGE_BYTES = 2 * 1024 * 1024;

/** A log with its archive, as they were when they were opened for reading; what is appended afterwards is not seen. */
export interface StoredLog {
  /** Stamps of the oldest and the newest record. */
  readonly first: Stamp;
  readonly last: Stamp;
  /** The number of every key that has one now. */
  readonly pointNumbers: ReadonlyMap<PointKey, PointNumber>;
  /** `logSeq` of the newest record whose time is before `ms`; that before the oldest record where there is none. */
  lastSeqBefore(ms: number): number;
  /** Records after `afterSeq` up to `throughSeq`, in order, a bounded number at a time. Throws a StorageError. */
  records(afterSeq: number, throughSeq: number): AsyncGenerator<readonly LogRecord[], void>;
  close(): Promise<void>;
}

/**
 * Opens the log in `dir` for reading only, without its folder's lock, so that it can be read while a gateway writes it.
 * Undefined where there is none, or nothing in it. Throws a StorageError: `newer`, `unreadable`.
 */
export function openLogForReading(dir: string): StoredLog | undefined {
  const path = join(dir, LOG_FILE);
  if (!existsSync(path)) return undefined;
  const database = openDatabaseForReading(path, logMigrations);
  try {
    const rows = new LogRows(database);
    const archive = new ArchiveReader(archiveFolder(path));
    const newest = rows.newest() ?? stampOf(archive.end('last'));
    // What is in both counts once; what is in neither is told as lost.
    const oldest = [stampOf(archive.end('first')), rows.oldest()].filter((stamp) => stamp !== undefined);
    const first = oldest.sort((a, b) => a.logSeq - b.logSeq)[0];
    if (first && newest) return new SqliteStoredLog(path, database, archive, first, newest);
    database.close();
    return undefined;
  } catch (error) {
    database.close();
    throw error instanceof StorageError ? error : unreadable(path, error);
  }
}

function stampOf(record: StoredRecord | undefined): Stamp | undefined {
  return record && { logSeq: record.seq, logMs: record.ms };
}

class SqliteStoredLog implements StoredLog {
  readonly first: Stamp;
  readonly last: Stamp;
  readonly pointNumbers: ReadonlyMap<PointKey, PointNumber>;
  readonly #database: DatabaseSync;
  readonly #archive: ArchiveReader;
  readonly #reader: LogReader;

  constructor(path: string, database: DatabaseSync, archive: ArchiveReader, first: Stamp, last: Stamp) {
    this.#database = database;
    this.#archive = archive;
    this.#reader = new LogReader(path);
    this.first = first;
    this.last = last;
    const rows = database.prepare('SELECT key, number FROM points ORDER BY number').all();
    this.pointNumbers = new Map(rows.map((row) => [String(row.key), Number(row.number)]));
  }

  lastSeqBefore(ms: number): number {
    const rows = new LogRows(this.#database);
    const oldest = rows.oldest();
    const before = oldest && oldest.logMs < ms ? rows.lastSeqBefore(ms, oldest.logSeq, this.last.logSeq) : undefined;
    return before ?? this.#archive.lastBefore(ms)?.seq ?? this.first.logSeq - 1;
  }

  async *records(afterSeq: number, throughSeq: number): AsyncGenerator<readonly LogRecord[], void> {
    const ask = (after: number) => {
      const page = this.#reader.page({ afterSeq: after, throughSeq, limit: PAGE_RECORDS, maxBytes: PAGE_BYTES });
      // It may fail while the page before it is worked on; whoever awaits it then still sees that.
      page.catch(() => undefined);
      return page;
    };
    let next = afterSeq < throughSeq ? ask(afterSeq) : undefined;
    while (next !== undefined) {
      const page = await next;
      next = page.throughSeq < throughSeq ? ask(page.throughSeq) : undefined;
      if (page.records.length > 0) yield page.records.map(recordOf);
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
    this.#database.close();
  }
}

function recordOf({ seq, ms, kind, ordinal, body }: FoundRecord): LogRecord {
  const stamp = { logSeq: seq, logMs: ms };
  return (body && decodeRecord(stamp, kind, ordinal, body)) ?? { ...stamp, kind: 'damaged' };
}
