import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Text } from '../../model/text.ts';
import { type SiteChange, writeMaps } from './change-site.ts';

/** Imports that can be taken back, the newest first; what was before them is forgotten. */
export const KEPT_IMPORTS = 10;
/** Folder beside the site file that remembers them. */
const FOLDER = '.lamplighter-imports';

/** An import as it is remembered: what the site file was, and what it became. */
const ImportRecord = Type.Object({
  /** Real epoch ms. */
  atMs: Type.Number(),
  list: Type.String(),
  before: Type.String(),
  /** SHA-256 of the site file after the import, hexadecimal. */
  afterHash: Type.String(),
  /** Maps that the import wrote, from the site file's folder. */
  maps: Type.Array(Type.String()),
});
type ImportRecord = Static<typeof ImportRecord>;

/** Maps that an import may have written; nothing else is removed by an undo. */
const OWN_MAP = /^maps[/\\][A-Za-z0-9-]+[/\\]list-[A-Za-z0-9._-]+\.yaml$/;

/**
 * Writes a change: first what undoes it, then the maps, which nobody reads yet, last the site file in one rename, so that
 * whoever reads it finds the old one or the new one. False, and nothing written, where the site file is no longer the one
 * that the change was worked out from. Throws the file system's errors; then nothing has changed.
 */
export function applyChange(siteFile: string, change: SiteChange, list: string, nowMs: number): boolean {
  const target = realpathSync(siteFile);
  const folder = dirname(siteFile);
  const records = recordFiles(folder);
  const next = String(Number(records.at(-1)?.slice(0, -'.json'.length) ?? 0) + 1).padStart(6, '0');
  const recordFile = join(folder, FOLDER, `${next}.json`);
  const written: string[] = [];
  mkdirSync(join(folder, FOLDER), { recursive: true });
  // Of two imports at a time one finds the other's record in its place.
  const record = openSync(recordFile, 'wx', 0o600);
  try {
    written.push(...writeMaps(folder, change.maps));
    const content: ImportRecord = {
      atMs: nowMs,
      list,
      before: change.before,
      afterHash: hashOf(change.text),
      maps: written.map((path) => relative(folder, path)),
    };
    writeFileSync(record, JSON.stringify(content));
    fsyncSync(record);
    if (readFileSync(target, 'utf8') !== change.before) {
      for (const path of [...written, recordFile]) rmSync(path, { force: true });
      return false;
    }
    replaceFile(target, change.text);
  } catch (error) {
    for (const path of [...written, recordFile]) rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(record);
  }
  for (const old of records.slice(0, Math.max(0, records.length + 1 - KEPT_IMPORTS))) {
    rmSync(join(folder, FOLDER, old), { force: true });
  }
  return true;
}

/** What an undo came to: the import that was taken back, or why none was. */
export type Undone =
  | { readonly ok: true; readonly list: string; readonly atMs: number }
  | { readonly ok: false; readonly text: Text };

/** Takes the newest import back, if the site file is still as that left it. */
export function undoImport(siteFile: string): Undone {
  const target = realpathSync(siteFile);
  const folder = dirname(siteFile);
  for (const newest of recordFiles(folder).toReversed()) {
    const path = join(folder, FOLDER, newest);
    const record: unknown = readRecord(path);
    if (!Value.Check(ImportRecord, record) || !record.maps.every((map) => OWN_MAP.test(map))) {
      return {
        ok: false,
        text: { zh: `${path} 已损坏，无法撤销`, en: `${path} is damaged; the import cannot be undone` },
      };
    }
    const text = readFileSync(target, 'utf8');
    // A crash came before the import had changed the file, or after it was taken back: nothing is left of it but this.
    const isOver = text === record.before;
    if (!isOver && hashOf(text) !== record.afterHash) return { ok: false, text: changedSince(siteFile, record.list) };
    if (!isOver) replaceFile(target, record.before);
    for (const map of record.maps) rmSync(join(folder, map), { force: true });
    rmSync(path, { force: true });
    if (!isOver) return { ok: true, list: record.list, atMs: record.atMs };
  }
  return { ok: false, text: { zh: '没有可撤销的导入', en: 'there is no import to undo' } };
}

function changedSince(siteFile: string, list: string): Text {
  return {
    zh: `${siteFile} 在导入 ${list} 之后又改动过，撤销会丢掉这些改动；未做任何更改`,
    en: `${siteFile} has been changed since ${list} was imported, and undoing would lose that; nothing was done`,
  };
}

function readRecord(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // What is no JSON is no record; the caller says so.
    return undefined;
  }
}

/** Oldest first. */
function recordFiles(folder: string): readonly string[] {
  const own = join(folder, FOLDER);
  return existsSync(own)
    ? readdirSync(own)
        .filter((name) => /^\d+\.json$/.test(name))
        .sort()
    : [];
}

/** Replaces a file as a whole, with its rights: the new content is on disk before its name leads there. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  const { mode, uid, gid } = statSync(path);
  writeFileSync(temporary, text);
  chmodSync(temporary, mode & 0o7777);
  // Only root may give a file away; whoever else writes here owns both.
  if (process.getuid?.() === 0) chownSync(temporary, uid, gid);
  sync(temporary, 'r+');
  renameSync(temporary, path);
  if (process.platform !== 'win32') sync(dirname(path), 'r');
}

function sync(path: string, flags: string): void {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
