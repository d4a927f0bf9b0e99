import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { StorageError } from '../storage/storage-error.ts';
import { archiveFolder, listSegments } from './archive-folder.ts';
import { LogRows } from './log-rows.ts';
import { LOG_FILE } from './log-schema.ts';
import { isWhole } from './record-checksum.ts';

/**
 * Site time of the newest record in a log that may be in use; 0 where there is none. Of a log that is damaged or cannot
 * be opened, which opening it says, what its archive tells.
 */
export function lastLogMs(dir: string): number {
  const path = join(dir, LOG_FILE);
  const archivedMs = listSegments(archiveFolder(path)).at(-1)?.lastMs ?? 0;
  return Math.max(archivedMs, existsSync(path) ? newestMs(path) : 0);
}

function newestMs(path: string): number {
  let database: DatabaseSync | undefined;
  try {
    database = openDatabaseForReading(path);
    // Still empty where its maker has ended, or has not come, before the first table.
    if (database.prepare('PRAGMA user_version').get()?.user_version === 0) return 0;
    const rows = new LogRows(database);
    const seq = rows.newest()?.logSeq ?? 0;
    const [newest] = rows.after(seq - 1, seq, 1, 1);
    // A time that was bent must not become the clock's.
    return newest && isWhole(newest) ? newest.ms : 0;
  } catch (error) {
    if (error instanceof StorageError || (error instanceof Error && 'errcode' in error)) return 0;
    throw error;
  } finally {
    database?.close();
  }
}
