import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, readNumbers, writeNumbers, writeSteps } from './number-column.ts';

/**
 * Samples of one point as columns, sorted by time and then by ordinal. `ms` and `ordinal` are whole numbers; `value` is
 * NaN where the sample is bad or a text; `texts` holds texts by row.
 */
export interface PointColumns {
  readonly ms: Float64Array;
  readonly ordinal: Float64Array;
  readonly value: Float64Array;
  readonly quality: Uint8Array;
  readonly texts: ReadonlyMap<number, string>;
}

/** In place of a number of rows, which is never that large: what follows is of the present form. */
const PRESENT_FORM = 0xffff_ffff;
/** Rows of a block at most; more are no block of ours. */
const MAX_ROWS = 2 ** 24;
/** Row after row has the same quality. */
const ONE_QUALITY = 255;

/**
 * Packs columns: uint32 of ones, uint32 CRC of the rest, uint32 rows, then the columns ms, ordinal and value as
 * `number-column.ts` has them, the quality (255 and that of all rows, or 254 and one byte each), and JSON of
 * [row, text] pairs. Little-endian. The bytes are good until `writer` is used again.
 */
export function packColumns(columns: PointColumns, writer = new ByteWriter()): Uint8Array<ArrayBuffer> {
  const { ms, ordinal, value, quality, texts } = columns;
  writer.clear();
  writer.uint32(PRESENT_FORM);
  writer.uint32(0);
  writer.uint32(ms.length);
  writeSteps(writer, ms);
  writeSteps(writer, ordinal);
  writeNumbers(writer, value);
  writeQuality(writer, quality);
  if (texts.size > 0) writer.bytes(new TextEncoder().encode(JSON.stringify([...texts])));
  const packed = writer.written;
  new DataView(packed.buffer).setUint32(4, crc32(packed.subarray(8)), true);
  return packed;
}

function writeQuality(writer: ByteWriter, quality: Uint8Array): void {
  const first = quality[0] ?? 0;
  let row = 1;
  while (row < quality.length && quality[row] === first) row++;
  if (row >= quality.length) {
    writer.uint8(ONE_QUALITY);
    writer.uint8(first);
  } else {
    writer.uint8(ONE_QUALITY - 1);
    writer.bytes(quality);
  }
}

/**
 * The columns that {@link packColumns} has packed, now or in version 1 of the file. Throws a RangeError where the bytes
 * are not those that were packed.
 */
export function unpackColumns(packed: Uint8Array): PointColumns {
  const reader = new ByteReader(packed);
  if (reader.uint32() !== PRESENT_FORM) return unpackFirstForm(packed);
  const crc = reader.uint32();
  if (crc !== crc32(packed.subarray(8))) throw new RangeError('bytes are not those that were written');
  const rows = reader.uint32();
  if (rows > MAX_ROWS) throw new RangeError('more rows than a block has');
  const ms = readNumbers(reader, rows);
  const ordinal = readNumbers(reader, rows);
  const value = readNumbers(reader, rows);
  const quality =
    reader.uint8() === ONE_QUALITY ? new Uint8Array(rows).fill(reader.uint8()) : reader.bytes(rows).slice();
  return { ms, ordinal, value, quality, texts: textsOf(reader.bytes(reader.left)) };
}

function textsOf(bytes: Uint8Array): Map<number, string> {
  return new Map(bytes.length === 0 ? [] : (JSON.parse(new TextDecoder().decode(bytes)) as [number, string][]));
}

const FIRST_HEADER_BYTES = 8;
const FIRST_BYTES_PER_ROW = 25;

/**
 * Blocks of version 1: uint32 rows, uint32 bytes of texts, float64 ms and ordinal (each as the difference to the row
 * before), float64 value, uint8 quality, JSON of [row, text] pairs.
 */
function unpackFirstForm(packed: Uint8Array): PointColumns {
  // Columns are read in place, which needs the start on a multiple of 8.
  const bytes = packed.byteOffset % 8 === 0 ? packed : packed.slice();
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteLength < FIRST_HEADER_BYTES) throw new RangeError('bytes end too early');
  const [rows = 0, textBytes = 0] = new Uint32Array(buffer, byteOffset, 2);
  if (FIRST_HEADER_BYTES + rows * FIRST_BYTES_PER_ROW + textBytes !== byteLength) {
    throw new RangeError('bytes do not add up');
  }
  const start = byteOffset + FIRST_HEADER_BYTES;
  return {
    ms: sums(new Float64Array(buffer, start, rows)),
    ordinal: sums(new Float64Array(buffer, start + rows * 8, rows)),
    value: new Float64Array(buffer, start + rows * 16, rows).slice(),
    quality: new Uint8Array(buffer, start + rows * 24, rows).slice(),
    texts: textsOf(bytes.subarray(byteLength - textBytes)),
  };
}

/** Joins columns of one point: sorted by time and ordinal, each sample once. */
export function mergeColumns(parts: readonly PointColumns[]): PointColumns {
  const joined = joinColumns(parts);
  if (isSorted(joined)) return joined;
  const { ms, ordinal } = joined;
  const rows = Uint32Array.from(ms, (_, row) => row);
  rows.sort((a, b) => (ms[a] as number) - (ms[b] as number) || (ordinal[a] as number) - (ordinal[b] as number));
  let kept = 0;
  for (const row of rows) {
    const before = rows[kept - 1];
    const isAgain = kept > 0 && before !== undefined && ms[before] === ms[row] && ordinal[before] === ordinal[row];
    if (!isAgain) rows[kept++] = row;
  }
  return takeRows(joined, rows.subarray(0, kept));
}

/** The rows of all parts, one part after the other. */
function joinColumns(parts: readonly PointColumns[]): PointColumns {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const rows = parts.reduce((sum, { ms }) => sum + ms.length, 0);
  const texts = new Map<number, string>();
  const joined = emptyColumns(rows, texts);
  let at = 0;
  for (const part of parts) {
    joined.ms.set(part.ms, at);
    joined.ordinal.set(part.ordinal, at);
    joined.value.set(part.value, at);
    joined.quality.set(part.quality, at);
    for (const [row, text] of part.texts) texts.set(at + row, text);
    at += part.ms.length;
  }
  return joined;
}

/** Rows `from` up to `to`. */
export function sliceColumns(columns: PointColumns, from: number, to: number): PointColumns {
  const texts = new Map<number, string>();
  for (const [row, text] of columns.texts) if (row >= from && row < to) texts.set(row - from, text);
  return {
    ms: columns.ms.subarray(from, to),
    ordinal: columns.ordinal.subarray(from, to),
    value: columns.value.subarray(from, to),
    quality: columns.quality.subarray(from, to),
    texts,
  };
}

function takeRows(columns: PointColumns, rows: Uint32Array): PointColumns {
  const texts = new Map<number, string>();
  const taken = emptyColumns(rows.length, texts);
  for (const [index, row] of rows.entries()) {
    taken.ms[index] = columns.ms[row] as number;
    taken.ordinal[index] = columns.ordinal[row] as number;
    taken.value[index] = columns.value[row] as number;
    taken.quality[index] = columns.quality[row] as number;
    const text = columns.texts.get(row);
    if (text !== undefined) texts.set(index, text);
  }
  return taken;
}

function emptyColumns(rows: number, texts: ReadonlyMap<number, string>): PointColumns {
  return {
    ms: new Float64Array(rows),
    ordinal: new Float64Array(rows),
    value: new Float64Array(rows),
    quality: new Uint8Array(rows),
    texts,
  };
}

function isSorted({ ms, ordinal }: PointColumns): boolean {
  for (let row = 1; row < ms.length; row++) {
    const step = (ms[row] as number) - (ms[row - 1] as number);
    if (!(step > 0 || (step === 0 && (ordinal[row] as number) > (ordinal[row - 1] as number)))) return false;
  }
  return true;
}

function sums(column: Float64Array): Float64Array {
  let sum = 0;
  return column.map((difference) => {
    sum += difference;
    return sum;
  });
}
