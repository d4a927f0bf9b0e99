import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openHistoryForReading } from '../../gateway/history/read-history.ts';
import { openLogForReading } from '../../gateway/log/read-log.ts';
import type { PlacedChange } from '../../model/history.ts';

/** Rows of one point: every time at which the store has one, as often as it has one. */
export interface StoredRow {
  readonly ms: number;
  readonly value: number;
}

/** A home of history as a test reads it, without the gateway. */
export interface StoredRows {
  /** Every row of a point in [fromMs, toMs). */
  rows(asset: string, point: string, fromMs: number, toMs: number): Promise<readonly StoredRow[]>;
  /**
   * How often each of these changes is stored, in their order; and how many rows there are that are none of them, of
   * alarms and of the ledger.
   */
  changes(expected: readonly PlacedChange[]): Promise<{ readonly counts: readonly number[]; readonly strange: number }>;
}

const HOUR_MS = 3_600_000;

/** The embedded home of a data folder. */
export function embeddedRows(dataDir: string): StoredRows {
  return {
    async rows(asset, point, fromMs, toMs) {
      const log = openLogForReading(join(dataDir, 'log'));
      const number = log?.pointNumbers.get(`${asset}/${point}`);
      await log?.close();
      const history = openHistoryForReading(dataDir);
      if (history === undefined || number === undefined) return [];
      const found: StoredRow[] = [];
      for (let from = fromMs; from < toMs; from += HOUR_MS) {
        const columns = history.samples([number], from, Math.min(from + HOUR_MS, toMs)).get(number);
        columns?.ms.forEach((ms, row) => {
          found.push({ ms, value: columns.value[row] ?? Number.NaN });
        });
      }
      history.close();
      return found;
    },
    async changes(expected) {
      const database = new DatabaseSync(join(dataDir, 'history', 'history.db'), { readOnly: true });
      const stored = new Map<string, number>();
      for (const row of database.prepare('SELECT seq, ordinal, body FROM changes').iterate()) {
        const key = `${row.seq} ${row.ordinal} ${row.body}`;
        stored.set(key, (stored.get(key) ?? 0) + 1);
      }
      database.close();
      const counts = expected.map(({ logSeq, ordinal, change }) => {
        const key = `${logSeq} ${ordinal} ${JSON.stringify(change)}`;
        const count = stored.get(key) ?? 0;
        stored.delete(key);
        return count;
      });
      return { counts, strange: stored.size };
    },
  };
}
