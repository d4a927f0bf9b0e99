import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PointKey, PointNumber } from '../model/point.ts';
import { CommandFailed } from './exit.ts';
import { readIdentity } from './history/offset-file.ts';
import { openHistoryForReading } from './history/read-history.ts';
import type { CsvSamples } from './history/sample-csv.ts';

const HOUR_MS = 3_600_000;

/** A point as history knows it. */
export interface AskedPoint {
  readonly number: PointNumber;
  readonly key: PointKey;
}

/** Where samples come from. */
export interface SampleSource {
  /** Samples of a point with a source time in [fromMs, endMs), in order, a bounded number at a time. */
  samples(point: AskedPoint, fromMs: number, endMs: number, signal: AbortSignal): AsyncIterable<CsvSamples>;
  close(): void;
}

/** The history of a data folder. Throws a CommandFailed where it is elsewhere, or nowhere. */
export async function openSampleSource(dataDir: string): Promise<SampleSource> {
  const home = await readIdentity(join(dataDir, 'history', 'offset.json'));
  if (home?.startsWith('influx')) {
    throw new CommandFailed({
      zh: '该数据目录的历史存于 InfluxDB，export 只能导出内置历史库；请用 InfluxDB 自己的工具导出',
      en: "the history of this data folder is in InfluxDB; export reads the embedded history only, use InfluxDB's own tools",
    });
  }
  return embeddedSource(dataDir);
}

/** Hour by hour, so that no more than an hour of one point is in memory. */
function embeddedSource(dataDir: string): SampleSource {
  const history = openHistoryForReading(dataDir);
  if (!history) {
    throw new CommandFailed({ zh: `${dataDir} 中没有内置历史库`, en: `there is no embedded history in ${dataDir}` });
  }
  return {
    async *samples({ number }, fromMs, endMs, signal) {
      for (let atMs = fromMs; atMs < endMs; atMs = nextHour(atMs)) {
        // Hours without samples are looked through so fast that nothing else would get its turn, not even Ctrl-C.
        await nextTurn(undefined, { signal });
        const samples = history.samples([number], atMs, Math.min(nextHour(atMs), endMs)).get(number);
        if (samples) yield samples;
      }
    },
    close: () => history.close(),
  };
}

/** Whole hours, since that is how history keeps them. */
function nextHour(ms: number): number {
  return (Math.floor(ms / HOUR_MS) + 1) * HOUR_MS;
}
