import { isUtf8 } from 'node:buffer';
import type { LinkPoint } from '../../model/adapter.ts';
import { MAX_TEXT_BYTES, type PointNumber, type ValueKind } from '../../model/point.ts';
import type { ReasonKey } from '../../model/reason.ts';
import type { BatchBuilder } from '../../model/sample.ts';
import type { MqttAddress } from './schema.ts';

/** Bound on a payload that is parsed; a longer one makes its points bad with `payload-too-large`. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
/** How far a device's clock may be ahead of ours before its time is not used. */
export const MAX_AHEAD_MS = 10_000;
/** 2000-01-01. A stamp before it is not epoch milliseconds: a clock that was never set, or seconds. */
export const EARLIEST_STAMP_MS = 946_684_800_000;

/** The points that one topic feeds, ready for decoding. */
export interface Topic {
  readonly name: string;
  readonly points: readonly TopicPoint[];
  /** The different places at which its points look for the device's time; mostly none or one. */
  readonly times: readonly (readonly string[])[];
  /** The point whose number is all that a message of this topic has; undefined where there is more to it. */
  readonly plain: PointNumber | undefined;
}

interface TopicInMaking extends Topic {
  readonly points: TopicPoint[];
  readonly times: (readonly string[])[];
  plain: PointNumber | undefined;
}

interface TopicPoint {
  readonly number: PointNumber;
  readonly path: readonly string[];
  /** Index in `times`; -1: the gateway's time. */
  readonly time: number;
  /** Gives the value, or refuses what was found there. */
  readonly convert: (found: unknown) => Converted;
}

type Converted = number | string | Refusal;

/** Why no value was read. */
export interface Refusal {
  readonly reason: ReasonKey;
  readonly detail?: string;
}

/** Puts a link's points in order by topic, so that a message's points are one look-up away. */
export function topicsOf(points: readonly LinkPoint<MqttAddress>[]): ReadonlyMap<string, Topic> {
  const topics = new Map<string, TopicInMaking>();
  for (const { number, kind, states, address } of points) {
    const name = address.topic;
    const first = topics.get(name);
    const topic: TopicInMaking = first ?? { name, points: [], times: [], plain: undefined };
    topics.set(name, topic);
    const { path, time, scale = 1 } = address;
    const isPlain = first === undefined && kind === 'double' && path.length === 0 && time === undefined && scale === 1;
    topic.plain = isPlain ? number : undefined;
    topic.points.push({
      number,
      path: address.path,
      time: address.time === undefined ? -1 : placeOf(address.time, topic.times),
      convert: converter(kind, address, states && new Set(Object.keys(states).map(Number))),
    });
  }
  return topics;
}

/**
 * Decodes one message into one sample for each point of its topic. Whatever the payload is, nothing is thrown: a point
 * that cannot be read from it is bad with a reason.
 *
 * @param receivedMs gateway's time of receipt, epoch ms
 * @param retained the broker kept this message for us, so it says nothing about now: values are uncertain
 * @returns whether the device's time was such that the gateway's was used in its place, and what the first point that
 * could not be read had wrong with it
 */
export function decodeMessage(
  into: BatchBuilder,
  topic: Topic,
  payload: Uint8Array,
  receivedMs: number,
  retained: boolean,
): { readonly clockOff: boolean; readonly refusal: Refusal | undefined } {
  const parsed = parse(payload);
  if (!parsed.ok) {
    for (const point of topic.points) into.bad(point.number, receivedMs, receivedMs, parsed.reason, parsed.detail);
    return { clockOff: false, refusal: parsed };
  }
  let clockOff = false;
  let refusal: Refusal | undefined;
  const stamps = topic.times.map((path) => {
    const stamp = plausibleStamp(lookUp(parsed.root, path), receivedMs);
    if (stamp === 'implausible') clockOff = true;
    return typeof stamp === 'number' ? stamp : receivedMs;
  });
  for (const { number, path, time, convert } of topic.points) {
    const sourceMs = stamps[time] ?? receivedMs;
    const found = lookUp(parsed.root, path);
    const value: Converted = found === undefined ? { reason: 'missing-field', detail: path.join('.') } : convert(found);
    if (typeof value === 'object') {
      refusal ??= value;
      into.bad(number, sourceMs, receivedMs, value.reason, value.detail);
    } else if (retained) into.uncertain(number, sourceMs, receivedMs, value, 'retained');
    else if (typeof value === 'string') into.text(number, sourceMs, receivedMs, value);
    else into.good(number, sourceMs, receivedMs, value);
  }
  return { clockOff, refusal };
}

function placeOf(path: readonly string[], times: (readonly string[])[]): number {
  const key = path.join('.');
  const known = times.findIndex((other) => other.join('.') === key);
  return known >= 0 ? known : times.push(path) - 1;
}

type Parsed = { readonly ok: true; readonly root: unknown } | ({ readonly ok: false } & Refusal);

function parse(payload: Uint8Array): Parsed {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    return { ok: false, reason: 'payload-too-large', detail: `${payload.length} B` };
  }
  if (payload.length === 0) return { ok: false, reason: 'unparsable-payload', detail: 'empty' };
  if (!isUtf8(payload)) return { ok: false, reason: 'unparsable-payload', detail: 'not UTF-8' };
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  try {
    return { ok: true, root: JSON.parse(text) };
  } catch (error) {
    return { ok: false, reason: 'unparsable-payload', detail: error instanceof Error ? error.message : 'not JSON' };
  }
}

/** What stands at `path`; undefined where nothing does. Only the payload's own keys count, never inherited ones. */
function lookUp(root: unknown, path: readonly string[]): unknown {
  let at = root;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

function plausibleStamp(found: unknown, receivedMs: number): number | 'absent' | 'implausible' {
  if (found === undefined || found === null) return 'absent';
  if (typeof found !== 'number' || !(found >= EARLIEST_STAMP_MS) || found > receivedMs + MAX_AHEAD_MS) {
    return 'implausible';
  }
  return Math.floor(found);
}

function converter(
  kind: ValueKind,
  address: MqttAddress,
  states: ReadonlySet<number> | undefined,
): (found: unknown) => Converted {
  const { contains, scale = 1 } = address;
  const values = address.values && new Map(Object.entries(address.values));
  // JSON's null is how devices say that they measured nothing.
  const orNoValue = (convert: (found: unknown) => Converted) => (found: unknown) =>
    found === null ? { reason: 'no-value' as const } : convert(found);
  switch (kind) {
    case 'double':
      return orNoValue((found) => scaled(found, scale));
    case 'bool':
      if (contains !== undefined) return orNoValue((found) => holds(found, contains));
      if (values !== undefined) return orNoValue((found) => translated(found, values));
      return orNoValue((found) => (typeof found === 'boolean' ? Number(found) : wrongType(found)));
    case 'enum':
      return orNoValue((found) => {
        const value = values ? translated(found, values) : unsigned(found, Number.MAX_SAFE_INTEGER);
        if (typeof value !== 'number' || states === undefined || states.has(value)) return value;
        return { reason: 'unknown-enum', detail: String(found) };
      });
    case 'bitset':
      return orNoValue((found) => unsigned(found, 0xffff_ffff));
    case 'text':
      return orNoValue((found) => {
        if (typeof found !== 'string') return wrongType(found);
        const bytes = Buffer.byteLength(found, 'utf8');
        return bytes <= MAX_TEXT_BYTES ? found : { reason: 'text-too-long', detail: `${bytes} B` };
      });
  }
}

function scaled(found: unknown, scale: number): Converted {
  const refusal = notExact(found);
  if (refusal !== undefined) return refusal;
  const value = (found as number) * scale;
  return Number.isFinite(value) ? value : { reason: 'not-finite' };
}

function unsigned(found: unknown, max: number): Converted {
  const refusal = notExact(found);
  if (refusal !== undefined) return refusal;
  const value = found as number;
  if (!Number.isInteger(value)) return { reason: 'wrong-type', detail: `${value} is no integer` };
  return value >= 0 && value <= max ? value + 0 : { reason: 'out-of-range', detail: String(value) };
}

/** Why `found` is no number that a double holds exactly; undefined where it is one. */
function notExact(found: unknown): Refusal | undefined {
  if (typeof found !== 'number') return wrongType(found);
  if (!Number.isFinite(found)) return { reason: 'not-finite' };
  if (Number.isInteger(found) && !Number.isSafeInteger(found)) {
    return { reason: 'integer-too-large', detail: String(found) };
  }
  return undefined;
}

function translated(found: unknown, values: ReadonlyMap<string, number>): Converted {
  if (typeof found === 'object') return wrongType(found);
  return values.get(String(found)) ?? { reason: 'unknown-enum', detail: String(found) };
}

function holds(found: unknown, word: string): Converted {
  return Array.isArray(found) ? Number(found.includes(word)) : wrongType(found);
}

function wrongType(found: unknown): Refusal {
  return { reason: 'wrong-type', detail: Array.isArray(found) ? 'array' : typeof found };
}
