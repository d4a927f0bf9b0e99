import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openLog } from '../../gateway/log/open-log.ts';
import { loadSite } from '../../gateway/site/load-site.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../model/sample.ts';

/** Batches that are on their way to the disk at once. */
const TOGETHER = 8;

const DAY_MS = 86_400_000;

/** What was written. */
export interface DayOfLog {
  readonly bytes: number;
  readonly samples: number;
  readonly records: number;
}

/**
 * Writes a log of about `wantedBytes` into the empty folder `dir` as if a gateway had done so for a day up to `untilMs`
 * (epoch ms of site time): the site, its link, and samples of each point in turn, with the device's time.
 */
export async function writeDayOfLog(
  dir: string,
  siteFile: string,
  wantedBytes: number,
  untilMs: number,
  signal: AbortSignal,
): Promise<DayOfLog> {
  const loaded = loadSite(siteFile);
  if (!loaded.ok) throw new Error(`the site file has mistakes: ${JSON.stringify(loaded.problems)}`);
  const { site } = loaded;
  let nowMs = untilMs - DAY_MS;
  const clock = { now: () => Math.floor(nowMs), rate: 1, simulated: true, delay: () => Promise.resolve() };
  const told = { info: () => undefined, warn: () => undefined };
  const log = await openLog({ dir, clock, log: told, bounds: { ...UNBOUNDED, segmentBytes: wantedBytes } });
  try {
    await log.append({ kind: 'start', version: '0.0.0' });
    const points = site.assets.flatMap((asset) => asset.points);
    const numbers = await log.numbersFor(points.map(({ key }) => ({ key })));
    await log.append({ kind: 'site', site });
    const link = site.links[0]?.key ?? '';
    await log.append({ kind: 'link', link, up: true, atMs: nowMs, reason: null });
    const columns = points.map(({ key, kind }) => ({ number: numbers.get(key) ?? 0, isBool: kind === 'bool' }));
    const stepMs = DAY_MS / (wantedBytes / (MAX_BATCH_SAMPLES * SAMPLE_BYTES));
    const builder = new BatchBuilder(MAX_BATCH_SAMPLES);
    let samples = 0;
    while (samples * SAMPLE_BYTES < wantedBytes && !signal.aborted) {
      const waiting: Promise<unknown>[] = [];
      for (let n = 0; n < TOGETHER && nowMs + stepMs < untilMs; n++) {
        const perPoint = MAX_BATCH_SAMPLES / columns.length;
        for (let row = 0; row < MAX_BATCH_SAMPLES; row++) {
          const { number, isBool } = columns[row % columns.length] ?? { number: 0, isBool: false };
          const sourceMs = Math.floor(nowMs + (Math.floor(row / columns.length) * stepMs) / perPoint);
          builder.good(number, sourceMs, sourceMs, isBool ? 0 : samples + row);
        }
        samples += MAX_BATCH_SAMPLES;
        nowMs += stepMs;
        waiting.push(log.append({ kind: 'samples', link, batch: builder.take() }));
      }
      if (waiting.length === 0) break;
      await Promise.all(waiting);
    }
    const records = log.last.logSeq;
    return { bytes: statSync(join(dir, 'log.db')).size, samples, records };
  } finally {
    await log.close();
  }
}

/** Bytes of a sample in the log: source time, value, and point, where all else is the same in a batch. */
const SAMPLE_BYTES = 28;

const UNBOUNDED = {
  logBytes: Number.MAX_SAFE_INTEGER,
  logAgeMs: Number.MAX_SAFE_INTEGER,
  archiveBytes: Number.MAX_SAFE_INTEGER,
  archiveAgeMs: Number.MAX_SAFE_INTEGER,
};
