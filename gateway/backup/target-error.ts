import { StorageError } from '../storage/storage-error.ts';

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const NOT_WRITABLE: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']);
/** Primary codes of SQLite for a full disk, and for a file that cannot be made or written. */
const SQLITE_FULL = 13;
const SQLITE_NOT_WRITABLE: ReadonlySet<number> = new Set([8, 14]);

/** What it means that something could not be written to `folder`, in the words of whoever named it. */
export function targetError(folder: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { code, errcode } = (cause instanceof Error ? cause : {}) as { code?: unknown; errcode?: unknown };
  const sqlite = Number(errcode) & 0xff;
  if (FULL.has(code) || sqlite === SQLITE_FULL) return diskFull(folder, cause);
  if (NOT_WRITABLE.has(code) || SQLITE_NOT_WRITABLE.has(sqlite)) {
    return new StorageError(
      'write-failed',
      { zh: `无法写入 ${folder}（${String(code)}）`, en: `${folder} cannot be written (${String(code)})` },
      { cause },
    );
  }
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    'write-failed',
    { zh: `写入 ${folder} 失败：${detail}`, en: `writing to ${folder} failed: ${detail}` },
    { cause },
  );
}

/** The disk of `folder` has no room; `need` says how much was asked for and how much there is, where that is known. */
export function diskFull(folder: string, cause?: unknown, need?: { wanted: number; free: number }): StorageError {
  const zh = need ? `：需要 ${megabytes(need.wanted)}，可用 ${megabytes(need.free)}` : '';
  const en = need ? `: ${megabytes(need.wanted)} are needed, ${megabytes(need.free)} are free` : '';
  return new StorageError(
    'write-failed',
    { zh: `${folder} 所在磁盘空间不足${zh}`, en: `the disk of ${folder} is full${en}` },
    { cause },
  );
}

/** Bytes as people read them. */
export function megabytes(bytes: number): string {
  return bytes < 10 * 1024 ** 2 ? `${Math.ceil(bytes / 1024)} KiB` : `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
