import { MAX_TEXT_BYTES, type ValueKind } from '../../../model/point.ts';
import type { OpcuaAddress } from '../schema.ts';
import { BuiltIn, builtInName, Shape } from './built-in.ts';
import { type Held, isObject, type Refusal } from './held.ts';
import { timeOf } from './time.ts';
import { textOf } from './value-text.ts';

const BITS = 32;

const smallIntegers: ReadonlySet<number> = new Set([
  BuiltIn.SByte,
  BuiltIn.Byte,
  BuiltIn.Int16,
  BuiltIn.UInt16,
  BuiltIn.Int32,
  BuiltIn.UInt32,
]);

/** What a value is wanted as. */
export interface Wanted {
  readonly kind: ValueKind;
  readonly states?: Readonly<Record<string, unknown>>;
  readonly address: Pick<OpcuaAddress, 'scale' | 'type'>;
}

/** Makes of a value what the point's kind takes: exactly that, or a reason why not. Nothing is guessed or rounded. */
export function convert(wanted: Wanted, held: Held): number | string | Refusal {
  const { kind } = wanted;
  const { dataType, arrayType, value } = held;
  if (dataType === BuiltIn.Null || value === null || value === undefined) return { reason: 'no-value' };
  // The one kind that has several values in it: an array of Booleans is one of them.
  if (kind !== 'bitset' && arrayType !== Shape.scalar) return { reason: 'wrong-type', detail: 'array' };
  switch (kind) {
    case 'bitset':
      return bitset(held);
    case 'double':
      return scaled(dataType, value, wanted.address.scale ?? 1);
    case 'bool':
      return bool(dataType, value, wanted.address.type);
    case 'enum':
      return state(wanted, dataType, value);
    case 'text':
      return bounded(textOf(dataType, value) ?? mismatch(dataType, kind));
  }
}

function scaled(dataType: number, value: unknown, scale: number): number | Refusal {
  const raw = rawNumber(dataType, value);
  if (typeof raw !== 'number') return raw;
  // Dividing 82 by 10 gives 8.2 where multiplying by 0.1 gives 8.200000000000001: a tenth has no exact double.
  const divisor = Math.round(1 / scale);
  const result = Math.abs(divisor) > 1 && 1 / divisor === scale ? raw / divisor : raw * scale;
  return Number.isFinite(result) ? result + 0 : { reason: 'not-finite' };
}

function rawNumber(dataType: number, value: unknown): number | Refusal {
  if ((dataType === BuiltIn.Float || dataType === BuiltIn.Double) && typeof value === 'number') return value;
  if (dataType === BuiltIn.DateTime) {
    const ms = timeOf(value);
    return typeof ms === 'number' ? ms / 1000 : ms;
  }
  return integer(dataType, value, 'double');
}

function bool(dataType: number, value: unknown, type: OpcuaAddress['type']): number | Refusal {
  if (dataType === BuiltIn.Boolean) return Number(value === true);
  if (type !== 'bool') return mismatch(dataType, 'bool');
  const raw = integer(dataType, value, 'bool');
  return typeof raw === 'number' ? Number(raw !== 0) : raw;
}

function state({ states }: Wanted, dataType: number, value: unknown): number | Refusal {
  const raw =
    dataType === BuiltIn.Boolean ? Number(value === true) : unsigned(dataType, value, Number.MAX_SAFE_INTEGER, 'enum');
  if (typeof raw !== 'number' || states === undefined || Object.hasOwn(states, raw)) return raw;
  return { reason: 'unknown-enum', detail: String(raw) };
}

function bitset({ dataType, arrayType, value }: Held): number | Refusal {
  if (arrayType === Shape.array && dataType === BuiltIn.Boolean) return bitsOf(Array.from(value as ArrayLike<unknown>));
  if (arrayType !== Shape.scalar) return { reason: 'wrong-type', detail: `array of ${builtInName(dataType)}` };
  if (dataType === BuiltIn.ExtensionObject) return optionSet(value);
  return unsigned(dataType, value, 2 ** BITS - 1, 'bitset');
}

function bitsOf(flags: readonly unknown[]): number | Refusal {
  const last = flags.lastIndexOf(true);
  if (last >= BITS) return { reason: 'out-of-range', detail: `bit ${last}` };
  return flags.slice(0, BITS).reduce<number>((bits, flag, bit) => bits + (flag === true ? 2 ** bit : 0), 0);
}

/** An OptionSet (Part 5, 12.12) says with `validBits` which of its bits mean anything; the lowest bit is in the first byte. */
function optionSet(value: unknown): number | Refusal {
  const { value: bits, validBits } = (isObject(value) ? value : {}) as { value?: unknown; validBits?: unknown };
  if (!(bits instanceof Uint8Array && validBits instanceof Uint8Array))
    return mismatch(BuiltIn.ExtensionObject, 'bitset');
  return bitsOf(Array.from({ length: bits.length * 8 }, (_, bit) => isSet(bits, bit) && isSet(validBits, bit)));
}

function isSet(bytes: Uint8Array, bit: number): boolean {
  return (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
}

function unsigned(dataType: number, value: unknown, max: number, kind: ValueKind): number | Refusal {
  const raw = integer(dataType, value, kind);
  if (typeof raw !== 'number') return raw;
  return raw >= 0 && raw <= max ? raw : { reason: 'out-of-range', detail: String(raw) };
}

function integer(dataType: number, value: unknown, kind: ValueKind): number | Refusal {
  if (smallIntegers.has(dataType) && typeof value === 'number') return value;
  if (dataType === BuiltIn.Int64 || dataType === BuiltIn.UInt64) return wide(dataType === BuiltIn.Int64, value);
  return mismatch(dataType, kind);
}

/** The library hands 64-bit integers over as two unsigned halves, high first. */
function wide(signed: boolean, value: unknown): number | Refusal {
  const [high, low] = Array.isArray(value) ? value : [];
  if (typeof high !== 'number' || typeof low !== 'number') return { reason: 'malformed-reply' };
  const exact = (BigInt(signed ? high | 0 : high >>> 0) << 32n) | BigInt(low >>> 0);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : { reason: 'integer-too-large', detail: exact.toString() };
}

function bounded(text: string | Refusal): string | Refusal {
  if (typeof text !== 'string') return text;
  const bytes = Buffer.byteLength(text, 'utf8');
  return bytes <= MAX_TEXT_BYTES ? text : { reason: 'text-too-long', detail: `${bytes} B` };
}

function mismatch(dataType: number, kind: ValueKind): Refusal {
  return { reason: 'wrong-type', detail: `${builtInName(dataType)}, the point is ${kind}` };
}
