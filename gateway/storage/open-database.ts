import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from './make-folder.ts';
import { StorageError, unreadable } from './storage-error.ts';

/** Real ms that a statement waits for another connection's lock before it fails. */
const BUSY_TIMEOUT_MS = 5000;
/** Bytes to which the write-ahead file is cut back after a checkpoint. */
const WAL_SIZE_LIMIT_BYTES = 32 * 1024 * 1024;

/** SQL that takes a database from the version of its place in the list to the next one. */
export type Migration = string;

/**
 * Opens (or makes) the database at `path` for writing: write-ahead log, each commit synced to disk, and brought up to
 * the newest version by `migrations`, of which the first makes version 1 out of an empty file. Before an existing file
 * is changed, a copy is kept beside it as `PATH.before-v{version}`; not with `addsOnly`, where migrations touch nothing that
 * was there: to copy a file of many GiB takes minutes and room. Throws a {@link StorageError}: `newer` where a later
 * program wrote the file, `unreadable` where it cannot be opened.
 */
export function openDatabase(path: string, migrations: readonly Migration[], { addsOnly = false } = {}): DatabaseSync {
  const database = connect(path);
  try {
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
       PRAGMA journal_size_limit = ${WAL_SIZE_LIMIT_BYTES};`,
    );
    migrate(database, path, migrations, addsOnly);
    return database;
  } catch (error) {
    database.close();
    if (error instanceof StorageError) throw error;
    throw unreadable(path, error);
  }
}

/**
 * Opens a database that {@link openDatabase} has made, for reading only, also while another process writes it. Whoever
 * gives `migrations` reads the tables of the newest version only: a file of another version is then refused, since a
 * reader brings no file up to date. Throws a {@link StorageError} `unreadable` or `newer`.
 */
export function openDatabaseForReading(path: string, migrations?: readonly Migration[]): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    if (migrations) refuseOtherVersion(database, path, migrations.length);
    return database;
  } catch (error) {
    database?.close();
    throw error instanceof StorageError ? error : unreadable(path, error);
  }
}

function connect(path: string): DatabaseSync {
  try {
    makeFolder(dirname(path));
    return new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * The version of the database's tables, where `migrations` know it or a later one; for whoever copies a file without
 * reading its tables. Throws a {@link StorageError} `newer`.
 */
export function refuseNewer(database: DatabaseSync, path: string, migrations: readonly Migration[]): number {
  const version = versionOf(database);
  if (version > migrations.length) throw newer(path, version, migrations.length);
  return version;
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version);
}

function newer(path: string, version: number, newest: number): StorageError {
  return new StorageError('newer', {
    zh: `${path} 由更新版本的程序写入（文件版本 ${version}，本程序支持到 ${newest}），请使用新版本打开`,
    en: `${path} was written by a newer program (file version ${version}, this one knows up to ${newest}); open it with that one`,
  });
}

function refuseOtherVersion(database: DatabaseSync, path: string, newest: number): void {
  const version = versionOf(database);
  if (version > newest) throw newer(path, version, newest);
  if (version < newest) {
    throw new StorageError('unreadable', {
      zh: `${path} 由旧版本的程序写入（文件版本 ${version}，本程序读 ${newest}）；先用本程序启动一次网关，文件即会更新`,
      en: `${path} was written by an older program (file version ${version}, this one reads ${newest}); start the gateway once with this program, which brings it up to date`,
    });
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[], addsOnly: boolean): void {
  const version = versionOf(database);
  if (version > migrations.length) throw newer(path, version, migrations.length);
  if (version === migrations.length) return;
  if (version > 0 && !addsOnly) {
    const copy = `${path}.before-v${migrations.length}`;
    // A copy that a crash left half-written would stop the next try.
    rmSync(copy, { force: true });
    database.prepare('VACUUM INTO ?').run(copy);
  }
  for (let next = version; next < migrations.length; next++) {
    database.exec('BEGIN IMMEDIATE');
    try {
      database.exec(`${migrations[next]}; PRAGMA user_version = ${next + 1};`);
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }
}
