import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { unreadable } from '../storage/storage-error.ts';
import { LOG_FILE } from './log-schema.ts';

/** Site time of the newest record in a log that may be in use; 0 where there is none. Throws a StorageError. */
export function lastLogMs(dir: string): number {
  const path = join(dir, LOG_FILE);
  if (!existsSync(path)) return 0;
  const database = openDatabaseForReading(path);
  try {
    // Still empty where its maker has ended, or has not come, before the first table.
    if (database.prepare('PRAGMA user_version').get()?.user_version === 0) return 0;
    return Number(database.prepare('SELECT max(ms) AS ms FROM records').get()?.ms ?? 0);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    database.close();
  }
}
