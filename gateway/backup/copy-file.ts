import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as realDelay } from 'node:timers/promises';
import { unreadable } from '../storage/storage-error.ts';
import type { Pace } from './pace.ts';
import { targetError } from './target-error.ts';

/** Bytes that are read, written and synced at a time: what a writer on the same disk waits for at most. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** What a file holds, to tell it from every other. */
export interface FileMark {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface CopyOptions {
  readonly pace: Pace;
  readonly signal: AbortSignal;
}

/**
 * Copies a file to a path where there is none, for its owner only, synced to disk piece by piece. Rejects with a
 * StorageError (`unreadable` for the source, `write-failed` for the target) or the signal's reason.
 */
export async function copyFile(from: string, to: string, { pace, signal }: CopyOptions): Promise<FileMark> {
  const source = await openFor(from, 'r');
  try {
    const target = await open(to, 'wx', 0o600).catch((error: unknown) => {
      throw targetError(dirname(to), error);
    });
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const piece of piecesOf(source, from)) {
        signal.throwIfAborted();
        hash.update(piece);
        bytes += piece.length;
        await writeAll(target, piece, dirname(to));
        await realDelay(pace(), undefined, { signal });
      }
      return { bytes, sha256: hash.digest('hex') };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** What a file holds now. Rejects with a StorageError `unreadable` or the signal's reason. */
export async function markFile(path: string, { pace, signal }: CopyOptions): Promise<FileMark> {
  const file = await openFor(path, 'r');
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of piecesOf(file, path)) {
      hash.update(piece);
      bytes += piece.length;
      await realDelay(pace(), undefined, { signal });
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** Makes what was done to the names in a folder outlast a power cut. */
export async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders, and keeps its names by itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    throw targetError(path, error);
  } finally {
    await folder.close();
  }
}

async function openFor(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function* piecesOf(file: FileHandle, path: string): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array, folder: string): Promise<void> {
  try {
    await file.writeFile(piece);
    await file.datasync();
  } catch (error) {
    throw targetError(folder, error);
  }
}
