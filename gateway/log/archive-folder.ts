import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writevSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../storage/make-folder.ts';

/** Name of the archive's folder, beside the log's file. */
const ARCHIVE_FOLDER = 'archive';
const UNFINISHED = '.unfinished';
/** End of the year 9999, the last that is written with four digits. */
const LATEST_MS = 253_402_300_799_999;

/** A file of the archive, as its name tells. Times are epoch ms of log time. */
export interface Segment {
  readonly path: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The archive's folder of the log at `logPath`. */
export function archiveFolder(logPath: string): string {
  return join(dirname(logPath), ARCHIVE_FOLDER);
}

/** `000000000042-000000004137.20261124T104805.123Z-20261124T114805.123Z.zst`: first and last seq, first and last time. */
const SEGMENT_NAME = /^(\d{12,})-(\d{12,})\.(\d{8}T\d{6}\.\d{3}Z)-(\d{8}T\d{6}\.\d{3}Z)\.zst$/;

export function segmentName({ firstSeq, lastSeq, firstMs, lastMs }: Omit<Segment, 'path'>): string {
  const seq = (value: number) => String(value).padStart(12, '0');
  // Also where a damaged record says a time that is none.
  const time = (ms: number) => new Date(Math.min(Math.max(ms || 0, 0), LATEST_MS)).toISOString().replace(/[-:]/g, '');
  return `${seq(firstSeq)}-${seq(lastSeq)}.${time(firstMs)}-${time(lastMs)}.zst`;
}

function segmentOf(folder: string, name: string): Segment | undefined {
  const [, first, last, firstTime, lastTime] = SEGMENT_NAME.exec(name) ?? [];
  if (!first || !last || !firstTime || !lastTime) return undefined;
  const [firstMs, lastMs] = [msOf(firstTime), msOf(lastTime)];
  return { path: join(folder, name), firstSeq: Number(first), lastSeq: Number(last), firstMs, lastMs };
}

function msOf(time: string): number {
  return Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/, '$1-$2-$3T$4:$5:'));
}

/** All segments, oldest first; none where there is no archive. Throws the file system's error. */
export function listSegments(folder: string): Segment[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => segmentOf(folder, name) ?? [])
    .sort((a, b) => a.firstSeq - b.firstSeq || a.lastSeq - b.lastSeq);
}

/** Bytes of a segment's file; 0 where it is gone. */
export function segmentBytes({ path }: Segment): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Writes a segment that is on disk for good when this returns: whole and under its name, or not at all. Throws the
 * file system's error, e.g. ENOSPC.
 */
export function writeSegment(folder: string, place: Omit<Segment, 'path'>, blocks: readonly Uint8Array[]): Segment {
  makeFolder(folder);
  const path = join(folder, segmentName(place));
  const unfinished = path + UNFINISHED;
  try {
    const file = openSync(unfinished, 'w');
    try {
      writeAll(file, blocks);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    // What was written of it takes the room that is wanted.
    rmSync(unfinished, { force: true });
    throw error;
  }
  syncFolder(folder);
  return { path, ...place };
}

function writeAll(file: number, blocks: readonly Uint8Array[]): void {
  for (const block of blocks) {
    for (let at = 0; at < block.byteLength; ) at += writevSync(file, [block.subarray(at)]);
  }
}

/** Makes the names in a folder, and its own, lasting. */
export function syncFolder(folder: string): void {
  for (const path of [folder, dirname(folder)]) {
    const handle = openSync(path, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }
}

/** Removes what a crash left half-written. */
export function removeUnfinished(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (name.endsWith(UNFINISHED)) rmSync(join(folder, name), { force: true });
}
