/** Bytes of a new buffer of lines. */
const FIRST_BYTES = 64 * 1024;
/** Lines whose ends have room at first. */
const FIRST_LINES = 1024;
/** Bytes of UTF-8 for a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;
/** Bytes of a number that {@link LineWriter.number} writes, at most: `-2.2250738585072014e-308` and the like. */
export const MAX_NUMBER_BYTES = 32;
/** Beyond this a number has more digits than integers of 32 bits, with which dividing is cheap. */
const MAX_SMALL = 2 ** 31;
const LINE_BREAK = 10;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;

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

/**
 * Writes lines as bytes and hands them out. A line is added as a text, or written piece by piece where there
 * are so many that making texts of them would be most of the work: `begin`, then its pieces, then `end`. What it writes
 * into is used again for the next lines, after `clear`: new buffers of this size make the runtime collect garbage all the
 * time, which is more work than the lines are.
 */
export class LineWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  #ends = new Uint32Array(FIRST_LINES);
  #lines = 0;

  /** Bytes that it holds in memory for the next lines. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Adds a line, given without its line break. */
  add(line: string): void {
    this.begin(line.length * MAX_UNIT_BYTES);
    this.#length += this.#bytes.write(line, this.#length);
    this.end();
  }

  /** Begins a line of at most `bytes` without its line break. */
  begin(bytes: number): void {
    if (this.#length + bytes >= this.#bytes.length) this.#widen(bytes + 1);
    if (this.#lines === this.#ends.length) this.#widenEnds();
  }

  copy(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** A finite number as JavaScript shows it, which is the shortest text that means the same double. */
  number(value: number): void {
    const size = Math.abs(value);
    const decimals = decimalsOf(size);
    if (decimals === undefined) {
      this.#length += this.#bytes.write(String(value), this.#length, 'latin1');
      return;
    }
    if (value < 0) this.#bytes[this.#length++] = MINUS;
    this.#decimal(Math.round(size * (powers[decimals] as number)), decimals);
  }

  /** An integer from 0 to 2³¹ - 1 as so many digits, with zeros before it. */
  digits(integer: number, count: number): void {
    let rest = integer | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0;
      this.#bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += count;
  }

  end(): void {
    this.#bytes[this.#length++] = LINE_BREAK;
    this.#ends[this.#lines++] = this.#length;
  }

  /** The lines so far; they are valid until `clear`. */
  get lines(): Lines {
    return { bytes: this.#bytes.subarray(0, this.#length), ends: this.#ends.subarray(0, this.#lines) };
  }

  /** Forgets all lines. Nobody may still be reading them. */
  clear(): void {
    this.#length = 0;
    this.#lines = 0;
  }

  /** `scaled` · 10^-`decimals`; `scaled` is below 2³¹. */
  #decimal(scaled: number, decimals: number): void {
    let count = decimals + 1;
    while (count < 10 && scaled >= (powers[count] as number)) count++;
    if (decimals === 0) {
      this.digits(scaled, count);
      return;
    }
    const power = powers[decimals] as number;
    const whole = (scaled / power) | 0;
    this.digits(whole, count - decimals);
    this.#bytes[this.#length++] = POINT;
    this.digits(scaled - whole * power, decimals);
  }

  #widen(bytes: number): void {
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(wider, 0, 0, this.#length);
    this.#bytes = wider;
  }

  #widenEnds(): void {
    const wider = new Uint32Array(this.#ends.length * 2);
    wider.set(this.#ends);
    this.#ends = wider;
  }
}

const powers = Array.from({ length: 11 }, (_, power) => 10 ** power);
/** What is measured has rarely more; the others are left to the runtime. */
const MAX_DECIMALS = 4;

/**
 * With how many decimals a number that is not negative is exactly the double that it is, the least; undefined where that
 * is more than {@link MAX_DECIMALS}, or all its digits are 2³¹ or more. The quotient of two integers below 2⁵³ is
 * rounded like the decimal fraction that is read, and one of at most 15 digits comes out of a double as it went in: so it
 * is the shortest one.
 */
function decimalsOf(size: number): number | undefined {
  for (let decimals = 0; decimals <= MAX_DECIMALS; decimals++) {
    const power = powers[decimals] as number;
    const scaled = Math.round(size * power);
    if (!(scaled < MAX_SMALL)) return undefined;
    if (scaled / power === size) return decimals;
  }
  return undefined;
}
