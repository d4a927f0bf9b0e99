import { InfluxDB } from 'influx';
import { INFLUX_TIMEOUT_MS, type InfluxTarget } from './influx-target.ts';

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

/** Asks InfluxDB through its client library; each question once, and no longer than {@link INFLUX_TIMEOUT_MS}. */
export class InfluxClient {
  readonly #influx: InfluxDB;
  readonly #closing = new AbortController();

  /** Throws a TypeError where `target.url` is none. Nothing is connected yet. */
  constructor(target: InfluxTarget) {
    this.#influx = influxOf(target);
  }

  /**
   * The server's answer, times in ms unless they are asked for exactly; rejects with what it says is wrong. The library gives no answer at all where the
   * connection ends in the middle of one, so the time is bounded here.
   */
  async ask({
    query,
    placeholders = {},
    method = 'GET',
    signal,
    exactTimes = false,
  }: InfluxQuestion): Promise<unknown> {
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
      const asked = this.#influx.queryRaw(query, {
        placeholders,
        method,
        signal: end,
        ...(exactTimes ? {} : { precision: 'ms' }),
      });
      return await Promise.race([asked, ended.promise]);
    } finally {
      end.removeEventListener('abort', onEnd);
    }
  }

  /** Ends what is being asked; nothing may be asked after. */
  close(): void {
    this.#closing.abort();
  }
}

/** One host, tried once: when to try again is the reader's to decide, not the client's. */
function influxOf(target: InfluxTarget): InfluxDB {
  const { protocol, hostname, port, pathname } = new URL(target.url);
  const noBackoff = { getDelay: () => 0, next: () => noBackoff, reset: () => noBackoff };
  return new InfluxDB({
    host: hostname,
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    protocol: protocol === 'https:' ? 'https' : 'http',
    path: pathname.replace(/\/+$/, ''),
    database: target.database,
    ...(target.username === undefined ? {} : { username: target.username, password: target.password ?? '' }),
    pool: { maxRetries: 0, requestTimeout: INFLUX_TIMEOUT_MS, backoff: noBackoff },
  });
}
