import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { PointNumber } from '../../model/point.ts';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { mergeColumns, type PointColumns, sliceColumns, unpackColumns } from './column-block.ts';
import { HISTORY_FILE, historyMigrations } from './embedded-schema.ts';
import { bytesOf, unpackChunk } from './embedded-store.ts';

/** The embedded history, read while a gateway may be writing it. */
export interface StoredHistory {
  /**
   * Every sample of these points with a source time in [fromMs, toMs), each point's in order; points without one are
   * left out. All of them are from one moment of the file. Span of an hour at most, since all of it is in memory.
   */
  samples(points: Iterable<PointNumber>, fromMs: number, toMs: number): Map<PointNumber, PointColumns>;
  close(): void;
}

/** Opens the embedded history of a data folder for reading only; undefined where there is none. Throws a StorageError. */
export function openHistoryForReading(dataDir: string): StoredHistory | undefined {
  const path = join(dataDir, 'history', HISTORY_FILE);
  return existsSync(path) ? new SqliteStoredHistory(openDatabaseForReading(path, historyMigrations)) : undefined;
}

const HOUR_MS = 3_600_000;

class SqliteStoredHistory implements StoredHistory {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  samples(points: Iterable<PointNumber>, fromMs: number, toMs: number): Map<PointNumber, PointColumns> {
    if (toMs - fromMs > HOUR_MS) throw new RangeError('history is read an hour at a time');
    const chunks = this.#database.prepare('SELECT body FROM chunks WHERE point = ? AND hour > ? AND hour < ?');
    const recent = this.#database.prepare('SELECT body FROM recent WHERE point = ? AND to_ms >= ? AND from_ms < ?');
    const found = new Map<PointNumber, PointColumns>();
    // Within one transaction, or a sample could be missed that moves from one table to the other meanwhile.
    this.#database.exec('BEGIN');
    try {
      for (const point of points) {
        const parts = [
          ...chunks.all(point, fromMs - HOUR_MS, toMs).map((row) => unpackChunk(row.body)),
          ...recent.all(point, fromMs, toMs).map((row) => unpackColumns(bytesOf(row.body))),
        ];
        const columns = between(mergeColumns(parts), fromMs, toMs);
        if (columns.ms.length > 0) found.set(point, columns);
      }
    } finally {
      this.#database.exec('COMMIT');
    }
    return found;
  }

  close(): void {
    this.#database.close();
  }
}

function between(columns: PointColumns, fromMs: number, toMs: number): PointColumns {
  const from = columns.ms.findIndex((ms) => ms >= fromMs);
  if (from < 0) return sliceColumns(columns, 0, 0);
  const to = columns.ms.findIndex((ms) => ms >= toMs);
  return sliceColumns(columns, from, to < 0 ? columns.ms.length : to);
}
