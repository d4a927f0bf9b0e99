import type { ValueKind } from '../../../model/point.ts';
import type { ReasonKey } from '../../../model/reason.ts';
import type { BatchBuilder } from '../../../model/sample.ts';
import type { OpcuaAddress } from '../schema.ts';
import { convert } from './convert.ts';
import { type Found, type Held, isRefusal, type Refusal, Severity, severityOf } from './held.ts';
import { placeWithin } from './place.ts';
import { NO_TIME_MS } from './time.ts';

/** How far the server's clock may be ahead of ours before its time is not used. */
export const MAX_AHEAD_MS = 10_000;
/** 2000-01-01. A stamp before it comes from a clock that was never set (OPC UA counts from 1601). */
export const EARLIEST_STAMP_MS = 946_684_800_000;

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
  readonly value: Held | null;
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

/**
 * Decodes one value into one sample. The severity is in the two highest bits of the status (Part 4, 7.39.1): all codes
 * of a severity count as that severity, whatever their limit, overflow and other bits, and a bad one has no value. The
 * source's time is the sample's; of the server's time, and of what is less than a millisecond, nothing is used. Nothing
 * is thrown, whatever the server sent.
 */
export function decodeValue(into: BatchBuilder, point: NodePoint, from: NodeValue, receivedMs: number): Decoded {
  const { number } = point;
  const { sourceMs, clockOff } = timesOf(from.sourceTimestamp, receivedMs);
  const status = from.statusCode.value >>> 0;
  const severity = severityOf(status);
  if (severity >= Severity.bad) {
    // The low half holds flags, e.g. of what else changed.
    const reason = reasonByStatus.get((status & 0xffff0000) >>> 0) ?? 'bad-status';
    into.bad(number, sourceMs, receivedMs, reason, from.statusCode.name);
    return { unknown: reason === 'unknown-node', clockOff, badStatus: from.statusCode.name };
  }
  const found: Found = from.value === null ? NO_VALUE : placeWithin(from.value, point.address);
  const value = isRefusal(found) ? found : convert(point, found);
  const doubt = severity === Severity.uncertain ? from.statusCode.name : isRefusal(found) ? undefined : found.doubt;
  if (typeof value === 'object') into.bad(number, sourceMs, receivedMs, value.reason, value.detail);
  else if (doubt !== undefined) into.uncertain(number, sourceMs, receivedMs, value, 'uncertain-status', doubt);
  else if (typeof value === 'string') into.text(number, sourceMs, receivedMs, value);
  else into.good(number, sourceMs, receivedMs, value);
  return { unknown: false, clockOff };
}

const NO_VALUE: Refusal = { reason: 'no-value' };

function timesOf(stamp: Date | null | undefined, receivedMs: number): { sourceMs: number; clockOff: boolean } {
  const ms = stamp?.getTime();
  // The first time that there is means that there is none: no word about the device's clock.
  if (ms === undefined || ms <= NO_TIME_MS) return { sourceMs: receivedMs, clockOff: false };
  const clockOff = !(ms >= EARLIEST_STAMP_MS && ms <= receivedMs + MAX_AHEAD_MS);
  return { sourceMs: clockOff ? receivedMs : ms, clockOff };
}
