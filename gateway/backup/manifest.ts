import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { StorageError, unreadable } from '../storage/storage-error.ts';
import { targetError } from './target-error.ts';

/** Version of the backup's own form; one that is higher was made by a newer program. */
export const BACKUP_FORMAT = 1;

/** The file that says what a backup holds: written last, so that a folder without it is no whole backup. */
export const MANIFEST_FILE = 'manifest.json';

/** Folder of the files that are written once, shared by all backups into the same folder. */
export const ARCHIVE_FOLDER = 'archive';

/** Files of one backup at most; a site has some hundreds of segments and packs. */
const MAX_FILES = 100_000;

/** A path that leads nowhere but below the folder it is put in, whoever wrote it. */
const PATH = '^(data|site)(/[^/\\\\\\u0000-\\u001f.][^/\\\\\\u0000-\\u001f]*)+$';

const FileEntry = Type.Object({
  /** `data/…`: below the data folder; `site/…`: the site file, and its profiles and maps beside it. */
  path: Type.String({ pattern: PATH, maxLength: 1000 }),
  bytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Version of a database's tables; null for other files. */
  version: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
});

const ManifestSchema = Type.Object({
  format: Type.Integer(),
  /** Version of the program that made the backup. */
  program: Type.String({ maxLength: 100 }),
  /** Real epoch ms at which it was whole. */
  madeMs: Type.Number(),
  /** Folder of this backup's own files. */
  folder: Type.String({ pattern: '^copy-[0-9A-Za-z-]+$', maxLength: 100 }),
  /** The newest record of the log that it holds. */
  last: Type.Object({ logSeq: Type.Integer({ minimum: 0 }), logMs: Type.Number() }),
  site: Type.Object({
    /** Name of the site file below `site/`. */
    file: Type.String({ minLength: 1, maxLength: 300 }),
    /** Hash of the site as resolved; null where the file had mistakes. */
    hash: Type.Union([Type.String({ maxLength: 128 }), Type.Null()]),
  }),
  /** Where history is: a name of the embedded home or of an InfluxDB, which the backup does not hold; null: nowhere. */
  history: Type.Union([Type.String({ maxLength: 1000 }), Type.Null()]),
  files: Type.Array(FileEntry, { maxItems: MAX_FILES }),
});

/** What a backup holds. */
export type Manifest = Static<typeof ManifestSchema>;
export type BackupFile = Manifest['files'][number];

/**
 * The manifest of the backup in `dir`; undefined where there is none. Throws a StorageError: `newer` where a newer
 * program wrote it, `unreadable` where it is not what it should be.
 */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  const path = join(dir, MANIFEST_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  const manifest = parse(text, path);
  if (isNewer(manifest)) throw newerBackup(dir);
  if (!Value.Check(ManifestSchema, manifest)) throw damagedManifest(path);
  return manifest;
}

/** Replaces the manifest of `dir`: a crash leaves the old one or the new one. What it names must be on disk already. Rejects with a
 * StorageError; the old one is then still there. */
export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const next = join(dir, `${MANIFEST_FILE}.next`);
  try {
    const file = await open(next, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(manifest, null, 1)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, join(dir, MANIFEST_FILE));
  } catch (error) {
    throw targetError(dir, error);
  }
}

/** Where in the backup's folder a file of it lies, with slashes. */
export function storedPath({ folder }: Pick<Manifest, 'folder'>, path: string, shared: boolean): string {
  return shared ? `${ARCHIVE_FOLDER}/${path.slice(path.lastIndexOf('/') + 1)}` : `${folder}/${path}`;
}

/** The error of a backup that this program is too old for. */
export function newerBackup(dir: string, what?: string): StorageError {
  const named = what === undefined ? '' : `: ${what}`;
  return new StorageError('newer', {
    zh: `备份 ${dir} 由更新版本的程序制作，请使用该版本恢复${named}`,
    en: `the backup ${dir} was made by a newer program; restore it with that one${named}`,
  });
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw damagedManifest(path, error);
    throw error;
  }
}

function isNewer(manifest: unknown): boolean {
  const { format } = (typeof manifest === 'object' && manifest !== null ? manifest : {}) as { format?: unknown };
  return typeof format === 'number' && format > BACKUP_FORMAT;
}

function damagedManifest(path: string, cause?: unknown): StorageError {
  return new StorageError(
    'unreadable',
    { zh: `备份清单 ${path} 已损坏`, en: `the backup's list ${path} is damaged` },
    { cause },
  );
}
