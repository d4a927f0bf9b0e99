import { escape as influxEscape } from 'influx';
import type { Outcome, PlacedChange, PointLookup, SampleBlock, Sink } from '../../model/history.ts';
import type { Skipped } from './counted-home.ts';
import type { InfluxClient } from './influx-client.ts';
import { faultText, type InfluxTarget } from './influx-target.ts';
import { writeLines } from './influx-writer.ts';
import { changeLines, sampleLines } from './line-protocol.ts';

/** Real ms after which to try again to make the database. */
const RETRY_AFTER_MS = 1000;

export interface InfluxSinkOptions extends InfluxTarget {
  readonly lookup: PointLookup;
}

/** The writing side of history in InfluxDB. */
export class InfluxSink implements Sink {
  readonly skipped: Skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly #options: InfluxSinkOptions;
  readonly #client: InfluxClient;
  readonly #closing = new AbortController();
  #hasDatabase = false;

  constructor(options: InfluxSinkOptions, client: InfluxClient) {
    this.#options = options;
    this.#client = client;
  }

  writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome> {
    return this.#write(sampleLines(blocks, this.#options.lookup, this.skipped), signal);
  }

  writeChanges(changes: readonly PlacedChange[], signal: AbortSignal): Promise<Outcome> {
    return this.#write(changeLines(changes, this.skipped), signal);
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
      await this.#client.ask({ query: `CREATE DATABASE ${name}`, method: 'POST', signal });
      return { outcome: 'done' };
    } catch (error) {
      // A server that has no such statement may have the database all the same: the write will tell.
      if (error instanceof Error && 'res' in error) return { outcome: 'done' };
      return { outcome: 'retry', afterMs: RETRY_AFTER_MS, reason: faultText(error) };
    }
  }
}
