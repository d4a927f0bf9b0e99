import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { StorageError, unreadable } from '../storage/storage-error.ts';
import { archiveFolder, listSegments } from './archive-folder.ts';
import { isDamage, LogRows } from './log-rows.ts';
import { LOG_FILE } from './log-schema.ts';

/**
 * Site time of the newest record in a log that may be in use; 0 where there is none. Of a damaged log what its archive
 * says. Throws a StorageError.
 */
export function lastLogMs(dir: string): number {
  const path = join(dir, LOG_FILE);
  const archivedMs = listSegments(archiveFolder(path)).at(-1)?.lastMs ?? 0;
  return Math.max(archivedMs, existsSync(path) ? newestMs(path) : 0);
}

function newestMs(path: string): number {
  try {
    const database = openDatabaseForReading(path);
    try {
      // Still empty where its maker has ended, or has not come, before the first table.
      if (database.prepare('PRAGMA user_version').get()?.user_version === 0) return 0;
      return new LogRows(database).newest()?.logMs ?? 0;
    } finally {
      database.close();
    }
  } catch (error) {
    // It is set aside when the log is opened.
    if (isDamage(error instanceof StorageError ? error.cause : error)) return 0;
    throw error instanceof StorageError ? error : unreadable(path, error);
  }
}
