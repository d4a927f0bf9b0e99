import type { LogRecord } from '../../model/log.ts';
import type { PointNumber } from '../../model/point.ts';
import { type Batch, BatchBuilder, MAX_BATCH_SAMPLES, Quality } from '../../model/sample.ts';
import type { Site } from '../../model/site.ts';
import { step } from '../../rules/engine.ts';
import { createEngineState, type EngineState } from '../../rules/state.ts';
import { startSite } from './changed-run.ts';
import type { Span } from './compare-sites.ts';

/** Samples of one point in the order of their times; `value` is NaN where a sample is bad or a text. */
export interface PointSamples {
  readonly ms: Float64Array;
  readonly ordinal: Float64Array;
  readonly value: Float64Array;
  readonly quality: Uint8Array;
  readonly texts: ReadonlyMap<number, string>;
}

/** The samples of these points with a source time in [fromMs, toMs), which is an hour at most. */
export type ReadSamples = (
  points: Iterable<PointNumber>,
  fromMs: number,
  toMs: number,
) => ReadonlyMap<PointNumber, PointSamples>;

const HOUR_MS = 3_600_000;
const TICK_MS = 1000;

/** Links of the points of a site, by the number of the point. */
export function linksOf(site: Site, numbers: ReadonlyMap<string, PointNumber>): Map<PointNumber, string> {
  const links = new Map<PointNumber, string>();
  for (const { points, link } of site.assets) {
    for (const { key } of points) {
      const number = numbers.get(key);
      if (number !== undefined) links.set(number, link);
    }
  }
  return links;
}

/** An engine that knows `site` since `fromMs` and nothing of its equipment, with every link taken to be up. */
export function startFromNothing(site: Site, numbers: ReadonlyMap<string, PointNumber>, fromMs: number): EngineState {
  const state = createEngineState();
  startSite(state, site, numbers, fromMs);
  for (const { key } of site.links) {
    step(state, { logSeq: 0, logMs: fromMs, kind: 'link', link: key, up: true, atMs: fromMs, reason: null });
  }
  return state;
}

/**
 * Records as a log could have them, made of what history has of the points of `links` (link by point number): for each
 * second its samples, one record or more for each link, then a tick. What history does not have is not in them: when a
 * sample was received (taken to be when the device says), what links did, what people did.
 */
export function* historyRecords(
  read: ReadSamples,
  links: ReadonlyMap<PointNumber, string>,
  { fromMs, toMs }: Span,
): Generator<readonly LogRecord[]> {
  let logSeq = 0;
  for (let hour = Math.floor(fromMs / HOUR_MS) * HOUR_MS; hour <= toMs; hour += HOUR_MS) {
    const [startMs, endMs] = [Math.max(hour, fromMs), Math.min(hour + HOUR_MS, toMs + 1)];
    const cursors = [...read(links.keys(), startMs, endMs)].map(
      ([point, samples]): Cursor => ({ point, link: links.get(point) ?? '', samples, row: 0 }),
    );
    for (let second = Math.floor(startMs / TICK_MS) * TICK_MS; second < endMs; second += TICK_MS) {
      const records: LogRecord[] = [];
      const rows = takeRows(cursors, second + TICK_MS);
      const logMs = rows.at(-1)?.ms ?? startMs;
      for (const [link, batch] of batchesOf(rows)) {
        records.push({ logSeq: ++logSeq, logMs, kind: 'samples', link, batch, firstOrdinal: 0 });
      }
      records.push({ logSeq: ++logSeq, logMs: Math.min(second + TICK_MS, toMs), kind: 'tick' });
      yield records;
    }
  }
}

/** How far the samples of a point have been taken. */
interface Cursor {
  readonly point: PointNumber;
  readonly link: string;
  readonly samples: PointSamples;
  row: number;
}

interface Row {
  readonly cursor: Cursor;
  readonly row: number;
  readonly ms: number;
  readonly ordinal: number;
}

/** The samples that come before `endMs`, of all points in one order. */
function takeRows(cursors: readonly Cursor[], endMs: number): Row[] {
  const rows: Row[] = [];
  for (const cursor of cursors) {
    const { ms, ordinal } = cursor.samples;
    for (; cursor.row < ms.length && (ms[cursor.row] as number) < endMs; cursor.row++) {
      const row = cursor.row;
      rows.push({ cursor, row, ms: ms[row] as number, ordinal: ordinal[row] as number });
    }
  }
  return rows.sort((a, b) => a.ms - b.ms || a.ordinal - b.ordinal);
}

/** The rows as batches, each of one link and within its bound. */
function batchesOf(rows: readonly Row[]): [link: string, batch: Batch][] {
  const batches: [string, Batch][] = [];
  const builders = new Map<string, BatchBuilder>();
  for (const { cursor, row } of rows) {
    const builder = builders.get(cursor.link) ?? new BatchBuilder();
    builders.set(cursor.link, builder);
    addRow(builder, cursor, row);
    if (builder.length === MAX_BATCH_SAMPLES) batches.push([cursor.link, builder.take()]);
  }
  for (const [link, builder] of builders) if (builder.length > 0) batches.push([link, builder.take()]);
  return batches;
}

function addRow(builder: BatchBuilder, { point, samples }: Cursor, row: number): void {
  const ms = samples.ms[row] as number;
  const value = samples.texts.get(row) ?? (samples.value[row] as number);
  const quality = samples.quality[row];
  // Why a sample was not good is not in history; the rules do not ask.
  if (quality === Quality.bad) builder.bad(point, ms, ms, 'no-value');
  else if (quality === Quality.uncertain) builder.uncertain(point, ms, ms, value, 'uncertain-status');
  else if (typeof value === 'string') builder.text(point, ms, ms, value);
  else builder.good(point, ms, ms, value);
}
