import { accessSync, constants, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Stamp } from '../../model/log.ts';
import { MAX_BATCH_SAMPLES } from '../../model/sample.ts';
import { openDatabase } from '../storage/open-database.ts';
import { StorageError } from '../storage/storage-error.ts';
import { archiveFolder, syncFolder, writeSegment } from './archive-folder.ts';
import { ArchiveReader } from './archive-reader.ts';
import { SegmentBuilder } from './archive-segment.ts';
import type { LogBounds } from './log-bounds.ts';
import type { StoredRecord, Telling } from './log-messages.ts';
import { LogRows } from './log-rows.ts';
import { logMigrations } from './log-schema.ts';
import { type CheckedRecord, isWhole, recordCrc } from './record-checksum.ts';
import { decodeRecord, encodeLost, kindNumbers } from './record-codec.ts';
import { greatestPoint, NOTHING_PASSED_OVER, type PassedOver, passedOverOf, salvageLog } from './salvage-log.ts';

/** Damaged files that are kept aside; older ones are removed, since each may be as large as the log. */
const MAX_SET_ASIDE = 2;
/** Bytes from which on it takes seconds to save what can be read, so that it is told beforehand, too. */
const LARGE_BYTES = 64 * 1024 * 1024;
const COMPANIONS = ['', '-wal', '-shm'];
/** Commits behind a damaged frame of the write-ahead file that a power cut explains: the last one and what it synced. */
const POWER_CUT_COMMITS = 2;
/** Primary codes of SQLite that are faults of the disk or its rights, not of the file: PERM to NOMEM, IOERR, FULL, CANTOPEN. */
const NOT_DAMAGE: ReadonlySet<number> = new Set([3, 5, 6, 7, 10, 13, 14]);
const READONLY = 8;

export interface LogFile {
  readonly database: DatabaseSync;
  readonly last: Stamp;
  readonly nextOrdinal: number;
  readonly points: readonly (readonly [key: string, number: number])[];
  /** No number below this one may be given to a new point. */
  readonly nextPoint: number;
  /** Names of the damaged files that were set aside. */
  readonly setAside: readonly string[];
  readonly told: readonly Telling[];
}

export interface LogFileOptions {
  readonly path: string;
  readonly bounds: LogBounds;
  /** A record that others know of: the numbering of a log that has lost its end goes on after it. */
  readonly minimumSeq: number;
  /** Called with what takes its time before it begins. */
  readonly onBegin: (telling: Telling) => void;
}

/**
 * Opens (or makes) the log's file. A damaged one is set aside; what can still be read of it goes to the archive, and the
 * numbering goes on in a new file. Throws a StorageError where the disk fails, or the file is a newer program's.
 */
export function openLogFile(options: LogFileOptions): LogFile {
  // A crash came after everything was saved of a damaged file, and before that was in its place.
  if (existsSync(savedPath(options.path))) {
    const setAside = putInPlace(options.path);
    return {
      ...openSound(options, NOTHING_PASSED_OVER, false),
      setAside: [setAside],
      told: [{ fields: { setAside }, message: SET_ASIDE }],
    };
  }
  const isNew = !existsSync(options.path);
  const passedOver = isNew ? NOTHING_PASSED_OVER : passedOverOf(options.path);
  if (passedOver.commits > POWER_CUT_COMMITS) return replaceLogFile(options, 'the write-ahead file is damaged');
  try {
    return openSound(options, passedOver, isNew);
  } catch (error) {
    const damage = damageOf(options.path, error);
    if (damage === undefined) throw error;
    return replaceLogFile(options, damage);
  }
}

/** Why a file is damaged; undefined where the error is none of the file. */
function damageOf(path: string, error: unknown): string | undefined {
  const cause = error instanceof StorageError ? error.cause : error;
  if (!(cause instanceof Error) || !('errcode' in cause)) return undefined;
  const code = Number(cause.errcode) & 0xff;
  // Read-only may be the file system, or a byte at the start of the file.
  if (NOT_DAMAGE.has(code) || (code === READONLY && !isWritable(path))) return undefined;
  return cause.message;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch {
    // Why does not matter here: SQLite's own error is told.
    return false;
  }
}

class Damaged extends Error {
  /** As SQLite's own word of it. */
  readonly errcode = 11;
}

/** A log without any record that is not new has lost them all. */
function openSound({ path, minimumSeq }: LogFileOptions, passedOver: PassedOver, isNew: boolean): LogFile {
  const database = openDatabase(path, logMigrations, { addsOnly: true });
  try {
    const newest = newestRecord(database);
    const archive = new ArchiveReader(archiveFolder(path));
    const isEmpty = newest === undefined;
    const pairs = isEmpty ? pointsOfArchive(archive) : pointsOf(database);
    const saved = passedOver.records.filter(({ seq }) => seq > (newest?.seq ?? 0));
    insertRecords(database, saved);
    if (isEmpty || saved.length > 0) insertPoints(database, withPoints(pairs, saved));
    const end = endOf(archive, saved.at(-1) ?? newest);
    const last = end.seq > 0 || !isNew ? goOnAfter(database, end, minimumSeq) : end;
    const points = pointsOf(database);
    return {
      database,
      last: { logSeq: last.seq, logMs: last.ms },
      nextOrdinal: last.nextOrdinal,
      points,
      nextPoint: points.reduce((most, [, number]) => Math.max(most, number), 0) + 1,
      setAside: [],
      told: tellingOfEnd(end.seq, last.seq, passedOver),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What there is to tell of a log that may have lost its last records. */
function tellingOfEnd(endSeq: number, lastSeq: number, { endsWithin }: PassedOver): readonly Telling[] {
  if (lastSeq > endSeq) return [{ fields: { fromSeq: endSeq + 1, throughSeq: lastSeq }, message: END_LOST }];
  return endsWithin ? [{ fields: { throughSeq: endSeq }, message: END_CUT }] : [];
}

const END_LOST = 'the log has lost its last records; the numbering goes on after them';
const END_CUT = 'the write-ahead file ends in the middle of a page; records after the last one may be lost';
const SET_ASIDE = 'the log was damaged and is set aside; what can still be read was saved';
const SAVING = 'the log is damaged; what can be read of it is being saved, which takes some seconds for each GiB';
const NOT_SAVED = 'the disk does not take what can be read of the damaged log; it stays aside';

/** Throws a {@link Damaged} where the newest row is not as it was written: nothing can be numbered by it. */
function newestRecord(database: DatabaseSync): CheckedRecord | undefined {
  const newest = new LogRows(database).newest();
  if (newest === undefined) return undefined;
  // The first is where records are removed.
  new LogRows(database).oldest();
  const record = new LogRows(database).after(newest.logSeq - 1, newest.logSeq, 1, 1)[0];
  if (record?.seq !== newest.logSeq || !isWhole(record)) throw new Damaged('the newest record is damaged');
  return record;
}

interface End {
  readonly seq: number;
  readonly ms: number;
  readonly nextOrdinal: number;
}

/** Where the numbering goes on: after the file's newest record, or the archive's where that is further. */
function endOf(archive: ArchiveReader, newest: CheckedRecord | undefined): End {
  const end = newest
    ? { seq: newest.seq, ms: newest.ms, nextOrdinal: newest.ordinal + newest.count }
    : { seq: 0, ms: 0, nextOrdinal: 0 };
  const segment = archive.list().at(-1);
  if (!segment || segment.lastSeq <= end.seq) return end;
  const readable = archive.end('last');
  const known = readable ? readable.ordinal + readable.count : 0;
  const unread = segment.lastSeq - (readable?.seq ?? 0);
  return {
    seq: segment.lastSeq,
    ms: segment.lastMs,
    nextOrdinal: Math.max(end.nextOrdinal, known + unread * MAX_BATCH_SAMPLES),
  };
}

/** Tells records through `minimumSeq` as lost where the log ends before; none of their places is given again. */
function goOnAfter(database: DatabaseSync, end: End, minimumSeq: number): End {
  if (end.seq >= minimumSeq) return end;
  // How many samples they held is not known; more than this none can hold.
  const nextOrdinal = end.nextOrdinal + (minimumSeq - end.seq) * MAX_BATCH_SAMPLES;
  const { kind, body } = encodeLost(end.seq + 1, 0);
  const lost = { seq: minimumSeq, ms: end.ms, kind, ordinal: nextOrdinal, count: 0, body };
  insertRecords(database, [{ ...lost, crc: recordCrc(lost) }]);
  return { seq: minimumSeq, ms: end.ms, nextOrdinal };
}

/**
 * Saves what can be read of a damaged file, sets it aside and opens a new one in its place. A crash on the way leaves the
 * damaged file, or a whole new one that only has to be put in its place.
 */
export function replaceLogFile(options: LogFileOptions, reason: string): LogFile {
  const { path } = options;
  const next = `${path}.next`;
  const { size } = statSync(path);
  if (size >= LARGE_BYTES) options.onBegin({ fields: { reason, bytes: size }, message: SAVING });
  for (const companion of COMPANIONS) rmSync(next + companion, { force: true });
  const saved = save(options);
  const made = openDatabase(next, logMigrations);
  try {
    if (saved.newest) insertRecords(made, [saved.newest]);
    insertPoints(made, saved.points);
  } finally {
    made.close();
  }
  renameSync(next, savedPath(path));
  syncFolder(dirname(path));
  const setAside = putInPlace(path);
  const opened = openSound(options, NOTHING_PASSED_OVER, false);
  const fields = { reason, setAside, savedRecords: saved.count, throughSeq: opened.last.logSeq };
  return {
    ...opened,
    nextPoint: Math.max(opened.nextPoint, saved.nextPoint),
    setAside: [setAside],
    told: [{ fields, message: SET_ASIDE }, ...saved.told, ...opened.told],
  };
}

/** Name of a new file that is whole and waits for its place. */
function savedPath(path: string): string {
  return `${path}.saved`;
}

/** Sets what lies at `path` aside, and the saved file in its place; gives the name of what was set aside. */
function putInPlace(path: string): string {
  const folder = dirname(path);
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[-:]/g, '')}`;
  for (const companion of COMPANIONS) {
    if (existsSync(path + companion)) renameSync(path + companion, aside + companion);
  }
  renameSync(savedPath(path), path);
  syncFolder(folder);
  removeOldAside(folder, basename(path));
  return basename(aside);
}

interface Saved {
  readonly count: number;
  /** The newest record, which belongs into the new file; all others are in the archive. */
  readonly newest: CheckedRecord | undefined;
  readonly points: ReadonlyMap<number, string>;
  readonly nextPoint: number;
  readonly told: readonly Telling[];
}

function save({ path, bounds }: LogFileOptions): Saved {
  const folder = archiveFolder(path);
  const archive = new ArchiveReader(folder);
  const archivedSeq = archive.list().at(-1)?.lastSeq ?? 0;
  const points = pointsOfArchive(archive);
  const salvage = salvageLog(path, (seq) => seq > archivedSeq);
  // The table knows of renames and numbers of long ago; what a record says has a checksum.
  const all = new Map([...salvage.points, ...points]);
  let greatest = 0;
  let count = 0;
  const writer = new SegmentWriter(folder, bounds.segmentBytes);
  let newest: CheckedRecord | undefined;
  for (const record of salvage.records()) {
    count++;
    greatest = Math.max(greatest, greatestPoint(record));
    applyPoints(all, record);
    if (newest) writer.add(newest);
    newest = record;
  }
  writer.end();
  salvage.close();
  const { failure, savedSeq } = writer;
  const told =
    failure === undefined ? [] : [{ fields: { reason: failure, savedThroughSeq: savedSeq }, message: NOT_SAVED }];
  for (const number of all.keys()) greatest = Math.max(greatest, number);
  return { count, newest, points: all, nextPoint: greatest + 1, told };
}

/** Writes records, in order, into segments of a bounded size, until the disk takes no more. */
class SegmentWriter {
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #builder = new SegmentBuilder();
  #first: CheckedRecord | undefined;
  #last: CheckedRecord | undefined;
  savedSeq = 0;
  /** Why the disk took no more. */
  failure: string | undefined;

  constructor(folder: string, segmentBytes: number) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
  }

  add(record: CheckedRecord): void {
    if (this.failure !== undefined) return;
    this.#builder.add(record);
    this.#first ??= record;
    this.#last = record;
    if (this.#builder.rawBytes >= this.#segmentBytes) this.end();
  }

  end(): void {
    const [first, last] = [this.#first, this.#last];
    if (!first || !last) return;
    const place = { firstSeq: first.seq, lastSeq: last.seq, firstMs: first.ms, lastMs: last.ms };
    this.#first = undefined;
    try {
      writeSegment(this.#folder, place, this.#builder.take());
      this.savedSeq = last.seq;
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
      this.failure = error.message;
    }
  }
}

/** Removes damaged files beyond the newest few. */
function removeOldAside(folder: string, name: string): void {
  const prefix = `${name}.damaged-`;
  const found = readdirSync(folder).filter((file) => file.startsWith(prefix));
  const times = [...new Set(found.map((file) => file.replace(/-(wal|shm)$/, '')))].sort();
  for (const old of times.slice(0, -MAX_SET_ASIDE)) {
    for (const companion of COMPANIONS) rmSync(join(folder, old + companion), { force: true });
  }
}

function pointsOf(database: DatabaseSync): [key: string, number: number][] {
  const rows = database.prepare('SELECT key, number FROM points ORDER BY number').all();
  return rows.map((row) => [String(row.key), Number(row.number)]);
}

/** What all points records of the archive come to. */
function pointsOfArchive(archive: ArchiveReader): Map<number, string> {
  const points = new Map<number, string>();
  for (const record of archive.ofKind(kindNumbers.points)) if (isWhole(record)) applyPoints(points, record);
  return points;
}

function applyPoints(points: Map<number, string>, { seq, ms, kind, ordinal, body }: StoredRecord): void {
  if (kind !== kindNumbers.points) return;
  const decoded = decodeRecord({ logSeq: seq, logMs: ms }, kind, ordinal, body);
  if (decoded?.kind !== 'points') return;
  for (const [key, number] of decoded.numbers) points.set(number, key);
}

function withPoints(
  pairs: ReadonlyMap<number, string> | readonly (readonly [string, number])[],
  records: readonly StoredRecord[],
): Map<number, string> {
  const points = new Map(pairs instanceof Map ? pairs : [...pairs].map(([key, number]) => [number, key] as const));
  for (const record of records) applyPoints(points, record);
  return points;
}

function insertRecords(database: DatabaseSync, records: readonly CheckedRecord[]): void {
  const insert = database.prepare('INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)');
  database.exec('BEGIN IMMEDIATE');
  for (const { seq, ms, kind, ordinal, count, crc, body } of records)
    insert.run(seq, ms, kind, ordinal, count, crc, body);
  database.exec('COMMIT');
}

function insertPoints(database: DatabaseSync, points: ReadonlyMap<number, string>): void {
  const insert = database.prepare('INSERT OR REPLACE INTO points (number, key) VALUES (?, ?)');
  database.exec('BEGIN IMMEDIATE');
  for (const [number, key] of points) insert.run(number, key);
  database.exec('COMMIT');
}
