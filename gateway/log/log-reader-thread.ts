/** The thread that reads old records, so that catching up on a backlog stalls neither the writer nor the rules. */

import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { faultOf } from '../storage/storage-error.ts';
import type { LogThreadData, ReaderReply, ReaderRequest, StoredRecord } from './log-messages.ts';

const port = parentPort;
if (port === null) throw new Error('log-reader-thread is started as a thread only');

interface Page {
  readonly records: StoredRecord[];
  readonly damaged: number[];
  readonly throughSeq: number;
}

function readPage(database: DatabaseSync, request: ReaderRequest): Page {
  const records: StoredRecord[] = [];
  const damaged: number[] = [];
  let bytes = 0;
  let seen = 0;
  let lastSeq = request.afterSeq;
  const rows = database
    .prepare(
      'SELECT seq, ms, kind, ordinal, count, crc, body FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
    )
    .iterate(request.afterSeq, request.throughSeq, request.limit);
  for (const row of rows) {
    const seq = Number(row.seq);
    const body = row.body;
    bytes += body instanceof Uint8Array ? body.byteLength : 0;
    if (bytes > request.maxBytes && seen > 0) return { records, damaged, throughSeq: lastSeq };
    seen++;
    lastSeq = seq;
    if (!(body instanceof Uint8Array) || crc32(body) !== row.crc) {
      damaged.push(seq);
      continue;
    }
    records.push({
      seq,
      ms: Number(row.ms),
      kind: Number(row.kind),
      ordinal: Number(row.ordinal),
      count: Number(row.count),
      body: body as Uint8Array<ArrayBuffer>,
    });
  }
  // Fewer rows than asked for: what is missing up to the end is no longer kept.
  return { records, damaged, throughSeq: seen < request.limit ? request.throughSeq : lastSeq };
}

const { path } = workerData as LogThreadData;
let database: DatabaseSync | undefined;
port.on('message', (request: ReaderRequest) => {
  let reply: ReaderReply;
  try {
    database ??= openDatabaseForReading(path);
    reply = { id: request.id, type: 'page', ...readPage(database, request) };
  } catch (error) {
    reply = { id: request.id, type: 'failed', fault: faultOf(error, 'unreadable') };
  }
  const bodies = reply.type === 'page' ? reply.records.map((record) => record.body.buffer) : [];
  port.postMessage(reply, bodies);
});
