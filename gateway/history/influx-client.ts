import { InfluxDB } from 'influx';
import { authorization, cleaned, INFLUX_TIMEOUT_MS, type InfluxTarget } from './influx-target.ts';

export interface InfluxQuestion {
  readonly query: string;
  /** Values that the server puts in place of `$name`. */
  readonly placeholders?: Readonly<Record<string, string>>;
  /** What changes something is a POST. */
  readonly method?: 'GET' | 'POST';
  readonly signal?: AbortSignal | undefined;
  /** Times as text to the nanosecond, which a number cannot hold, in place of ms. */
  readonly exactTimes?: boolean;
}

/** One statement's series. */
export interface InfluxSeries {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

/** The server understood the request and says no. */
export class InfluxRefusal extends Error {
  /** Status of HTTP; 200 where a statement among others failed. */
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'InfluxRefusal';
    this.status = status;
  }
}

/** Asks InfluxDB through its client library; each question once, and no longer than the target's `timeoutMs`. */
export class InfluxClient {
  readonly #target: InfluxTarget;
  readonly #influx: InfluxDB;
  readonly #closing = new AbortController();

  /** Throws a TypeError where `target.url` is none. Nothing is connected yet. */
  constructor(target: InfluxTarget) {
    this.#target = target;
    this.#influx = influxOf(target);
  }

  /**
   * The server's answer, times in ms unless they are asked for exactly; rejects with an {@link InfluxRefusal}, or with
   * what is wrong with the connection. The library gives no answer at all where the connection ends in the middle of
   * one, so the time is bounded here.
   */
  async ask({
    query,
    placeholders = {},
    method = 'GET',
    signal,
    exactTimes = false,
  }: InfluxQuestion): Promise<unknown> {
    const end = AbortSignal.any([
      AbortSignal.timeout(this.#target.timeoutMs ?? INFLUX_TIMEOUT_MS),
      this.#closing.signal,
      ...(signal === undefined ? [] : [signal]),
    ]);
    const ended = Promise.withResolvers<never>();
    const onEnd = () => ended.reject(end.reason);
    if (end.aborted) onEnd();
    end.addEventListener('abort', onEnd, { once: true });
    try {
      const asked = this.#influx.queryRaw(query, {
        placeholders,
        method,
        signal: end,
        ...(exactTimes ? {} : { precision: 'ms' }),
      });
      return await Promise.race([asked, ended.promise]);
    } catch (error) {
      throw this.#known(error);
    } finally {
      end.removeEventListener('abort', onEnd);
    }
  }

  /** The library's error carries the whole request, credentials and all: it goes no further than here. */
  #known(error: unknown): unknown {
    if (typeof error !== 'object' || error === null || !('res' in error)) return error;
    const { res } = error;
    const status = typeof res === 'object' && res !== null && 'statusCode' in res ? Number(res.statusCode) : 0;
    return new InfluxRefusal(status, cleaned(error instanceof Error ? error.message : String(error), this.#target));
  }

  /** Series of the only statement of `query`; rejects as {@link ask}, also where it failed. */
  async seriesOf(question: InfluxQuestion): Promise<readonly InfluxSeries[]> {
    const answer = await this.ask(question);
    const results = typeof answer === 'object' && answer !== null && 'results' in answer ? answer.results : undefined;
    if (!Array.isArray(results)) throw new Error('this is not an answer of InfluxDB');
    const [result] = results as { error?: string; series?: (Omit<InfluxSeries, 'values'> & Partial<InfluxSeries>)[] }[];
    if (result?.error !== undefined) throw new InfluxRefusal(200, cleaned(result.error, this.#target));
    return (result?.series ?? []).map(({ name, columns, values = [] }) => ({ name, columns, values }));
  }

  /** Ends what is being asked; nothing may be asked after. */
  close(): void {
    this.#closing.abort();
  }
}

/** The library says to be `root` for whoever gives no name, and that over our own header; null, which its types lack, is none. */
const nobody: object = { username: null };

/** One host, tried once: when to try again is the reader's to decide, not the client's. */
function influxOf(target: InfluxTarget): InfluxDB {
  const { protocol, hostname, port, pathname } = new URL(target.url);
  const noBackoff = { getDelay: () => 0, next: () => noBackoff, reset: () => noBackoff };
  return new InfluxDB({
    hosts: [
      {
        host: hostname,
        port: Number(port || (protocol === 'https:' ? 443 : 80)),
        protocol: protocol === 'https:' ? 'https' : 'http',
        path: pathname.replace(/\/+$/, ''),
        options: { headers: { ...authorization(target) }, ...(target.ca !== undefined && { ca: target.ca }) },
      },
    ],
    database: target.database,
    ...nobody,
    pool: { maxRetries: 0, requestTimeout: target.timeoutMs ?? INFLUX_TIMEOUT_MS, backoff: noBackoff },
  });
}
