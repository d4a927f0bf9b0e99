import { randomUUID } from 'node:crypto';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { constants, zstdCompressSync } from 'node:zlib';
import type { PlacedChange } from '../../model/history.ts';
import { keptFromMs, type Leap } from '../../model/leaps.ts';
import type { PointNumber } from '../../model/point.ts';
import { addSums, emptySums, firstFrom, sumsOf } from './bucket-sums.ts';
import { mergeColumns, type PointColumns, packColumns, sliceColumns } from './column-block.ts';
import {
  bytesOf,
  DAY_MS,
  dayOf,
  HOUR_MS,
  hourOf,
  isDamage,
  type Row,
  SUM_COLUMNS,
  sumsOfRow,
  sumValues,
  unpackChunk,
  unpackPart,
} from './embedded-rows.ts';
import { ByteWriter } from './number-column.ts';
import {
  columnsAt,
  packGroup,
  type SampleColumns,
  type SampleGroup,
  SampleGrouper,
  unpackGroup,
} from './sample-group.ts';

/** An hour moves to its chunks this long after its end, by the gateway's time; what comes later is merged in. */
const LATENESS_MS = 600_000;
/** Samples of groups, and groups, after which they are joined into parts. */
const MAX_GROUP_SAMPLES = 262_144;
const MAX_GROUPS = 512;
/** Samples after which moving to chunks pauses, so that what waits gets its turn. */
const MOVE_SAMPLES = 100_000;
/** Points that one pause-less move handles at most, and days of points that are summed up. */
const MOVE_POINTS = 200;
/** Days that wait to be summed up at most; those before them are answered from their chunks. */
const MAX_DAYS_TO_SUM = 400;
/** Rows of what is over its time that are removed at a time. */
const REMOVE_ROWS = 2000;
/** 13 months. */
export const DEFAULT_RETENTION_MS = 400 * DAY_MS;
/** Bytes of the file beyond which the oldest days go before their time. */
export const DEFAULT_MAX_BYTES = 32 * 1024 ** 3;
/** The hour's own packing is nearly all that is gained; higher levels take several times as long for a few percent. */
const ZSTD_LEVEL = 1;

export interface Retention {
  readonly retentionMs: number;
  readonly maxBytes: number;
}

/** The embedded home's file: writes durably, and moves what is over into chunks. `EmbeddedReader` answers from it. */
export class EmbeddedStore {
  readonly #database: DatabaseSync;
  readonly #retention: Retention;
  readonly #statements = new Map<string, StatementSync>();
  readonly #grouper = new SampleGrouper();
  readonly #writer = new ByteWriter();
  /** What stands in `groups`, so that it need not be read to be joined; bounded as they are. */
  #groups: SampleGroup[] = [];
  #groupSamples = 0;
  /** Points whose parts from before {@link EmbeddedStore.#movedBefore} are still to be moved. */
  #toMove: PointNumber[] = [];
  /** Days of which points are still to be summed up. */
  #toSum: { readonly day: number; readonly points: PointNumber[] }[] = [];
  /** Samples from before this time are in chunks, or on their way. */
  #movedBefore = Number.NEGATIVE_INFINITY;
  #hasOld = false;
  #leaps: readonly Leap[] = [];

  /** `database` has been opened with `historyMigrations`. */
  constructor(database: DatabaseSync, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
    database.prepare('INSERT INTO about (identity) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)').run(randomUUID());
    for (const row of this.#all('SELECT body FROM groups ORDER BY id')) this.#addGroup(row);
  }

  get identity(): string {
    return String(this.#all('SELECT identity FROM about')[0]?.identity);
  }

  /**
   * On disk when it returns; throws where it is not. The same samples may come again, in other groups too. `leaps` are
   * those of the clock up to their receipt, so that nothing is removed for an age that it has not.
   */
  write(samples: SampleColumns, leaps: readonly Leap[] = []): void {
    this.#leaps = leaps;
    if (samples.ms.length === 0) return;
    const group = this.#grouper.group(samples);
    const body = packGroup(group, this.#writer);
    this.#transaction(() => {
      const { fromMs, toMs, ms } = group;
      this.#run('INSERT INTO groups (from_ms, to_ms, count, body) VALUES (?, ?, ?, ?)', fromMs, toMs, ms.length, body);
    });
    this.#groups.push(group);
    this.#groupSamples += group.ms.length;
    if (this.#groupSamples >= MAX_GROUP_SAMPLES || this.#groups.length >= MAX_GROUPS) this.#joinGroups();
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

  /** Adds samples, each entry of one point and one hour, to their chunks; on disk when it returns. */
  addToChunks(entries: readonly { readonly point: PointNumber; readonly columns: PointColumns }[]): void {
    this.#transaction(() => {
      for (const { point, columns } of entries) this.#addToChunk(point, hourOf(columns.ms[0] ?? 0), columns);
    });
  }

  /** Whether {@link tidy} has something to do. */
  get untidy(): boolean {
    return this.#toMove.length > 0 || this.#toSum.length > 0 || this.#hasOld;
  }

  /** Moves some of what is over into chunks, and removes what is older than is kept; call again while `untidy`. */
  tidy(): void {
    const points = this.#toMove.splice(-MOVE_POINTS);
    let moved = 0;
    this.#transaction(() => {
      for (let point = points.pop(); point !== undefined; point = points.pop()) {
        moved += this.#move(point);
        if (moved >= MOVE_SAMPLES) break;
      }
      if (moved === 0) this.#sumDays();
      this.#hasOld = this.#removeOld();
    });
    this.#toMove.push(...points);
  }

  close(): void {
    this.#database.close();
  }

  #addGroup(row: Row): void {
    try {
      const group = unpackGroup(bytesOf(row.body));
      this.#groups.push(group);
      this.#groupSamples += group.ms.length;
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#askAgain();
    }
  }

  /**
   * Something was stored and cannot be read: under another identity the home counts as new at the next start, and is
   * filled with all that the log still has, which stores nothing twice.
   */
  #askAgain(): void {
    this.#run('UPDATE about SET identity = ?', randomUUID());
  }

  /** Joins what was written one by one into parts of one point each. */
  #joinGroups(): void {
    const columnsByPoint = new Map<PointNumber, PointColumns[]>();
    for (const group of this.#groups) {
      for (const [place, point] of group.points.entries()) {
        const present = columnsByPoint.get(point);
        if (present === undefined) columnsByPoint.set(point, [columnsAt(group, place)]);
        else present.push(columnsAt(group, place));
      }
    }
    this.#transaction(() => {
      for (const [point, columns] of columnsByPoint) this.#addPart(point, mergeColumns(columns));
      this.#run('DELETE FROM groups');
    });
    this.#groups = [];
    this.#groupSamples = 0;
  }

  /** Begins to move hours that have ended by `newestMs`. */
  #closeHours(newestMs: number): void {
    const before = hourOf(newestMs - LATENESS_MS);
    if (!(before > this.#movedBefore)) return;
    if (this.#groups.length > 0) this.#joinGroups();
    const daysBefore = dayOf(this.#movedBefore);
    this.#movedBefore = before;
    this.#toMove = this.#all('SELECT DISTINCT point FROM parts WHERE from_ms < ?', before).map((row) =>
      Number(row.point),
    );
    this.#hasOld = true;
    // Days that ended before the last start are summed up when something of them changes; until then chunks answer.
    for (let day = daysBefore; day < dayOf(before) && Number.isFinite(day); day += DAY_MS) {
      this.#toSum.push({ day, points: [] });
      if (this.#toSum.length > MAX_DAYS_TO_SUM) this.#toSum.shift();
    }
  }

  #addPart(point: PointNumber, columns: PointColumns): void {
    const { ms } = columns;
    this.#run(
      'INSERT INTO parts (point, from_ms, to_ms, count, body) VALUES (?, ?, ?, ?, ?)',
      point,
      ms[0] ?? 0,
      ms.at(-1) ?? 0,
      ms.length,
      packColumns(columns, this.#writer),
    );
  }

  /** Moves a point's samples of ended hours into chunks; gives how many samples it has handled. */
  #move(point: PointNumber): number {
    const before = this.#movedBefore;
    const rows = this.#all('SELECT body FROM parts WHERE point = ? AND from_ms < ?', point, before);
    if (rows.length === 0) return 0;
    this.#run('DELETE FROM parts WHERE point = ? AND from_ms < ?', point, before);
    const columns = mergeColumns(rows.map((row) => unpackPart(row.body, () => this.#askAgain())));
    const { ms } = columns;
    const days = new Set<number>();
    for (let from = 0; from < ms.length; ) {
      const hour = hourOf(ms[from] as number);
      const to = hour >= before ? ms.length : firstFrom(ms, hour + HOUR_MS, from);
      const slice = sliceColumns(columns, from, to);
      if (hour >= before) this.#addPart(point, slice);
      else {
        this.#addToChunk(point, hour, slice);
        days.add(dayOf(hour));
      }
      from = to;
    }
    for (const day of days) this.#sumDayOf(point, day);
    return ms.length;
  }

  #addToChunk(point: PointNumber, hour: number, added: PointColumns): void {
    // What is older than is kept would be removed again, and would bring a day back that is gone.
    if (hour < this.#keptFrom) return;
    const [present] = this.#all('SELECT body FROM chunks WHERE point = ? AND hour = ?', point, hour);
    const columns =
      present === undefined ? added : mergeColumns([unpackChunk(present.body, () => this.#askAgain()), added]);
    this.#run(
      `INSERT OR REPLACE INTO chunks (point, hour, ${SUM_COLUMNS}, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      point,
      hour,
      ...sumValues(sumsOf(columns)),
      zstdCompressSync(packColumns(columns, this.#writer), {
        params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
      }),
    );
    // Until it is summed up again, the day is answered from its chunks.
    this.#run('DELETE FROM days WHERE point = ? AND day = ?', point, dayOf(hour));
  }

  /** Sums up some of what is left of the days that have ended. */
  #sumDays(): void {
    const [next] = this.#toSum;
    if (next === undefined) return;
    if (next.points.length === 0) {
      // Most of them were when their last hour was moved.
      const rows = this.#all(
        `SELECT DISTINCT point FROM chunks WHERE hour >= ? AND hour < ? AND NOT EXISTS
           (SELECT 1 FROM days WHERE days.point = chunks.point AND day = ?)`,
        next.day,
        next.day + DAY_MS,
        next.day,
      );
      next.points.push(...rows.map((row) => Number(row.point)));
    }
    for (const point of next.points.splice(-MOVE_POINTS)) this.#sumDayOf(point, next.day);
    if (next.points.length === 0) this.#toSum.shift();
  }

  /** Sums up a point's day from its chunks, if the day is over. */
  #sumDayOf(point: PointNumber, day: number): void {
    if (day + DAY_MS > this.#movedBefore) return;
    const sums = emptySums();
    const rows = this.#all(
      `SELECT ${SUM_COLUMNS}, CASE WHEN numbers IS NULL THEN body END AS body FROM chunks
       WHERE point = ? AND hour >= ? AND hour < ? ORDER BY hour`,
      point,
      day,
      day + DAY_MS,
    );
    if (rows.length === 0) return;
    for (const row of rows) addSums(sums, sumsOfRow(row) ?? sumsOf(unpackChunk(row.body)));
    this.#run(
      `INSERT OR REPLACE INTO days (point, day, ${SUM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      point,
      day,
      ...sumValues(sums),
    );
  }

  get #keptFrom(): number {
    const { retentionMs } = this.#retention;
    if (!Number.isFinite(this.#movedBefore)) return Number.NEGATIVE_INFINITY;
    return dayOf(keptFromMs(this.#leaps, this.#movedBefore, retentionMs));
  }

  /** Removes some of what is no longer kept, whole days at a time; false where there is no more of it. */
  #removeOld(): boolean {
    const { changes } = this.#run(
      `DELETE FROM changes WHERE (seq, ordinal, at_ms) IN
         (SELECT seq, ordinal, at_ms FROM changes WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`,
      Number.isFinite(this.#keptFrom) ? this.#keptFrom : Number.MIN_SAFE_INTEGER,
      REMOVE_ROWS,
    );
    return this.#removeChunks() || changes === REMOVE_ROWS;
  }

  #removeChunks(): boolean {
    const oldest = this.#all('SELECT min(hour) AS hour FROM chunks')[0]?.hour;
    if (typeof oldest !== 'number') return false;
    const isFull = this.#usedBytes() > this.#retention.maxBytes;
    // With no room left, the oldest day goes before its time.
    const before = isFull ? Math.max(this.#keptFrom, dayOf(oldest) + DAY_MS) : this.#keptFrom;
    if (!(oldest < before)) return false;
    this.#run(
      `DELETE FROM days WHERE (point, day) IN
         (SELECT point, hour - ((hour % ${DAY_MS}) + ${DAY_MS}) % ${DAY_MS} FROM chunks
          WHERE hour < ? ORDER BY hour LIMIT ?)`,
      before,
      REMOVE_ROWS,
    );
    this.#run(
      'DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE hour < ? ORDER BY hour LIMIT ?)',
      before,
      REMOVE_ROWS,
    );
    return true;
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

  #run(sql: string, ...values: SQLInputValue[]): { readonly changes: number | bigint } {
    return this.#statement(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
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
