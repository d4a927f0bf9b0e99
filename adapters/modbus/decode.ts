import type { ValueKind } from '../../model/point.ts';
import type { ReasonKey } from '../../model/reason.ts';
import type { Text } from '../../model/text.ts';
import { isBitTable, type ModbusAddress, type Order } from './address.ts';
import type { ValueType } from './schema.ts';

/** Why what was read is not a value. */
export interface BadValue {
  readonly reason: ReasonKey;
  readonly detail?: string;
}

/**
 * Reads one point out of a reply's data bytes. `at` is the point's place from the start of the block: in registers, or
 * in bits for coils and discrete inputs; the caller has checked that the block reaches far enough.
 */
export type Decoder = (bytes: Buffer, at: number) => number | BadValue;

/** What a decoder is made for; `wordOrder` and `byteOrder` are the link's, used where the address has none. */
export interface DecoderForm {
  readonly address: ModbusAddress;
  readonly kind: ValueKind;
  readonly states?: Readonly<Record<string, Text>> | undefined;
  readonly wordOrder: Order;
  readonly byteOrder: Order;
}

const NO_VALUE: BadValue = { reason: 'no-value' };
const NOT_FINITE: BadValue = { reason: 'not-finite' };

/** Makes the decoder of one point; all that can be decided beforehand is decided here, once. */
export function decoder(form: DecoderForm): Decoder {
  const { address, kind, states } = form;
  const raw = rawReader(form);
  const scaled = kind === 'double' ? scaler(address) : (value: number) => value;
  const noValue = new Set(address.type === 'float32' ? address.noValue.map(Math.fround) : address.noValue);
  return (bytes, at) => {
    const value = raw(bytes, at);
    // A device's mark for "none" may be any raw value, also one that is no proper number.
    if (noValue.has(value)) return NO_VALUE;
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

/** The registers of a 64-bit integer are counted exactly up to 2^53, beyond it only nearly. */
function isInteger64(type: ValueType): boolean {
  return type === 'uint64' || type === 'int64';
}

function scaler({ scale, add }: ModbusAddress): (raw: number) => number {
  if (scale === 1 && add === 0) return (raw) => raw;
  // Dividing 4123 by 10 gives 412.3 where multiplying by 0.1 gives 412.30000000000001: a tenth has no exact double.
  const divisor = Math.round(1 / scale);
  if (Math.abs(divisor) > 1 && 1 / divisor === scale) return (raw) => raw / divisor + add;
  return (raw) => raw * scale + add;
}

function rawReader({ address, wordOrder, byteOrder }: DecoderForm): (bytes: Buffer, at: number) => number {
  if (isBitTable(address.table)) return (bytes, at) => ((bytes[at >> 3] ?? 0) >> (at & 7)) & 1;
  const read = wordReaders[address.type];
  const { bit, count } = address;
  const places = bytePlaces(count, address.wordOrder ?? wordOrder, address.byteOrder ?? byteOrder);
  const ordered = Buffer.alloc(count * 2);
  const whole =
    places === undefined
      ? (bytes: Buffer, at: number) => read(bytes, at * 2)
      : (bytes: Buffer, at: number) => {
          for (let i = 0; i < places.length; i++) ordered[i] = bytes[at * 2 + (places[i] ?? 0)] ?? 0;
          return read(ordered, 0);
        };
  if (bit !== null) return (bytes, at) => (whole(bytes, at) >> bit) & 1;
  if (address.type === 'bool') return (bytes, at) => (whole(bytes, at) === 0 ? 0 : 1);
  return whole;
}

/** Where each byte of the big-endian value stands among those read; undefined where they stand so already. */
function bytePlaces(words: number, wordOrder: Order, byteOrder: Order): readonly number[] | undefined {
  if (byteOrder === 'big' && (wordOrder === 'big' || words === 1)) return undefined;
  const places: number[] = [];
  for (let i = 0; i < words; i++) {
    const word = wordOrder === 'big' ? i : words - 1 - i;
    places.push(...(byteOrder === 'big' ? [word * 2, word * 2 + 1] : [word * 2 + 1, word * 2]));
  }
  return places;
}

const wordReaders: Readonly<Record<ValueType, (bytes: Buffer, offset: number) => number>> = {
  bool: (bytes, offset) => bytes.readUInt16BE(offset),
  uint16: (bytes, offset) => bytes.readUInt16BE(offset),
  int16: (bytes, offset) => bytes.readInt16BE(offset),
  uint32: (bytes, offset) => bytes.readUInt32BE(offset),
  int32: (bytes, offset) => bytes.readInt32BE(offset),
  uint64: (bytes, offset) => Number(bytes.readBigUInt64BE(offset)),
  int64: (bytes, offset) => Number(bytes.readBigInt64BE(offset)),
  float32: (bytes, offset) => bytes.readFloatBE(offset),
  float64: (bytes, offset) => bytes.readDoubleBE(offset),
};
