import { existsSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../storage/open-database.ts';
import { isDamagedFile } from '../storage/storage-error.ts';
import type { SetAside } from './embedded-messages.ts';
import { historyMigrations } from './embedded-schema.ts';

/**
 * Opens (or makes) the embedded home's file. One that is damaged, or that `damage` says to be, is set aside under
 * another name in the same folder, and a new one is made which notes that the old one's rows are to be taken over.
 * Throws a StorageError: `newer`, `unreadable`.
 */
export function openHistoryFile(
  path: string,
  damage?: string,
): { readonly database: DatabaseSync; readonly setAside: SetAside | undefined } {
  if (damage !== undefined) return openAnew(path, damage);
  try {
    return { database: openDatabase(path, historyMigrations), setAside: undefined };
  } catch (error) {
    if (!isDamagedFile(error)) throw error;
    return openAnew(path, error instanceof Error ? error.message : String(error));
  }
}

function openAnew(path: string, reason: string) {
  const aside = freeName(path);
  // What the write-ahead file holds belongs to the damaged one and is read with it.
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  const database = openDatabase(path, historyMigrations);
  const file = basename(aside);
  database.prepare('INSERT INTO salvages (file, at_row, rows) VALUES (?, 0, 0)').run(file);
  return { database, setAside: { file, reason } };
}

/** A name that no file has yet, so that what was set aside before is not lost. */
function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = `${path}.damaged-${number}`;
    if (!existsSync(name)) return name;
  }
}
