import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { CheckedRecord } from './record-checksum.ts';

/**
 * A segment of the archive is a file of blocks, one after the other, each of which can be read by itself:
 *
 * | bytes | content |
 * |---|---|
 * | 4 | {@link BLOCK_MAGIC} |
 * | 4 | CRC-32 of the rest of the header |
 * | 8 each | float64: first and last seq, first and last ms, first ordinal, next ordinal |
 * | 4 each | uint32: records, kinds (bit n: a record of kind n), bytes and CRC-32 of the payload, bytes unpacked, zero |
 * | | payload: zstd of columns (float64 seq, ms, ordinal, count; uint32 kind, crc, bytes of the body) and the bodies |
 *
 * All little-endian. Records are as they were in the log, with their checksums, damaged ones, too.
 */
const BLOCK_MAGIC = 0x314b424c;
export const BLOCK_HEADER_BYTES = 80;
/** Bytes of columns for each record. */
const ROW_BYTES = 44;
/** Bytes and records after which a block takes no further record. */
const MAX_BLOCK_BYTES = 1024 * 1024;
const MAX_BLOCK_RECORDS = 4096;
/** Level of zstd: higher ones gain little on columns of doubles and take far longer. */
const LEVEL = 3;
/** Bytes that a header may claim: a record is 48 MiB at most (a site file), and one record may exceed a block. */
const MAX_CLAIMED_BYTES = 128 * 1024 * 1024;

export interface BlockHeader {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly firstOrdinal: number;
  /** Place of the sample after the block's last. */
  readonly nextOrdinal: number;
  readonly records: number;
  readonly kinds: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly rawBytes: number;
}

/** Bytes that a record takes in a block before compression. */
export function rawBytesOf({ body }: CheckedRecord): number {
  return ROW_BYTES + body.byteLength;
}

/** Collects records, in order, into blocks. */
export class SegmentBuilder {
  readonly #blocks: Uint8Array[] = [];
  #records: CheckedRecord[] = [];
  #bytes = 0;
  /** Bytes of all records so far, before compression. */
  rawBytes = 0;

  add(record: CheckedRecord): void {
    this.#records.push(record);
    const bytes = rawBytesOf(record);
    this.#bytes += bytes;
    this.rawBytes += bytes;
    if (this.#bytes >= MAX_BLOCK_BYTES || this.#records.length >= MAX_BLOCK_RECORDS) this.#endBlock();
  }

  /** The whole segment; the builder is empty afterwards. */
  take(): readonly Uint8Array[] {
    this.#endBlock();
    this.rawBytes = 0;
    return this.#blocks.splice(0);
  }

  #endBlock(): void {
    if (this.#records.length > 0) this.#blocks.push(encodeBlock(this.#records));
    this.#records = [];
    this.#bytes = 0;
  }
}

/** One block of records, in order, of which there is at least one. */
export function encodeBlock(records: readonly CheckedRecord[]): Uint8Array {
  const [first, last] = [records[0], records.at(-1)];
  if (!first || !last) throw new Error('a block of the archive holds at least one record');
  const raw = pack(records);
  const payload = zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
  const block = new Uint8Array(BLOCK_HEADER_BYTES + payload.byteLength);
  const view = new DataView(block.buffer);
  view.setUint32(0, BLOCK_MAGIC, true);
  const doubles = [first.seq, last.seq, first.ms, last.ms, first.ordinal, last.ordinal + last.count];
  for (const [index, value] of doubles.entries()) view.setFloat64(8 + 8 * index, value, true);
  const kinds = records.reduce((mask, { kind }) => mask | (1 << (kind & 31)), 0) >>> 0;
  const words = [records.length, kinds, payload.byteLength, crc32(payload), raw.byteLength, 0];
  for (const [index, value] of words.entries()) view.setUint32(56 + 4 * index, value, true);
  view.setUint32(4, crc32(block.subarray(8, BLOCK_HEADER_BYTES)), true);
  block.set(payload, BLOCK_HEADER_BYTES);
  return block;
}

function pack(records: readonly CheckedRecord[]): Uint8Array {
  const rows = records.length;
  const bodyBytes = records.reduce((sum, { body }) => sum + body.byteLength, 0);
  const raw = new Uint8Array(rows * ROW_BYTES + bodyBytes);
  const doubles = new Float64Array(raw.buffer, 0, 4 * rows);
  const words = new Uint32Array(raw.buffer, 32 * rows, 3 * rows);
  let at = rows * ROW_BYTES;
  for (const [row, { seq, ms, ordinal, kind, count, crc, body }] of records.entries()) {
    doubles[row] = seq;
    doubles[rows + row] = ms;
    doubles[2 * rows + row] = ordinal;
    doubles[3 * rows + row] = count;
    words[row] = kind;
    words[rows + row] = crc;
    words[2 * rows + row] = body.byteLength;
    raw.set(body, at);
    at += body.byteLength;
  }
  return raw;
}

/** The header at the start of `bytes`; undefined where there is none that is whole. */
export function readBlockHeader(bytes: Uint8Array): BlockHeader | undefined {
  if (bytes.byteLength < BLOCK_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK_HEADER_BYTES);
  if (view.getUint32(0, true) !== BLOCK_MAGIC) return undefined;
  if (view.getUint32(4, true) !== crc32(bytes.subarray(8, BLOCK_HEADER_BYTES))) return undefined;
  const double = (index: number) => view.getFloat64(8 + 8 * index, true);
  const word = (index: number) => view.getUint32(56 + 4 * index, true);
  const header = {
    firstSeq: double(0),
    lastSeq: double(1),
    firstMs: double(2),
    lastMs: double(3),
    firstOrdinal: double(4),
    nextOrdinal: double(5),
    records: word(0),
    kinds: word(1),
    payloadBytes: word(2),
    payloadCrc: word(3),
    rawBytes: word(4),
  };
  return header.rawBytes <= MAX_CLAIMED_BYTES ? header : undefined;
}

/** Place of the next header in `bytes`, from `from` on; undefined where there is none. */
export function findBlockHeader(bytes: Uint8Array, from: number): number | undefined {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(BLOCK_MAGIC);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(magic, from); at >= 0; at = buffer.indexOf(magic, at + 1)) {
    if (readBlockHeader(bytes.subarray(at, at + BLOCK_HEADER_BYTES))) return at;
  }
  return undefined;
}

/** The records of a block; undefined where the payload is not what the header says. */
export function decodeBlock(header: BlockHeader, payload: Uint8Array): CheckedRecord[] | undefined {
  if (payload.byteLength !== header.payloadBytes || crc32(payload) !== header.payloadCrc) return undefined;
  const raw = unpacked(payload, header.rawBytes);
  const rows = header.records;
  if (raw?.byteLength !== header.rawBytes || rows * ROW_BYTES > raw.byteLength) return undefined;
  const doubles = new Float64Array(raw.buffer, 0, 4 * rows);
  const words = new Uint32Array(raw.buffer, 32 * rows, 3 * rows);
  const records: CheckedRecord[] = [];
  let at = rows * ROW_BYTES;
  for (let row = 0; row < rows; row++) {
    const end = at + (words[2 * rows + row] ?? 0);
    if (end > raw.byteLength) return undefined;
    records.push({
      seq: doubles[row] ?? 0,
      ms: doubles[rows + row] ?? 0,
      ordinal: doubles[2 * rows + row] ?? 0,
      count: doubles[3 * rows + row] ?? 0,
      kind: words[row] ?? 0,
      crc: words[rows + row] ?? 0,
      // A buffer of its own: it is handed to another thread, and columns are read in place.
      body: raw.slice(at, end),
    });
    at = end;
  }
  return records;
}

function unpacked(payload: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  try {
    const raw = zstdDecompressSync(payload, { maxOutputLength: Math.max(1, maxBytes) });
    // Its own buffer, so that columns begin on a multiple of 8.
    return new Uint8Array(raw);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
