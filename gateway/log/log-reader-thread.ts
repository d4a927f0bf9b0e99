/** The thread that reads old records, so that catching up on a backlog stalls neither the writer nor the rules. */

import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { faultOf, isDiskFault } from '../storage/storage-error.ts';
import { archiveFolder } from './archive-folder.ts';
import { ArchiveReader } from './archive-reader.ts';
import type { LogThreadData, ReaderReply, ReaderRequest } from './log-messages.ts';
import { readPage } from './log-page.ts';
import { LogRows } from './log-rows.ts';
import { logMigrations } from './log-schema.ts';

/** Real ms that a page waits for the file that takes the place of a damaged one, and between two looks. */
const MAX_WAIT_MS = 5000;
const LOOK_EVERY_MS = 50;

const port = parentPort;
if (port === null) throw new Error('log-reader-thread is started as a thread only');

interface Source {
  readonly inode: number;
  readonly database: DatabaseSync;
  readonly log: LogRows;
  readonly archive: ArchiveReader;
}

const { path } = workerData as LogThreadData;
let source: Source | undefined;
let damagedFiles: string[] = [];

/** The file as it is now: where it was damaged, another one has taken its place. */
function present(): Source {
  const inode = presentInode();
  if (source?.inode === inode) return source;
  source?.database.close();
  source = undefined;
  const database = openDatabaseForReading(path, logMigrations);
  const archive = new ArchiveReader(archiveFolder(path), (file) => damagedFiles.push(file));
  source = { inode, database, log: new LogRows(database), archive };
  return source;
}

function presentInode(): number {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; waitedMs < MAX_WAIT_MS; waitedMs += LOOK_EVERY_MS) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) return found.ino;
    Atomics.wait(pause, 0, 0, LOOK_EVERY_MS);
  }
  return statSync(path).ino;
}

port.on('message', (request: ReaderRequest) => {
  let reply: ReaderReply;
  damagedFiles = [];
  try {
    const { log, archive } = present();
    const page = readPage(log, archive, request);
    reply = { id: request.id, type: 'page', ...page, damagedFiles };
  } catch (error) {
    reply = { id: request.id, type: 'failed', fault: faultOf(error, isDiskFault(error) ? 'unreadable' : 'broken') };
  }
  const bodies = reply.type === 'page' ? reply.records.flatMap(({ body }) => body?.buffer ?? []) : [];
  port.postMessage(reply, bodies);
});
