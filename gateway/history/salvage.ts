import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';
import { isDamagedFile } from '../storage/storage-error.ts';
import { type PointColumns, unpackColumns } from './column-block.ts';
import { bytesOf, isDamage } from './embedded-rows.ts';
import type { EmbeddedStore } from './embedded-store.ts';

/** Rows of a damaged file that are taken over at a time. */
const SALVAGE_ROWS = 200;

/**
 * Takes over, some rows at a time, the hours that damaged files still hold: row by row, since what is damaged costs its
 * own rows only. What was not in hours yet is in the log, from which history is filled again. How far it is stands in
 * the new file, so that it goes on after a restart.
 */
export class Salvage {
  readonly #folder: string;
  readonly #database: DatabaseSync;
  readonly #store: EmbeddedStore;
  #damaged: DatabaseSync | undefined;

  /** `database` is the new file at `path`, which `store` writes. */
  constructor(path: string, database: DatabaseSync, store: EmbeddedStore) {
    this.#folder = dirname(path);
    this.#database = database;
    this.#store = store;
  }

  /** Takes over some rows; false where nothing is left. */
  step(): boolean {
    const next = this.#database.prepare('SELECT file, at_row, rows FROM salvages LIMIT 1').get();
    if (next === undefined) return false;
    const file = String(next.file);
    const found = this.#rows(file, Number(next.at_row));
    const saved = Number(next.rows) + found.rows.length;
    this.#store.addToChunks(found.rows);
    if (found.atRow === undefined) {
      this.#database.prepare('DELETE FROM salvages WHERE file = ?').run(file);
      this.#damaged?.close();
      this.#damaged = undefined;
    } else {
      this.#database.prepare('UPDATE salvages SET at_row = ?, rows = ? WHERE file = ?').run(found.atRow, saved, file);
    }
    return true;
  }

  close(): void {
    this.#damaged?.close();
  }

  /** Readable hours after a row, and the row up to which they were looked for; undefined where that is the end. */
  #rows(
    file: string,
    afterRow: number,
  ): { rows: { readonly point: number; readonly columns: PointColumns }[]; atRow: number | undefined } {
    const rows: { point: number; columns: PointColumns }[] = [];
    let atRow = afterRow;
    // Over what cannot be read it goes in steps that grow: a page of the file holds few rows or many.
    let stride = 1;
    for (let tries = 0; tries < SALVAGE_ROWS; tries++) {
      const row = this.#rowAfter(file, atRow);
      if (row === 'end') return { rows, atRow: undefined };
      if (row === 'unreadable') {
        atRow += stride;
        stride *= 2;
        if (!Number.isSafeInteger(atRow)) return { rows, atRow: undefined };
        continue;
      }
      stride = 1;
      atRow = row.id;
      if (row.columns !== undefined) rows.push({ point: row.point, columns: row.columns });
    }
    return { rows, atRow };
  }

  #rowAfter(
    file: string,
    afterRow: number,
  ): { id: number; point: number; columns: PointColumns | undefined } | 'unreadable' | 'end' {
    try {
      this.#damaged ??= openDamaged(join(this.#folder, file));
      const row = this.#damaged
        .prepare('SELECT rowid AS id, point, body FROM chunks WHERE rowid > ? ORDER BY rowid LIMIT 1')
        .get(afterRow);
      if (row === undefined) return 'end';
      return { id: Number(row.id), point: Number(row.point), columns: columnsOf(row.body) };
    } catch (error) {
      // Of a file that is gone, or whose list of tables cannot be read, there is nothing to be had.
      if (!isDamagedFile(error)) return 'end';
      return this.#damaged === undefined || !hasChunks(this.#damaged) ? 'end' : 'unreadable';
    }
  }
}

function openDamaged(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, defensive: false });
  // SQLite's own way to read a file that is shorter than it says, for which it would else refuse every row.
  database.exec('PRAGMA writable_schema = ON');
  return database;
}

function hasChunks(damaged: DatabaseSync): boolean {
  try {
    return damaged.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'chunks'").get() !== undefined;
  } catch (error) {
    if (isDamagedFile(error)) return false;
    throw error;
  }
}

/** The samples of a row; undefined where its bytes are not those that were written. */
function columnsOf(body: SQLOutputValue | undefined): PointColumns | undefined {
  try {
    const columns = unpackColumns(zstdDecompressSync(bytesOf(body)));
    return columns.ms.length === 0 ? undefined : columns;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
