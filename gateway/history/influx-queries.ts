import { escape as influxEscape } from 'influx';
import type { HistoryQueries, HistorySeries, SamplePage, StateTimeline } from '../../model/history.ts';
import type { PointInfo, PointKey } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import { measurementOf } from './field-names.ts';
import {
  type AskedPage,
  type BucketFigures,
  type Buckets,
  carry,
  checkPage,
  checkPoints,
  checkStates,
  divide,
  type LastSample,
  seriesOf,
} from './history-buckets.ts';
import type { InfluxClient } from './influx-client.ts';
import { MAX_TIME_MS, MIN_TIME_MS, NS_PER_MS } from './line-protocol.ts';
import { holdMsOf, type StatePart, StateTimelineBuilder, timelineOfParts } from './state-timeline.ts';

/** Samples of one timeline that are read one by one; a timeline of more is made of what the server sums up. */
const MAX_TIMELINE_SAMPLES = 200_000;
/** Samples of a timeline that are asked for at a time. */
const TIMELINE_PAGE = 10_000;

/** What InfluxDB is asked; the points' names are bound by the server. */
export class InfluxQueries implements HistoryQueries {
  readonly #client: InfluxClient;

  readonly #fieldOf: (point: PointInfo) => string;
  readonly #maxTimelineSamples: number;

  /** `fieldOf` tells in which field the values of a point are. */
  constructor(client: InfluxClient, fieldOf: (point: PointInfo) => string, maxTimelineSamples = MAX_TIMELINE_SAMPLES) {
    this.#client = client;
    this.#fieldOf = fieldOf;
    this.#maxTimelineSamples = maxTimelineSamples;
  }

  async series(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries> {
    const parts = divide(fromMs, toMs, buckets);
    const good = await (point.kind === 'bool'
      ? this.#boolFigures(point, parts, signal)
      : this.#numberFigures(point, parts, signal));
    if (point.heartbeatMs === undefined) return seriesOf(point.key, parts, good);
    const lasts = await this.#lasts(point, parts, good, signal);
    const before = await this.#before(point, parts.fromMs, holdMsOf(point), signal);
    return seriesOf(point.key, parts, carry(good, lasts, before, parts, point));
  }

  async chart(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries[]> {
    checkPoints(points);
    divide(fromMs, toMs, buckets);
    return await inTurns(points, (point) => this.series(point, fromMs, toMs, buckets, signal));
  }

  async samples(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    page: AskedPage,
    signal?: AbortSignal,
  ): Promise<SamplePage> {
    checkPage(fromMs, toMs, page);
    const { after, limit } = page;
    const from =
      after === undefined || after.ms < fromMs ? `${nsOf(fromMs, 0)}` : `${nsOf(after.ms, after.ordinal + 1)}`;
    const rows = await this.#samples(point, `time >= ${from}`, toMs, limit + 1, signal);
    return pageOf(point.key, this.#fieldOf(point), rows, limit);
  }

  async states(
    points: readonly PointInfo[],
    fromMs: number,
    toMs: number,
    pixels: number,
    signal?: AbortSignal,
  ): Promise<StateTimeline[]> {
    checkStates(points);
    divide(fromMs, toMs, pixels);
    return await inTurns(points, (point) => this.#timeline(point, fromMs, toMs, pixels, signal));
  }

  async #timeline(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    pixels: number,
    signal?: AbortSignal,
  ): Promise<StateTimeline> {
    const pixelMs = Math.ceil((toMs - fromMs) / pixels);
    const [[{ n = 0 } = {}] = []] = await this.#rows(
      [`SELECT COUNT("quality") AS n FROM ${sourceOf(point)} AND ${spanOf(fromMs, toMs)}`],
      point,
      signal,
    );
    const exact = Number(n) <= this.#maxTimelineSamples;
    const stretches = exact
      ? await this.#exactStretches(point, fromMs, toMs, pixelMs, signal)
      : await this.#partStretches(point, fromMs, toMs, pixelMs, signal);
    return { point: point.key, fromMs, toMs, pixelMs, exact, stretches };
  }

  async #exactStretches(point: PointInfo, fromMs: number, toMs: number, pixelMs: number, signal?: AbortSignal) {
    const holdMs = holdMsOf(point);
    const timeline = new StateTimelineBuilder(fromMs, toMs, pixelMs, holdMs);
    const before = await this.#before(point, fromMs, holdMs, signal);
    if (before) timeline.take(before.ms, before.value ?? undefined);
    for (let after: AskedPage['after'], more = true; more; ) {
      const page = await this.samples(point, fromMs, toMs, { after, limit: TIMELINE_PAGE }, signal);
      for (let row = 0; row < page.ms.length; row++) {
        const isGood = page.quality[row] === Quality.good;
        timeline.take(page.ms[row] as number, isGood ? (page.value[row] as number) : undefined);
      }
      more = page.next !== null;
      after = page.next ?? undefined;
    }
    return timeline.finish();
  }

  /** Stretches from what the server sums up in halves of a pixel. */
  async #partStretches(point: PointInfo, fromMs: number, toMs: number, pixelMs: number, signal?: AbortSignal) {
    const partMs = Math.max(1, Math.floor(pixelMs / 2));
    const buckets = Math.ceil((toMs - fromMs) / partMs);
    const parts: Buckets = { fromMs, toMs: fromMs + buckets * partMs, bucketMs: partMs, buckets };
    const figures = await (point.kind === 'bool'
      ? this.#boolFigures(point, parts, signal)
      : this.#numberFigures(point, parts, signal));
    const [all = []] = await this.#rows(
      [grouped(point, parts, 'COUNT("quality") AS n, LAST("quality") AS q')],
      point,
      signal,
    );
    const states = new Array<StatePart>(buckets).fill({ state: null, last: undefined });
    for (const row of all) {
      const index = indexOf(row, parts);
      const good = figures.get(index);
      const last = Number(row.q) === Quality.good ? (good?.last ?? undefined) : undefined;
      const isOne = good !== undefined && good.count === Number(row.n) && good.min === good.max;
      states[index] = { state: good === undefined ? 'unknown' : isOne ? good.min : 'mixed', last };
    }
    const holdMs = holdMsOf(point);
    const before = await this.#before(point, fromMs, holdMs, signal);
    const held = before && { ms: before.ms, state: before.value ?? undefined };
    return timelineOfParts(states, held, { fromMs, toMs, partMs, holdMs });
  }

  async #numberFigures(point: PointInfo, parts: Buckets, signal?: AbortSignal): Promise<Map<number, BucketFigures>> {
    const field = influxEscape.quoted(this.#fieldOf(point));
    const what =
      point.kind === 'text'
        ? `COUNT(${field}) AS n`
        : ['COUNT', 'MIN', 'MAX', 'MEAN', 'LAST'].map((f) => `${f}(${field}) AS ${f === 'COUNT' ? 'n' : f}`).join(', ');
    const [rows = []] = await this.#rows([grouped(point, parts, what, isGood)], point, signal);
    return new Map(rows.map((row) => [indexOf(row, parts), { count: Number(row.n), ...numbersOf(row) }]));
  }

  /** InfluxQL knows no mean of booleans: it is the share of those that are true. */
  async #boolFigures(point: PointInfo, parts: Buckets, signal?: AbortSignal): Promise<Map<number, BucketFigures>> {
    const field = influxEscape.quoted(this.#fieldOf(point));
    const [all = [], on = []] = await this.#rows(
      [
        grouped(point, parts, `COUNT(${field}) AS n, LAST(${field}) AS LAST`, isGood),
        grouped(point, parts, `COUNT(${field}) AS n`, `${isGood} AND ${field} = true`),
      ],
      point,
      signal,
    );
    const trues = new Map(on.map((row) => [row.time, Number(row.n)]));
    const figures = all.map((row): [number, BucketFigures] => {
      const count = Number(row.n);
      const ones = trues.get(row.time) ?? 0;
      return [
        indexOf(row, parts),
        {
          count,
          min: ones < count ? 0 : 1,
          max: ones > 0 ? 1 : 0,
          mean: ones / count,
          last: row.LAST === true ? 1 : 0,
        },
      ];
    });
    return new Map(figures);
  }

  /** The last sample of each bucket that has any, whatever its quality. */
  async #lasts(
    point: PointInfo,
    parts: Buckets,
    good: ReadonlyMap<number, BucketFigures>,
    signal?: AbortSignal,
  ): Promise<Map<number, LastSample>> {
    const [rows = []] = await this.#rows([grouped(point, parts, 'LAST("quality") AS q')], point, signal);
    return new Map(
      rows.map((row) => {
        const index = indexOf(row, parts);
        return [index, { good: Number(row.q) === Quality.good, value: good.get(index)?.last ?? null }];
      }),
    );
  }

  /** The last sample before `fromMs`, whatever its quality, as far back as it can still hold. */
  async #before(
    point: PointInfo,
    fromMs: number,
    holdMs: number,
    signal?: AbortSignal,
  ): Promise<(LastSample & { ms: number }) | undefined> {
    const since = Number.isFinite(holdMs) ? ` AND time >= ${nsOf(fromMs - Math.ceil(holdMs), 0)}` : '';
    const query = `SELECT * FROM ${sourceOf(point)}${since} AND time < ${nsOf(fromMs, 0)} ORDER BY time DESC LIMIT 1`;
    const [[row] = []] = await this.#rows([query], point, signal);
    if (row === undefined) return undefined;
    const good = Number(row.quality) === Quality.good;
    const value = good ? numberOf(row, this.#fieldOf(point)) : Number.NaN;
    return { ms: Number(row.time), good, value: Number.isNaN(value) ? null : value };
  }

  async #samples(point: PointInfo, from: string, toMs: number, limit: number, signal?: AbortSignal): Promise<Row[]> {
    const fields = `${influxEscape.quoted(this.#fieldOf(point))}, "quality"`;
    const query = `SELECT ${fields} FROM ${sourceOf(point)} AND ${from} AND time < ${nsOf(toMs, 0)} LIMIT ${limit}`;
    const placeholders = { asset: point.asset, point: point.point };
    const [rows = []] = resultsOf(await this.#client.ask({ query, placeholders, signal, exactTimes: true }));
    return rows;
  }

  async #rows(queries: readonly string[], point: PointInfo, signal?: AbortSignal): Promise<Row[][]> {
    const placeholders = { asset: point.asset, point: point.point };
    return resultsOf(await this.#client.ask({ query: queries.join('; '), placeholders, signal }));
  }
}

const isGood = `"quality" = ${Quality.good}`;

/** One after the other, so that one page's question leaves room for another's. */
async function inTurns<A, B>(items: readonly A[], ask: (item: A) => Promise<B>): Promise<B[]> {
  const answers: B[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
}

/** Where the samples of a point are, up to the conditions that follow. */
function sourceOf(point: PointInfo): string {
  return `${influxEscape.quoted(measurementOf(point.system))} WHERE "asset" = $asset AND "point" = $point`;
}

function spanOf(fromMs: number, toMs: number): string {
  return `time >= ${nsOf(fromMs, 0)} AND time < ${nsOf(toMs, 0)}`;
}

/** What is asked of a point's samples, by bucket. */
function grouped(point: PointInfo, parts: Buckets, what: string, condition?: string): string {
  const { fromMs, toMs, bucketMs } = parts;
  const offset = ((fromMs % bucketMs) + bucketMs) % bucketMs;
  const only = condition === undefined ? '' : ` AND ${condition}`;
  return (
    `SELECT ${what} FROM ${sourceOf(point)} AND ${spanOf(fromMs, toMs)}${only}` +
    ` GROUP BY time(${bucketMs}ms, ${offset}ms) FILL(none)`
  );
}

/** Nanoseconds since the epoch as text, within those that the server can hold. */
function nsOf(ms: number, nanoseconds: number): string {
  const held = Math.min(Math.max(ms, MIN_TIME_MS), MAX_TIME_MS);
  return String(BigInt(held) * BigInt(NS_PER_MS) + BigInt(nanoseconds));
}

function indexOf(row: Row, { fromMs, bucketMs }: Buckets): number {
  return Math.round((Number(row.time) - fromMs) / bucketMs);
}

function pageOf(point: PointKey, field: string, found: readonly Row[], limit: number): SamplePage {
  const rows = found.slice(0, limit);
  const places = rows.map((row) => placeOf(String(row.time)));
  const texts = new Map<number, string>();
  for (const [index, row] of rows.entries()) {
    const value = row[field];
    if (typeof value === 'string') texts.set(index, value);
  }
  return {
    point,
    ms: Float64Array.from(places, ({ ms }) => ms),
    value: Float64Array.from(rows, (row) => numberOf(row, field)),
    quality: Uint8Array.from(rows, (row) => Number(row.quality)),
    texts,
    next: found.length > limit ? (places.at(-1) ?? null) : null,
  };
}

/** The place that a time as text, to the nanosecond, stands for. */
function placeOf(time: string): { ms: number; ordinal: number } {
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  const ns = Number(fraction.padEnd(9, '0'));
  return { ms: Date.parse(`${seconds}Z`) + Math.floor(ns / NS_PER_MS), ordinal: ns % NS_PER_MS };
}

/** The number that a row holds in a field; NaN where it holds none. */
function numberOf(row: Row, field: string): number {
  const value = row[field];
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value : Number.NaN;
}

type Row = Readonly<Record<string, unknown>>;

/** Rows of each statement's only series. Throws what the server says of a statement that failed. */
function resultsOf(answer: unknown): Row[][] {
  const { results } = answer as {
    results: { error?: string; series?: { columns: string[]; values: unknown[][] }[] }[];
  };
  return results.map(({ error, series }) => {
    if (error !== undefined) throw new Error(`InfluxDB: ${error}`);
    const [{ columns, values } = { columns: [], values: [] }] = series ?? [];
    return values.map((value) => Object.fromEntries(columns.map((column, index) => [column, value[index]])));
  });
}

function numbersOf(row: Row): Omit<BucketFigures, 'count'> {
  const number = (value: unknown) => (typeof value === 'number' ? value : null);
  return { min: number(row.MIN), max: number(row.MAX), mean: number(row.MEAN), last: number(row.LAST) };
}
