import { crc32 } from 'node:zlib';
import type { PointNumber } from '../../model/point.ts';
import type { PointColumns } from './column-block.ts';
import { ByteReader, ByteWriter } from './number-column.ts';

/** Samples of many points as columns, in the order of the log. `ms` are whole numbers. */
export interface SampleColumns extends PointColumns {
  readonly point: Uint32Array;
  /** Newest `receivedMs` of the samples: the gateway's time by which hours end. */
  readonly newestMs: number;
}

/** Samples of one write, those of one point together and in the order of the log. */
export interface SampleGroup extends PointColumns {
  /** The points, each once. */
  readonly points: Uint32Array;
  /** By place in `points`: its first row; one more entry for the end of the last. */
  readonly starts: Uint32Array;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Points up to this number are found by place in an array; larger ones, of a log that has lived long, in a map. */
const MAX_DENSE_POINT = 2 ** 20;

/** Sorts samples by point. */
export class SampleGrouper {
  /** By point number: its place among the points of the group in progress, plus 1. */
  #places = new Uint32Array(1024);

  group(samples: SampleColumns): SampleGroup {
    const rows = samples.point.length;
    const placeOfRow = new Uint32Array(rows);
    const points: number[] = [];
    const counts: number[] = [];
    const placeOf = this.#placeOf(samples.point);
    for (let row = 0; row < rows; row++) {
      const point = samples.point[row] as number;
      let place = placeOf.get(point);
      if (place === 0) {
        points.push(point);
        counts.push(0);
        place = points.length;
        placeOf.set(point, place);
      }
      placeOfRow[row] = place - 1;
      counts[place - 1] = (counts[place - 1] as number) + 1;
    }
    placeOf.clear(points);
    return arranged(samples, Uint32Array.from(points), Uint32Array.from(counts), placeOfRow);
  }

  #placeOf(point: Uint32Array): Places {
    let largest = 0;
    for (let row = 0; row < point.length; row++) largest = Math.max(largest, point[row] as number);
    if (largest > MAX_DENSE_POINT) return mapPlaces();
    if (largest >= this.#places.length) this.#places = new Uint32Array(2 * largest);
    return arrayPlaces(this.#places);
  }
}

/** Places of points, plus 1; 0 for one that has none yet. */
interface Places {
  get(point: number): number;
  set(point: number, place: number): void;
  clear(points: readonly number[]): void;
}

function arrayPlaces(places: Uint32Array): Places {
  return {
    get: (point) => places[point] as number,
    set(point, place) {
      places[point] = place;
    },
    clear(points) {
      for (const point of points) places[point] = 0;
    },
  };
}

function mapPlaces(): Places {
  const places = new Map<number, number>();
  return {
    get: (point) => places.get(point) ?? 0,
    set: (point, place) => places.set(point, place),
    clear: () => places.clear(),
  };
}

function arranged(
  samples: SampleColumns,
  points: Uint32Array,
  counts: Uint32Array,
  placeOfRow: Uint32Array,
): SampleGroup {
  const rows = placeOfRow.length;
  const starts = new Uint32Array(points.length + 1);
  for (let place = 0; place < points.length; place++) {
    starts[place + 1] = (starts[place] as number) + (counts[place] as number);
  }
  const next = starts.slice(0, -1);
  const texts = new Map<number, string>();
  const ms = new Float64Array(rows);
  const ordinal = new Float64Array(rows);
  const value = new Float64Array(rows);
  const quality = new Uint8Array(rows);
  const hasTexts = samples.texts.size > 0;
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const place = placeOfRow[row] as number;
    const to = next[place] as number;
    next[place] = to + 1;
    const at = samples.ms[row] as number;
    if (at < fromMs) fromMs = at;
    if (at > toMs) toMs = at;
    ms[to] = at;
    ordinal[to] = samples.ordinal[row] as number;
    value[to] = samples.value[row] as number;
    quality[to] = samples.quality[row] as number;
    const text = hasTexts ? samples.texts.get(row) : undefined;
    if (text !== undefined) texts.set(to, text);
  }
  return { points, starts, fromMs, toMs, ms, ordinal, value, quality, texts };
}

/** Samples of the point at `place`, as a view. */
export function columnsAt(group: SampleGroup, place: number): PointColumns {
  const from = group.starts[place] as number;
  const to = group.starts[place + 1] as number;
  const texts = new Map<number, string>();
  if (group.texts.size > 0) {
    for (let row = from; row < to; row++) {
      const text = group.texts.get(row);
      if (text !== undefined) texts.set(row - from, text);
    }
  }
  return {
    ms: group.ms.subarray(from, to),
    ordinal: group.ordinal.subarray(from, to),
    value: group.value.subarray(from, to),
    quality: group.quality.subarray(from, to),
    texts,
  };
}

/** Samples of a point; undefined where the group has none. */
export function columnsOf(group: SampleGroup, point: PointNumber): PointColumns | undefined {
  const place = group.points.indexOf(point);
  return place < 0 ? undefined : columnsAt(group, place);
}

/**
 * Packs a group: uint32 CRC of the rest, uint32 points, uint32 rows, float64 least ms and ordinal, then columns: points
 * and their first rows as uint32; ms and ordinal beyond the least, each as uint32 where that holds them (a byte 4
 * before) or float64 (8); value as float64; quality as uint8; JSON of [row, text] pairs. Little-endian, as every machine
 * that this runs on. It is written once, read when its hours are moved, and quick to make rather than small. The bytes
 * are good until `writer` is used again.
 */
export function packGroup(group: SampleGroup, writer = new ByteWriter()): Uint8Array<ArrayBuffer> {
  writer.clear();
  writer.uint32(0);
  writer.uint32(group.points.length);
  writer.uint32(group.ms.length);
  writer.bytes(bytesOf(group.points));
  writer.bytes(bytesOf(group.starts));
  writeBeyond(writer, group.ms);
  writeBeyond(writer, group.ordinal);
  writer.bytes(bytesOf(group.value));
  writer.bytes(group.quality);
  if (group.texts.size > 0) writer.bytes(new TextEncoder().encode(JSON.stringify([...group.texts])));
  const packed = writer.written;
  new DataView(packed.buffer).setUint32(0, crc32(packed.subarray(4)), true);
  return packed;
}

/** The group that {@link packGroup} has packed. Throws a RangeError where the bytes are not those of one. */
export function unpackGroup(packed: Uint8Array): SampleGroup {
  const reader = new ByteReader(packed);
  if (reader.uint32() !== crc32(packed.subarray(4))) throw new RangeError('bytes are not those that were written');
  const count = reader.uint32();
  const rows = reader.uint32();
  const points = new Uint32Array(copyOf(reader.bytes(count * 4)));
  const starts = new Uint32Array(copyOf(reader.bytes((count + 1) * 4)));
  const ms = readBeyond(reader, rows);
  const ordinal = readBeyond(reader, rows);
  const value = new Float64Array(copyOf(reader.bytes(rows * 8)));
  const quality = reader.bytes(rows).slice();
  const texts = reader.bytes(reader.left);
  return {
    points,
    starts,
    fromMs: leastOf(ms),
    toMs: ms.reduce((most, at) => Math.max(most, at), Number.NEGATIVE_INFINITY),
    ms,
    ordinal,
    value,
    quality,
    texts: new Map(texts.length === 0 ? [] : (JSON.parse(new TextDecoder().decode(texts)) as [number, string][])),
  };
}

function writeBeyond(writer: ByteWriter, column: Float64Array): void {
  const least = leastOf(column);
  let most = least;
  for (let row = 0; row < column.length; row++) most = Math.max(most, column[row] as number);
  const isNarrow = most - least <= 0xffff_ffff;
  writer.float64(least);
  writer.uint8(isNarrow ? 4 : 8);
  if (!isNarrow) return writer.bytes(bytesOf(column));
  const beyond = new Uint32Array(column.length);
  for (let row = 0; row < column.length; row++) beyond[row] = (column[row] as number) - least;
  writer.bytes(bytesOf(beyond));
}

function readBeyond(reader: ByteReader, rows: number): Float64Array<ArrayBuffer> {
  const least = reader.float64();
  if (reader.uint8() === 8) return new Float64Array(copyOf(reader.bytes(rows * 8)));
  const beyond = new Uint32Array(copyOf(reader.bytes(rows * 4)));
  const column = new Float64Array(rows);
  for (let row = 0; row < rows; row++) column[row] = least + (beyond[row] as number);
  return column;
}

function leastOf(column: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let row = 0; row < column.length; row++) least = Math.min(least, column[row] as number);
  return least;
}

function bytesOf(column: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

/** A buffer of its own, since columns must begin on a multiple of their width. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
