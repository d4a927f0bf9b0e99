import type { PointNumber } from './point.ts';
import { type ReasonKey, reasons } from './reason.ts';

/** How far a sample can be trusted; the numbers are stored in the log. */
export const Quality = { good: 0, uncertain: 1, bad: 2 } as const;
export type Quality = (typeof Quality)[keyof typeof Quality];

/**
 * Samples as columns: row i of every column is one sample. All columns have exactly `length` rows.
 *
 * - `point`: the point's number
 * - `sourceMs`: the device's own time, epoch ms; equal to `receivedMs` on links whose time is `gateway`
 * - `receivedMs`: when the gateway received it, epoch ms
 * - `quality`: a {@link Quality}
 * - `value`: the number, 0/1 of a bool, the enum or bitset as an unsigned integer; NaN where the sample is bad or text
 * - `reason`: code of the {@link reasons} catalogue, 0 where good
 * - `texts`: row → value of a text point
 * - `details`: row → detail of the reason, e.g. "exception 2"
 *
 * A bad sample has no value, so that nobody can compute with one by mistake.
 */
export interface Batch {
  readonly length: number;
  readonly point: Uint32Array;
  readonly sourceMs: Float64Array;
  readonly receivedMs: Float64Array;
  readonly quality: Uint8Array;
  readonly value: Float64Array;
  readonly reason: Uint16Array;
  readonly texts: ReadonlyMap<number, string>;
  readonly details: ReadonlyMap<number, string>;
}

/** Bound on the detail of a reason, in UTF-16 units; longer ones are cut. */
export const MAX_DETAIL_LENGTH = 120;

/** Bound on the samples of one batch, for adapters that collect and for the log that stores. */
export const MAX_BATCH_SAMPLES = 10_000;

/** Collects samples row by row and hands them out as one {@link Batch}; grows as needed, reusable after `take`. */
export class BatchBuilder {
  #length = 0;
  #point: Uint32Array;
  #sourceMs: Float64Array;
  #receivedMs: Float64Array;
  #quality: Uint8Array;
  #value: Float64Array;
  #reason: Uint16Array;
  #texts = new Map<number, string>();
  #details = new Map<number, string>();

  constructor(capacity = 64) {
    this.#point = new Uint32Array(capacity);
    this.#sourceMs = new Float64Array(capacity);
    this.#receivedMs = new Float64Array(capacity);
    this.#quality = new Uint8Array(capacity);
    this.#value = new Float64Array(capacity);
    this.#reason = new Uint16Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a good number, bool (0/1), enum or bitset. A value that is not finite becomes bad with `not-finite`. */
  good(point: PointNumber, sourceMs: number, receivedMs: number, value: number): void {
    if (!Number.isFinite(value)) this.bad(point, sourceMs, receivedMs, 'not-finite');
    else this.#row(point, sourceMs, receivedMs, Quality.good, value, 0);
  }

  /** Adds a good text; the caller has checked its length against MAX_TEXT_BYTES. */
  text(point: PointNumber, sourceMs: number, receivedMs: number, value: string): void {
    this.#texts.set(this.#row(point, sourceMs, receivedMs, Quality.good, Number.NaN, 0), value);
  }

  /** Adds a value that the device or the adapter doubts. */
  uncertain(
    point: PointNumber,
    sourceMs: number,
    receivedMs: number,
    value: number | string,
    reason: ReasonKey,
    detail?: string,
  ): void {
    const isText = typeof value === 'string';
    if (!isText && !Number.isFinite(value)) return this.bad(point, sourceMs, receivedMs, 'not-finite');
    const row = this.#row(
      point,
      sourceMs,
      receivedMs,
      Quality.uncertain,
      isText ? Number.NaN : value,
      reasons[reason].code,
    );
    if (isText) this.#texts.set(row, value);
    if (detail !== undefined) this.#details.set(row, detail.slice(0, MAX_DETAIL_LENGTH));
  }

  /** Adds a bad sample: a reason in place of a value. */
  bad(point: PointNumber, sourceMs: number, receivedMs: number, reason: ReasonKey, detail?: string): void {
    const row = this.#row(point, sourceMs, receivedMs, Quality.bad, Number.NaN, reasons[reason].code);
    if (detail !== undefined) this.#details.set(row, detail.slice(0, MAX_DETAIL_LENGTH));
  }

  /** Hands out what was collected and starts afresh. */
  take(): Batch {
    const n = this.#length;
    const batch: Batch = {
      length: n,
      point: this.#point.slice(0, n),
      sourceMs: this.#sourceMs.slice(0, n),
      receivedMs: this.#receivedMs.slice(0, n),
      quality: this.#quality.slice(0, n),
      value: this.#value.slice(0, n),
      reason: this.#reason.slice(0, n),
      texts: this.#texts,
      details: this.#details,
    };
    this.#length = 0;
    this.#texts = new Map();
    this.#details = new Map();
    return batch;
  }

  #row(
    point: PointNumber,
    sourceMs: number,
    receivedMs: number,
    quality: Quality,
    value: number,
    reason: number,
  ): number {
    const row = this.#length;
    if (row === this.#point.length) this.#grow();
    this.#point[row] = point;
    this.#sourceMs[row] = sourceMs;
    this.#receivedMs[row] = receivedMs;
    this.#quality[row] = quality;
    this.#value[row] = value;
    this.#reason[row] = reason;
    this.#length = row + 1;
    return row;
  }

  #grow(): void {
    const wider = <A extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(a: A, b: A): A => {
      b.set(a);
      return b;
    };
    const n = Math.max(64, this.#point.length * 2);
    this.#point = wider(this.#point, new Uint32Array(n));
    this.#sourceMs = wider(this.#sourceMs, new Float64Array(n));
    this.#receivedMs = wider(this.#receivedMs, new Float64Array(n));
    this.#quality = wider(this.#quality, new Uint8Array(n));
    this.#value = wider(this.#value, new Float64Array(n));
    this.#reason = wider(this.#reason, new Uint16Array(n));
  }
}
