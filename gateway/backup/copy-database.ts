import { closeSync, fdatasyncSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, type DatabaseSync } from 'node:sqlite';
import { type Migration, openDatabaseForReading, refuseNewer } from '../storage/open-database.ts';
import { StorageError, unreadable } from '../storage/storage-error.ts';
import type { CopyOptions } from './copy-file.ts';
import type { Pace } from './pace.ts';
import { targetError } from './target-error.ts';

/** Pages that are copied and synced at a time: 4 MiB of pages of 4 KiB. */
const STEP_PAGES = 1024;

/**
 * Bytes by which the write-ahead file may grow during a copy before the copy rests no more: the gateway's disk is then
 * worth more than its turn, and the file is cut back once the copy has ended.
 */
const MAX_WAL_GROWTH_BYTES = 256 * 1024 * 1024;

/**
 * Copies a database, as it is at this moment, to a path where there is none, while another process may be writing it.
 * The writer is not held up: it goes on in its write-ahead file, which is kept until the copy has ended. Gives the
 * version of the file's tables. Rejects with a StorageError (`newer`, `unreadable`, `write-failed`) or the signal's
 * reason.
 */
export async function copyDatabase(
  from: string,
  to: string,
  migrations: readonly Migration[],
  options: CopyOptions,
): Promise<number> {
  const database = openDatabaseForReading(from);
  try {
    const version = beginAtMoment(database, from, migrations);
    await copyPages(database, from, to, options);
    return version;
  } finally {
    database.close();
  }
}

/**
 * Keeps the connection at one moment of the file, and gives the version of its tables. Without that SQLite begins the copy
 * anew at each commit of the gateway, and would never end.
 */
function beginAtMoment(database: DatabaseSync, path: string, migrations: readonly Migration[]): number {
  try {
    database.exec('BEGIN');
    return refuseNewer(database, path, migrations);
  } catch (error) {
    throw error instanceof StorageError ? error : unreadable(path, error);
  }
}

async function copyPages(
  database: DatabaseSync,
  from: string,
  to: string,
  { pace, signal }: CopyOptions,
): Promise<void> {
  const restful = paceWithin(pace, `${from}-wal`);
  const still = new Int32Array(new SharedArrayBuffer(4));
  let copy: number | undefined;
  try {
    signal.throwIfAborted();
    await backup(database, to, {
      rate: STEP_PAGES,
      progress() {
        // What is thrown here ends the copy.
        signal.throwIfAborted();
        copy ??= openSync(to, 'r+');
        // A single sync at the end would hold up the gateway's own.
        fdatasyncSync(copy);
        // The next step begins when this returns, so that there is no other way to rest.
        Atomics.wait(still, 0, 0, restful());
      },
    });
    copy ??= openSync(to, 'r+');
    fdatasyncSync(copy);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw copyError(from, to, error);
  } finally {
    if (copy !== undefined) closeSync(copy);
  }
}

/** The pace, without rests once the write-ahead file has grown by too much. */
function paceWithin(pace: Pace, walPath: string): Pace {
  const bytesBefore = sizeOf(walPath);
  return () => (sizeOf(walPath) - bytesBefore > MAX_WAL_GROWTH_BYTES ? 0 : pace());
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Primary codes of SQLite that tell of the file that is read: CORRUPT, NOTADB. */
const SOURCE_FAULTS: ReadonlySet<number> = new Set([11, 26]);

function copyError(from: string, to: string, error: unknown): StorageError {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return SOURCE_FAULTS.has(errcode) ? unreadable(from, error) : targetError(dirname(to), error);
}
