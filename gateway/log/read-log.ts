import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { LogRecord, Stamp } from '../../model/log.ts';
import type { PointKey, PointNumber } from '../../model/point.ts';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { unreadable } from '../storage/storage-error.ts';
import type { FoundRecord } from './log-messages.ts';
import { LogReader } from './log-reader.ts';
import { LOG_FILE, logMigrations } from './log-schema.ts';
import { decodeRecord } from './record-codec.ts';

/** Records, and bytes of them, that are read from disk at a time, unless a single record is larger. */
const PAGE_RECORDS = 256;
const PAGE_BYTES = 2 * 1024 * 1024;

/** A log as it was when it was opened for reading; what is appended afterwards is not seen. */
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
    const first = stampOf(database, 'SELECT seq, ms FROM records ORDER BY seq LIMIT 1');
    const last = stampOf(database, 'SELECT seq, ms FROM records ORDER BY seq DESC LIMIT 1');
    if (first && last) return new SqliteStoredLog(path, database, first, last);
    database.close();
    return undefined;
  } catch (error) {
    database.close();
    throw unreadable(path, error);
  }
}

function stampOf(database: DatabaseSync, sql: string, ...values: number[]): Stamp | undefined {
  const row = database.prepare(sql).get(...values);
  return row && { logSeq: Number(row.seq), logMs: Number(row.ms) };
}

class SqliteStoredLog implements StoredLog {
  readonly first: Stamp;
  readonly last: Stamp;
  readonly pointNumbers: ReadonlyMap<PointKey, PointNumber>;
  readonly #database: DatabaseSync;
  readonly #reader: LogReader;

  constructor(path: string, database: DatabaseSync, first: Stamp, last: Stamp) {
    this.#database = database;
    this.#reader = new LogReader(path);
    this.first = first;
    this.last = last;
    const rows = database.prepare('SELECT key, number FROM points ORDER BY number').all();
    this.pointNumbers = new Map(rows.map((row) => [String(row.key), Number(row.number)]));
  }

  lastSeqBefore(ms: number): number {
    // Times never go back, so that halving finds the place without an index of them.
    let before = this.first.logSeq - 1;
    let after = this.last.logSeq + 1;
    while (after - before > 1) {
      const middle = before + Math.floor((after - before) / 2);
      const sql = 'SELECT seq, ms FROM records WHERE seq >= ? ORDER BY seq LIMIT 1';
      const found = stampOf(this.#database, sql, middle);
      if (found && found.logMs < ms) before = found.logSeq;
      else after = middle;
    }
    return before;
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
