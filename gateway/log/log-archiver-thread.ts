/** The thread that moves the oldest records from the log's file to the archive, so that no commit waits for it. */

import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { faultOf } from '../storage/storage-error.ts';
import { archiveFolder, listSegments, removeUnfinished, segmentBytes, writeSegment } from './archive-folder.ts';
import { ArchiveReader } from './archive-reader.ts';
import { SegmentBuilder } from './archive-segment.ts';
import type { ArchiverReply, ArchiverRequest, ArchiverThreadData, DroppedSpan } from './log-messages.ts';
import { LogRows } from './log-rows.ts';
import { type CheckedRecord, isWhole } from './record-checksum.ts';

/** Rows, and bytes of them, that are read at a time, so that no long read keeps the log's file from its checkpoint. */
const PAGE_RECORDS = 256;
const PAGE_BYTES = 2 * 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error('log-archiver-thread is started as a thread only');
const { path, bounds } = workerData as ArchiverThreadData;
const folder = archiveFolder(path);
let database: DatabaseSync | undefined;

/** Moves one segment; gives through which record all are in the archive now. */
function move(throughSeq: number): number {
  database ??= openDatabaseForReading(path);
  const rows = new LogRows(database);
  // A crash may have come after the segment was written and before the rows were removed.
  const archivedSeq = listSegments(folder).at(-1)?.lastSeq ?? 0;
  const builder = new SegmentBuilder();
  let first: CheckedRecord | undefined;
  let last: CheckedRecord | undefined;
  let after = archivedSeq;
  while (after < throughSeq && builder.rawBytes < bounds.segmentBytes) {
    const page = rows.after(after, throughSeq, PAGE_RECORDS, PAGE_BYTES);
    for (const record of page) {
      if (record.seq > throughSeq || builder.rawBytes >= bounds.segmentBytes) break;
      // A row that is not what was written may have another place than it says; only in its place it is told.
      if (record.seq !== (last?.seq ?? 0) + 1 && !isWhole(record)) continue;
      builder.add(record);
      first ??= record;
      last = record;
    }
    const furthest = page.at(-1)?.seq ?? throughSeq;
    after = Math.max(
      after + 1,
      Math.min(furthest, last && builder.rawBytes >= bounds.segmentBytes ? last.seq : furthest),
    );
  }
  if (!first || !last) return throughSeq;
  writeSegment(folder, { firstSeq: first.seq, lastSeq: last.seq, firstMs: first.ms, lastMs: last.ms }, builder.take());
  return last.seq;
}

/** Removes the oldest segments until the archive is within its bounds; the newest one stays, and what a restart needs. */
function trim(keptFromMs: number, restartSeq: number): { dropped: DroppedSpan[]; archiveBytes: number } {
  const reader = new ArchiveReader(folder);
  const segments = reader.list().map((segment) => ({ segment, bytes: segmentBytes(segment) }));
  let archiveBytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const dropped: DroppedSpan[] = [];
  for (const { segment, bytes } of segments.slice(0, -1)) {
    if (segment.lastSeq > restartSeq) break;
    if (archiveBytes <= bounds.archiveBytes && segment.lastMs >= keptFromMs) break;
    const headers = reader.headers(segment);
    const samples = (headers.at(-1)?.nextOrdinal ?? 0) - (headers[0]?.firstOrdinal ?? 0);
    rmSync(segment.path, { force: true });
    dropped.push({ firstSeq: segment.firstSeq, lastSeq: segment.lastSeq, samples: Math.max(0, samples) });
    archiveBytes -= bytes;
  }
  return { dropped, archiveBytes };
}

port.on('message', ({ throughSeq, restartSeq, keptFromMs }: ArchiverRequest) => {
  let reply: ArchiverReply;
  try {
    reply = { type: 'moved', throughSeq: move(throughSeq), ...trim(keptFromMs, restartSeq) };
  } catch (error) {
    const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    reply = { type: 'failed', fault: faultOf(error, 'write-failed'), full };
  }
  port.postMessage(reply);
});
removeUnfinished(folder);
