import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../storage/make-folder.ts';
import { StorageError, unreadable } from '../storage/storage-error.ts';
import { RESTORING_PREFIX, refuseUsed } from './blank-folder.ts';
import { type BoxFile, boxFileOf } from './box-file.ts';
import { type CopyOptions, copyFile, syncFolder } from './copy-file.ts';
import { type BackupFile, type Manifest, newerBackup, readManifest, storedPath } from './manifest.ts';
import { diskFull, targetError } from './target-error.ts';

export interface RestoreJob extends CopyOptions {
  /** Folder of the backup. */
  readonly dir: string;
  readonly dataDir: string;
  readonly boxFiles: readonly BoxFile[];
  /** Folder that the site file and its profiles and maps go to; undefined: they stay in the backup. */
  readonly siteTo: string | undefined;
  /** Told before each file, `bytes` of it. */
  readonly tell: (path: string, bytes: number) => void;
}

/** What was restored, and where the site file is now. */
export interface Restored {
  readonly manifest: Manifest;
  readonly siteFile: string;
}

/**
 * Puts the data of a backup into a blank data folder, each file compared with what the backup's manifest says of it. The
 * data folder gets all of it or nothing. Rejects with a StorageError, or the signal's reason.
 */
export async function restoreBackup(job: RestoreJob): Promise<Restored> {
  const { dir, dataDir, boxFiles, siteTo } = job;
  const manifest = await wholeManifest(dir);
  refuseNewerFiles(manifest, job);
  refuseUsed(dataDir, boxFiles);
  const places = manifest.files.map((file) => ({
    file,
    from: join(dir, storedPath(manifest, file.path, isShared(file, boxFiles))),
  }));
  for (const { file, from } of places) await refuseOtherSize(file, from);
  const temporary = await openTemporary(dataDir, manifest);
  try {
    for (const { file, from } of places) await bring(file, from, join(temporary, file.path), job);
    if (siteTo !== undefined) await bringSite(manifest, join(temporary, 'site'), siteTo, job);
    await syncTree(join(temporary, 'data'));
    await moveIn(join(temporary, 'data'), dataDir);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await syncFolder(dataDir);
  await syncFolder(dirname(dataDir));
  const siteFile =
    siteTo === undefined ? join(dir, manifest.folder, 'site', manifest.site.file) : join(siteTo, manifest.site.file);
  return { manifest, siteFile };
}

async function wholeManifest(dir: string): Promise<Manifest> {
  const manifest = await readManifest(dir);
  if (manifest) return manifest;
  const unfinished = existsSync(dir) && readdirSync(dir).some((name) => name.startsWith('copy-'));
  throw new StorageError(
    'unreadable',
    unfinished
      ? { zh: `${dir} 中的备份没有完成，不能恢复`, en: `the backup in ${dir} did not end; it cannot be restored` }
      : { zh: `${dir} 中没有备份`, en: `there is no backup in ${dir}` },
  );
}

function isShared({ path }: BackupFile, boxFiles: readonly BoxFile[]): boolean {
  return boxFileOf(boxFiles, path.replace(/^data\//, ''))?.kind === 'folder';
}

/** A file that this program does not know, or whose tables are newer, was written by a newer program. */
function refuseNewerFiles({ files }: Manifest, { dir, boxFiles }: RestoreJob): void {
  for (const { path, version } of files) {
    if (path.startsWith('site/')) continue;
    const known = boxFileOf(boxFiles, path.slice('data/'.length));
    if (!known) throw newerBackup(dir, path);
    if ((version ?? 0) > (known.migrations?.length ?? 0)) {
      throw newerBackup(dir, `${path}, ${version} > ${known.migrations?.length ?? 0}`);
    }
  }
}

async function refuseOtherSize(file: BackupFile, from: string): Promise<void> {
  const size = await stat(from).then(
    (found) => found.size,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw unreadable(from, error);
    },
  );
  if (size === undefined) {
    throw new StorageError('unreadable', {
      zh: `备份不完整：缺少 ${from}`,
      en: `the backup is not whole: ${from} is missing`,
    });
  }
  if (size !== file.bytes) throw damaged(from);
}

function damaged(path: string): StorageError {
  return new StorageError('unreadable', {
    zh: `备份已损坏：${path} 与清单不符`,
    en: `the backup is damaged: ${path} is not what its list says`,
  });
}

/**
 * A folder on the data folder's own disk: beside it, where one can be made there, else in it. In it, it tells whoever
 * starts a gateway that the restore has not ended.
 */
async function openTemporary(dataDir: string, { files }: Manifest): Promise<string> {
  const name = `${RESTORING_PREFIX}${randomBytes(4).toString('hex')}`;
  const wanted = files.reduce((sum, { bytes }) => sum + bytes, 0);
  try {
    makeFolder(dirname(dataDir));
    const temporary = existsSync(dataDir) ? join(dataDir, name) : join(dirname(dataDir), name);
    await mkdir(temporary, { mode: 0o700 });
    const { bavail, bsize } = statfsSync(temporary);
    if (wanted <= bavail * bsize) return temporary;
    await rmdir(temporary);
    throw diskFull(dataDir, undefined, { wanted, free: bavail * bsize });
  } catch (error) {
    throw targetError(dataDir, error);
  }
}

async function bring(file: BackupFile, from: string, to: string, { tell, ...options }: RestoreJob): Promise<void> {
  tell(file.path, file.bytes);
  try {
    makeFolder(dirname(to));
  } catch (error) {
    throw targetError(dirname(to), error);
  }
  const mark = await copyFile(from, to, options);
  if (mark.sha256 !== file.sha256) throw damaged(from);
}

/** Puts the site's files where they are wanted; one that is there already and holds something else is left alone. */
async function bringSite({ files }: Manifest, from: string, siteTo: string, options: CopyOptions): Promise<void> {
  const names = files.filter(({ path }) => path.startsWith('site/')).map(({ path }) => path.slice('site/'.length));
  const missing = names.filter((name) => {
    const to = join(siteTo, name);
    if (!existsSync(to)) return true;
    if (readFileSync(to).equals(readFileSync(join(from, name)))) return false;
    throw new StorageError('write-failed', {
      zh: `${to} 已存在且内容不同，不会覆盖；请用 --site-to 另选目录`,
      en: `${to} is there already and holds something else, it is not overwritten; choose another folder with --site-to`,
    });
  });
  for (const name of missing) {
    const to = join(siteTo, name);
    try {
      makeFolder(dirname(to));
    } catch (error) {
      throw targetError(siteTo, error);
    }
    await rm(`${to}.next`, { force: true });
    await copyFile(join(from, name), `${to}.next`, options);
    await rename(`${to}.next`, to);
  }
}

/** Makes the names below a folder outlast a power cut; what is in the files is on disk already. */
async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(folder, entry.name));
  }
  await syncFolder(folder);
}

/**
 * Makes `from` the data folder. Where there is one already, e.g. a mount, its entries are moved into it one by one; the
 * folder in which the restore works lies in it until that is done, and keeps a gateway from starting on half of them.
 */
async function moveIn(from: string, dataDir: string): Promise<void> {
  const moved: string[] = [];
  try {
    if (!existsSync(dataDir)) return await rename(from, dataDir);
    for (const name of await readdir(from)) {
      const to = join(dataDir, name);
      // A gateway may have begun here meanwhile.
      if (existsSync(to)) throw appeared(to);
      await rename(join(from, name), to);
      moved.push(to);
    }
  } catch (error) {
    for (const path of moved) await rm(path, { recursive: true, force: true });
    throw targetError(dataDir, error);
  }
}

function appeared(path: string): StorageError {
  return new StorageError('in-use', {
    zh: `恢复期间出现了 ${path}，未恢复任何内容`,
    en: `${path} appeared during the restore; nothing was restored`,
  });
}
