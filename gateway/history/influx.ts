import { InfluxDB, escape as influxEscape } from 'influx';
import type { HistorySeries, Outcome, PlacedChange, PointLookup, SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';
import type { CountedHome, Skipped } from './counted-home.ts';
import { type BucketFigures, type Buckets, divide, seriesOf } from './history-buckets.ts';
import { faultText, INFLUX_TIMEOUT_MS, type InfluxTarget, writeLines } from './influx-writer.ts';
import { changeLines, fieldOf, measurementOf, sampleLines } from './line-protocol.ts';

export interface InfluxHistoryOptions extends InfluxTarget {
  readonly lookup: PointLookup;
}

/**
 * History in InfluxDB 1.x (or the 1.x interface of a later one). Nothing is connected yet: the database is made with
 * the first write, and a server that is not there is an outcome. Throws a TypeError where `url` is none.
 */
export function influxHistory(options: InfluxHistoryOptions): CountedHome {
  return new InfluxHistory(options);
}

class InfluxHistory implements CountedHome {
  readonly identity: string;
  readonly skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly #options: InfluxHistoryOptions;
  readonly #client: InfluxDB;
  readonly #closing = new AbortController();
  #hasDatabase = false;

  constructor(options: InfluxHistoryOptions) {
    this.#options = options;
    this.#client = clientOf(options);
    const { origin, pathname } = new URL(options.url);
    this.identity = `influx ${origin}${pathname} ${options.database}`;
  }

  writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome> {
    return this.#write(sampleLines(blocks, this.#options.lookup, this.skipped), signal);
  }

  writeChanges(changes: readonly PlacedChange[], signal: AbortSignal): Promise<Outcome> {
    return this.#write(changeLines(changes, this.skipped), signal);
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
    this.#closing.abort();
  }

  async #write(lines: readonly string[], signal: AbortSignal): Promise<Outcome> {
    if (lines.length === 0) return { outcome: 'done' };
    if (!this.#hasDatabase) {
      const made = await this.#makeDatabase(signal);
      if (made.outcome !== 'done') return made;
      this.#hasDatabase = true;
    }
    const outcome = await writeLines(this.#options, lines, AbortSignal.any([signal, this.#closing.signal]));
    // It may be that somebody dropped the database; making it again does no harm.
    if (outcome.outcome === 'retry') this.#hasDatabase = false;
    return outcome;
  }

  async #makeDatabase(signal: AbortSignal): Promise<Outcome> {
    const name = influxEscape.quoted(this.#options.database);
    try {
      await this.#query(`CREATE DATABASE ${name}`, {}, 'POST', signal);
      return { outcome: 'done' };
    } catch (error) {
      // A server that has no such statement may have the database all the same: the write will tell.
      if (error instanceof Error && 'res' in error) return { outcome: 'done' };
      return { outcome: 'retry', afterMs: 1000, reason: faultText(error) };
    }
  }

  async #numberFigures(point: PointInfo, parts: Buckets, signal?: AbortSignal): Promise<[number, BucketFigures][]> {
    const field = fieldOf(point.kind);
    const what =
      field === 'text'
        ? 'COUNT("text") AS n'
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
    const [all = [], on = []] = await this.#rows(
      [
        selection(point, parts, 'COUNT("on") AS n, LAST("on") AS LAST', ''),
        selection(point, parts, 'COUNT("on") AS n', ' AND "on" = true'),
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
    const answer = await this.#query(queries.join('; '), placeholders, 'GET', signal);
    return resultsOf(answer);
  }

  /**
   * Asks the server; rejects with what it says is wrong. The client gives no answer at all where the connection ends
   * in the middle of one, so the time is bounded here.
   */
  async #query(
    query: string,
    placeholders: Record<string, string>,
    method: 'GET' | 'POST',
    signal?: AbortSignal,
  ): Promise<unknown> {
    const end = AbortSignal.any([
      AbortSignal.timeout(INFLUX_TIMEOUT_MS),
      this.#closing.signal,
      ...(signal === undefined ? [] : [signal]),
    ]);
    const ended = Promise.withResolvers<never>();
    const onEnd = () => ended.reject(end.reason);
    if (end.aborted) onEnd();
    end.addEventListener('abort', onEnd, { once: true });
    try {
      const asked = this.#client.queryRaw(query, { placeholders, method, precision: 'ms', signal: end });
      return await Promise.race([asked, ended.promise]);
    } finally {
      end.removeEventListener('abort', onEnd);
    }
  }
}

/** One host, tried once: when to try again is the reader's to decide, not the client's. */
function clientOf(options: InfluxHistoryOptions): InfluxDB {
  const { protocol, hostname, port, pathname } = new URL(options.url);
  const noBackoff = { getDelay: () => 0, next: () => noBackoff, reset: () => noBackoff };
  return new InfluxDB({
    host: hostname,
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    protocol: protocol === 'https:' ? 'https' : 'http',
    path: pathname.replace(/\/+$/, ''),
    database: options.database,
    ...(options.username === undefined ? {} : { username: options.username, password: options.password ?? '' }),
    pool: { maxRetries: 0, requestTimeout: INFLUX_TIMEOUT_MS, backoff: noBackoff },
  });
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
