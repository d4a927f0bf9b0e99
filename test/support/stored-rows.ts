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

interface InfluxAnswer {
  readonly results: readonly {
    readonly error?: string;
    readonly series?: readonly {
      readonly columns: readonly string[];
      readonly values: readonly (readonly unknown[])[];
    }[];
  }[];
}

type InfluxRow = Readonly<Record<string, unknown>>;

/** The home in a database of InfluxDB 1.x; `system` is the measurement of the samples. */
export function influxRows(url: string, database: string, system: string): StoredRows {
  const ask = async (query: string, epoch?: 'ms'): Promise<InfluxRow[]> => {
    const parameters = new URLSearchParams({ db: database, q: query, ...(epoch && { epoch }) });
    const response = await fetch(`${url}/query?${parameters}`, { signal: AbortSignal.timeout(QUERY_MS) });
    const { results } = (await response.json()) as InfluxAnswer;
    const [result] = results;
    if (result?.error !== undefined) throw new Error(`InfluxDB: ${result.error}`);
    return (result?.series ?? []).flatMap(({ columns, values }) =>
      values.map((value) => Object.fromEntries(columns.map((column, index) => [column, value[index]]))),
    );
  };
  return {
    async rows(asset, point, fromMs, toMs) {
      const found: StoredRow[] = [];
      for (let from = fromMs; from < toMs; from += HOUR_MS) {
        const span = `time >= ${from}ms AND time < ${Math.min(from + HOUR_MS, toMs)}ms`;
        const rows = await ask(
          `SELECT value, "on" FROM "${system}" WHERE asset = '${asset}' AND point = '${point}' AND ${span}`,
          'ms',
        );
        for (const { time, value, on } of rows) found.push({ ms: Number(time), value: Number(value ?? on) });
      }
      return found;
    },
    async changes(expected) {
      const stored = new Map<string, number>();
      const rows = [
        ...(await ask('SELECT asset, alarm, event, activation FROM alarm')).map(
          ({ time, asset, alarm, event, activation }) => alarmKey(nsOf(String(time)), asset, alarm, event, activation),
        ),
        ...(await ask('SELECT asset, class FROM ledger')).map(({ time, asset, class: name }) =>
          ledgerKey(nsOf(String(time)), asset, name),
        ),
      ];
      for (const key of rows) stored.set(key, (stored.get(key) ?? 0) + 1);
      const known = new Set<string>();
      const counts = expected.map((placed) => {
        const keys = influxKeys(placed);
        for (const key of keys) known.add(key);
        // A series has one row for one time, so twice cannot be; each row of the change must be there.
        return keys.every((key) => stored.has(key)) ? 1 : 0;
      });
      return { counts, strange: [...stored.keys()].filter((key) => !known.has(key)).length };
    },
  };
}

/** Real ms for one answer. */
const QUERY_MS = 30_000;

function alarmKey(ns: bigint, ...parts: unknown[]): string {
  return ['alarm', ns, ...parts].join(' ');
}

function ledgerKey(ns: bigint, ...parts: unknown[]): string {
  return ['ledger', ns, ...parts].join(' ');
}

/** Rows that a change of an alarm or of the ledger has, as docs/operating.md and line-protocol.ts describe them. */
function influxKeys({ logSeq, ordinal, change }: PlacedChange): string[] {
  const place = BigInt((logSeq % 1000) * 1000 + (ordinal % 1000));
  const at = (ms: number) => BigInt(Math.floor(ms)) * 1_000_000n + place;
  if (change.kind === 'alarm') {
    const { asset, alarm, activationId } = change.activation;
    return [alarmKey(at(change.atMs), asset, alarm, change.event, activationId)];
  }
  if (change.kind !== 'ledger') return [];
  const { asset, correction } = change;
  const rows = [ledgerKey(at(change.fromMs), asset, change.class)];
  if (correction) rows.push(ledgerKey(at(correction.toMs), asset, correction.after));
  return rows;
}

/** Nanoseconds of a time as InfluxDB writes it: RFC 3339 with up to nine decimals. */
function nsOf(time: string): bigint {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
