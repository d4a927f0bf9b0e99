import type { LogRecord } from '../../model/log.ts';
import { pause } from './pause.ts';

/** Samples after which a batch is full; it has at most one record's more. */
const MAX_BATCH_SAMPLES = 20_000;
/** Records after which it is, whatever they hold. */
const MAX_BATCH_RECORDS = 5000;
/** Real ms that a batch waits for more. */
const MAX_BATCH_DELAY_MS = 500;

/** Makes batches of pages, each as large as its bounds allow and no later than {@link MAX_BATCH_DELAY_MS}. */
export async function* batched(
  pages: AsyncIterable<readonly LogRecord[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  const iterator = pages[Symbol.asyncIterator]();
  const ask = () => {
    const page = iterator.next();
    // It may fail while the batch before it is being written; whoever awaits it then still sees that.
    page.catch(() => undefined);
    return page;
  };
  let next = ask();
  let rest: readonly LogRecord[] = [];
  for (;;) {
    if (rest.length === 0) {
      const first = await next;
      if (first.done) return;
      rest = first.value;
      next = ask();
    }
    const batch = new OpenBatch();
    rest = batch.add(rest);
    const full = new AbortController();
    const due = pause(MAX_BATCH_DELAY_MS, AbortSignal.any([signal, full.signal]));
    while (!batch.isFull) {
      const more = await Promise.race([next, due]);
      if (more === undefined || more.done) break;
      rest = batch.add(more.value);
      next = ask();
    }
    full.abort();
    yield batch.records;
  }
}

class OpenBatch {
  readonly records: LogRecord[] = [];
  #samples = 0;

  get isFull(): boolean {
    return this.records.length >= MAX_BATCH_RECORDS || this.#samples >= MAX_BATCH_SAMPLES;
  }

  /** Gives what has no room. */
  add(records: readonly LogRecord[]): readonly LogRecord[] {
    let taken = 0;
    for (const record of records) {
      if (this.isFull) break;
      this.records.push(record);
      if (record.kind === 'samples') this.#samples += record.batch.length;
      taken++;
    }
    return records.slice(taken);
  }
}
