import type { HistoryQueries, Outcome, PlacedChange, SampleBlock } from '../../model/history.ts';
import type { CountedHome, FoundDatabase, SentRows, Skipped } from './counted-home.ts';
import { InfluxClient } from './influx-client.ts';
import { INFLUX_WRITES_IN_FLIGHT } from './influx-messages.ts';
import { InfluxQueries } from './influx-queries.ts';
import { InfluxSink, type InfluxSinkOptions } from './influx-sink.ts';

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
  readonly #queries: InfluxQueries;

  constructor(options: InfluxSinkOptions) {
    this.#client = new InfluxClient(options);
    this.#sink = new InfluxSink(options);
    this.#queries = new InfluxQueries(this.#client, this.#sink.names);
    const { origin, pathname } = new URL(options.url);
    this.identity = `influx ${origin}${pathname} ${options.database}`;
  }

  get database(): FoundDatabase | undefined {
    return this.#sink.database;
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

  series: HistoryQueries['series'] = (...question) => this.#queries.series(...question);
  chart: HistoryQueries['chart'] = (...question) => this.#queries.chart(...question);
  samples: HistoryQueries['samples'] = (...question) => this.#queries.samples(...question);
  states: HistoryQueries['states'] = (...question) => this.#queries.states(...question);

  async close(): Promise<void> {
    await this.#sink.close();
    this.#client.close();
  }
}
