import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { HistorySeries, SamplePage, StateTimeline } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import { BucketSums, firstFrom, type SampleSums } from './bucket-sums.ts';
import { mergeColumns, type PointColumns, sliceColumns } from './column-block.ts';
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
  unpackChunk,
  unpackPart,
} from './embedded-rows.ts';
import {
  type AskedPage,
  type Buckets,
  carry,
  checkPage,
  divide,
  type LastSample,
  seriesOf,
} from './history-buckets.ts';
import { columnsOf, type SampleGroup, unpackGroup } from './sample-group.ts';
import { holdMsOf, type StatePart, StateTimelineBuilder, timelineOfParts } from './state-timeline.ts';

/** What the store needs to know of a point to answer about it. */
export type AskedPoint = Pick<PointInfo, 'number' | 'key' | 'heartbeatMs' | 'staleAfterMs'>;

/** Samples of one timeline that are read one by one; a timeline of more is made of sums. */
const MAX_TIMELINE_SAMPLES = 2_000_000;
/** How far back the sample that a timeline begins with is looked for where nothing bounds it, ms. */
const MAX_LOOK_BACK_MS = 400 * DAY_MS;

/** Throws what ends the question where nobody waits for the answer any more; called now and then while one is made. */
export type StillWanted = () => void;

/** Answers from the embedded home's file, also while another connection writes it. */
export class EmbeddedReader {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Groups that were read before, by id; as many as the file has. */
  #groups = new Map<number, SampleGroup>();

  readonly #maxTimelineSamples: number;

  constructor(database: DatabaseSync, maxTimelineSamples = MAX_TIMELINE_SAMPLES) {
    this.#database = database;
    this.#maxTimelineSamples = maxTimelineSamples;
  }

  /** Throws a RangeError where the span or the number of buckets is none. */
  series(
    point: AskedPoint,
    fromMs: number,
    toMs: number,
    count: number,
    wanted: StillWanted = () => undefined,
  ): HistorySeries {
    const buckets = divide(fromMs, toMs, count);
    return this.#inOneMoment(() => {
      const sums = this.#sums(point.number, buckets, wanted);
      if (point.heartbeatMs === undefined) return seriesOf(point.key, buckets, sums.figures());
      const before = this.#before(point.number, buckets.fromMs, holdMsOf(point));
      return seriesOf(point.key, buckets, carry(sums.figures(), sums.lasts(), before, buckets, point));
    });
  }

  /** Throws a RangeError where the span or the page is none. */
  samples(
    point: AskedPoint,
    fromMs: number,
    toMs: number,
    page: AskedPage,
    wanted: StillWanted = () => undefined,
  ): SamplePage {
    checkPage(fromMs, toMs, page);
    return this.#inOneMoment(() => this.#page(point, fromMs, toMs, page, wanted));
  }

  /** Throws a RangeError where the span or the number of pixels is none. */
  states(
    point: AskedPoint,
    fromMs: number,
    toMs: number,
    pixels: number,
    wanted: StillWanted = () => undefined,
  ): StateTimeline {
    const { bucketMs: pixelMs } = divide(fromMs, toMs, pixels);
    return this.#inOneMoment(() => {
      const exact = this.#samplesToRead(point.number, fromMs, toMs) <= this.#maxTimelineSamples;
      const stretches = exact
        ? this.#exactStretches(point, fromMs, toMs, pixelMs, wanted)
        : this.#partStretches(point, fromMs, toMs, pixelMs, wanted);
      return { point: point.key, fromMs, toMs, pixelMs, exact, stretches };
    });
  }

  /**
   * Every sample of a point with a source time in [fromMs, toMs), in order: an hour or so at a time, since all of it is
   * in memory. {@link EmbeddedReader.samples} gives any span in pages.
   */
  columns(point: PointNumber, fromMs: number, toMs: number): PointColumns {
    return this.#inOneMoment(() => {
      const chunks = this.#all(
        'SELECT body FROM chunks WHERE point = ? AND hour > ? AND hour < ?',
        point,
        fromMs - HOUR_MS,
        toMs,
      );
      const parts = [...chunks.map((row) => unpackChunk(row.body)), ...this.#recent(point, fromMs, toMs)];
      return between(mergeColumns(parts), fromMs, toMs);
    });
  }

  close(): void {
    this.#database.close();
  }

  /** What the buckets hold, from the coarsest sums that fit into them. */
  #sums(point: PointNumber, buckets: Buckets, wanted: StillWanted): BucketSums {
    const sums = new BucketSums(buckets);
    this.#hours(point, buckets.fromMs, buckets.toMs, wanted, {
      takes: (fromMs, toMs) => sums.whole(fromMs, toMs) !== undefined,
      takeSums(fromMs, toMs, more) {
        const whole = sums.whole(fromMs, toMs);
        if (whole !== undefined) sums.addSums(whole, more);
      },
      takeColumns: (columns) => sums.addColumns(columns),
    });
    return sums;
  }

  /**
   * Goes through a point's samples of [fromMs, toMs) in order of their hours: whole days and hours as their sums where
   * `take.takes` them so, everything else as columns, of which the first and the last may reach beyond the span.
   */
  #hours(point: PointNumber, fromMs: number, toMs: number, wanted: StillWanted, take: Taker): void {
    const recent = mergeColumns(this.#recent(point, fromMs, toMs));
    let taken = 0;
    // Hours of which something is recent may hold some of that already.
    const recentBefore = (atMs: number) => {
      const from = taken;
      taken = firstFrom(recent.ms, atMs, from);
      return from === taken ? undefined : sliceColumns(recent, from, taken);
    };
    const isPure = (from: number, to: number) => firstFrom(recent.ms, from) === firstFrom(recent.ms, to);
    const takeRecentBefore = (atMs: number) => {
      const columns = recentBefore(atMs);
      if (columns) take.takeColumns(columns);
    };
    const days = this.#daysOf(point, fromMs, toMs, (from, to, sums) => isPure(from, to) && take.takes(from, to, sums));
    let hour = fromMs - HOUR_MS + 1;
    for (const [day, daySums] of [...days, [toMs, undefined] as const]) {
      for (const row of this.#chunks(point, hour, day)) {
        wanted();
        const at = Number(row.hour);
        takeRecentBefore(at);
        const added = recentBefore(at + HOUR_MS);
        const sums = added === undefined ? sumsOfRow(row) : undefined;
        if (sums !== undefined && take.takes(at, at + HOUR_MS, sums)) take.takeSums(at, at + HOUR_MS, sums);
        else take.takeColumns(mergeColumns([unpackChunk(this.#bodyOf(row)), ...(added ? [added] : [])]));
      }
      if (daySums === undefined) break;
      takeRecentBefore(day);
      take.takeSums(day, day + DAY_MS, daySums);
      hour = day + DAY_MS;
    }
    takeRecentBefore(Number.POSITIVE_INFINITY);
  }

  /** Days of a point that are within the span and that `fits`, in order. */
  #daysOf(
    point: PointNumber,
    fromMs: number,
    toMs: number,
    fits: (fromMs: number, toMs: number, sums: SampleSums) => boolean,
  ): [number, SampleSums][] {
    const first = dayOf(fromMs + DAY_MS - 1);
    if (first + DAY_MS > toMs) return [];
    const rows = this.#all(
      `SELECT day, ${SUM_COLUMNS} FROM days WHERE point = ? AND day >= ? AND day <= ? ORDER BY day`,
      point,
      first,
      toMs - DAY_MS,
    );
    return rows.flatMap((row) => {
      const day = Number(row.day);
      const sums = sumsOfRow(row);
      return sums !== undefined && fits(day, day + DAY_MS, sums) ? [[day, sums]] : [];
    });
  }

  /** Rows of chunks in order, without their bodies. */
  #chunks(point: PointNumber, fromHour: number, toMs: number): Row[] {
    return this.#all(
      `SELECT rowid, hour, ${SUM_COLUMNS} FROM chunks WHERE point = ? AND hour >= ? AND hour < ? ORDER BY hour`,
      point,
      fromHour,
      toMs,
    );
  }

  #bodyOf(row: Row) {
    return this.#all('SELECT body FROM chunks WHERE rowid = ?', Number(row.rowid))[0]?.body;
  }

  #page(point: AskedPoint, fromMs: number, toMs: number, { after, limit }: AskedPage, wanted: StillWanted): SamplePage {
    const start = after === undefined || after.ms < fromMs ? { ms: fromMs, ordinal: -1 } : after;
    const recent = between(mergeColumns(this.#recent(point.number, start.ms, toMs)), start.ms, toMs);
    const found: PointColumns[] = [];
    let rows = 0;
    // Hour by hour until there is one sample more than is asked for, which tells that another page follows.
    for (let hour = hourOf(start.ms); rows <= limit; hour += HOUR_MS) {
      wanted();
      hour = this.#nextHour(point.number, hour, recent.ms);
      if (hour >= toMs) break;
      const columns = this.#hourFrom(point.number, hour, recent, start, toMs);
      if (columns.ms.length > 0) found.push(columns);
      rows += columns.ms.length;
    }
    const all = mergeColumns(found);
    const { ms, ordinal, value, quality, texts } = sliceColumns(all, 0, Math.min(limit, all.ms.length));
    const last = ms.length - 1;
    const next = all.ms.length > limit ? { ms: ms[last] as number, ordinal: ordinal[last] as number } : null;
    return { point: point.key, ms, value, quality, texts, next };
  }

  /** Begin of the first hour with a sample, from `hour` on; infinite where there is none. */
  #nextHour(point: PointNumber, hour: number, recentMs: Float64Array): number {
    const [chunk] = this.#all('SELECT min(hour) AS hour FROM chunks WHERE point = ? AND hour >= ?', point, hour);
    const stored = typeof chunk?.hour === 'number' ? chunk.hour : Number.POSITIVE_INFINITY;
    return Math.min(stored, hourOf(recentMs[firstFrom(recentMs, hour)] ?? Number.POSITIVE_INFINITY));
  }

  /** A point's samples of one hour, after `start` and before `toMs`. */
  #hourFrom(
    point: PointNumber,
    hour: number,
    recent: PointColumns,
    start: { readonly ms: number; readonly ordinal: number },
    toMs: number,
  ): PointColumns {
    const [chunk] = this.#all('SELECT body FROM chunks WHERE point = ? AND hour = ?', point, hour);
    const parts = [between(recent, hour, hour + HOUR_MS), unpackChunkOf(chunk)];
    const columns = between(mergeColumns(parts), Math.max(hour, start.ms), Math.min(hour + HOUR_MS, toMs));
    let first = 0;
    while (columns.ms[first] === start.ms && (columns.ordinal[first] as number) <= start.ordinal) first++;
    return first === 0 ? columns : sliceColumns(columns, first, columns.ms.length);
  }

  #exactStretches(point: AskedPoint, fromMs: number, toMs: number, pixelMs: number, wanted: StillWanted) {
    const holdMs = holdMsOf(point);
    const timeline = new StateTimelineBuilder(fromMs, toMs, pixelMs, holdMs);
    const before = this.#before(point.number, fromMs, holdMs);
    if (before) timeline.take(before.ms, before.value ?? undefined);
    this.#hours(point.number, fromMs, toMs, wanted, {
      // One state all the time, without a gap.
      takes: (from, to, sums) => from >= fromMs && to <= toMs && (sums === undefined || isOneState(sums, holdMs)),
      takeSums(_from, _to, { firstMs, endMs, last }) {
        timeline.takeSteady(firstMs, endMs, last as number);
      },
      takeColumns({ ms, value, quality }) {
        for (let row = firstFrom(ms, fromMs); row < ms.length; row++) {
          timeline.take(ms[row] as number, quality[row] === Quality.good ? (value[row] as number) : undefined);
        }
      },
    });
    return timeline.finish();
  }

  #partStretches(point: AskedPoint, fromMs: number, toMs: number, pixelMs: number, wanted: StillWanted) {
    const partMs = Math.max(1, Math.floor(pixelMs / 2));
    const buckets = Math.ceil((toMs - fromMs) / partMs);
    const sums = this.#sums(
      point.number,
      { fromMs, toMs: fromMs + buckets * partMs, bucketMs: partMs, buckets },
      wanted,
    );
    const parts = new Array<StatePart>(buckets).fill({ state: null, last: undefined });
    for (const [index, { all, good, min, max, last, endGood }] of sums.entries()) {
      const isOne = good === all && min === max && min !== null;
      const state = good === 0 ? 'unknown' : isOne ? min : 'mixed';
      parts[index] = { state, last: endGood ? (last ?? undefined) : undefined };
    }
    const holdMs = holdMsOf(point);
    const before = this.#before(point.number, fromMs, holdMs);
    const held = before && { ms: before.ms, state: before.value ?? undefined };
    return timelineOfParts(parts, held, { fromMs, toMs, partMs, holdMs });
  }

  /** About how many samples a timeline would have to look at one by one. */
  #samplesToRead(point: PointNumber, fromMs: number, toMs: number): number {
    const [row] = this.#all(
      `SELECT sum(count) AS n FROM chunks
       WHERE point = ? AND hour > ? AND hour < ? AND NOT (good = count AND min IS max AND numbers IS NOT NULL)`,
      point,
      fromMs - HOUR_MS,
      toMs,
    );
    return Number(row?.n ?? 0);
  }

  /** The last sample before `fromMs`, whatever its quality, as far back as it can still hold. */
  #before(point: PointNumber, fromMs: number, holdMs: number): (LastSample & { readonly ms: number }) | undefined {
    const sinceMs = fromMs - Math.min(Math.ceil(holdMs), MAX_LOOK_BACK_MS);
    const parts = this.#recent(point, sinceMs, fromMs);
    let before = fromMs;
    // The hour that `fromMs` is in may have nothing before it: then the one before has.
    for (let look = 0; look < 2; look++) {
      const [chunk] = this.#all(
        'SELECT hour, body FROM chunks WHERE point = ? AND hour > ? AND hour < ? ORDER BY hour DESC LIMIT 1',
        point,
        sinceMs - HOUR_MS,
        before,
      );
      if (chunk === undefined) break;
      parts.push(unpackChunk(chunk.body));
      before = Number(chunk.hour);
    }
    const columns = between(mergeColumns(parts), sinceMs, fromMs);
    const row = columns.ms.length - 1;
    if (row < 0) return undefined;
    const value = columns.value[row] as number;
    const good = columns.quality[row] === Quality.good;
    return { ms: columns.ms[row] as number, good, value: good && !Number.isNaN(value) ? value : null };
  }

  /** Samples of a point that are not in chunks yet, or only by half, of rows that reach into [fromMs, toMs). */
  #recent(point: PointNumber, fromMs: number, toMs: number): PointColumns[] {
    const rows = this.#all(
      'SELECT body FROM parts WHERE point = ? AND to_ms >= ? AND from_ms < ?',
      point,
      fromMs,
      toMs,
    );
    const found = rows.map((row) => unpackPart(row.body));
    for (const group of this.#currentGroups()) {
      const columns = group.toMs >= fromMs && group.fromMs < toMs ? columnsOf(group, point) : undefined;
      if (columns !== undefined) found.push(columns);
    }
    return found;
  }

  /** The groups of this moment; those that were read before are not read again. */
  #currentGroups(): Iterable<SampleGroup> {
    if (this.#areGroupsCurrent) return this.#groups.values();
    const present = new Map<number, SampleGroup>();
    for (const row of this.#all('SELECT id FROM groups ORDER BY id')) {
      const id = Number(row.id);
      const group = this.#groups.get(id) ?? this.#readGroup(id);
      if (group !== undefined) present.set(id, group);
    }
    this.#groups = present;
    this.#areGroupsCurrent = true;
    return present.values();
  }

  #areGroupsCurrent = false;

  #readGroup(id: number): SampleGroup | undefined {
    const [row] = this.#all('SELECT body FROM groups WHERE id = ?', id);
    try {
      return unpackGroup(bytesOf(row?.body));
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  /** Within one transaction, or a sample could be missed that moves from one table to another meanwhile. */
  #inOneMoment<T>(ask: () => T): T {
    this.#database.exec('BEGIN');
    try {
      return ask();
    } finally {
      this.#areGroupsCurrent = false;
      this.#database.exec('COMMIT');
    }
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...values);
  }
}

/** Takes a point's samples as sums of a whole day or hour, or as columns. */
interface Taker {
  /** Whether all of [fromMs, toMs) may be taken as these sums; undefined where a row does not hold them. */
  takes(fromMs: number, toMs: number, sums?: SampleSums): boolean;
  takeSums(fromMs: number, toMs: number, sums: SampleSums): void;
  takeColumns(columns: PointColumns): void;
}

function isOneState({ all, good, numbers, min, max, maxGapMs }: SampleSums, holdMs: number): boolean {
  return good === all && numbers === all && min === max && maxGapMs <= holdMs;
}

function unpackChunkOf(row: Row | undefined): PointColumns {
  return row === undefined ? mergeColumns([]) : unpackChunk(row.body);
}

function between(columns: PointColumns, fromMs: number, toMs: number): PointColumns {
  const from = firstFrom(columns.ms, fromMs);
  const to = firstFrom(columns.ms, toMs, from);
  return from === 0 && to === columns.ms.length ? columns : sliceColumns(columns, from, to);
}
