import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterLog } from '../../model/adapter.ts';
import { isDamagedFile } from '../storage/storage-error.ts';
import { StateDb } from './state-db.ts';
import { STATE_FILE } from './state-schema.ts';
import { type StateWriter, startStateWriter } from './state-writer.ts';

/** What SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm'];

/** Files that are kept of those set aside for one reason; older ones are removed. */
const MAX_SET_ASIDE = 2;

/** The engine's database: read here, written in a thread of its own. */
export interface State {
  readonly db: StateDb;
  readonly writer: StateWriter;
  /** Writes what waits, for a bounded time, and closes. */
  close(): Promise<void>;
}

/**
 * Opens the engine's database in `dir`. It follows from the log, so one that is of no use is set aside under a name that
 * says why, and worked out again from the log: one that is damaged, and one that knows of records which the log does not
 * have (its folder was lost or replaced), since it would take every new record for one that it has worked in already.
 */
export async function openState(dir: string, lastLogSeq: number, logger: AdapterLog): Promise<State> {
  const fault = faultOfState(dir, lastLogSeq);
  if (fault) setAside(dir, fault, logger);
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

interface Fault {
  /** What the file is called from then on. */
  readonly as: 'of-lost-log' | 'damaged';
  readonly fields: object;
  readonly message: string;
}

/** Why the database cannot be used; undefined where it can. Throws a StorageError where it is not for us to mend. */
function faultOfState(dir: string, lastLogSeq: number): Fault | undefined {
  let stateDb: StateDb | undefined;
  try {
    stateDb = new StateDb(dir);
    const { progress } = stateDb;
    stateDb.check();
    if (progress <= lastLogSeq) return undefined;
    const message = 'state belongs to another log, set aside; starting from the log';
    return { as: 'of-lost-log', fields: { progress, lastLogSeq }, message };
  } catch (error) {
    if (!isDamagedFile(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const message = 'the state is damaged and set aside; it is worked out again from the log';
    return { as: 'damaged', fields: { reason }, message };
  } finally {
    stateDb?.close();
  }
}

function setAside(dir: string, { as, fields, message }: Fault, logger: AdapterLog): void {
  const aside = `${STATE_FILE}.${as}-${Date.now()}`;
  for (const companion of COMPANIONS) {
    const from = join(dir, STATE_FILE + companion);
    if (existsSync(from)) renameSync(from, join(dir, aside + companion));
  }
  logger.warn({ ...fields, aside }, message);
  removeOldAside(dir, `${STATE_FILE}.${as}-`);
}

function removeOldAside(dir: string, prefix: string): void {
  const found = readdirSync(dir).filter((name) => name.startsWith(prefix));
  const times = new Set(found.map((name) => Number.parseInt(name.slice(prefix.length), 10)));
  const old = [...times].sort((a, b) => a - b).slice(0, -MAX_SET_ASIDE);
  for (const time of old) {
    for (const companion of COMPANIONS) rmSync(join(dir, `${prefix}${time}${companion}`), { force: true });
  }
}
