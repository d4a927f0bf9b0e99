import type { Text } from '../../model/text.ts';

/**
 * - `in-use`: another process holds the folder
 * - `newer`: the file was written by a later version of the program
 * - `unreadable`: the file or folder cannot be opened, or is no database of ours
 * - `write-failed`: the disk did not take what was to be written
 * - `broken`: the program itself failed over it, which is a bug
 * - `closed`: used after `close`
 */
export type StorageErrorCode = 'in-use' | 'newer' | 'unreadable' | 'write-failed' | 'broken' | 'closed';

/** A file of ours that cannot be used, told in both languages. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly text: Text;
  constructor(code: StorageErrorCode, text: Text, options?: { cause?: unknown }) {
    super(text.en, options);
    this.name = 'StorageError';
    this.code = code;
    this.text = text;
  }
}

/** The error of a file of ours at `path` that cannot be opened or read. */
export function unreadable(path: string, cause: unknown): StorageError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    'unreadable',
    { zh: `无法打开数据文件 ${path}：${detail}`, en: `cannot open the data file ${path}: ${detail}` },
    { cause },
  );
}

/** What crosses a thread in place of a {@link StorageError}, since an error's class does not. */
export interface StorageFault {
  readonly code: StorageErrorCode;
  readonly text: Text;
}

/** Makes of any error what can cross a thread; `code` is used for those that are not a {@link StorageError}. */
export function faultOf(error: unknown, code: StorageErrorCode): StorageFault {
  if (error instanceof StorageError) return { code: error.code, text: error.text };
  const said = diskWords(error);
  if (said) return { code, text: said };
  const detail = error instanceof Error ? error.message : String(error);
  return { code, text: { zh: `数据文件操作失败：${detail}`, en: `a data file failed: ${detail}` } };
}

/** What SQLite's code of a common fault of the disk is called by those who have to mend it; undefined for any other. */
function diskWords(error: unknown): Text | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return DISK_WORDS.get(Number(error.errcode) & 0xff);
}

/** The error that a fault stands for, on this side of the thread. */
export function errorOf(fault: StorageFault): StorageError {
  return new StorageError(fault.code, fault.text);
}

/** By primary code of SQLite: READONLY, IOERR, FULL. */
const DISK_WORDS: ReadonlyMap<number, Text> = new Map([
  [8, { zh: '磁盘只读，无法写入', en: 'the disk is read-only' }],
  [10, { zh: '磁盘读写出错', en: 'the disk fails to read or write' }],
  [13, { zh: '磁盘已满', en: 'the disk is full' }],
]);

/** Primary codes of SQLite that are faults of disk or file: READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. */
const DISK_FAULTS: ReadonlySet<number> = new Set([8, 10, 11, 13, 14, 26]);

/** Primary codes of SQLite for a file that is not what was written: CORRUPT, NOTADB. */
const DAMAGE: ReadonlySet<number> = new Set([11, 26]);

/** Whether an error, or what caused it, says that the file itself is damaged, and not the disk or our access to it. */
export function isDamagedFile(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('errcode' in at && DAMAGE.has(Number(at.errcode) & 0xff)) return true;
  }
  return false;
}

/** SQLite's codes of a database that another connection holds: BUSY, LOCKED. */
const HELD_FAULTS: ReadonlySet<number> = new Set([5, 6]);

/** Whether what failed may go through later: a fault of disk or file, or another connection's lock. */
export function isDiskFault(error: unknown): boolean {
  if (error instanceof StorageError) return error.code === 'unreadable' || error.code === 'write-failed';
  // What the file system says of its own calls.
  if (error instanceof Error && 'syscall' in error) return true;
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  const code = Number(error.errcode) & 0xff;
  return DISK_FAULTS.has(code) || HELD_FAULTS.has(code);
}

/** The StorageError that an error is, or that SQLite's word of a damaged file or failing disk comes to; else undefined. */
export function storageErrorOf(error: unknown): StorageError | undefined {
  if (error instanceof StorageError) return error;
  if (!(error instanceof Error) || !('errcode' in error) || !DISK_FAULTS.has(Number(error.errcode) & 0xff))
    return undefined;
  return errorOf(faultOf(error, 'unreadable'));
}
