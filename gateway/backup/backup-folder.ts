import type { Dirent } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { makeFolder } from '../storage/make-folder.ts';
import { StorageError } from '../storage/storage-error.ts';
import { ARCHIVE_FOLDER, type Manifest, readManifest, storedPath } from './manifest.ts';
import { targetError } from './target-error.ts';

/** Names that a backup's folder may hold; `lock.db` keeps a second backup out. */
const OWN_NAMES = /^(manifest\.json(\.next)?|archive|lock\.db(-journal)?|lock\.json|copy-[0-9A-Za-z-]+)$/;
const COPY_NAME = /^copy-[0-9A-Za-z-]+$/;

/** What operating systems put on a disk by themselves. */
const SYSTEM_NAMES = /^(\.|lost\+found$|System Volume Information$|\$RECYCLE\.BIN$)/;

/**
 * Makes `dir` ready to take a backup of `dataDir`; gives the manifest of the whole backup that it holds already. Throws a
 * StorageError where the folder holds something else, cannot be written, lies in the data folder, or around it.
 */
export async function openBackupFolder(dir: string, dataDir: string): Promise<Manifest | undefined> {
  let names: readonly string[];
  try {
    makeFolder(dir);
    names = await readdir(dir);
    makeFolder(join(dir, ARCHIVE_FOLDER), 0o700);
  } catch (error) {
    throw targetError(dir, error);
  }
  const foreign = names.find((name) => !OWN_NAMES.test(name) && !SYSTEM_NAMES.test(name));
  if (foreign !== undefined) throw notOurs(dir, foreign);
  await refuseWithin(dir, dataDir);
  return presentManifest(dir);
}

/** One that cannot be read is none: the new backup replaces it. */
async function presentManifest(dir: string): Promise<Manifest | undefined> {
  try {
    return await readManifest(dir);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'unreadable') return undefined;
    throw error;
  }
}

/** Removes what of former backups the manifest does not name: copies that did not end, or were replaced. */
export async function removeFormer(
  dir: string,
  manifest: Manifest,
  isShared: (path: string) => boolean,
): Promise<void> {
  const named = new Set(manifest.files.map(({ path }) => storedPath(manifest, path, isShared(path))));
  for (const name of await readdir(dir)) {
    if (COPY_NAME.test(name) && name !== manifest.folder) await rm(join(dir, name), { recursive: true, force: true });
  }
  for (const name of await readdir(join(dir, ARCHIVE_FOLDER))) {
    const path = `${ARCHIVE_FOLDER}/${name}`;
    if (!named.has(path)) await rm(join(dir, path), { recursive: true, force: true });
  }
}

/** Files directly in a folder, sorted; none where there is no such folder. What is still being written is left out. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  let entries: readonly Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return names.filter((name) => !UNFINISHED.test(name)).sort();
}

const UNFINISHED = /^\.|\.(new|next|unfinished)$/;

async function refuseWithin(dir: string, dataDir: string): Promise<void> {
  const [target, data] = [await realpath(dir), await realpath(dataDir)];
  const within = (inner: string, outer: string) => `${inner}${sep}`.startsWith(`${outer}${sep}`);
  if (!within(target, data) && !within(data, target)) return;
  throw new StorageError('write-failed', {
    zh: `备份目录 ${dir} 与数据目录 ${dataDir} 不能互相包含，请另选目录`,
    en: `the backup's folder ${dir} and the data folder ${dataDir} must not lie in each other; choose another one`,
  });
}

function notOurs(dir: string, name: string): StorageError {
  return new StorageError('write-failed', {
    zh: `${dir} 不是空目录，也不是备份（其中有 ${basename(name)}），请另选目录`,
    en: `${dir} is neither empty nor a backup (it holds ${basename(name)}); choose another folder`,
  });
}
