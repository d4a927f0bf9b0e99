import type { Text } from '../../model/text.ts';

/**
 * - `in-use`: another process holds the folder
 * - `newer`: the file was written by a later version of the program
 * - `unreadable`: the file or folder cannot be opened, or is no database of ours
 * - `write-failed`: the disk did not take what was to be written
 * - `closed`: used after `close`
 */
export type StorageErrorCode = 'in-use' | 'newer' | 'unreadable' | 'write-failed' | 'closed';

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

/** What crosses a thread in place of a {@link StorageError}, since an error's class does not. */
export interface StorageFault {
  readonly code: StorageErrorCode;
  readonly text: Text;
}

/** Makes of any error what can cross a thread; `code` is used for those that are not a {@link StorageError}. */
export function faultOf(error: unknown, code: StorageErrorCode): StorageFault {
  if (error instanceof StorageError) return { code: error.code, text: error.text };
  const detail = error instanceof Error ? error.message : String(error);
  return { code, text: { zh: `数据文件操作失败：${detail}`, en: `a data file failed: ${detail}` } };
}

/** The error that a fault stands for, on this side of the thread. */
export function errorOf(fault: StorageFault): StorageError {
  return new StorageError(fault.code, fault.text);
}
