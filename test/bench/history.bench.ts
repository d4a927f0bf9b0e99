import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedHome, openEmbeddedHistory } from '../../gateway/history/embedded.ts';
import { type HistoryHome, type HistorySeries, MAX_HISTORY_POINTS, type SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Figure, Measurement, Measuring } from '../support/measurement.ts';
import { measureInfluxWrites } from './influx-writes.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Midnight in UTC, so that days are whole ones; in the past, so that all hours are over. */
const FROM_MS = Date.parse('2026-03-01T00:00:00Z');

/** Points of a site of usual size; each has a sample a second where it is polled. */
const POINTS = 2000;
const BATCH_SAMPLES = 20_000;
/** Site time of 2,000 points at a sample a second: 3.6 million samples. */
const WRITTEN_MS = HOUR_MS / 2;
/** Of change-only points one sample in so many is another than the one before. */
const CHANGE_EVERY = 60;
/** Chart of a day: 5 points of a sample a second, as wide as a screen. */
const CHART_POINTS = 5;
const CHART_BUCKETS = 1000;
/** Daily bars: 90 days of 200 assets, whose point says each half an hour whether it is up. */
const BAR_ASSETS = 200;
const BAR_DAYS = 90;
const BAR_EVERY_MS = 1_800_000;
const QUESTIONS = 15;
const GIGABYTE = 1e9;

/**
 * What history takes and how soon it answers. Arguments name the parts to measure: `influx`, `embedded`, `charts`; all of
 * them if there are none.
 */
export const run: Measurement = async (measuring) => {
  const wanted = (part: string) =>
    !measuring.signal.aborted && (measuring.args.length === 0 || measuring.args.includes(part));
  const figures: Figure[] = [];
  if (wanted('influx')) figures.push(...(await measureInfluxWrites(measuring)));
  if (wanted('embedded')) figures.push(...(await measureEmbeddedWrites(measuring)));
  if (wanted('charts')) figures.push(...(await measureAnswers(measuring)));
  return figures;
};

/** What a point is worth at a second: a slow wave with noise, to one decimal, as a measured value is. */
function measured(point: number, second: number): number {
  const noise = ((point * 7919 + second * 104_729) % 97) / 97;
  return Math.round((230 + 5 * Math.sin((second + point * 37) / 600) + noise) * 10) / 10;
}

/** Another value now and then only: the same for a while, and then the next one. */
function rarelyChanging(point: number, second: number): number {
  return measured(point, Math.floor((second + point) / CHANGE_EVERY) * CHANGE_EVERY);
}

async function measureEmbeddedWrites({ progress, signal }: Measuring): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, worth] of [
    ['a sample a second', measured],
    ['changes only', undefined],
  ] as const) {
    if (signal.aborted) break;
    progress(`embedded: ${POINTS} points, ${name}`);
    await inHome(POINTS, async (home, dir) => {
      const blocks = [...(worth ? polled(worth) : changesOnly())];
      const samples = blocks.reduce((sum, { batch }) => sum + batch.length, 0);
      const before = process.cpuUsage();
      const startMs = performance.now();
      for (const block of blocks) await writeAll(home, [block]);
      await home.settled();
      const tookMs = performance.now() - startMs;
      const used = process.cpuUsage(before);
      await home.close();
      const bytes = folderBytes(dir);
      const perDay = (bytes / WRITTEN_MS) * DAY_MS;
      figures.push(
        {
          name: `embedded, ${name}`,
          value: Math.round((samples / tookMs) * 1000),
          unit: 'samples/s',
          cpuCores: (used.user + used.system) / 1000 / tookMs,
        },
        { name: `embedded, ${name}`, value: bytes / samples, unit: 'bytes/sample' },
        { name: `embedded, ${POINTS} points, ${name}`, value: perDay / GIGABYTE, unit: 'GB/day' },
      );
    });
  }
  return figures;
}

/** Every point at every second. */
function* polled(worth: (point: number, second: number) => number): Generator<SampleBlock> {
  yield* blocksOf(function* () {
    for (let second = 0; second < WRITTEN_MS / 1000; second++) {
      for (let point = 1; point <= POINTS; point++) yield [point, second * 1000, worth(point, second)] as const;
    }
  });
}

/** What is left of the same where a value that repeats the one before is not kept. */
function* changesOnly(): Generator<SampleBlock> {
  yield* blocksOf(function* () {
    for (let second = 0; second < WRITTEN_MS / 1000; second++) {
      for (let point = 1; point <= POINTS; point++) {
        const value = rarelyChanging(point, second);
        if (second === 0 || value !== rarelyChanging(point, second - 1)) yield [point, second * 1000, value] as const;
      }
    }
  });
}

type Row = readonly [point: number, ms: number, value: number];

/** Rows in blocks, as the reader of history hands them over. Times are ms after {@link FROM_MS}. */
function* blocksOf(rows: () => Iterable<Row>): Generator<SampleBlock> {
  const builder = new BatchBuilder(BATCH_SAMPLES);
  let firstOrdinal = 0;
  let logSeq = 1;
  const take = (): SampleBlock => {
    const batch = builder.take();
    const block = { logSeq: logSeq++, firstOrdinal, batch };
    firstOrdinal += batch.length;
    return block;
  };
  for (const [point, ms, value] of rows()) {
    builder.good(point, FROM_MS + ms, FROM_MS + ms, value);
    if (builder.length === BATCH_SAMPLES) yield take();
  }
  if (builder.length > 0) yield take();
}

async function measureAnswers({ progress }: Measuring): Promise<Figure[]> {
  const figures: Figure[] = [];
  progress(`charts: a day of ${CHART_POINTS} points`);
  await inHome(CHART_POINTS, async (home, _dir, points) => {
    const day = blocksOf(function* () {
      for (let second = 0; second < DAY_MS / 1000; second++) {
        for (let point = 1; point <= CHART_POINTS; point++)
          yield [point, second * 1000, measured(point, second)] as const;
      }
    });
    for (const block of day) await writeAll(home, [block]);
    await home.settled();
    const chart = () => home.chart(points, FROM_MS, FROM_MS + DAY_MS, CHART_BUCKETS);
    const answers = await chart();
    const counted = answers.reduce((sum, { count }) => sum + count.reduce((a, b) => a + b, 0), 0);
    if (counted !== (CHART_POINTS * DAY_MS) / 1000) throw new Error(`the chart counts ${counted} samples`);
    figures.push(...(await latency(`chart of 24 h, ${CHART_POINTS} points`, chart)));
    await home.close();
  });
  progress(`bars: ${BAR_DAYS} days of ${BAR_ASSETS} assets`);
  await inHome(BAR_ASSETS, async (home, _dir, points) => {
    const days = blocksOf(function* () {
      for (let ms = 0; ms < BAR_DAYS * DAY_MS; ms += BAR_EVERY_MS) {
        for (let point = 1; point <= BAR_ASSETS; point++) yield [point, ms, ms % (7 * HOUR_MS) === 0 ? 0 : 1] as const;
      }
    });
    for (const block of days) await writeAll(home, [block]);
    await home.settled();
    const toMs = FROM_MS + BAR_DAYS * DAY_MS;
    const bars = () => chartOfAll(home, points, FROM_MS, toMs, BAR_DAYS);
    const wrong = (await bars()).find(({ count }) => count.some((n) => n !== DAY_MS / BAR_EVERY_MS));
    if (wrong) throw new Error(`the bars of ${wrong.point} count ${wrong.count.join(' ')} samples a day`);
    figures.push(...(await latency(`${BAR_DAYS} daily bars, ${BAR_ASSETS} assets`, bars)));
    await home.close();
  });
  return figures;
}

/** As many questions as the bound on their points asks for, all at once. */
async function chartOfAll(
  home: HistoryHome,
  points: readonly PointInfo[],
  fromMs: number,
  toMs: number,
  buckets: number,
): Promise<HistorySeries[]> {
  const parts = Array.from({ length: Math.ceil(points.length / MAX_HISTORY_POINTS) }, (_, part) =>
    points.slice(part * MAX_HISTORY_POINTS, (part + 1) * MAX_HISTORY_POINTS),
  );
  return (await Promise.all(parts.map((part) => home.chart(part, fromMs, toMs, buckets)))).flat();
}

async function latency(name: string, ask: () => Promise<unknown>): Promise<Figure[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < QUESTIONS; n++) {
    const startMs = performance.now();
    await ask();
    tookMs.push(performance.now() - startMs);
  }
  const sorted = tookMs.toSorted((a, b) => a - b);
  return [
    { name, value: sorted[Math.floor(QUESTIONS / 2)] ?? 0, unit: 'ms' },
    { name: `${name}, slowest of ${QUESTIONS}`, value: sorted.at(-1) ?? 0, unit: 'ms' },
  ];
}

/** Opens an empty embedded home for these points, numbered from 1; `work` closes it. */
async function inHome(
  count: number,
  work: (home: EmbeddedHome, dir: string, points: readonly PointInfo[]) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'lamplighter-history-bench-'));
  const points = Array.from({ length: count }, (_, index): PointInfo => pointOf(index + 1));
  try {
    await work(await openEmbeddedHistory({ dir, lookup: (number) => points[number - 1] }), dir, points);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function pointOf(number: number): PointInfo {
  return {
    number,
    key: `meter-${number}/power`,
    asset: `meter-${number}`,
    point: 'power',
    system: 'meter',
    kind: 'double',
  };
}

async function writeAll(home: HistoryHome, blocks: readonly SampleBlock[]): Promise<void> {
  const outcome = await home.writeSamples(blocks, new AbortController().signal);
  if (outcome.outcome !== 'done') throw new Error(`history did not take a batch: ${outcome.reason}`);
}

function folderBytes(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
