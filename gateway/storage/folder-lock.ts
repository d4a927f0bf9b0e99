import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from './make-folder.ts';
import { StorageError } from './storage-error.ts';

/** A folder that this process alone uses, until `release`. */
export interface FolderLock {
  release(): void;
}

/**
 * Takes `dir` (made if missing) for this process. The lock is one of the operating system, on an empty SQLite file
 * `lock.db`, so it ends with the process however that ends; `lock.json` beside it only tells who holds it. Throws a
 * {@link StorageError}: `in-use` naming the holder, or `unreadable` where the folder cannot be written. `told` is the
 * folder as the person knows it whom the error is told, where `dir` lies within that.
 */
export function lockFolder(dir: string, told = dir): FolderLock {
  const holderFile = join(dir, 'lock.json');
  let lock: DatabaseSync | undefined;
  try {
    makeFolder(dir);
    lock = new DatabaseSync(join(dir, 'lock.db'), { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    writeFileSync(holderFile, `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`);
  } catch (error) {
    lock?.close();
    throw isBusy(error) ? inUse(told, holderFile) : unusable(told, error);
  }
  const held = lock;
  return {
    release() {
      rmSync(holderFile, { force: true });
      held.close();
    },
  };
}

/** SQLITE_BUSY, or one of its extended codes. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function inUse(dir: string, holderFile: string): StorageError {
  const holder = readHolder(holderFile);
  return new StorageError('in-use', {
    zh: `数据目录 ${dir} 正被${holder ? `进程 ${holder.pid}（自 ${holder.since}）` : '另一进程'}使用`,
    en: `the data folder ${dir} is in use by ${holder ? `process ${holder.pid} (since ${holder.since})` : 'another process'}`,
  });
}

/** Who says that it holds the folder; undefined while it has not said so yet. */
function readHolder(holderFile: string): { pid: number; since: string } | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(holderFile, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('pid' in holder) || !('since' in holder)) return undefined;
    return { pid: Number(holder.pid), since: String(holder.since) };
  } catch {
    // The name is a courtesy: without it the folder is just as much in use.
    return undefined;
  }
}

function unusable(dir: string, cause: unknown): StorageError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    'unreadable',
    { zh: `无法使用数据目录 ${dir}：${detail}`, en: `cannot use the data folder ${dir}: ${detail}` },
    { cause },
  );
}
