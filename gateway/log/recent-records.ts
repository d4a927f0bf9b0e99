import type { LogRecord } from '../../model/log.ts';

/** Records kept in memory at most. */
const MAX_RECENT_RECORDS = 4096;
/** Bytes of records kept in memory at most. */
const MAX_RECENT_BYTES = 16 * 1024 * 1024;

/** The newest records, so that readers at the tail need no disk. */
export class RecentRecords {
  /** `#records[i]` has `logSeq` `#firstSeq + i`; undefined where it has been dropped. */
  #records: { readonly record: LogRecord; readonly bytes: number }[] = [];
  #firstSeq: number;
  #dropped = 0;
  #bytes = 0;

  /** `lastSeq` is the `logSeq` before the first record that will be added. */
  constructor(lastSeq: number) {
    this.#firstSeq = lastSeq + 1;
  }

  /** Adds the record after the last one; `bytes` is what it takes on disk. */
  add(record: LogRecord, bytes: number): void {
    this.#records.push({ record, bytes });
    this.#bytes += bytes;
    while (this.#records.length - this.#dropped > MAX_RECENT_RECORDS || this.#bytes > MAX_RECENT_BYTES) {
      this.#bytes -= this.#records[this.#dropped]?.bytes ?? 0;
      this.#dropped++;
    }
    // Cut off now and then only, since moving thousands of entries for each new one would cost more than they do.
    if (this.#dropped >= MAX_RECENT_RECORDS) {
      this.#records = this.#records.slice(this.#dropped);
      this.#firstSeq += this.#dropped;
      this.#dropped = 0;
    }
  }

  /** Forgets everything; the next record that is added comes after `lastSeq`. */
  forget(lastSeq: number): void {
    this.#records = [];
    this.#firstSeq = lastSeq + 1;
    this.#dropped = 0;
    this.#bytes = 0;
  }

  /** Up to `limit` records after `afterSeq`; undefined where the first of them is not here. */
  after(afterSeq: number, limit: number): readonly LogRecord[] | undefined {
    const from = afterSeq + 1 - this.#firstSeq;
    if (from < this.#dropped || from >= this.#records.length) return undefined;
    return this.#records.slice(from, from + limit).map(({ record }) => record);
  }
}
