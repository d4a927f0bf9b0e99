import { escape as influxEscape } from 'influx';
import type { HistorySeries, Outcome, PlacedChange, SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import type { CountedHome, SentRows, Skipped } from './counted-home.ts';
import { measurementOf } from './field-names.ts';
import { type BucketFigures, type Buckets, divide, seriesOf } from './history-buckets.ts';
import { InfluxClient } from './influx-client.ts';
import { INFLUX_WRITES_IN_FLIGHT, InfluxSink, type InfluxSinkOptions } from './influx-sink.ts';

/**
 * History in InfluxDB 1.x (or the 1.x interface of a later one). Nothing is connected yet: the database is made with
 * the first write, and a server that is not there is an outcome. Throws a TypeError where `url` is none.
 */
export function influxHistory(options: InfluxSinkOptions): CountedHome {
  return new InfluxHistory(options);
}

class InfluxHistory implements CountedHome {
  readonly identity: string;
  readonly writesInFlight = INFLUX_WRITES_IN_FLIGHT;
  readonly #client: InfluxClient;
  readonly #sink: InfluxSink;

  constructor(options: InfluxSinkOptions) {
    this.#client = new InfluxClient(options);
    this.#sink = new InfluxSink(options);
    const { origin, pathname } = new URL(options.url);
    this.identity = `influx ${origin}${pathname} ${options.database}`;
  }

  get skipped(): Readonly<Skipped> {
    return this.#sink.skipped;
  }

  get sent(): Readonly<SentRows> {
    return this.#sink.sent;
  }

  writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome> {
    return this.#sink.writeSamples(blocks, signal);
  }

  writeChanges(changes: readonly PlacedChange[], signal: AbortSignal): Promise<Outcome> {
    return this.#sink.writeChanges(changes, signal);
  }

  async series(
    point: PointInfo,
    fromMs: number,
    toMs: number,
    buckets: number,
    signal?: AbortSignal,
  ): Promise<HistorySeries> {
    const parts = divide(fromMs, toMs, buckets);
    const figures = point.kind === 'bool' ? this.#boolFigures : this.#numberFigures;
    return seriesOf(point.key, parts, await figures.call(this, point, parts, signal));
  }

  async close(): Promise<void> {
    await this.#sink.close();
    this.#client.close();
  }

  async #numberFigures(point: PointInfo, parts: Buckets, signal?: AbortSignal): Promise<[number, BucketFigures][]> {
    const field = this.#sink.fieldOf(point);
    const what =
      point.kind === 'text'
        ? `COUNT("${field}") AS n`
        : ['COUNT', 'MIN', 'MAX', 'MEAN', 'LAST']
            .map((f) => `${f}("${field}") AS ${f === 'COUNT' ? 'n' : f}`)
            .join(', ');
    const [rows = []] = await this.#rows([selection(point, parts, what, '')], point, signal);
    return rows.map((row) => [
      Math.round((Number(row.time) - parts.fromMs) / parts.bucketMs),
      { count: Number(row.n), ...numbersOf(row) },
    ]);
  }

  /** InfluxQL knows no mean of booleans: it is the share of those that are true. */
  async #boolFigures(point: PointInfo, parts: Buckets, signal?: AbortSignal): Promise<[number, BucketFigures][]> {
    const field = influxEscape.quoted(this.#sink.fieldOf(point));
    const [all = [], on = []] = await this.#rows(
      [
        selection(point, parts, `COUNT(${field}) AS n, LAST(${field}) AS LAST`, ''),
        selection(point, parts, `COUNT(${field}) AS n`, ` AND ${field} = true`),
      ],
      point,
      signal,
    );
    const trues = new Map(on.map((row) => [row.time, Number(row.n)]));
    return all.map((row) => {
      const count = Number(row.n);
      const ones = trues.get(row.time) ?? 0;
      return [
        Math.round((Number(row.time) - parts.fromMs) / parts.bucketMs),
        {
          count,
          min: ones < count ? 0 : 1,
          max: ones > 0 ? 1 : 0,
          mean: ones / count,
          last: row.LAST === true ? 1 : 0,
        },
      ];
    });
  }

  async #rows(queries: readonly string[], point: PointInfo, signal?: AbortSignal): Promise<Row[][]> {
    const placeholders = { asset: point.asset, point: point.point };
    return resultsOf(await this.#client.ask({ query: queries.join('; '), placeholders, signal }));
  }
}

/** Good samples of one point by bucket; the point's names are bound by the server. */
function selection(point: PointInfo, parts: Buckets, what: string, condition: string): string {
  const { fromMs, toMs, bucketMs } = parts;
  const measurement = influxEscape.quoted(measurementOf(point.system));
  const offset = ((fromMs % bucketMs) + bucketMs) % bucketMs;
  return (
    `SELECT ${what} FROM ${measurement} WHERE "asset" = $asset AND "point" = $point AND "quality" = ${Quality.good}` +
    ` AND time >= ${fromMs}ms AND time < ${toMs}ms${condition} GROUP BY time(${bucketMs}ms, ${offset}ms) FILL(none)`
  );
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
