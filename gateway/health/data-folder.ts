import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskSpace } from './path-facts.ts';

/** Folders of the data folder in which a damaged file can be set aside, besides itself. */
const FOLDERS = ['log', 'history'];

/** How a damaged file is named once it was set aside; what SQLite kept beside it counts with it. */
const SET_ASIDE = /\.damaged-(?!.*-(wal|shm)$)/;

/** Names that are kept of them. */
const MAX_NAMES = 100;

/** What a look at the data folder found. */
export interface FolderFacts {
  readonly disk: DiskSpace;
  readonly damagedFiles: readonly string[];
}

/** Looks at the disk of `dataDir` and for files that were set aside in it. Rejects where the disk does not answer. */
export async function lookAtFolder(dataDir: string): Promise<FolderFacts> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  const names = await Promise.all(['', ...FOLDERS].map((folder) => namesIn(dataDir, folder)));
  const damagedFiles = names.flat().filter((name) => SET_ASIDE.test(name));
  return {
    disk: { freeBytes: bavail * bsize, sizeBytes: blocks * bsize },
    damagedFiles: damagedFiles.sort().slice(0, MAX_NAMES),
  };
}

async function namesIn(dataDir: string, folder: string): Promise<string[]> {
  try {
    return (await readdir(join(dataDir, folder))).map((name) => join(folder, name));
  } catch (error) {
    // Not every data folder has each of them.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
