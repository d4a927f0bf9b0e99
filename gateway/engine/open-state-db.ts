import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterLog } from '../../model/adapter.ts';
import { StateDb } from './state-db.ts';
import { STATE_FILE } from './state-schema.ts';

/** What SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm'];

/**
 * Opens the engine's database in `dir`. One that knows of records which the log does not have belongs to another log
 * (the log's folder was lost or replaced): it is set aside under a name that says so, and the engine starts from the log
 * that is there, since it would otherwise take every new record for one that it has worked in already.
 */
export function openStateDb(dir: string, lastLogSeq: number, logger: AdapterLog): StateDb {
  const stateDb = new StateDb(dir);
  const { progress } = stateDb;
  if (progress <= lastLogSeq) return stateDb;
  stateDb.close();
  const aside = `${STATE_FILE}.of-lost-log-${Date.now()}`;
  for (const companion of COMPANIONS) {
    const from = join(dir, STATE_FILE + companion);
    if (existsSync(from)) renameSync(from, join(dir, aside + companion));
  }
  logger.warn({ progress, lastLogSeq, aside }, 'state belongs to another log, set aside; starting from the log');
  return new StateDb(dir);
}
