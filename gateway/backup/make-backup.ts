import { randomBytes } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { rename, rm, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type FolderLock, lockFolder } from '../storage/folder-lock.ts';
import { makeFolder } from '../storage/make-folder.ts';
import { StorageError } from '../storage/storage-error.ts';
import { filesIn, openBackupFolder, removeFormer } from './backup-folder.ts';
import { type BoxFile, boxFileOf } from './box-file.ts';
import { copyDatabase } from './copy-database.ts';
import { type CopyOptions, copyFile, type FileMark, markFile, syncFolder } from './copy-file.ts';
import { BACKUP_FORMAT, type BackupFile, type Manifest, storedPath, writeManifest } from './manifest.ts';
import { diskFull, targetError } from './target-error.ts';

/** How often the site's files are copied again where somebody writes them meanwhile. */
const SITE_TRIES = 5;

/** Ms by which the times of a file and of its copy may differ: FAT, as on a USB stick, keeps them to two seconds. */
const MTIME_TOLERANCE_MS = 2000;

/** The site file and what belongs to it. */
export interface SiteFiles {
  /** Full path of the site file. */
  readonly path: string;
  /** Full paths of the profiles and maps beside it. */
  packs(): Promise<readonly string[]>;
  /** Another text as soon as one of these files is another. */
  marks(): Promise<string>;
}

/** What the copies say of themselves. */
export interface CopyFacts {
  readonly last: Manifest['last'];
  /** The newest record that the state knows of. */
  readonly progress: number;
  readonly siteHash: string | null;
  readonly history: string | null;
}

export interface BackupJob extends CopyOptions {
  /** Folder that the backup goes to. */
  readonly dir: string;
  readonly dataDir: string;
  /** In the order in which they are copied. */
  readonly boxFiles: readonly BoxFile[];
  readonly site: SiteFiles;
  /** Reads the copies in a folder with `data/` and `site/`; `siteName` is the site file's name. */
  readonly factsOf: (folder: string, siteName: string) => Promise<CopyFacts>;
  /** Version of this program. */
  readonly program: string;
  /** Real epoch ms. */
  readonly now: () => number;
  /** Told before each file, `bytes` of it. */
  readonly tell: (path: string, bytes: number) => void;
}

/**
 * Makes a backup of a data folder, also while a gateway writes it. It replaces the one that is in the folder once it is
 * whole, and at no moment before: the manifest is written last. Rejects with a StorageError, or the signal's reason; then
 * the folder holds what it held before.
 */
export async function makeBackup(job: BackupJob): Promise<Manifest> {
  refuseWithoutLog(job);
  const former = await openBackupFolder(job.dir, job.dataDir);
  const lock = lockTarget(job.dir);
  try {
    const run = new BackupRun(job, former);
    return await run.make();
  } finally {
    lock.release();
  }
}

function lockTarget(dir: string): FolderLock {
  try {
    return lockFolder(dir);
  } catch (error) {
    // A folder that cannot be written is told as the target that it is.
    if (error instanceof StorageError && error.code === 'unreadable') throw targetError(dir, error.cause);
    throw error;
  }
}

function refuseWithoutLog({ dataDir, boxFiles }: BackupJob): void {
  const missing = boxFiles.find(({ path, needed }) => needed && !existing(join(dataDir, path)));
  if (missing === undefined) return;
  throw new StorageError('unreadable', {
    zh: `${dataDir} 中没有 ${missing.path}，无可备份（用 --data 指定数据目录）`,
    en: `there is no ${missing.path} in ${dataDir}, nothing to back up (name the data folder with --data)`,
  });
}

class BackupRun {
  readonly #job: BackupJob;
  readonly #former: Manifest | undefined;
  readonly #folder: string;
  readonly #files: BackupFile[] = [];
  /** Segments that this run has brought into the shared folder. */
  readonly #broughtIn: string[] = [];

  constructor(job: BackupJob, former: Manifest | undefined) {
    this.#job = job;
    this.#former = former;
    const time = new Date(job.now()).toISOString().replace(/\.\d+|[-:]/g, '');
    this.#folder = `copy-${time}-${randomBytes(4).toString('hex')}`;
  }

  async make(): Promise<Manifest> {
    const { dir, boxFiles } = this.#job;
    let manifest: Manifest;
    try {
      await this.#refuseFullDisk();
      this.#makeFolder(dir, this.#folder);
      for (const file of boxFiles) await this.#take(file);
      await this.#takeSite();
      manifest = await this.#manifest();
      await this.#syncFolders(manifest);
      await writeManifest(dir, manifest);
    } catch (error) {
      await this.#undo();
      throw error;
    }
    // From here on the folder holds this backup, whatever happens.
    await this.#replaceFormer(manifest);
    return manifest;
  }

  async #replaceFormer(manifest: Manifest): Promise<void> {
    const { dir } = this.#job;
    try {
      await syncFolder(dir);
      await removeFormer(dir, manifest, (path) => this.#isShared(path));
    } catch (error) {
      throw notRemoved(dir, error);
    }
  }

  async #take(file: BoxFile): Promise<void> {
    if (file.kind === 'folder') {
      for (const name of await filesIn(join(this.#job.dataDir, file.path)))
        await this.#takeShared(`${file.path}/${name}`);
      return;
    }
    const from = join(this.#job.dataDir, file.path);
    const found = existing(from);
    if (!found) return;
    this.#job.tell(file.path, found.size + (existing(`${from}-wal`)?.size ?? 0));
    const to = this.#place(`data/${file.path}`);
    if (file.kind === 'file') {
      this.#note(`data/${file.path}`, await copyFile(from, to, this.#job), null);
      return;
    }
    const version = await copyDatabase(from, to, file.migrations ?? [], this.#job);
    this.#note(`data/${file.path}`, await markFile(to, this.#job), version);
  }

  /** Copies a file that never changes into the shared folder, unless a former backup has it there. */
  async #takeShared(path: string): Promise<void> {
    const { dir, dataDir } = this.#job;
    const from = join(dataDir, path);
    const found = existing(from);
    // The oldest ones may go while this runs: their time is over.
    if (!found) return;
    const to = join(dir, storedPath({ folder: this.#folder }, path, true));
    const kept = await this.#keptMark(`data/${path}`, to, found);
    if (kept) return this.#note(`data/${path}`, kept, null);
    this.#job.tell(path, found.size);
    const next = `${to}.next`;
    await rm(next, { force: true });
    const mark = await copyFile(from, next, this.#job);
    await utimes(next, found.atime, found.mtime);
    this.#broughtIn.push(to);
    await rename(next, to);
    this.#note(`data/${path}`, mark, null);
  }

  /** What a former backup holds of a file, where that is still what it was, and the file is still the same one. */
  async #keptMark(path: string, at: string, source: Stats): Promise<FileMark | undefined> {
    const entry = this.#former?.files.find((file) => file.path === path);
    const stored = existing(at);
    if (!entry || !stored || stored.size !== source.size) return undefined;
    if (Math.abs(stored.mtimeMs - source.mtimeMs) > MTIME_TOLERANCE_MS) return undefined;
    const mark = await markFile(at, this.#job);
    return mark.sha256 === entry.sha256 ? mark : undefined;
  }

  /** The site file with its packs, all of them as they were at one moment. */
  async #takeSite(): Promise<void> {
    const { dir, site } = this.#job;
    for (let tries = 1; ; tries++) {
      const before = await site.marks();
      const files: BackupFile[] = [];
      await rm(join(dir, this.#folder, 'site'), { recursive: true, force: true });
      for (const from of [site.path, ...(await site.packs())]) {
        const path = `site/${relative(dirname(site.path), from).split(sep).join('/')}`;
        files.push({ path, ...(await copyFile(from, this.#place(path), this.#job)), version: null });
      }
      if ((await site.marks()) === before || tries === SITE_TRIES) {
        this.#files.push(...files);
        return;
      }
    }
  }

  async #manifest(): Promise<Manifest> {
    const { dir, site, factsOf, program, now } = this.#job;
    const file = basename(site.path);
    const { last, progress, siteHash, history } = await factsOf(join(dir, this.#folder), file);
    if (progress > last.logSeq) throw aheadOfLog(progress, last.logSeq);
    return {
      format: BACKUP_FORMAT,
      program,
      madeMs: now(),
      folder: this.#folder,
      last,
      site: { file, hash: siteHash },
      history,
      files: this.#files,
    };
  }

  #note(path: string, { bytes, sha256 }: FileMark, version: number | null): void {
    this.#files.push({ path, bytes, sha256, version });
  }

  #isShared(path: string): boolean {
    return boxFileOf(this.#job.boxFiles, path.replace(/^data\//, ''))?.kind === 'folder';
  }

  /** Full path of a file of this backup, its folder made. */
  #place(path: string): string {
    const { dir } = this.#job;
    const to = `${this.#folder}/${path}`;
    this.#makeFolder(dir, dirname(to));
    return join(dir, to);
  }

  #makeFolder(dir: string, path: string): void {
    try {
      // The key and the notices in it are nobody else's business.
      makeFolder(join(dir, path), 0o700);
    } catch (error) {
      throw targetError(dir, error);
    }
  }

  async #syncFolders({ files }: Manifest): Promise<void> {
    const { dir } = this.#job;
    const folders = new Set<string>();
    for (const { path } of files) {
      const stored = storedPath({ folder: this.#folder }, path, this.#isShared(path));
      for (let at = dirname(stored); at !== '.'; at = dirname(at)) folders.add(at);
    }
    for (const folder of folders) await syncFolder(join(dir, folder));
  }

  /** Full disks are refused before they are full, as far as can be known. */
  async #refuseFullDisk(): Promise<void> {
    const { dir, dataDir, boxFiles } = this.#job;
    let wanted = 0;
    for (const { path, kind } of boxFiles) {
      if (kind === 'folder') continue;
      for (const name of kind === 'database' ? [path, `${path}-wal`] : [path]) {
        wanted += existing(join(dataDir, name))?.size ?? 0;
      }
    }
    const { bavail, bsize } = await statfs(dir);
    const free = bavail * bsize;
    if (wanted > free) throw diskFull(dir, undefined, { wanted, free });
  }

  async #undo(): Promise<void> {
    const { dir } = this.#job;
    await rm(join(dir, this.#folder), { recursive: true, force: true });
    const former = new Set(this.#former?.files.map(({ path }) => basename(path)));
    for (const path of this.#broughtIn) if (!former.has(basename(path))) await rm(path, { force: true });
  }
}

/** The file at a path; undefined where there is none. */
function existing(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function aheadOfLog(progress: number, logSeq: number): StorageError {
  return new StorageError('unreadable', {
    zh: `state.db 记到第 ${progress} 条记录，日志只到第 ${logSeq} 条：二者不属于同一日志，未做备份`,
    en: `state.db knows of record ${progress}, the log ends at ${logSeq}: they do not belong together, nothing was backed up`,
  });
}

function notRemoved(dir: string, cause: unknown): StorageError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    'write-failed',
    {
      zh: `备份已完成，但 ${dir} 中被取代的旧备份未能清除：${detail}`,
      en: `the backup is whole, but what it replaces in ${dir} could not be removed: ${detail}`,
    },
    { cause },
  );
}
