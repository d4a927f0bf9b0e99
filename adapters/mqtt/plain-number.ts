const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const POINT = 0x2e;
/** Digits of which a double holds every integer; what has more is left to JSON. */
const MAX_DIGITS = 15;
const powersOf10 = Array.from({ length: MAX_DIGITS + 1 }, (_, power) => 10 ** power);

/**
 * The number that the bytes in [from, to) are in JSON, to the digit; undefined where they are none, or one with an
 * exponent, spaces or many digits. The integer of all digits and the power of ten are both exact, so that their quotient
 * is the nearest double, which is what JSON asks for.
 */
export function plainNumber(bytes: Uint8Array, from: number, to: number): number | undefined {
  const isNegative = bytes[from] === MINUS;
  const start = isNegative ? from + 1 : from;
  if (to - start > MAX_DIGITS + 1) return undefined;
  let digits = 0;
  let value = 0;
  let point = -1;
  for (let at = start; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte >= ZERO && byte <= NINE) {
      value = value * 10 + (byte - ZERO);
      digits++;
    } else if (byte === POINT && point < 0) point = at;
    else return undefined;
  }
  const whole = (point < 0 ? to : point) - start;
  const decimals = point < 0 ? 0 : to - point - 1;
  if (whole === 0 || (whole > 1 && bytes[start] === ZERO)) return undefined;
  if (digits > MAX_DIGITS || (point >= 0 && decimals === 0)) return undefined;
  const size = value / (powersOf10[decimals] as number);
  return isNegative ? -size : size;
}
