/** `asset/point`: what a point is called everywhere outside the log and the hot path. */
export type PointKey = string;

/** The number that the log gave a point key for good; never reused, from 1. */
export type PointNumber = number;

/**
 * What a point's value is: `bool` is 0 or 1; `enum` and `bitset` (at most 32 bits) are unsigned integers;
 * `text` is at most {@link MAX_TEXT_BYTES} of UTF-8.
 */
export type ValueKind = 'double' | 'bool' | 'enum' | 'bitset' | 'text';

/** A point's value: a text of a text point, a number of every other. */
export type PointValue = number | string;

/** Bound on a text value, in bytes of UTF-8; a longer one is a bad sample with reason `text-too-long`. */
export const MAX_TEXT_BYTES = 256;

/** What history, live view and API need to know of a point besides its number. */
export interface PointInfo {
  readonly number: PointNumber;
  readonly key: PointKey;
  readonly asset: string;
  readonly point: string;
  readonly system: string;
  readonly kind: ValueKind;
  readonly unit?: string;
  /** History keeps a good sample that repeats the one before only after this many ms; absent: it keeps all. */
  readonly heartbeatMs?: number;
  /** Without a reply for this long, site time, its value is unknown; absent: it holds until the next. */
  readonly staleAfterMs?: number;
}

/** Joins an asset's and a point's name to the point's key. */
export function pointKey(asset: string, point: string): PointKey {
  return `${asset}/${point}`;
}
