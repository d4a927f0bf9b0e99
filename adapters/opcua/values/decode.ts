import { MAX_TEXT_BYTES, type ValueKind } from '../../../model/point.ts';
import type { ReasonKey } from '../../../model/reason.ts';
import type { BatchBuilder } from '../../../model/sample.ts';
import type { OpcuaAddress } from '../schema.ts';

/** How far the server's clock may be ahead of ours before its time is not used. */
export const MAX_AHEAD_MS = 10_000;
/** 2000-01-01. A stamp before it comes from a clock that was never set (OPC UA counts from 1601). */
export const EARLIEST_STAMP_MS = 946_684_800_000;

/** Built-in types (OPC UA Part 6, 5.1.2) that a point can take. */
const Type = {
  null: 0,
  boolean: 1,
  sbyte: 2,
  byte: 3,
  int16: 4,
  uint16: 5,
  int32: 6,
  uint32: 7,
  int64: 8,
  uint64: 9,
  float: 10,
  double: 11,
  string: 12,
  localizedText: 21,
} as const;

const smallIntegers: ReadonlySet<number> = new Set([
  Type.sbyte,
  Type.byte,
  Type.int16,
  Type.uint16,
  Type.int32,
  Type.uint32,
]);

/** Shape of a variant's value as the library names it. */
const SCALAR = 0;
const ARRAY = 1;

/** Status codes (OPC UA Part 6, A.2) that say more than that a value is bad. */
const BAD_USER_ACCESS_DENIED = 0x801f0000;
const BAD_NODE_ID_INVALID = 0x80330000;
const BAD_NODE_ID_UNKNOWN = 0x80340000;
const BAD_ATTRIBUTE_ID_INVALID = 0x80350000;
const BAD_NOT_READABLE = 0x803a0000;

const reasonByStatus: ReadonlyMap<number, ReasonKey> = new Map([
  [BAD_USER_ACCESS_DENIED, 'access-denied'],
  [BAD_NODE_ID_INVALID, 'unknown-node'],
  [BAD_NODE_ID_UNKNOWN, 'unknown-node'],
  [BAD_ATTRIBUTE_ID_INVALID, 'unknown-node'],
  [BAD_NOT_READABLE, 'access-denied'],
]);

/** A value as read or notified; the library's own `DataValue` fits. */
export interface NodeValue {
  readonly statusCode: { readonly value: number; readonly name: string };
  readonly value: { readonly dataType: number; readonly arrayType: number; readonly value: unknown } | null;
  /** The device's own time; the server's is no substitute for it. */
  readonly sourceTimestamp?: Date | null;
}

/** What decoding needs of a point. */
export interface NodePoint {
  readonly number: number;
  readonly kind: ValueKind;
  readonly states?: Readonly<Record<string, unknown>>;
  readonly address: OpcuaAddress;
}

/** What became of a value, for the caller's own book-keeping. */
export interface Decoded {
  /** The server says that there is no such node. */
  readonly unknown: boolean;
  /** The source's time was such that the gateway's was used in its place. */
  readonly clockOff: boolean;
  /** The name of the status by which the server marks the value as bad; undefined where it does not. */
  readonly badStatus?: string;
}

type Converted = number | string | Refusal;

interface Refusal {
  readonly reason: ReasonKey;
  readonly detail?: string;
}

/**
 * Decodes one value into one sample. The severity is in the two highest bits of the status (Part 4, 7.39.1): all codes
 * of a severity count as that severity, and a bad one has no value. Nothing is thrown, whatever the server sent.
 */
export function decodeValue(into: BatchBuilder, point: NodePoint, from: NodeValue, receivedMs: number): Decoded {
  const { number } = point;
  const stamp = from.sourceTimestamp?.getTime();
  const clockOff = stamp !== undefined && !(stamp >= EARLIEST_STAMP_MS && stamp <= receivedMs + MAX_AHEAD_MS);
  const sourceMs = stamp === undefined || clockOff ? receivedMs : stamp;
  const status = from.statusCode.value >>> 0;
  const severity = status >>> 30;
  if (severity >= 2) {
    // The low half holds flags, e.g. of what else changed.
    const reason = reasonByStatus.get((status & 0xffff0000) >>> 0) ?? 'bad-status';
    into.bad(number, sourceMs, receivedMs, reason, from.statusCode.name);
    return { unknown: reason === 'unknown-node', clockOff, badStatus: from.statusCode.name };
  }
  const value = convert(point, from.value);
  if (typeof value === 'object') into.bad(number, sourceMs, receivedMs, value.reason, value.detail);
  else if (severity === 1) {
    into.uncertain(number, sourceMs, receivedMs, value, 'uncertain-status', from.statusCode.name);
  } else if (typeof value === 'string') into.text(number, sourceMs, receivedMs, value);
  else into.good(number, sourceMs, receivedMs, value);
  return { unknown: false, clockOff };
}

function convert(point: NodePoint, variant: NodeValue['value']): Converted {
  if (variant === null || variant.dataType === Type.null) return { reason: 'no-value' };
  const { index } = point.address;
  let found = variant.value;
  if (index === undefined) {
    if (variant.arrayType !== SCALAR) return { reason: 'wrong-type', detail: 'array' };
  } else {
    if (variant.arrayType !== ARRAY) return { reason: 'wrong-type', detail: 'no array' };
    const elements = found as ArrayLike<unknown> | null | undefined;
    if (!elements || !(index < elements.length)) {
      return { reason: 'missing-field', detail: `element ${index} of ${elements?.length ?? 0}` };
    }
    found = elements[index];
  }
  if (found === null || found === undefined) return { reason: 'no-value' };
  switch (point.kind) {
    case 'double':
      return scaled(variant.dataType, found, point.address.scale ?? 1);
    case 'bool':
      return variant.dataType === Type.boolean ? Number(found === true) : wrongType(variant.dataType);
    case 'enum': {
      const value = unsigned(variant.dataType, found, Number.MAX_SAFE_INTEGER);
      if (typeof value !== 'number' || point.states === undefined || Object.hasOwn(point.states, value)) return value;
      return { reason: 'unknown-enum', detail: String(value) };
    }
    case 'bitset':
      return unsigned(variant.dataType, found, 0xffff_ffff);
    case 'text':
      return text(variant.dataType, found);
  }
}

function scaled(dataType: number, found: unknown, scale: number): Converted {
  const value =
    (dataType === Type.float || dataType === Type.double) && typeof found === 'number'
      ? found
      : integer(dataType, found);
  if (typeof value !== 'number') return value;
  const result = value * scale;
  return Number.isFinite(result) ? result + 0 : { reason: 'not-finite' };
}

function unsigned(dataType: number, found: unknown, max: number): Converted {
  const value = integer(dataType, found);
  if (typeof value !== 'number') return value;
  return value >= 0 && value <= max ? value : { reason: 'out-of-range', detail: String(value) };
}

function integer(dataType: number, found: unknown): number | Refusal {
  if (smallIntegers.has(dataType) && typeof found === 'number') return found;
  if (dataType === Type.int64 || dataType === Type.uint64) return wide(dataType === Type.int64, found);
  return wrongType(dataType);
}

/** The library hands 64-bit integers over as two unsigned halves, high first. */
function wide(signed: boolean, found: unknown): number | Refusal {
  const [high, low] = Array.isArray(found) ? found : [];
  if (typeof high !== 'number' || typeof low !== 'number') return { reason: 'malformed-reply' };
  const exact = (BigInt(signed ? high | 0 : high >>> 0) << 32n) | BigInt(low >>> 0);
  const value = Number(exact);
  return Number.isSafeInteger(value) ? value : { reason: 'integer-too-large', detail: exact.toString() };
}

function text(dataType: number, found: unknown): Converted {
  const words = dataType === Type.localizedText ? (found as { readonly text?: unknown }).text : found;
  if (dataType !== Type.string && dataType !== Type.localizedText) return wrongType(dataType);
  if (words === null || words === undefined) return { reason: 'no-value' };
  if (typeof words !== 'string') return { reason: 'malformed-reply' };
  const bytes = Buffer.byteLength(words, 'utf8');
  return bytes <= MAX_TEXT_BYTES ? words : { reason: 'text-too-long', detail: `${bytes} B` };
}

function wrongType(dataType: number): Refusal {
  return { reason: 'wrong-type', detail: `built-in type ${dataType}` };
}
