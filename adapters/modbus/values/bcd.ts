/**
 * Reads a number whose decimal digits stand in four bits each: 0x1234 is 1234. Undefined where one of them is no digit.
 */
export function fromBcd(raw: number, digits: number): number | undefined {
  let value = 0;
  for (let place = digits - 1; place >= 0; place--) {
    const digit = (raw >>> (place * 4)) & 0xf;
    if (digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** The inverse of {@link fromBcd}, for whole numbers that have at most 8 digits. */
export function toBcd(value: number): number {
  let raw = 0;
  let rest = value;
  for (let place = 0; rest > 0; place++) {
    raw += (rest % 10) * 16 ** place;
    rest = Math.floor(rest / 10);
  }
  return raw;
}
