/**
 * Numbers as few bytes as give them back to the bit. Each column says by its first byte how it is packed:
 *
 * | form | what follows, little-endian |
 * |---|---|
 * | 0 constant | float64 |
 * | 1 steps | float64 first, float64 least step, uint8 width, each further row's step beyond the least one |
 * | 2 decimals | uint8 decimals, float64 least, uint8 width, each row's whole number beyond the least one; all ones: NaN |
 * | 3 float32 | each row |
 * | 4 float64 | each row |
 *
 * Rows of more than one byte are stored byte by byte of all rows, which packs better afterwards: the high ones hardly
 * differ.
 */
const Form = { constant: 0, steps: 1, decimals: 2, float32: 3, float64: 4 } as const;

/** More decimals than this no controller shows; a number with more is stored as it is. */
const MAX_DECIMALS = 6;
const POWERS_OF_TEN = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000] as const;
/** Largest whole number that is stored as one: all below it are exact. */
const MAX_WHOLE = 2 ** 52;

/** Writes bytes one after the other into memory that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  /** The bytes so far; they are overwritten by what is written after `clear`. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  uint8(value: number): void {
    this.#bytes[this.reserve(1)] = value;
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.#view.setUint32(at, value, true);
  }

  float64(value: number): void {
    const at = this.reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Makes room for `count` bytes, to be filled through {@link ByteWriter.memory}; gives where they begin. */
  reserve(count: number): number {
    const at = this.length;
    if (at + count > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#bytes.length * 2, at + count));
      wider.set(this.#bytes);
      this.#bytes = wider;
      this.#view = new DataView(wider.buffer);
    }
    this.length = at + count;
    return at;
  }

  get memory(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}

/** Reads what {@link ByteWriter} has written; throws a RangeError where the bytes end before. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  bytes(count: number): Uint8Array {
    const at = this.#skip(count);
    return this.#bytes.subarray(at, at + count);
  }

  #skip(count: number): number {
    if (count > this.left) throw new RangeError('bytes end too early');
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

/** Writes a column of whole numbers that mostly grow by about the same, such as times. */
export function writeSteps(writer: ByteWriter, column: Float64Array): void {
  const rows = column.length;
  const first = column[0] ?? 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let before = first;
  for (let row = 1; row < rows; row++) {
    const at = column[row] as number;
    const step = at - before;
    if (step < least) least = step;
    if (step > most) most = step;
    before = at;
  }
  if (rows < 2) least = 0;
  const range = rows < 2 ? 0 : most - least;
  if (range > 0xffff_ffff) return writeFloat64(writer, column);
  const width = widthOf(range);
  writer.uint8(Form.steps);
  writer.float64(first);
  writer.float64(least);
  writer.uint8(width);
  if (width === 0) return;
  const at = writer.reserve((rows - 1) * width);
  const { memory } = writer;
  before = first;
  for (let row = 1; row < rows; row++) {
    const now = column[row] as number;
    put(memory, at + row - 1, rows - 1, width, now - before - least);
    before = now;
  }
}

/** Writes a column of any numbers. */
export function writeNumbers(writer: ByteWriter, column: Float64Array): void {
  const rows = column.length;
  const first = column[0] ?? 0;
  let row = 1;
  while (row < rows && Object.is(column[row], first)) row++;
  if (row >= rows) {
    writer.uint8(Form.constant);
    return writer.float64(first);
  }
  if (writeDecimals(writer, column)) return;
  if (column.every((value) => Object.is(Math.fround(value), value))) writeFloat32(writer, column);
  else writeFloat64(writer, column);
}

/** False, with nothing written, where the numbers are not all of few decimals, or lie too far apart. */
function writeDecimals(writer: ByteWriter, column: Float64Array): boolean {
  const rows = column.length;
  let decimals = 0;
  let power = 1;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const value = column[row] as number;
    if (Number.isNaN(value)) continue;
    while (Math.round(value * power) / power !== value) {
      decimals++;
      if (decimals > MAX_DECIMALS) return false;
      power = POWERS_OF_TEN[decimals] as number;
    }
    if (value === 0 && Object.is(value, -0)) return false;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  least = Math.round(least * power);
  most = Math.round(most * power);
  if (!(Math.abs(least) < MAX_WHOLE && Math.abs(most) < MAX_WHOLE && most - least < 0xffff_ffff)) return false;
  // One more than the range, since all ones stand for NaN.
  const width = widthOf(most - least + 1);
  const start = writer.length;
  writer.uint8(Form.decimals);
  writer.uint8(decimals);
  writer.float64(least);
  writer.uint8(width);
  const at = writer.reserve(rows * width);
  const { memory } = writer;
  for (let row = 0; row < rows; row++) {
    const value = column[row] as number;
    const whole = Math.round(value * power);
    // The decimals grew on the way: what was whole before must still come back as it was.
    if (whole / power !== value && !Number.isNaN(value)) {
      writer.length = start;
      return false;
    }
    put(memory, at + row, rows, width, Number.isNaN(value) ? 0xffff_ffff : whole - least);
  }
  return true;
}

function writeFloat32(writer: ByteWriter, column: Float64Array): void {
  writer.uint8(Form.float32);
  writeTransposed(writer, new Uint8Array(Float32Array.from(column).buffer), 4);
}

function writeFloat64(writer: ByteWriter, column: Float64Array): void {
  writer.uint8(Form.float64);
  writeTransposed(writer, new Uint8Array(column.buffer, column.byteOffset, column.byteLength), 8);
}

function writeTransposed(writer: ByteWriter, bytes: Uint8Array, width: number): void {
  const rows = bytes.length / width;
  const at = writer.reserve(bytes.length);
  const { memory } = writer;
  for (let byte = 0; byte < width; byte++) {
    for (let row = 0; row < rows; row++) memory[at + byte * rows + row] = bytes[row * width + byte] as number;
  }
}

/** The column that was written; throws a RangeError where the bytes are not those of one. */
export function readNumbers(reader: ByteReader, rows: number): Float64Array<ArrayBuffer> {
  const form = reader.uint8();
  switch (form) {
    case Form.constant:
      return new Float64Array(rows).fill(reader.float64());
    case Form.steps:
      return readSteps(reader, rows);
    case Form.decimals:
      return readDecimals(reader, rows);
    case Form.float32:
      return Float64Array.from(new Float32Array(readTransposed(reader, rows, 4)));
    case Form.float64:
      return new Float64Array(readTransposed(reader, rows, 8));
    default:
      throw new RangeError(`no form of columns ${form}`);
  }
}

function readSteps(reader: ByteReader, rows: number): Float64Array<ArrayBuffer> {
  let value = reader.float64();
  const least = reader.float64();
  const width = widthFrom(reader);
  const further = Math.max(rows - 1, 0);
  const bytes = reader.bytes(further * width);
  const column = new Float64Array(rows);
  if (rows > 0) column[0] = value;
  for (let row = 1; row < rows; row++) {
    value += least + get(bytes, row - 1, further, width);
    column[row] = value;
  }
  return column;
}

function readDecimals(reader: ByteReader, rows: number): Float64Array<ArrayBuffer> {
  const power = POWERS_OF_TEN[reader.uint8()];
  if (power === undefined) throw new RangeError('more decimals than are stored');
  const least = reader.float64();
  const width = widthFrom(reader);
  const bytes = reader.bytes(rows * width);
  const none = width === 4 ? 0xffff_ffff : 2 ** (8 * width) - 1;
  const column = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const whole = get(bytes, row, rows, width);
    column[row] = whole === none ? Number.NaN : (least + whole) / power;
  }
  return column;
}

function readTransposed(reader: ByteReader, rows: number, width: number): ArrayBuffer {
  const bytes = reader.bytes(rows * width);
  const column = new Uint8Array(rows * width);
  for (let byte = 0; byte < width; byte++) {
    for (let row = 0; row < rows; row++) column[row * width + byte] = bytes[byte * rows + row] as number;
  }
  return column.buffer;
}

function widthOf(range: number): 0 | 1 | 2 | 4 {
  if (range === 0) return 0;
  if (range <= 0xff) return 1;
  return range <= 0xffff ? 2 : 4;
}

function widthFrom(reader: ByteReader): number {
  const width = reader.uint8();
  if (width === 3 || width > 4) throw new RangeError(`no width of columns ${width}`);
  return width;
}

/** Puts the lowest `width` bytes of `value`, each into its plane of `rows` bytes. */
function put(memory: Uint8Array, at: number, rows: number, width: number, value: number): void {
  memory[at] = value & 0xff;
  if (width === 1) return;
  memory[at + rows] = (value >>> 8) & 0xff;
  if (width === 2) return;
  memory[at + 2 * rows] = (value >>> 16) & 0xff;
  memory[at + 3 * rows] = value >>> 24;
}

function get(bytes: Uint8Array, row: number, rows: number, width: number): number {
  if (width === 0) return 0;
  const low = bytes[row] as number;
  if (width === 1) return low;
  const word = low | ((bytes[row + rows] as number) << 8);
  if (width === 2) return word;
  return word + (bytes[row + 2 * rows] as number) * 0x1_0000 + (bytes[row + 3 * rows] as number) * 0x100_0000;
}
