import type { LogEntry, LogRecord, Stamp } from '../../model/log.ts';
import type { Batch } from '../../model/sample.ts';
import type { StoredRecord } from './log-messages.ts';

/**
 * How an entry lies in a row of the log. All but samples are JSON. Samples are columns, little-endian as on every
 * machine that this runs on, the widest first so that each can be read in place:
 *
 * | bytes | content |
 * |---|---|
 * | 1 | layout, {@link SAMPLES_LAYOUT} |
 * | 1 | flags: which columns are one value for all rows (bit 0 sourceMs, 1 receivedMs, 2 point, 3 reason, 4 quality) |
 * | 2 | bytes of the link's key |
 * | 4 | rows |
 * | 4 | bytes of texts and details |
 * | 4 | zero |
 * | | float64: sourceMs, receivedMs, value; uint32: point; uint16: reason; uint8: quality |
 * | | the link's key; JSON of [texts, details] as pairs of row and text, absent where there are none |
 */
const SAMPLES_LAYOUT = 1;
const HEADER_BYTES = 16;
const Constant = { sourceMs: 1, receivedMs: 2, point: 4, reason: 8, quality: 16 } as const;

type StoredKind = Exclude<LogRecord['kind'], 'damaged'>;

/** Numbers of the kinds as stored; never reused. */
export const kindNumbers = {
  samples: 1,
  tick: 2,
  link: 3,
  action: 4,
  site: 5,
  points: 6,
  start: 7,
  health: 8,
  lost: 9,
} as const satisfies Record<StoredKind, number>;
const kindByNumber = new Map<number, StoredKind>(
  (Object.keys(kindNumbers) as StoredKind[]).map((kind) => [kindNumbers[kind], kind]),
);

/** An entry as it is stored, without its place. `count` is its number of samples, 0 for other kinds. */
export interface EncodedEntry {
  readonly kind: number;
  readonly count: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Makes an entry ready to be stored. Throws where a samples entry names a link of more than 65,535 bytes. */
export function encodeEntry(entry: LogEntry): EncodedEntry {
  if (entry.kind === 'samples') {
    return { kind: kindNumbers.samples, count: entry.batch.length, body: encodeSamples(entry.link, entry.batch) };
  }
  const { kind, ...rest } = entry;
  return { kind: kindNumbers[kind], count: 0, body: new TextEncoder().encode(JSON.stringify(rest)) };
}

/** The record that stands for those from `fromSeq` on, which held `samples` samples and never reached the disk. */
export function encodeLost(fromSeq: number, samples: number): EncodedEntry {
  const body = new TextEncoder().encode(JSON.stringify({ fromSeq, samples }));
  return { kind: kindNumbers.lost, count: samples, body };
}

/** The first of the records that a stored record stands for as lost; undefined where it is of another kind. */
export function lostFrom({ kind, body }: StoredRecord): number | undefined {
  if (kind !== kindNumbers.lost) return undefined;
  const record = decodeRecord({ logSeq: 0, logMs: 0 }, kind, 0, body);
  return record?.kind === 'lost' ? record.fromSeq : undefined;
}

/**
 * Reads a stored entry back. `firstOrdinal` is the place of the record's first sample. Undefined where `body` is not
 * what a writer of a known kind stores.
 */
export function decodeRecord(
  stamp: Stamp,
  kindNumber: number,
  firstOrdinal: number,
  body: Uint8Array<ArrayBuffer>,
): LogRecord | undefined {
  const kind = kindByNumber.get(kindNumber);
  if (kind === undefined) return undefined;
  try {
    if (kind === 'samples') return { ...stamp, kind, firstOrdinal, ...decodeSamples(body) };
    const rest: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof rest !== 'object' || rest === null || Array.isArray(rest)) return undefined;
    // The row's checksum has shown that these are the bytes that encodeEntry made of an entry of this kind.
    return { ...rest, ...stamp, kind } as LogRecord;
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/**
 * The greatest number of a point that a stored record of samples names, without reading the rest of it; 0 where it has
 * none, or is not what a writer stores.
 */
export function greatestPointOfSamples(body: Uint8Array): number {
  if (body.byteLength < HEADER_BYTES || body[0] !== SAMPLES_LAYOUT) return 0;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const flags = view.getUint8(1);
  const rows = view.getUint32(4, true);
  const kept = (flag: number) => ((flags & flag) === 0 ? rows : Math.min(rows, 1));
  const from = HEADER_BYTES + 8 * (kept(Constant.sourceMs) + kept(Constant.receivedMs) + rows);
  const to = from + 4 * kept(Constant.point);
  if (to > body.byteLength) return 0;
  let greatest = 0;
  for (let at = from; at < to; at += 4) greatest = Math.max(greatest, view.getUint32(at, true));
  return greatest;
}

type Column = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

function encodeSamples(link: string, batch: Batch): Uint8Array<ArrayBuffer> {
  const rows = batch.length;
  const linkBytes = new TextEncoder().encode(link);
  const hasExtra = batch.texts.size > 0 || batch.details.size > 0;
  const extraBytes = new TextEncoder().encode(hasExtra ? JSON.stringify([[...batch.texts], [...batch.details]]) : '');
  let flags = 0;
  let bytes = HEADER_BYTES;
  const columns: [column: Batch[keyof typeof Constant] | Batch['value'], rows: number][] = [];
  const add = (column: Batch[keyof typeof Constant] | Batch['value'], flag: number) => {
    const constant = flag !== 0 && rows > 0 && isConstant(column, rows);
    if (constant) flags |= flag;
    columns.push([column, constant ? 1 : rows]);
    bytes += (constant ? 1 : rows) * column.BYTES_PER_ELEMENT;
  };
  add(batch.sourceMs, Constant.sourceMs);
  add(batch.receivedMs, Constant.receivedMs);
  add(batch.value, 0);
  add(batch.point, Constant.point);
  add(batch.reason, Constant.reason);
  add(batch.quality, Constant.quality);

  const body = new Uint8Array(bytes + linkBytes.length + extraBytes.length);
  const header = new DataView(body.buffer);
  header.setUint8(0, SAMPLES_LAYOUT);
  header.setUint8(1, flags);
  if (linkBytes.length > 0xffff) throw new RangeError('key of a link is too long');
  header.setUint16(2, linkBytes.length, true);
  header.setUint32(4, rows, true);
  header.setUint32(8, extraBytes.length, true);
  let at = HEADER_BYTES;
  for (const [column, kept] of columns) {
    const length = kept * column.BYTES_PER_ELEMENT;
    body.set(new Uint8Array(column.buffer, column.byteOffset, length), at);
    at += length;
  }
  body.set(linkBytes, at);
  body.set(extraBytes, at + linkBytes.length);
  return body;
}

function isConstant(column: Batch[keyof typeof Constant] | Batch['value'], rows: number): boolean {
  const first = column[0];
  for (let row = 1; row < rows; row++) if (column[row] !== first) return false;
  return true;
}

/** Throws a RangeError, SyntaxError or TypeError where the bytes are not those of a samples entry. */
function decodeSamples(stored: Uint8Array<ArrayBuffer>): { link: string; batch: Batch } {
  // Columns are read in place, which needs the start on a multiple of 8.
  const body = stored.byteOffset % 8 === 0 ? stored : stored.slice();
  const header = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (header.getUint8(0) !== SAMPLES_LAYOUT) throw new RangeError('layout is not known');
  const flags = header.getUint8(1);
  const linkLength = header.getUint16(2, true);
  const rows = header.getUint32(4, true);
  const extraLength = header.getUint32(8, true);
  let at = body.byteOffset + HEADER_BYTES;
  const column = <A extends Column>(
    make: { new (buffer: ArrayBuffer, offset: number, length: number): A; BYTES_PER_ELEMENT: number },
    flag: number,
    wide: (length: number) => A,
  ): A => {
    const constant = (flags & flag) !== 0;
    const kept = new make(body.buffer, at, constant ? 1 : rows);
    at += kept.byteLength;
    if (!constant) return kept;
    const all = wide(rows);
    all.fill(kept[0] ?? 0);
    return all;
  };
  // The bytes must add up before anything is made as long as the row count says.
  if (rows * 8 > body.byteLength) throw new RangeError('more rows than bytes');
  const sourceMs = column(Float64Array, Constant.sourceMs, (n) => new Float64Array(n));
  const receivedMs = column(Float64Array, Constant.receivedMs, (n) => new Float64Array(n));
  const value = column(Float64Array, 0, (n) => new Float64Array(n));
  const point = column(Uint32Array, Constant.point, (n) => new Uint32Array(n));
  const reason = column(Uint16Array, Constant.reason, (n) => new Uint16Array(n));
  const quality = column(Uint8Array, Constant.quality, (n) => new Uint8Array(n));
  const tail = at - body.byteOffset;
  if (tail + linkLength + extraLength !== body.byteLength) throw new RangeError('bytes do not add up');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const link = decoder.decode(body.subarray(tail, tail + linkLength));
  const extra = decoder.decode(body.subarray(tail + linkLength));
  const [texts, details] = extra === '' ? [[], []] : (JSON.parse(extra) as [[number, string][], [number, string][]]);
  return {
    link,
    batch: {
      length: rows,
      point,
      sourceMs,
      receivedMs,
      quality,
      value,
      reason,
      texts: new Map(texts),
      details: new Map(details),
    },
  };
}
