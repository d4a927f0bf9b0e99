/** Bytes of a new buffer of lines. */
const FIRST_BYTES = 64 * 1024;
/** UTF-16 units of lines that are joined before they are made bytes, which is cheaper than line by line. */
const CHUNK_LENGTH = 16 * 1024;
/** Bytes of UTF-8 for a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;

/** Lines as they are sent, each with its line break: `ends[i]` is the offset behind line i. */
export interface Lines {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** The bytes of lines `from` up to but not including `to`; not copied. */
export function bytesOf(lines: Lines, from: number, to: number): Uint8Array {
  return lines.bytes.subarray(startOf(lines, from), startOf(lines, to));
}

/** A line without its line break. */
export function lineAt(lines: Lines, index: number): string {
  const bytes = bytesOf(lines, index, index + 1);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - 1).toString();
}

/** How many lines from `from` on, before `to`, fit into `maxBytes`; one at least. */
export function fitting(lines: Lines, from: number, to: number, maxBytes: number): number {
  const limit = startOf(lines, from) + maxBytes;
  let low = from + 1;
  let high = to;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (startOf(lines, middle) <= limit) low = middle;
    else high = middle - 1;
  }
  return low - from;
}

function startOf(lines: Lines, index: number): number {
  return index === 0 ? 0 : (lines.ends[index - 1] ?? lines.bytes.length);
}

/** Collects lines and hands them out as bytes; used once. */
export class LineWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  readonly #ends: number[] = [];
  #chunk = '';
  #chunkLines: string[] = [];

  /** Adds a line, given without its line break. */
  add(line: string): void {
    this.#chunk += `${line}\n`;
    this.#chunkLines.push(line);
    if (this.#chunk.length >= CHUNK_LENGTH) this.#flush();
  }

  take(): Lines {
    this.#flush();
    return { bytes: this.#bytes.subarray(0, this.#length), ends: Uint32Array.from(this.#ends) };
  }

  #flush(): void {
    const chunk = this.#chunk;
    this.#reserve(chunk.length * MAX_UNIT_BYTES);
    const written = this.#bytes.write(chunk, this.#length);
    // As many bytes as UTF-16 units: every unit is one byte.
    const isPlain = written === chunk.length;
    let end = this.#length;
    for (const line of this.#chunkLines) {
      end += (isPlain ? line.length : Buffer.byteLength(line)) + 1;
      this.#ends.push(end);
    }
    this.#length = end;
    this.#chunk = '';
    this.#chunkLines = [];
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(wider, 0, 0, this.#length);
    this.#bytes = wider;
  }
}
