/** The thread that writes the log: one commit at a time, so that nothing else ever waits for the disk. */
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { openDatabase } from '../storage/open-database.ts';
import { faultOf } from '../storage/storage-error.ts';
import type { LogThreadData, StoredRecord, WriterReply, WriterRequest } from './log-messages.ts';
import { logMigrations } from './log-schema.ts';

function readyReply(database: DatabaseSync): WriterReply {
  const row = database.prepare('SELECT seq, ms, ordinal + count AS next FROM records ORDER BY seq DESC LIMIT 1').get();
  return {
    type: 'ready',
    last: { logSeq: Number(row?.seq ?? 0), logMs: Number(row?.ms ?? 0) },
    nextOrdinal: Number(row?.next ?? 0),
    points: database
      .prepare('SELECT key, number FROM points ORDER BY number')
      .all()
      .map((point) => [String(point.key), Number(point.number)]),
  };
}

/** Gives a function that commits records and numbers together, or throws and leaves the log as it was. */
function committer(database: DatabaseSync) {
  const insert = database.prepare(
    // A commit whose end was not told may have been one all the same: it is done again.
    'INSERT OR REPLACE INTO records (seq, ms, kind, ordinal, count, crc, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const name = database.prepare(
    'INSERT INTO points (number, key) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET key = excluded.key',
  );
  return (records: readonly StoredRecord[], points: readonly (readonly [string, number])[]) => {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { seq, ms, kind, ordinal, count, body } of records) {
        insert.run(seq, ms, kind, ordinal, count, crc32(body), body);
      }
      for (const [key, number] of points) name.run(number, key);
      database.exec('COMMIT');
    } catch (error) {
      // A full disk may have ended the transaction by itself.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
}

const port = parentPort;
if (port === null) throw new Error('log-writer-thread is started as a thread only');
const reply = (message: WriterReply) => port.postMessage(message);
try {
  const { path } = workerData as LogThreadData;
  const database = openDatabase(path, logMigrations);
  const commit = committer(database);
  port.on('message', (request: WriterRequest) => {
    if (request.type === 'close') {
      database.close();
      reply({ type: 'done' });
      port.close();
      return;
    }
    try {
      commit(request.records, request.points);
      reply({ type: 'done' });
    } catch (error) {
      reply({ type: 'failed', fault: faultOf(error, 'write-failed') });
    }
  });
  reply(readyReply(database));
} catch (error) {
  reply({ type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
