import { randomUUID } from 'node:crypto';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { HistorySeries, PlacedChange } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import { BucketSums, type SampleSums, sumsOf } from './bucket-sums.ts';
import { mergeColumns, type PointColumns, packColumns, sliceColumns, unpackColumns } from './column-block.ts';
import { divide, seriesOf } from './history-buckets.ts';

const HOUR_MS = 3_600_000;
/** An hour moves to its chunks this long after its end, by the gateway's time; what comes later is merged in. */
const LATENESS_MS = 600_000;
/** Samples after which moving to chunks pauses, so that what waits gets its turn. */
const MOVE_SAMPLES = 100_000;
/** Points that one pause-less move handles at most. */
const MOVE_POINTS = 200;
/** Rows of what is over its time that are removed at a time. */
const REMOVE_ROWS = 2000;
/** 13 months. */
export const DEFAULT_RETENTION_MS = 400 * 24 * HOUR_MS;
/** Bytes of the file beyond which the oldest hours go before their time. */
export const DEFAULT_MAX_BYTES = 32 * 1024 ** 3;

/** Samples of many points as columns, in the order of the log. `ms` are whole numbers. */
export interface SampleColumns extends PointColumns {
  readonly point: Uint32Array;
  /** Newest `receivedMs` of the samples: the gateway's time by which hours end. */
  readonly newestMs: number;
}

export interface Retention {
  readonly retentionMs: number;
  readonly maxBytes: number;
}

/** The embedded home's file: writes durably, moves what is over into chunks, and answers. */
export class EmbeddedStore {
  readonly #database: DatabaseSync;
  readonly #retention: Retention;
  readonly #statements = new Map<string, StatementSync>();
  /** Points that have rows in `recent`. */
  readonly #recentPoints: Set<PointNumber>;
  /** Points whose rows from before {@link EmbeddedStore.#movedBefore} are still to be moved. */
  #toMove: PointNumber[] = [];
  /** Samples from before this time are in chunks, or on their way. */
  #movedBefore = Number.NEGATIVE_INFINITY;

  /** `database` has been opened with `historyMigrations`. */
  constructor(database: DatabaseSync, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
    database.prepare('INSERT INTO about (identity) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)').run(randomUUID());
    // One step down the key for each point, where DISTINCT would read all rows.
    this.#recentPoints = new Set(
      this.#all(
        `WITH RECURSIVE points (point) AS (
           SELECT min(point) FROM recent
           UNION ALL
           SELECT (SELECT min(recent.point) FROM recent WHERE recent.point > points.point) FROM points
           WHERE points.point IS NOT NULL
         ) SELECT point FROM points WHERE point IS NOT NULL`,
      ).map((row) => Number(row.point)),
    );
  }

  get identity(): string {
    return String(this.#all('SELECT identity FROM about')[0]?.identity);
  }

  /** On disk when it returns; throws where it is not. The same samples may come again, in other groups too. */
  write(samples: SampleColumns): void {
    const groups = [...byPoint(samples)].map(([point, columns]) => [point, mergeColumns([columns])] as const);
    this.#transaction(() => {
      for (const [point, columns] of groups) this.#addRecent(point, columns);
    });
    for (const [point] of groups) this.#recentPoints.add(point);
    this.#closeHours(samples.newestMs);
  }

  writeChanges(changes: readonly PlacedChange[]): void {
    this.#transaction(() => {
      for (const { logSeq, ordinal, change } of changes) {
        const atMs = Math.floor(change.kind === 'ledger' ? change.fromMs : change.atMs);
        this.#run(
          'INSERT OR REPLACE INTO changes (seq, ordinal, at_ms, kind, body) VALUES (?, ?, ?, ?, ?)',
          logSeq,
          ordinal,
          atMs,
          change.kind,
          JSON.stringify(change),
        );
      }
    });
  }

  /** Throws a RangeError where the span or the number of buckets is none. */
  series(point: Pick<PointInfo, 'number' | 'key'>, fromMs: number, toMs: number, count: number): HistorySeries {
    const buckets = divide(fromMs, toMs, count);
    const sums = new BucketSums(buckets);
    const recent = this.#recent(point.number, buckets.fromMs, buckets.toMs);
    const firstRecentMs = recent.reduce((first, { ms }) => Math.min(first, ms[0] ?? first), Number.POSITIVE_INFINITY);
    const lastRecentMs = recent.reduce((last, { ms }) => Math.max(last, ms.at(-1) ?? last), Number.NEGATIVE_INFINITY);
    const toMerge = [...recent];
    for (const row of this.#each(
      `SELECT hour, good, min, max, mean, last, last_ms, last_ordinal, body FROM chunks
       WHERE point = ? AND hour > ? AND hour < ? ORDER BY hour`,
      point.number,
      buckets.fromMs - HOUR_MS,
      buckets.toMs,
    )) {
      const hour = Number(row.hour);
      // The hour may hold some of the recent samples already.
      const mixed = hour + HOUR_MS > firstRecentMs && hour <= lastRecentMs;
      const whole = mixed ? undefined : sums.whole(hour, hour + HOUR_MS);
      if (mixed) toMerge.push(unpackChunk(row.body));
      else if (whole === undefined) sums.addColumns(unpackChunk(row.body));
      else sums.addSums(whole, sumsOfRow(row));
    }
    if (toMerge.length > 0) sums.addColumns(mergeColumns(toMerge));
    return seriesOf(point.key, buckets, sums.figures());
  }

  /** Whether {@link tidy} has something to do. */
  get untidy(): boolean {
    return this.#toMove.length > 0;
  }

  /** Moves some of what is over into chunks, and removes what is older than is kept; call again while `untidy`. */
  tidy(): void {
    const points = this.#toMove.splice(-MOVE_POINTS);
    const emptied: PointNumber[] = [];
    let moved = 0;
    this.#transaction(() => {
      for (let point = points.pop(); point !== undefined; point = points.pop()) {
        moved += this.#move(point, emptied);
        if (moved >= MOVE_SAMPLES) break;
      }
      this.#removeOld();
    });
    this.#toMove.push(...points);
    for (const point of emptied) this.#recentPoints.delete(point);
  }

  close(): void {
    this.#database.close();
  }

  /** Begins to move hours that have ended by `newestMs`. */
  #closeHours(newestMs: number): void {
    const before = Math.floor((newestMs - LATENESS_MS) / HOUR_MS) * HOUR_MS;
    if (!(before > this.#movedBefore)) return;
    this.#movedBefore = before;
    this.#toMove = [...this.#recentPoints];
  }

  #addRecent(point: PointNumber, columns: PointColumns): void {
    const { ms, ordinal } = columns;
    // A write that is done again may be cut into other groups: the longer of two that begin alike holds the other.
    this.#run(
      `INSERT INTO recent (point, first_ordinal, from_ms, to_ms, count, body) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET to_ms = excluded.to_ms, count = excluded.count, body = excluded.body
       WHERE excluded.count > count`,
      point,
      ordinal.reduce((first, one) => Math.min(first, one), Number.POSITIVE_INFINITY),
      ms[0] ?? 0,
      ms.at(-1) ?? 0,
      ms.length,
      packColumns(columns),
    );
  }

  /** Recent samples of a point, of rows that reach into [fromMs, toMs). */
  #recent(point: PointNumber, fromMs: number, toMs: number): PointColumns[] {
    if (!this.#recentPoints.has(point)) return [];
    const rows = this.#all(
      'SELECT body FROM recent WHERE point = ? AND to_ms >= ? AND from_ms < ?',
      point,
      fromMs,
      toMs,
    );
    return rows.map((row) => unpackColumns(bytesOf(row.body)));
  }

  /**
   * Moves a point's samples of ended hours into chunks; gives how many samples it has handled, and adds the point to
   * `emptied` where nothing recent is left of it.
   */
  #move(point: PointNumber, emptied: PointNumber[]): number {
    const before = this.#movedBefore;
    const rows = this.#all('SELECT body FROM recent WHERE point = ? AND from_ms < ?', point, before);
    if (rows.length === 0) return 0;
    this.#run('DELETE FROM recent WHERE point = ? AND from_ms < ?', point, before);
    const columns = mergeColumns(rows.map((row) => unpackColumns(bytesOf(row.body))));
    let from = 0;
    while (from < columns.ms.length) {
      const hour = hourOf(columns.ms[from] ?? 0);
      let to = from + 1;
      while (to < columns.ms.length && hourOf(columns.ms[to] ?? 0) === hour) to++;
      if (hour < before) this.#addToChunk(point, hour, sliceColumns(columns, from, to));
      else this.#addRecent(point, sliceColumns(columns, from, to));
      from = to;
    }
    if (this.#all('SELECT 1 FROM recent WHERE point = ? LIMIT 1', point).length === 0) emptied.push(point);
    return columns.ms.length;
  }

  #addToChunk(point: PointNumber, hour: number, added: PointColumns): void {
    const [present] = this.#all('SELECT body FROM chunks WHERE point = ? AND hour = ?', point, hour);
    const columns = present === undefined ? added : mergeColumns([unpackChunk(present.body), added]);
    const sums = sumsOf(columns);
    this.#run(
      `INSERT OR REPLACE INTO chunks (point, hour, count, good, min, max, mean, last, last_ms, last_ordinal, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      point,
      hour,
      columns.ms.length,
      sums.count,
      sums.min,
      sums.max,
      sums.numbers === 0 ? null : sums.sum / sums.numbers,
      sums.last,
      sums.last === null ? null : sums.lastMs,
      sums.last === null ? null : sums.lastOrdinal,
      zstdCompressSync(packColumns(columns)),
    );
  }

  #removeOld(): void {
    const keptFrom = this.#movedBefore - this.#retention.retentionMs;
    this.#run(
      'DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE hour < ? ORDER BY hour LIMIT ?)',
      keptFrom,
      REMOVE_ROWS,
    );
    this.#run(
      `DELETE FROM changes WHERE (seq, ordinal, at_ms) IN
         (SELECT seq, ordinal, at_ms FROM changes WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`,
      keptFrom,
      REMOVE_ROWS,
    );
    if (this.#usedBytes() <= this.#retention.maxBytes) return;
    this.#run('DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks ORDER BY hour LIMIT ?)', REMOVE_ROWS);
  }

  #usedBytes(): number {
    const pragma = (name: string) => Number(this.#all(`PRAGMA ${name}`)[0]?.[name]);
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  #each(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...values);
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      // A full disk may have ended the transaction by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

type Row = Record<string, SQLOutputValue>;

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

export function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new RangeError('a row of history has no bytes');
  return value;
}

/** The columns of a chunk; none where its bytes are not those that were written, which loses that hour only. */
export function unpackChunk(body: SQLOutputValue | undefined): PointColumns {
  try {
    return unpackColumns(new Uint8Array(zstdDecompressSync(bytesOf(body))));
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && 'code' in error)) return mergeColumns([]);
    throw error;
  }
}

function sumsOfRow(row: Row): SampleSums {
  const number = (value: SQLOutputValue | undefined) => (typeof value === 'number' ? value : null);
  const good = Number(row.good);
  const mean = number(row.mean);
  // A point is either all numbers or all texts, unless its kind was changed within the hour.
  const numbers = mean === null ? 0 : good;
  return {
    count: good,
    min: number(row.min),
    max: number(row.max),
    sum: (mean ?? 0) * numbers,
    numbers,
    last: number(row.last),
    lastMs: number(row.last_ms) ?? Number.NEGATIVE_INFINITY,
    lastOrdinal: number(row.last_ordinal) ?? Number.NEGATIVE_INFINITY,
  };
}

/** The rows of each point, in their order. */
function* byPoint(samples: SampleColumns): Generator<readonly [PointNumber, PointColumns]> {
  const rowsOf = new Map<PointNumber, number[]>();
  for (const [row, point] of samples.point.entries()) {
    const rows = rowsOf.get(point);
    if (rows === undefined) rowsOf.set(point, [row]);
    else rows.push(row);
  }
  for (const [point, rows] of rowsOf) {
    const column = (of: Float64Array) => Float64Array.from(rows, (row) => of[row] ?? Number.NaN);
    const texts = samples.texts.size === 0 ? [] : rows.map((row, index) => [index, samples.texts.get(row)] as const);
    yield [
      point,
      {
        ms: column(samples.ms),
        ordinal: column(samples.ordinal),
        value: column(samples.value),
        quality: Uint8Array.from(rows, (row) => samples.quality[row] ?? 0),
        texts: new Map(texts.filter((pair): pair is readonly [number, string] => pair[1] !== undefined)),
      },
    ];
  }
}
