/** The thread that reads old records, so that catching up on a backlog stalls neither the writer nor the rules. */

import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { faultOf } from '../storage/storage-error.ts';
import type { FoundRecord, LogThreadData, ReaderReply, ReaderRequest } from './log-messages.ts';

const port = parentPort;
if (port === null) throw new Error('log-reader-thread is started as a thread only');

interface Page {
  readonly records: FoundRecord[];
  readonly throughSeq: number;
}

function readPage(database: DatabaseSync, request: ReaderRequest): Page {
  const records: FoundRecord[] = [];
  let bytes = 0;
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
    if (bytes > request.maxBytes && records.length > 0) return { records, throughSeq: lastSeq };
    lastSeq = seq;
    const isWhole = body instanceof Uint8Array && crc32(body) === row.crc;
    records.push({
      seq,
      ms: Number(row.ms),
      kind: Number(row.kind),
      ordinal: Number(row.ordinal),
      count: Number(row.count),
      body: isWhole ? (body as Uint8Array<ArrayBuffer>) : undefined,
    });
  }
  // Fewer rows than asked for: what is missing up to the end is no longer kept.
  return { records, throughSeq: records.length < request.limit ? request.throughSeq : lastSeq };
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
  const bodies = reply.type === 'page' ? reply.records.flatMap(({ body }) => body?.buffer ?? []) : [];
  port.postMessage(reply, bodies);
});
