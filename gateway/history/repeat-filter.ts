import type { PointLookup, SampleBlock } from '../../model/history.ts';
import type { PointNumber } from '../../model/point.ts';
import { type Batch, Quality } from '../../model/sample.ts';

/** What was stored of a point last. */
interface Stored {
  readonly ms: number;
  readonly quality: number;
  readonly value: number;
  readonly text: string | undefined;
}

/**
 * Change-only storage: leaves out a good sample that says what the point's last stored one says, no longer after it than
 * the point's heartbeat. What it knows is bounded by the points that have a heartbeat. It knows nothing at first, so the
 * first sample of each is stored.
 */
export class RepeatFilter {
  readonly #lookup: PointLookup;
  readonly #stored = new Map<PointNumber, Stored>();

  constructor(lookup: PointLookup) {
    this.#lookup = lookup;
  }

  /** The block without what is left out; the same one where nothing is. */
  apply(block: SampleBlock): SampleBlock {
    const { batch } = block;
    const kept = new Uint32Array(batch.length);
    let count = 0;
    for (let row = 0; row < batch.length; row++) {
      if (!this.#isRepeat(batch, row)) kept[count++] = row;
    }
    return count === batch.length ? block : only(block, kept.subarray(0, count));
  }

  #isRepeat(batch: Batch, row: number): boolean {
    const number = batch.point[row] ?? 0;
    const heartbeatMs = this.#lookup(number)?.heartbeatMs;
    if (heartbeatMs === undefined) return false;
    const ms = batch.sourceMs[row] ?? Number.NaN;
    const quality = batch.quality[row] ?? Quality.bad;
    const value = batch.value[row] ?? Number.NaN;
    const text = batch.texts.get(row);
    const last = this.#stored.get(number);
    if (last !== undefined && !(ms >= last.ms)) return false;
    const isSame =
      last !== undefined &&
      quality === Quality.good &&
      last.quality === Quality.good &&
      Object.is(value, last.value) &&
      text === last.text;
    if (isSame && ms - last.ms < heartbeatMs) return true;
    this.#stored.set(number, { ms, quality, value, text });
    return false;
  }
}

function only(block: SampleBlock, rows: Uint32Array): SampleBlock {
  const { batch, firstOrdinal, ordinals } = block;
  const texts = new Map<number, string>();
  const details = new Map<number, string>();
  rows.forEach((row, index) => {
    const text = batch.texts.get(row);
    if (text !== undefined) texts.set(index, text);
    const detail = batch.details.get(row);
    if (detail !== undefined) details.set(index, detail);
  });
  const picked = <A extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(from: A, to: A): A => {
    for (let index = 0; index < rows.length; index++) to[index] = from[rows[index] ?? 0] ?? 0;
    return to;
  };
  const n = rows.length;
  return {
    logSeq: block.logSeq,
    firstOrdinal,
    ordinals: Float64Array.from(rows, (row) => ordinals?.[row] ?? firstOrdinal + row),
    batch: {
      length: n,
      point: picked(batch.point, new Uint32Array(n)),
      sourceMs: picked(batch.sourceMs, new Float64Array(n)),
      receivedMs: picked(batch.receivedMs, new Float64Array(n)),
      quality: picked(batch.quality, new Uint8Array(n)),
      value: picked(batch.value, new Float64Array(n)),
      reason: picked(batch.reason, new Uint16Array(n)),
      texts,
      details,
    },
  };
}
