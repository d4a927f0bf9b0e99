import { type Batch, MAX_BATCH_SAMPLES } from '../../model/sample.ts';

/** Parts of a batch, in order, none longer than `limit`; the batch itself where it is short enough. */
export function splitBatch(batch: Batch, limit = MAX_BATCH_SAMPLES): readonly Batch[] {
  if (batch.length <= limit) return [batch];
  const parts: Batch[] = [];
  for (let from = 0; from < batch.length; from += limit) {
    const to = Math.min(from + limit, batch.length);
    parts.push({
      length: to - from,
      point: batch.point.slice(from, to),
      sourceMs: batch.sourceMs.slice(from, to),
      receivedMs: batch.receivedMs.slice(from, to),
      quality: batch.quality.slice(from, to),
      value: batch.value.slice(from, to),
      reason: batch.reason.slice(from, to),
      texts: rows(batch.texts, from, to),
      details: rows(batch.details, from, to),
    });
  }
  return parts;
}

function rows(all: ReadonlyMap<number, string>, from: number, to: number): ReadonlyMap<number, string> {
  const some = new Map<number, string>();
  for (const [row, text] of all) if (row >= from && row < to) some.set(row - from, text);
  return some;
}
