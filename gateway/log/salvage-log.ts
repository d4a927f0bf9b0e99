import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { type CheckedRecord, isWhole } from './record-checksum.ts';
import { decodeRecord, greatestPointOfSamples, kindNumbers } from './record-codec.ts';
import { isTableLeaf, leafRows, PAGE_BYTES, type PageSource } from './sqlite-pages.ts';
import { walFrames } from './sqlite-wal.ts';

/** Columns of the tables whose rows are looked for: `records`, `points`. */
const RECORD_COLUMNS = 7;
const POINT_COLUMNS = 2;
/** Pages that are read at a time, and how many times as many are kept in memory. */
const CHUNK_PAGES = 64;
const MAX_KEPT_CHUNKS = 32;
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

/** What SQLite does not say of a write-ahead file. */
export interface PassedOver {
  /** Commits behind a damaged frame, and the records in them, in order, each once. */
  readonly commits: number;
  readonly records: readonly CheckedRecord[];
  /** It ends within a frame, as after a cut, or a crash in the middle of a write. */
  readonly endsWithin: boolean;
}

export const NOTHING_PASSED_OVER: PassedOver = { commits: 0, records: [], endsWithin: false };

/** Looks into the write-ahead file for what SQLite passes over. */
export function passedOverOf(path: string): PassedOver {
  const walPath = `${path}-wal`;
  if (!existsSync(walPath)) return NOTHING_PASSED_OVER;
  const wal = readFileSync(walPath);
  const { pages, commitsPassedOver, endsWithin } = walFrames(wal);
  if (commitsPassedOver === 0) return { ...NOTHING_PASSED_OVER, endsWithin };
  const source: PageSource = (page) => {
    const at = pages.get(page);
    return at === undefined ? undefined : wal.subarray(at, at + PAGE_BYTES);
  };
  const found = new Map<number, CheckedRecord>();
  for (const page of pages.keys()) for (const record of recordsOf(source, page)) found.set(record.seq, record);
  return { commits: commitsPassedOver, records: [...found.values()].sort((a, b) => a.seq - b.seq), endsWithin };
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
  if (kind === kindNumbers.samples) return greatestPointOfSamples(body);
  if (kind !== kindNumbers.points) return 0;
  const decoded = decodeRecord({ logSeq: seq, logMs: ms }, kind, ordinal, body);
  let greatest = 0;
  if (decoded?.kind === 'points') for (const [, number] of decoded.numbers) greatest = Math.max(greatest, number);
  return greatest;
}

/** Pages of a file as SQLite would see them: those of the write-ahead file in the place of older ones. */
class Pages {
  readonly count: number;
  readonly source: PageSource = (page) => this.read(page);
  readonly #file: number;
  readonly #wal: Uint8Array<ArrayBuffer>;
  readonly #inWal: ReadonlyMap<number, number>;
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    const walPath = `${path}-wal`;
    this.#wal = existsSync(walPath) ? readFileSync(walPath) : new Uint8Array();
    this.#inWal = walFrames(this.#wal).pages;
    const own = Math.floor(fstatSync(this.#file).size / PAGE_BYTES);
    this.count = [...this.#inWal.keys()].reduce((most, page) => Math.max(most, page), own);
  }

  read(page: number): Uint8Array<ArrayBuffer> | undefined {
    if (page < 1 || page > this.count) return undefined;
    const inWal = this.#inWal.get(page);
    if (inWal !== undefined) return this.#wal.subarray(inWal, inWal + PAGE_BYTES);
    const place = Math.floor((page - 1) / CHUNK_PAGES);
    const at = ((page - 1) % CHUNK_PAGES) * PAGE_BYTES;
    const bytes = this.#chunk(place).subarray(at, at + PAGE_BYTES);
    return bytes.byteLength === PAGE_BYTES ? bytes : undefined;
  }

  close(): void {
    closeSync(this.#file);
  }

  #chunk(place: number): Uint8Array<ArrayBuffer> {
    const known = this.#chunks.get(place);
    if (known) return known;
    const chunk = readChunk(this.#file, place * CHUNK_PAGES * PAGE_BYTES);
    this.#chunks.set(place, chunk);
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= MAX_KEPT_CHUNKS) break;
      this.#chunks.delete(oldest);
    }
    return chunk;
  }
}

/** Up to {@link CHUNK_PAGES} pages from `at` on; zeros, which are no page of a table, where the disk cannot read one. */
function readChunk(file: number, at: number): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(CHUNK_PAGES * PAGE_BYTES);
  const all = readInto(file, chunk, at);
  if (all !== undefined) return chunk.subarray(0, all);
  for (let page = 0; page < CHUNK_PAGES; page++) {
    const start = page * PAGE_BYTES;
    readInto(file, chunk.subarray(start, start + PAGE_BYTES), at + start);
  }
  return chunk;
}

/** How many bytes were read; undefined where the disk cannot read them. */
function readInto(file: number, into: Uint8Array, at: number): number | undefined {
  try {
    return readSync(file, into, 0, into.byteLength, at);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return undefined;
    throw error;
  }
}
