import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterLog } from '../../model/adapter.ts';
import { StateDb } from './state-db.ts';
import { STATE_FILE } from './state-schema.ts';
import { type StateWriter, startStateWriter } from './state-writer.ts';

/** What SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm'];

/** The engine's database: read here, written in a thread of its own. */
export interface State {
  readonly db: StateDb;
  readonly writer: StateWriter;
  /** Writes what waits, for a bounded time, and closes. */
  close(): Promise<void>;
}

/**
 * Opens the engine's database in `dir`. One that knows of records which the log does not have belongs to another log
 * (the log's folder was lost or replaced): it is set aside under a name that says so, and the engine starts from the log
 * that is there, since it would otherwise take every new record for one that it has worked in already.
 */
export async function openState(dir: string, lastLogSeq: number, logger: AdapterLog): Promise<State> {
  setAsideOfLostLog(dir, lastLogSeq, logger);
  const writer = await startStateWriter(dir);
  const db = new StateDb(dir, 'read');
  return {
    db,
    writer,
    async close() {
      await writer.close();
      db.close();
    },
  };
}

function setAsideOfLostLog(dir: string, lastLogSeq: number, logger: AdapterLog): void {
  const stateDb = new StateDb(dir);
  const { progress } = stateDb;
  stateDb.close();
  if (progress <= lastLogSeq) return;
  const aside = `${STATE_FILE}.of-lost-log-${Date.now()}`;
  for (const companion of COMPANIONS) {
    const from = join(dir, STATE_FILE + companion);
    if (existsSync(from)) renameSync(from, join(dir, aside + companion));
  }
  logger.warn({ progress, lastLogSeq, aside }, 'state belongs to another log, set aside; starting from the log');
}
