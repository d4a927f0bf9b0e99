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

const HEADER_BYTES = 8;
const BYTES_PER_ROW = 25;

/**
 * Packs columns: uint32 rows, uint32 bytes of texts, float64 ms and ordinal (each as the difference to the row before,
 * which is small and packs well), float64 value, uint8 quality, JSON of [row, text] pairs. Little-endian, as every
 * machine that this runs on.
 */
export function packColumns(columns: PointColumns): Uint8Array<ArrayBuffer> {
  const rows = columns.ms.length;
  const texts = new TextEncoder().encode(columns.texts.size === 0 ? '' : JSON.stringify([...columns.texts]));
  const packed = new Uint8Array(HEADER_BYTES + rows * BYTES_PER_ROW + texts.length);
  new Uint32Array(packed.buffer, 0, 2).set([rows, texts.length]);
  new Float64Array(packed.buffer, HEADER_BYTES, rows).set(differences(columns.ms));
  new Float64Array(packed.buffer, HEADER_BYTES + rows * 8, rows).set(differences(columns.ordinal));
  new Float64Array(packed.buffer, HEADER_BYTES + rows * 16, rows).set(columns.value);
  packed.set(columns.quality, HEADER_BYTES + rows * 24);
  packed.set(texts, HEADER_BYTES + rows * BYTES_PER_ROW);
  return packed;
}

/** The columns that {@link packColumns} has packed. Throws a RangeError where the bytes are not those of one. */
export function unpackColumns(packed: Uint8Array): PointColumns {
  // Columns are read in place, which needs the start on a multiple of 8.
  const bytes = packed.byteOffset % 8 === 0 ? packed : packed.slice();
  const { buffer, byteOffset, byteLength } = bytes;
  const [rows = 0, textBytes = 0] = new Uint32Array(buffer, byteOffset, 2);
  if (HEADER_BYTES + rows * BYTES_PER_ROW + textBytes !== byteLength) throw new RangeError('bytes do not add up');
  const start = byteOffset + HEADER_BYTES;
  const texts = new TextDecoder().decode(bytes.subarray(byteLength - textBytes));
  return {
    ms: sums(new Float64Array(buffer, start, rows)),
    ordinal: sums(new Float64Array(buffer, start + rows * 8, rows)),
    value: new Float64Array(buffer, start + rows * 16, rows),
    quality: new Uint8Array(buffer, start + rows * 24, rows),
    texts: new Map(texts === '' ? [] : (JSON.parse(texts) as [number, string][])),
  };
}

/** Joins columns of one point: sorted by time and ordinal, each sample once. */
export function mergeColumns(parts: readonly PointColumns[]): PointColumns {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && isSorted(only)) return only;
  const places: { readonly part: PointColumns; readonly row: number; readonly ms: number; readonly ordinal: number }[] =
    [];
  for (const part of parts) {
    for (let row = 0; row < part.ms.length; row++) {
      places.push({ part, row, ms: part.ms[row] ?? 0, ordinal: part.ordinal[row] ?? 0 });
    }
  }
  places.sort((a, b) => a.ms - b.ms || a.ordinal - b.ordinal);
  const once = places.filter((place, index) => {
    const before = places[index - 1];
    return before === undefined || before.ms !== place.ms || before.ordinal !== place.ordinal;
  });
  return takeColumns(once);
}

/** Rows `from` up to `to`. */
export function sliceColumns(columns: PointColumns, from: number, to: number): PointColumns {
  const texts = [...columns.texts]
    .filter(([row]) => row >= from && row < to)
    .map(([row, text]) => [row - from, text] as const);
  return {
    ms: columns.ms.subarray(from, to),
    ordinal: columns.ordinal.subarray(from, to),
    value: columns.value.subarray(from, to),
    quality: columns.quality.subarray(from, to),
    texts: new Map(texts),
  };
}

function takeColumns(places: readonly { readonly part: PointColumns; readonly row: number }[]): PointColumns {
  const rows = places.length;
  const texts = new Map<number, string>();
  const taken = {
    ms: new Float64Array(rows),
    ordinal: new Float64Array(rows),
    value: new Float64Array(rows),
    quality: new Uint8Array(rows),
    texts,
  };
  for (const [index, { part, row }] of places.entries()) {
    taken.ms[index] = part.ms[row] ?? 0;
    taken.ordinal[index] = part.ordinal[row] ?? 0;
    taken.value[index] = part.value[row] ?? Number.NaN;
    taken.quality[index] = part.quality[row] ?? 0;
    const text = part.texts.get(row);
    if (text !== undefined) texts.set(index, text);
  }
  return taken;
}

function isSorted({ ms, ordinal }: PointColumns): boolean {
  for (let row = 1; row < ms.length; row++) {
    const step = (ms[row] ?? 0) - (ms[row - 1] ?? 0) || (ordinal[row] ?? 0) - (ordinal[row - 1] ?? 0);
    if (!(step > 0)) return false;
  }
  return true;
}

function differences(column: Float64Array): Float64Array {
  return column.map((value, row) => value - (column[row - 1] ?? 0));
}

function sums(column: Float64Array): Float64Array {
  let sum = 0;
  return column.map((difference) => {
    sum += difference;
    return sum;
  });
}
