import type { DatabaseSync } from 'node:sqlite';
import type { Stamp } from '../../model/log.ts';
import { isDamagedFile } from '../storage/storage-error.ts';
import type { CheckedRecord } from './record-checksum.ts';

const COLUMNS = 'seq, ms, kind, ordinal, count, crc, body';

/** The rows of the log's file, in order. Goes around pages of it that are damaged. */
export class LogRows {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** All that `ask` reads is of the file as it is at its first look; the archive may have more by then, and never less. */
  inOneMoment<T>(ask: () => T): T {
    this.#try('BEGIN');
    try {
      return ask();
    } finally {
      // Damage may have ended the transaction by itself, or keep it from ending in order.
      for (const end of ['COMMIT', 'ROLLBACK']) if (this.#database.isTransaction) this.#try(end);
    }
  }

  /** A damaged file is read all the same, then of more than one moment. */
  #try(sql: string): void {
    try {
      this.#database.exec(sql);
    } catch (error) {
      if (!isDamagedFile(error)) throw error;
    }
  }

  /**
   * Rows after `afterSeq`, at most `limit` and until their bodies exceed `maxBytes`, but at least one if there is any;
   * none where there is none, or none that can be read. `throughSeq` bounds the search around damage.
   */
  after(afterSeq: number, throughSeq: number, limit: number, maxBytes: number): CheckedRecord[] {
    const found = this.#read(afterSeq, limit, maxBytes);
    if (found.rows.length > 0 || !found.damaged) return found.rows;
    const from = this.#nextReadable(afterSeq + 1, throughSeq);
    return from === undefined ? [] : this.#read(from - 1, limit, maxBytes).rows;
  }

  oldest(): Stamp | undefined {
    return this.#stamp('SELECT seq, ms FROM records ORDER BY seq LIMIT 1');
  }

  newest(): Stamp | undefined {
    return this.#stamp('SELECT seq, ms FROM records ORDER BY seq DESC LIMIT 1');
  }

  /** The first row from `seq` on. */
  from(seq: number): Stamp | undefined {
    return this.#stamp('SELECT seq, ms FROM records WHERE seq >= ? ORDER BY seq LIMIT 1', seq);
  }

  /** `logSeq` of the last row with a time before `ms`, of those from `firstSeq` to `lastSeq`; `firstSeq` − 1 for none. */
  lastSeqBefore(ms: number, firstSeq: number, lastSeq: number): number {
    // Times never go back, so that halving finds the place without an index of them.
    let [before, after] = [firstSeq - 1, lastSeq + 1];
    while (after - before > 1) {
      const middle = before + Math.floor((after - before) / 2);
      const found = this.from(middle);
      if (found && found.logMs < ms) before = Math.min(found.logSeq, lastSeq);
      else after = middle;
    }
    return before;
  }

  /** Samples of those records after `afterSeq` through `throughSeq` that are no longer kept anywhere, about. */
  samplesGone(afterSeq: number, throughSeq: number): number {
    let samples = 0;
    const sql = 'SELECT first_seq, last_seq, samples FROM dropped WHERE last_seq > ? AND first_seq <= ?';
    for (const row of this.#database.prepare(sql).iterate(afterSeq, throughSeq)) {
      const [first, last] = [Number(row.first_seq), Number(row.last_seq)];
      const overlap = Math.min(last, throughSeq) - Math.max(first, afterSeq + 1) + 1;
      samples += (Number(row.samples) * overlap) / (last - first + 1);
    }
    return Math.round(samples);
  }

  #stamp(sql: string, ...values: number[]): Stamp | undefined {
    const row = this.#database.prepare(sql).get(...values);
    return row && { logSeq: Number(row.seq), logMs: Number(row.ms) };
  }

  #read(afterSeq: number, limit: number, maxBytes: number): { rows: CheckedRecord[]; damaged: boolean } {
    const rows: CheckedRecord[] = [];
    let bytes = 0;
    try {
      const sql = `SELECT ${COLUMNS} FROM records WHERE seq > ? ORDER BY seq LIMIT ?`;
      for (const row of this.#database.prepare(sql).iterate(afterSeq, limit)) {
        const record = recordOfRow(row);
        bytes += record.body.byteLength;
        if (bytes > maxBytes && rows.length > 0) break;
        rows.push(record);
      }
    } catch (error) {
      if (!isDamagedFile(error)) throw error;
      return { rows, damaged: true };
    }
    return { rows, damaged: false };
  }

  /** The first place after `badSeq`, which cannot be read, from which on a row can be; undefined where there is none. */
  #nextReadable(badSeq: number, throughSeq: number): number | undefined {
    const reads = (seq: number) => !this.#read(seq - 1, 1, 1).damaged;
    let bad = badSeq;
    let good = Math.min(bad + 1, throughSeq);
    for (let step = 2; !reads(good); step *= 2) {
      if (good >= throughSeq) return undefined;
      bad = good;
      good = Math.min(bad + step, throughSeq);
    }
    while (good - bad > 1) {
      const middle = bad + Math.floor((good - bad) / 2);
      if (reads(middle)) good = middle;
      else bad = middle;
    }
    return good;
  }
}

function recordOfRow(row: Record<string, unknown>): CheckedRecord {
  return {
    seq: Number(row.seq),
    ms: Number(row.ms),
    kind: Number(row.kind),
    ordinal: Number(row.ordinal),
    count: Number(row.count),
    crc: Number(row.crc),
    // Another type than was written is damage, and shows in the checksum.
    body: row.body instanceof Uint8Array ? (row.body as Uint8Array<ArrayBuffer>) : new Uint8Array(),
  };
}
