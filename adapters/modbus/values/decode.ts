import { MAX_TEXT_BYTES, type ValueKind } from '../../../model/point.ts';
import type { ReasonKey } from '../../../model/reason.ts';
import type { Text } from '../../../model/text.ts';
import { isBitTable, type ModbusAddress } from '../address.ts';
import type { ValueType } from '../schema.ts';
import { fromBcd } from './bcd.ts';
import { textReader } from './text-bytes.ts';
import { bytePlaces, type LinkOrder } from './wire-order.ts';

/** Why what was read is not a value. */
export interface BadValue {
  readonly reason: ReasonKey;
  readonly detail?: string;
}

/**
 * Reads one point out of a reply's data bytes: a number, or the text of a text point. `at` is the point's place from the
 * start of the block: in registers, or in bits for coils and discrete inputs; the caller has checked that the block
 * reaches far enough.
 */
export type Decoder = (bytes: Buffer, at: number) => number | string | BadValue;

/** What a decoder is made for; `wordOrder` and `byteOrder` are the link's, used where the address has none. */
export interface DecoderForm extends LinkOrder {
  readonly address: ModbusAddress;
  readonly kind: ValueKind;
  readonly states?: Readonly<Record<string, Text>> | undefined;
}

const NO_VALUE: BadValue = { reason: 'no-value' };
const NOT_FINITE: BadValue = { reason: 'not-finite' };

/** Makes the decoder of one point; all that can be decided beforehand is decided here, once. */
export function decoder(form: DecoderForm): Decoder {
  const { address, kind, states } = form;
  if (address.type === 'text') return textDecoder(form);
  const raw = rawReader(form);
  const scaled = kind === 'double' ? scaler(address) : (value: number) => value;
  const noValue = noValueOf(address);
  const bcdDigits = address.type === 'bcd16' ? 4 : 8;
  const isBcd = address.type === 'bcd16' || address.type === 'bcd32';
  return (bytes, at) => {
    const value = raw(bytes, at);
    // A device's mark for "none" may be any raw value, also one that is no proper number.
    if (noValue.has(value)) return NO_VALUE;
    if (isBcd) {
      const number = fromBcd(value, bcdDigits);
      return number === undefined ? notBcd(value, bcdDigits) : scaled(number);
    }
    if (!Number.isFinite(value)) return NOT_FINITE;
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER && isInteger64(address.type)) {
      return { reason: 'integer-too-large', detail: value.toExponential(3) };
    }
    if (kind === 'enum' && states !== undefined && states[value] === undefined) {
      return { reason: 'unknown-enum', detail: String(value) };
    }
    return scaled(value);
  };
}

/** Raw values that mean "none"; those of a float as the float that is nearest to them. */
export function noValueOf({ type, noValue }: ModbusAddress): ReadonlySet<number> {
  if (type === 'float32') return new Set(noValue.map(Math.fround));
  if (type === 'float16') return new Set(noValue.map((value) => Math.f16round(value)));
  return new Set(noValue);
}

function notBcd(raw: number, digits: number): BadValue {
  return { reason: 'wrong-type', detail: `0x${raw.toString(16).padStart(digits, '0')} is not BCD` };
}

/** The registers of a 64-bit integer are counted exactly up to 2^53, beyond it only nearly. */
function isInteger64(type: ValueType): boolean {
  return type === 'uint64' || type === 'int64';
}

function textDecoder(form: DecoderForm): Decoder {
  const { count, encoding = 'ascii' } = form.address;
  const places = bytePlaces(form.address, form);
  const read = textReader(encoding);
  return (bytes, at) => {
    const own = bytes.subarray(at * 2, (at + count) * 2);
    const text = read(places === undefined ? own : reordered(own, places));
    if (text === undefined) return { reason: 'wrong-type', detail: `not ${encoding}` };
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) return { reason: 'text-too-long' };
    return text;
  };
}

/** Value of a raw one; `scale` and `add` as in the map. */
export function scaler({ scale, add }: Pick<ModbusAddress, 'scale' | 'add'>): (raw: number) => number {
  if (scale === 1 && add === 0) return (raw) => raw;
  // Dividing 4123 by 10 gives 412.3 where multiplying by 0.1 gives 412.30000000000001: a tenth has no exact double.
  const divisor = Math.round(1 / scale);
  if (Math.abs(divisor) > 1 && 1 / divisor === scale) return (raw) => raw / divisor + add;
  return (raw) => raw * scale + add;
}

function rawReader(form: DecoderForm): (bytes: Buffer, at: number) => number {
  const { address } = form;
  if (isBitTable(address.table)) return (bytes, at) => ((bytes[at >> 3] ?? 0) >> (at & 7)) & 1;
  const read = wordReaders[address.type === 'text' ? 'uint16' : address.type];
  const { bit, bits, count } = address;
  const places = bytePlaces(address, form);
  const ordered = Buffer.alloc(count * 2);
  const whole =
    places === undefined
      ? (bytes: Buffer, at: number) => read(bytes, at * 2)
      : (bytes: Buffer, at: number) => {
          for (let i = 0; i < places.length; i++) ordered[i] = bytes[at * 2 + (places[i] ?? 0)] ?? 0;
          return read(ordered, 0);
        };
  if (bit !== null) return (bytes, at) => (whole(bytes, at) >> bit) & 1;
  if (bits !== undefined) {
    const [lowest, highest] = bits;
    const values = 2 ** (highest - lowest + 1);
    return (bytes, at) => (whole(bytes, at) >>> lowest) % values;
  }
  if (address.type === 'bool') return (bytes, at) => (whole(bytes, at) === 0 ? 0 : 1);
  return whole;
}

function reordered(bytes: Buffer, places: readonly number[]): Buffer {
  return Buffer.from(places.map((place) => bytes[place] ?? 0));
}

const wordReaders: Readonly<Record<Exclude<ValueType, 'text'>, (bytes: Buffer, offset: number) => number>> = {
  bool: (bytes, offset) => bytes.readUInt16BE(offset),
  uint16: (bytes, offset) => bytes.readUInt16BE(offset),
  int16: (bytes, offset) => bytes.readInt16BE(offset),
  uint32: (bytes, offset) => bytes.readUInt32BE(offset),
  int32: (bytes, offset) => bytes.readInt32BE(offset),
  uint64: (bytes, offset) => Number(bytes.readBigUInt64BE(offset)),
  int64: (bytes, offset) => Number(bytes.readBigInt64BE(offset)),
  float16: (bytes, offset) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat16(offset),
  float32: (bytes, offset) => bytes.readFloatBE(offset),
  float64: (bytes, offset) => bytes.readDoubleBE(offset),
  bcd16: (bytes, offset) => bytes.readUInt16BE(offset),
  bcd32: (bytes, offset) => bytes.readUInt32BE(offset),
};
