/**
 * Reads rows out of the pages of a SQLite file without SQLite, for files that it refuses: every leaf page of a table is
 * looked at by itself, so that damage elsewhere does not matter. Format: https://www.sqlite.org/fileformat2.html,
 * sections 1.5 (b-tree pages), 1.6 (overflow), 2.1 (records) and 4 (write-ahead log).
 */

/** Bytes of a page of all our files: SQLite's default. */
export const PAGE_BYTES = 4096;
/** Bytes of the header at the start of the file, before the first page's own. */
const FILE_HEADER_BYTES = 100;
const TABLE_LEAF = 0x0d;
/** Bytes of a row that are taken for possible. */
const MAX_ROW_BYTES = 64 * 1024 * 1024;

export type SqliteValue = null | number | string | Uint8Array<ArrayBuffer>;

/** Values share their bytes with the page or the row that they were read from. */
export interface LeafRow {
  readonly rowid: number;
  readonly values: readonly SqliteValue[];
}

/** Gives the bytes of a page, counted from 1; undefined where there is none. */
export type PageSource = (page: number) => Uint8Array<ArrayBuffer> | undefined;

/** Whether a page may be a leaf of a table. */
export function isTableLeaf(bytes: Uint8Array, page: number): boolean {
  return bytes[page === 1 ? FILE_HEADER_BYTES : 0] === TABLE_LEAF;
}

/** The rows of a leaf page that have as many columns as one of `columns` says and that can be made out, in order. */
export function* leafRows(source: PageSource, page: number, columns: ReadonlySet<number>): Generator<LeafRow> {
  const bytes = source(page);
  if (!bytes || !isTableLeaf(bytes, page)) return;
  const start = page === 1 ? FILE_HEADER_BYTES : 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cells = Math.min(view.getUint16(start + 3), (PAGE_BYTES - start - 8) >> 1);
  for (let cell = 0; cell < cells; cell++) {
    const row = rowAt(source, bytes, view.getUint16(start + 8 + 2 * cell), columns);
    if (row) yield row;
  }
}

function rowAt(
  source: PageSource,
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  columns: ReadonlySet<number>,
): LeafRow | undefined {
  const size = varint(bytes, at);
  if (!size || size.value > MAX_ROW_BYTES) return undefined;
  const rowid = varint(bytes, size.end);
  if (!rowid) return undefined;
  const kept = localBytes(size.value);
  if (rowid.end + kept > PAGE_BYTES) return undefined;
  const local = bytes.subarray(rowid.end, rowid.end + kept);
  // The header lies at the start: most of what is no row of ours ends here, before anything else is read.
  const types = typesOf(local);
  if (!types || !columns.has(types.list.length)) return undefined;
  const payload = kept === size.value ? local : whole(source, bytes, rowid.end, kept, size.value);
  const values = payload && valuesOf(payload, types);
  return values && { rowid: rowid.value, values };
}

/** Bytes of a row's payload that lie in its leaf page; section 1.5. */
function localBytes(size: number): number {
  const most = PAGE_BYTES - 35;
  if (size <= most) return size;
  const least = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;
  const wanted = least + ((size - least) % (PAGE_BYTES - 4));
  return wanted <= most ? wanted : least;
}

function whole(
  source: PageSource,
  bytes: Uint8Array,
  at: number,
  kept: number,
  size: number,
): Uint8Array<ArrayBuffer> | undefined {
  const payload = new Uint8Array(size);
  payload.set(bytes.subarray(at, at + kept));
  let next = uint32(bytes, at + kept);
  for (let got = kept; got < size; ) {
    const page = next === undefined || next === 0 ? undefined : source(next);
    if (!page) return undefined;
    const more = page.subarray(4, 4 + Math.min(size - got, PAGE_BYTES - 4));
    payload.set(more, got);
    got += more.byteLength;
    if (more.byteLength === 0) return undefined;
    next = uint32(page, 0);
  }
  return payload;
}

interface Types {
  readonly list: readonly number[];
  readonly end: number;
}

function typesOf(bytes: Uint8Array): Types | undefined {
  const header = varint(bytes, 0);
  if (!header || header.value > bytes.byteLength) return undefined;
  const list: number[] = [];
  let at = header.end;
  while (at < header.value) {
    const type = varint(bytes, at);
    if (!type) return undefined;
    list.push(type.value);
    at = type.end;
  }
  return at === header.value ? { list, end: at } : undefined;
}

/** Bytes of an integer of each serial type from 1 to 6. */
const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8];

function valuesOf(bytes: Uint8Array<ArrayBuffer>, { list, end }: Types): SqliteValue[] | undefined {
  const values: SqliteValue[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = end;
  for (const type of list) {
    const length = type >= 12 ? (type - (type % 2 === 0 ? 12 : 13)) / 2 : (INTEGER_BYTES[type] ?? (type === 7 ? 8 : 0));
    if (at + length > bytes.byteLength) return undefined;
    if (type === 0) values.push(null);
    else if (type <= 5) values.push(buffer.readIntBE(at, length));
    else if (type === 6) values.push(Number(buffer.readBigInt64BE(at)));
    else if (type === 7) values.push(buffer.readDoubleBE(at));
    else if (type === 8 || type === 9) values.push(type - 8);
    else if (type < 12) return undefined;
    else values.push(type % 2 === 0 ? bytes.subarray(at, at + length) : buffer.toString('utf8', at, at + length));
    at += length;
  }
  return at === bytes.byteLength ? values : undefined;
}

function uint32(bytes: Uint8Array, at: number): number | undefined {
  if (at + 4 > bytes.byteLength) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}

/** A number of up to 9 bytes, of which each of the first 8 holds 7 bits; undefined beyond what a double counts exactly. */
function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let read = 0; read < 8; read++) {
    const byte = bytes[at + read];
    if (byte === undefined) return undefined;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? { value, end: at + read + 1 } : undefined;
  }
  return undefined;
}
