import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { type CheckedRecord, isWhole } from './record-checksum.ts';
import { decodeRecord, kindNumbers } from './record-codec.ts';
import { isTableLeaf, leafRows, PAGE_BYTES, type PageSource } from './sqlite-pages.ts';
import { walFrames } from './sqlite-wal.ts';

/** Columns of the tables whose rows are looked for: `records`, `points`. */
const RECORD_COLUMNS = 7;
const POINT_COLUMNS = 2;
/** Pages that are kept in memory, so that rows of one page do not read it again. */
const MAX_KEPT_PAGES = 64;
/** Bytes of a point's key at most; what is longer is none of ours. */
const MAX_KEY_LENGTH = 1024;

export interface Salvage {
  /** Which key each number stood for, from the table of points, as far as it can be read. */
  readonly points: ReadonlyMap<number, string>;
  /** Records that are as they were written, in order, each once. */
  records(): Generator<CheckedRecord>;
  close(): void;
}

/**
 * Finds what can still be read of a log's file at `path` and its write-ahead file, however damaged they are: pages are
 * read one by one, and a record counts if its checksum does. Reads the file twice and keeps one number for each page in
 * memory. `wanted` leaves out what is already elsewhere. Throws the file system's error.
 */
export function salvageLog(path: string, wanted: (seq: number) => boolean): Salvage {
  const pages = new Pages(path);
  const points = new Map<number, string>();
  const leaves: { readonly page: number; readonly firstSeq: number }[] = [];
  for (let page = 1; page <= pages.count; page++) {
    if (!isTableLeaf(pages.read(page) ?? new Uint8Array(1), page)) continue;
    const firstSeq = firstRecordSeq(pages.source, page);
    if (firstSeq !== undefined) leaves.push({ page, firstSeq });
    else for (const [number, key] of pointsOf(pages.source, page)) points.set(number, key);
  }
  leaves.sort((a, b) => a.firstSeq - b.firstSeq);
  return {
    points,
    *records() {
      let lastSeq = 0;
      for (const { page } of leaves) {
        for (const record of recordsOf(pages.source, page)) {
          // A page that was freed may still hold what has moved to another one since.
          if (record.seq <= lastSeq || !wanted(record.seq)) continue;
          yield record;
          lastSeq = record.seq;
        }
      }
    },
    close: () => pages.close(),
  };
}

/** Records in a write-ahead file that SQLite passes over, since a frame before them is damaged; in order, each once. */
export function recordsPassedOver(path: string): { readonly commits: number; readonly records: CheckedRecord[] } {
  const walPath = `${path}-wal`;
  if (!existsSync(walPath)) return { commits: 0, records: [] };
  const wal = readFileSync(walPath);
  const { pages, commitsPassedOver } = walFrames(wal);
  if (commitsPassedOver === 0) return { commits: 0, records: [] };
  const source: PageSource = (page) => {
    const at = pages.get(page);
    return at === undefined ? undefined : wal.subarray(at, at + PAGE_BYTES);
  };
  const found = new Map<number, CheckedRecord>();
  for (const page of pages.keys()) for (const record of recordsOf(source, page)) found.set(record.seq, record);
  return { commits: commitsPassedOver, records: [...found.values()].sort((a, b) => a.seq - b.seq) };
}

/** The place of the first record of a page whose checksum is right: a damaged one may have any place. */
function firstRecordSeq(source: PageSource, page: number): number | undefined {
  for (const { seq } of recordsOf(source, page)) return seq;
  return undefined;
}

function* recordsOf(source: PageSource, page: number): Generator<CheckedRecord> {
  for (const { rowid, values } of leafRows(source, page, new Set([RECORD_COLUMNS]))) {
    const [, ms, kind, ordinal, count, crc, body] = values;
    if (!(body instanceof Uint8Array) || typeof ms !== 'number' || typeof kind !== 'number') continue;
    if (typeof ordinal !== 'number' || typeof count !== 'number' || typeof crc !== 'number') continue;
    const record = { seq: rowid, ms, kind, ordinal, count, crc, body };
    if (isWhole(record)) yield record;
  }
}

function* pointsOf(source: PageSource, page: number): Generator<[number: number, key: string]> {
  for (const { rowid, values } of leafRows(source, page, new Set([POINT_COLUMNS]))) {
    const key = values[1];
    if (typeof key === 'string' && key.length <= MAX_KEY_LENGTH && key.includes('/')) yield [rowid, key];
  }
}

/** The greatest number of a point that a record gives or has samples of; 0 for none. */
export function greatestPoint(record: CheckedRecord): number {
  const { seq, ms, kind, ordinal, body } = record;
  if (kind !== kindNumbers.samples && kind !== kindNumbers.points) return 0;
  const decoded = decodeRecord({ logSeq: seq, logMs: ms }, kind, ordinal, body);
  if (decoded?.kind === 'points') return decoded.numbers.reduce((most, [, number]) => Math.max(most, number), 0);
  return decoded?.kind === 'samples' ? decoded.batch.point.reduce((most, number) => Math.max(most, number), 0) : 0;
}

/** Pages of a file as SQLite would see them: those of the write-ahead file in the place of older ones. */
class Pages {
  readonly count: number;
  readonly source: PageSource = (page) => this.read(page);
  readonly #file: number;
  readonly #wal: number | undefined;
  readonly #inWal: ReadonlyMap<number, number>;
  readonly #kept = new Map<number, Uint8Array | undefined>();

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    const walPath = `${path}-wal`;
    this.#wal = existsSync(walPath) ? openSync(walPath, 'r') : undefined;
    this.#inWal = this.#wal === undefined ? new Map() : walFrames(readFileSync(walPath)).pages;
    const own = Math.floor(fstatSync(this.#file).size / PAGE_BYTES);
    this.count = [...this.#inWal.keys()].reduce((most, page) => Math.max(most, page), own);
  }

  read(page: number): Uint8Array | undefined {
    if (page < 1 || page > this.count) return undefined;
    if (this.#kept.has(page)) return this.#kept.get(page);
    const inWal = this.#inWal.get(page);
    const bytes = new Uint8Array(PAGE_BYTES);
    const [file, at] =
      inWal !== undefined && this.#wal !== undefined ? [this.#wal, inWal] : [this.#file, (page - 1) * PAGE_BYTES];
    const found = readWhole(file, bytes, at) ? bytes : undefined;
    this.#kept.set(page, found);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT_PAGES) break;
      this.#kept.delete(oldest);
    }
    return found;
  }

  close(): void {
    closeSync(this.#file);
    if (this.#wal !== undefined) closeSync(this.#wal);
  }
}

/** False where the file ends before, or the disk cannot read it. */
function readWhole(file: number, into: Uint8Array, at: number): boolean {
  try {
    return readSync(file, into, 0, into.byteLength, at) === into.byteLength;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return false;
    throw error;
  }
}
