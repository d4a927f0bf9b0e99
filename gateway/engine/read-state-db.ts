import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StateDb } from './state-db.ts';
import { STATE_FILE } from './state-schema.ts';

/** What can be read of the engine's database while a gateway may be writing it. */
export type StoredState = Pick<StateDb, 'progress' | 'changesOf' | 'snapshots' | 'close'>;

/** Opens the engine's database in `dir` for reading only; undefined where there is none. Throws a StorageError. */
export function openStateDbForReading(dir: string): StoredState | undefined {
  return existsSync(join(dir, STATE_FILE)) ? new StateDb(dir, 'read') : undefined;
}
