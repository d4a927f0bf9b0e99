import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { CountedHome } from '../../gateway/history/counted-home.ts';
import { openEmbeddedHistory } from '../../gateway/history/embedded.ts';
import { EmbeddedReader } from '../../gateway/history/embedded-reader.ts';
import { FieldNames } from '../../gateway/history/field-names.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { InfluxClient } from '../../gateway/history/influx-client.ts';
import { InfluxQueries } from '../../gateway/history/influx-queries.ts';
import { openDatabaseForReading } from '../../gateway/storage/open-database.ts';
import {
  type HistorySeries,
  MAX_HISTORY_BUCKETS,
  MAX_HISTORY_POINTS,
  MAX_PAGE_SAMPLES,
  type SamplePage,
  type SamplePlace,
  type StateStretch,
  type StateTimeline,
} from '../../model/history.ts';
import type { PointInfo, ValueKind } from '../../model/point.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { blockOf, lookup, pointOf, points, type Row } from './history-samples.ts';

const HOUR_MS = 3_600_000;
/** A full hour. */
const T = 1_795_464_000_000;
/** Times of the random samples are multiples of this, so that some days are crossed with few of them. */
const UNIT_MS = 600_000;
const UNITS = 400;
/** Between the begins of two runs of a test, so that each finds hours of its own to be moved. */
const RUN_MS = 4 * UNITS * UNIT_MS;
/** Points that runs have for themselves. */
const freshPoints = new Map<number, PointInfo>();
const lookupFresh = (number: number) => lookup(number) ?? freshPoints.get(number);
const never = new AbortController().signal;

/** One home, and what of it a test needs besides. */
interface Opened {
  readonly home: CountedHome;
  /** Resolves once what can be moved and summed up is. */
  settled(): Promise<void>;
  /** A timeline from sums, as of a point with more samples than are read one by one. */
  summedStates(point: PointInfo, fromMs: number, toMs: number, pixels: number): Promise<StateTimeline>;
}

interface Lab {
  open(): Promise<Opened>;
  readonly numRuns: number;
}

/** A random sample: its time in units and its value; null is bad, `['?', n]` uncertain. */
type Sample = readonly [unit: number, value: number | null | readonly ['?', number]];

const sparse = fc.array(
  fc.tuple(
    fc.integer({ min: -30, max: UNITS + 10 }),
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 2 }) },
      { weight: 1, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constant(['?', 1] as const) },
    ),
  ),
  { minLength: 1, maxLength: 60 },
);
/** One value for a while, a sample in each unit or in every second or third of them; then another. */
const dense = fc
  .array(
    fc.record({
      value: fc.constantFrom(0, 1, 2, null),
      units: fc.integer({ min: 1, max: 180 }),
      every: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((stretches) => {
    const all: Sample[] = [];
    let unit = 0;
    for (const { value, units, every } of stretches) {
      for (let n = 0; n < units; n += every) all.push([unit + n, value]);
      unit += units;
    }
    return all;
  });
/**
 * One sample a time: of two that come apart for one time, the same is one row, and others stand in an order that follows
 * from what they say (ADR 0005); a test of its own has those that come together.
 */
const samples: fc.Arbitrary<readonly Sample[]> = fc
  .oneof(sparse, dense)
  .map((all) => [...new Map(all.map((sample) => [sample[0], sample])).values()]);
/** Samples, the cuts at which they are written, and how often the whole is written once more. */
const script = fc.record({ samples, cut: fc.integer({ min: 1, max: 60 }), again: fc.boolean() });

function contract(lab: () => Lab): void {
  let runs = 0;

  /** Writes the samples of a point that nobody has used, in pieces, late, and in part twice; from later and later times. */
  async function fill(
    opened: Opened,
    kind: ValueKind,
    script: { samples: readonly Sample[]; cut: number; again: boolean },
  ) {
    const run = runs++;
    const start = T + run * RUN_MS;
    const point = { ...pointOf(kind), number: 10 + run, point: `run ${run}`, key: `run ${run}` };
    freshPoints.set(point.number, point);
    const rows = script.samples.map(([unit, value]): Row => [point.number, start + unit * UNIT_MS, value]);
    const write = async (from: number, to: number, receivedMs: number) => {
      if (from >= to) return;
      const block = blockOf(from, rows.slice(from, to), receivedMs);
      expect(await opened.home.writeSamples([block], never)).toEqual({ outcome: 'done' });
    };
    await write(0, script.cut, start);
    await write(script.cut, rows.length, start + (UNITS / 2) * UNIT_MS);
    if (script.again) await write(Math.floor(script.cut / 2), rows.length, start + 2 * UNITS * UNIT_MS);
    await opened.settled();
    const samples = script.samples
      .map(([unit, value], ordinal) => ({ ms: start + unit * UNIT_MS, value, ordinal }))
      .sort((a, b) => a.ms - b.ms || a.ordinal - b.ordinal);
    return { point, start, samples };
  }

  async function opened(): Promise<Opened> {
    const one = await lab().open();
    onTestFinished(() => one.home.close());
    return one;
  }

  test('gives every sample of a span once and in order, in pages of any size', async () => {
    const pages = fc.record({ limit: fc.integer({ min: 1, max: 20 }), from: fc.nat(UNITS), length: fc.nat(UNITS) });
    const one = await opened();
    await fc.assert(
      fc.asyncProperty(script, pages, async (script, { limit, from, length }) => {
        const { point, start, samples } = await fill(one, 'enum', script);
        const [fromMs, toMs] = [start + from * UNIT_MS, start + (from + length) * UNIT_MS + 1];
        const found = await everySample(one.home, point, fromMs, toMs, limit);
        const expected = samples.filter(({ ms }) => ms >= fromMs && ms < toMs);
        expect(found).toEqual(
          expected.map(({ ms, value }) => ({
            ms,
            value: value === null ? null : typeof value === 'number' ? value : value[1],
            quality: value === null ? 2 : typeof value === 'number' ? 0 : 1,
          })),
        );
      }),
      { numRuns: lab().numRuns },
    );
  });

  test('gives texts, and two samples of one ms, on different pages too', async () => {
    const { home } = await opened();
    const rows: Row[] = [
      [4, T, 'E-04 "门锁"'],
      [4, T, ''],
      [4, T, null],
      [4, T + 1, 'x'],
    ];
    await home.writeSamples([blockOf(1_999_998, rows)], never);
    const pages: SamplePage[] = [];
    for (let after: SamplePlace | undefined, more = true; more; ) {
      const page = await home.samples(pointOf('text'), T, T + 2, { after, limit: 1 }, never);
      pages.push(page);
      after = page.next ?? undefined;
      more = page.next !== null;
    }
    // InfluxDB keeps a place modulo a million, after which the order within one ms begins anew.
    expect(pages.flatMap((page) => [...page.ms])).toEqual([T, T, T, T + 1]);
    expect(new Set(pages.slice(0, 3).map((page) => page.texts.get(0)))).toEqual(
      new Set(['E-04 "门锁"', '', undefined]),
    );
    expect(pages[3]?.texts.get(0)).toBe('x');
  });

  test('buckets equal what the samples come to, with what a point that keeps changes shows in between', async () => {
    const questions = fc.record({
      buckets: fc.integer({ min: 1, max: 40 }),
      from: fc.integer({ min: 0, max: 60 }),
      heartbeat: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
    });
    const one = await opened();
    await fc.assert(
      fc.asyncProperty(script, questions, async (script, { buckets, from, heartbeat }) => {
        const { point, start, samples } = await fill(one, 'double', script);
        const keeps = heartbeat !== undefined && { heartbeatMs: heartbeat * UNIT_MS, staleAfterMs: UNIT_MS };
        const [fromMs, toMs] = [start + from * UNIT_MS + 1, start + UNITS * UNIT_MS];
        const series = await one.home.series({ ...point, ...keeps }, fromMs, toMs, buckets);
        expectSeries(series, samples, heartbeat === undefined ? undefined : (heartbeat + 1) * UNIT_MS);
      }),
      { numRuns: lab().numRuns },
    );
  });

  test('long ranges equal the sum of short ones', async () => {
    const many = Array.from({ length: 3000 }, (_, n): Sample => [n / 8, (n * 7919) % 1000]);
    const one = await opened();
    const { home } = one;
    const { point, start } = await fill(one, 'double', { samples: many, cut: 1500, again: true });
    // Whole days of UTC, for which there are sums, and some hours on either side.
    const [fromMs, toMs] = [start - 5 * HOUR_MS, start + 91 * HOUR_MS];
    const [whole] = await home.chart([point], fromMs, toMs, 1);
    const hours = await home.series(point, fromMs, toMs, 96);
    const numbers = (await everySample(home, point, fromMs, toMs, MAX_PAGE_SAMPLES)).map(({ value }) => value ?? 1e9);
    expect(whole?.count).toEqual([3000]);
    expect(numbers.length).toBe(3000);
    expect(hours.count.reduce((sum, count) => sum + count, 0)).toBe(3000);
    const extremes = [Math.min(...numbers), Math.max(...numbers), numbers.at(-1)];
    expect([whole?.min[0], whole?.max[0], whole?.last[0]]).toEqual(extremes);
    expect(whole?.mean[0]).toBeCloseTo(numbers.reduce((sum, number) => sum + number, 0) / numbers.length, 6);
  });

  test('answers about several points at once, in the order in which they are asked for', async () => {
    const { home } = await opened();
    const rows: Row[] = [
      [1, T, 7],
      [3, T, 1],
    ];
    await home.writeSamples([blockOf(10, rows)], never);
    const asked = [pointOf('bool'), pointOf('enum'), pointOf('double')];
    const chart = await home.chart(asked, T, T + 1000, 1);
    expect(chart.map(({ point, last }) => [point, last[0]])).toEqual([
      [pointOf('bool').key, 1],
      [pointOf('enum').key, null],
      [pointOf('double').key, 7],
    ]);
    const states = await home.states([pointOf('enum'), pointOf('bool')], T, T + 1000, 10);
    expect(states.map(({ point }) => point)).toEqual([pointOf('enum').key, pointOf('bool').key]);
  });

  const timelines = fc.record({
    pixels: fc.integer({ min: 1, max: 60 }),
    from: fc.nat(60),
    hold: fc.option(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 60 })), { nil: undefined }),
    kind: fc.constantFrom('enum', 'bool', 'bitset'),
  });
  const asBool = ({ samples, ...rest }: typeof script extends fc.Arbitrary<infer S> ? S : never) => ({
    ...rest,
    samples: (samples as readonly Sample[]).map(
      ([unit, value]): Sample => [unit, typeof value === 'number' ? value % 2 : value],
    ),
  });

  test('a timeline tells every stretch as long as a pixel, exactly, and joins shorter ones', async () => {
    const one = await opened();
    await fc.assert(
      fc.asyncProperty(script, timelines, async (script, { pixels, from, hold, kind }) => {
        const { point, start, samples } = await fill(one, kind, kind === 'bool' ? asBool(script) : script);
        const holding = { ...point, ...(hold !== undefined && { staleAfterMs: hold * UNIT_MS }) };
        const [fromMs, toMs] = [start + from * UNIT_MS, start + UNITS * UNIT_MS];
        const [timeline] = await one.home.states([holding], fromMs, toMs, pixels);
        const pixelMs = Math.ceil((toMs - fromMs) / pixels);
        expect(timeline).toMatchObject({ point: point.key, fromMs, toMs, pixelMs, exact: true });
        const runs = runsOf(samples, fromMs, toMs, hold ?? Number.POSITIVE_INFINITY);
        expect(timeline?.stretches).toEqual(joined(runs, pixelMs));
      }),
      { numRuns: lab().numRuns },
    );
  });

  test('a timeline of too many samples still tells every stretch as long as a pixel, to half of one', async () => {
    const one = await opened();
    await fc.assert(
      fc.asyncProperty(script, timelines, async (script, { pixels, from, hold, kind }) => {
        const { point, start, samples } = await fill(one, kind, kind === 'bool' ? asBool(script) : script);
        const holding = { ...point, ...(hold !== undefined && { staleAfterMs: hold * UNIT_MS }) };
        const [fromMs, toMs] = [start + from * UNIT_MS, start + UNITS * UNIT_MS];
        const { exact, pixelMs, stretches } = await one.summedStates(holding, fromMs, toMs, pixels);
        expect(exact).toBe(false);
        expect([stretches[0]?.fromMs, stretches.at(-1)?.toMs]).toEqual([fromMs, toMs]);
        expect(stretches.length).toBeLessThanOrEqual(2 * pixels + 2);
        expect(stretches.every((stretch) => stretch.kind !== 'state' || typeof stretch.state === 'number')).toBe(true);
        for (const run of runsOf(samples, fromMs, toMs, hold ?? Number.POSITIVE_INFINITY)) {
          if (run.toMs - run.fromMs < pixelMs || run.state === undefined) continue;
          const told = stretches.find(
            (stretch) =>
              stretch.kind === 'state' &&
              stretch.state === run.state &&
              stretch.fromMs < run.toMs &&
              stretch.toMs > run.fromMs,
          );
          expect(told, `${JSON.stringify(run)} in ${JSON.stringify(stretches)}`).toBeDefined();
          // It may be told together with the same state before or after, across a gap that no part shows.
          expect(told?.fromMs).toBeLessThanOrEqual(run.fromMs + pixelMs / 2);
          expect(told?.toMs).toBeGreaterThanOrEqual(run.toMs - pixelMs / 2);
        }
      }),
      { numRuns: lab().numRuns },
    );
  });

  test('refuses what passes a bound, and what has no states', async () => {
    const { home } = await opened();
    const point = pointOf('enum');
    const crowd = Array.from({ length: MAX_HISTORY_POINTS + 1 }, () => point);
    await expect(home.chart(crowd, T, T + 1, 1)).rejects.toThrow(RangeError);
    await expect(home.states(crowd, T, T + 1, 1)).rejects.toThrow(RangeError);
    await expect(home.states([pointOf('double')], T, T + 1, 1)).rejects.toThrow(RangeError);
    await expect(home.states([pointOf('text')], T, T + 1, 1)).rejects.toThrow(RangeError);
    await expect(home.states([point], T, T + 1, MAX_HISTORY_BUCKETS + 1)).rejects.toThrow(RangeError);
    for (const limit of [0, 0.5, MAX_PAGE_SAMPLES + 1]) {
      await expect(home.samples(point, T, T + 1, { limit })).rejects.toThrow(RangeError);
    }
    const after = { ms: Number.NaN, ordinal: 0 };
    await expect(home.samples(point, T, T + 1, { after, limit: 1 })).rejects.toThrow(RangeError);
    await expect(home.samples(point, T, T, { limit: 1 })).rejects.toThrow(RangeError);
  });

  test('a question ends with its signal', async () => {
    const { home } = await opened();
    await home.writeSamples([blockOf(0, [[2, T, 1]])], never);
    const reason = new Error('the asker is gone');
    const ask = [
      (signal: AbortSignal) => home.chart(points, T, T + 1000, 1, signal),
      (signal: AbortSignal) => home.states([pointOf('enum')], T, T + 1000, 1, signal),
      (signal: AbortSignal) => home.samples(pointOf('enum'), T, T + 1000, { limit: 1 }, signal),
    ];
    for (const question of ask) {
      await expect(question(AbortSignal.abort(reason))).rejects.toThrow(reason);
      const later = new AbortController();
      const asked = question(later.signal);
      later.abort(reason);
      await expect(asked).rejects.toThrow(reason);
    }
    expect((await home.series(pointOf('enum'), T, T + 1, 1)).last).toEqual([1]);
  });

  test('a span of centuries is answered, whatever is in it', async () => {
    const { home } = await opened();
    const beforeMs = T - 100 * 24 * HOUR_MS;
    const rows: Row[] = [
      [3, beforeMs, 0],
      [3, T, 1],
      [3, 6e12, 1],
    ];
    await home.writeSamples([blockOf(10, rows)], never);
    const series = await home.series(pointOf('bool'), -8e12, 8e12, 4);
    expect(series.count).toEqual([0, 0, 2, 1]);
    const [timeline] = await home.states([pointOf('bool')], -8e12, 8e12, 1000);
    expect(timeline?.stretches).toEqual([
      { kind: 'unknown', fromMs: -8e12, toMs: beforeMs },
      { kind: 'state', fromMs: beforeMs, toMs: T, state: 0 },
      { kind: 'state', fromMs: T, toMs: 8e12, state: 1 },
    ]);
    expect(await everySample(home, pointOf('bool'), -8e12, 8e12, 2)).toHaveLength(3);
  });
}

async function everySample(home: CountedHome, point: PointInfo, fromMs: number, toMs: number, limit: number) {
  const found: { ms: number; value: number | null; quality: number | undefined }[] = [];
  for (let after: SamplePlace | undefined, more = true; more; ) {
    const page = await home.samples(point, fromMs, toMs, { after, limit }, never);
    expect(page.ms.length).toBeLessThanOrEqual(limit);
    for (const [row, ms] of page.ms.entries()) {
      const value = page.value[row] as number;
      found.push({ ms, value: Number.isNaN(value) ? null : value, quality: page.quality[row] });
    }
    more = page.next !== null;
    after = page.next ?? undefined;
  }
  return found;
}

interface Ordered {
  readonly ms: number;
  readonly value: Sample[1];
}

/** What a series must be, worked out from the samples; `holdMs` of a point that keeps changes only. */
function expectSeries(series: HistorySeries, all: readonly Ordered[], holdMs: number | undefined): void {
  const { fromMs, bucketMs } = series;
  const inBucket = (index: number) =>
    all.filter(({ ms }) => ms >= fromMs + index * bucketMs && ms < fromMs + (index + 1) * bucketMs);
  for (let index = 0; index < series.count.length; index++) {
    const stored = inBucket(index);
    const good = stored.flatMap(({ value }) => (typeof value === 'number' ? [value] : []));
    const figures = [series.count[index], series.min[index], series.max[index], series.last[index]];
    if (good.length > 0) {
      expect(figures).toEqual([good.length, Math.min(...good), Math.max(...good), good.at(-1)]);
      expect(series.mean[index]).toBeCloseTo(good.reduce((sum, value) => sum + value, 0) / good.length, 9);
      continue;
    }
    const before = all.filter(({ ms }) => ms < fromMs + index * bucketMs).at(-1);
    const fromIt = before && Math.floor((before.ms - fromMs) / bucketMs);
    // Of samples before the span, those are seen that can still hold at its begin.
    const isSeen = before !== undefined && (before.ms >= fromMs || before.ms >= fromMs - (holdMs ?? 0));
    const holds = isSeen && stored.length === 0 && (index - (fromIt ?? 0)) * bucketMs <= (holdMs ?? -1);
    const held = holds && typeof before.value === 'number' ? before.value : null;
    expect(figures).toEqual([0, held, held, held]);
    expect(series.mean[index]).toBe(held);
  }
}

interface Run {
  readonly fromMs: number;
  readonly toMs: number;
  readonly state: number | undefined;
}

/** What is known in each unit of the span, one by one, and the runs of it. */
function runsOf(all: readonly Ordered[], fromMs: number, toMs: number, holdUnits: number): Run[] {
  const runs: Run[] = [];
  for (let ms = fromMs; ms < toMs; ms += UNIT_MS) {
    const last = all.filter((sample) => sample.ms <= ms).at(-1);
    const holds = last !== undefined && ms < last.ms + holdUnits * UNIT_MS;
    const state = holds && typeof last.value === 'number' ? last.value : undefined;
    const run = runs.at(-1);
    if (run !== undefined && run.state === state) runs[runs.length - 1] = { ...run, toMs: ms + UNIT_MS };
    else runs.push({ fromMs: ms, toMs: ms + UNIT_MS, state });
  }
  return runs;
}

/** Runs shorter than a pixel that stand side by side are one entry. */
function joined(runs: readonly Run[], pixelMs: number): StateStretch[] {
  const groups: Run[][] = [];
  const isShort = (run: Run | undefined) => run !== undefined && run.toMs - run.fromMs < pixelMs;
  for (const run of runs) {
    const group = groups.at(-1);
    if (group !== undefined && isShort(run) && isShort(group.at(-1))) group.push(run);
    else groups.push([run]);
  }
  return groups.map((group) => {
    const [first] = group;
    const fromMs = first?.fromMs ?? 0;
    const toMs = group.at(-1)?.toMs ?? 0;
    if (group.length > 1) return { kind: 'changes', fromMs, toMs, changes: group.length };
    return first?.state === undefined
      ? { kind: 'unknown', fromMs, toMs }
      : { kind: 'state', fromMs, toMs, state: first.state };
  });
}

describe('questions to history, embedded', () => {
  contract(() => ({
    numRuns: 40,
    async open() {
      const dir = tempFolder();
      const home = await openEmbeddedHistory({ dir, lookup: lookupFresh });
      return {
        home,
        settled: () => home.settled(),
        async summedStates(point, fromMs, toMs, pixels) {
          const reader = new EmbeddedReader(openDatabaseForReading(join(dir, 'history.db')), -1);
          try {
            return reader.states(point, fromMs, toMs, pixels);
          } finally {
            reader.close();
          }
        },
      };
    },
  }));
});

await describeWithServer('influxd', 'questions to history, InfluxDB', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startInfluxd();
  });
  afterAll(() => server.remove());

  contract(() => ({
    numRuns: 15,
    async open() {
      const target = { url: server.url, database: randomUUID() };
      const client = new InfluxClient(target);
      const queries = new InfluxQueries(client, new FieldNames(), -1);
      return {
        home: influxHistory({ ...target, lookup: lookupFresh }),
        settled: async () => undefined,
        async summedStates(point, fromMs, toMs, pixels) {
          const [timeline] = await queries.states([point], fromMs, toMs, pixels);
          if (timeline === undefined) throw new Error('no timeline');
          return timeline;
        },
      };
    },
  }));

  test('a range from before the samples that are kept is answered from the hours that were made of them', async () => {
    const database = randomUUID();
    const home = influxHistory({ url: server.url, database, lookup });
    onTestFinished(() => home.close());
    await home.writeSamples([blockOf(0, [[1, T, 5]])], never);
    const fromMs = T - 500 * 24 * HOUR_MS;
    const head = "fire-pump,asset=o'clock\\,\\ a\\=b";
    const hours = [
      [0, 3, 1, 5, 2, 4],
      [1, 1, 9, 9, 9, 9],
      [30, 2, -1, 0, -0.5, 0],
    ].map(([hour = 0, count, min, max, mean, last]) => {
      const fields = `value_count=${count}i,value_min=${min},value_max=${max},value_mean=${mean},value_last=${last}`;
      return `${head},point=double ${fields} ${fromMs + hour * HOUR_MS}000000`;
    });
    const bools = [
      `${head},point=bool on_count=4i,on_true=1i,on_last=true ${fromMs}000000`,
      `${head},point=bool on_count=2i,on_last=false ${fromMs + HOUR_MS}000000`,
    ];
    const target = new URLSearchParams({ db: database, rp: 'lamplighter_1h' });
    const body = [...hours, ...bools].join('\n');
    const written = await fetch(`${server.url}/write?${target}`, { method: 'POST', body });
    expect([written.status, await written.text()]).toEqual([204, '']);
    const [numbers, bool] = await home.chart(
      [pointOf('double'), pointOf('bool')],
      fromMs,
      fromMs + 501 * 24 * HOUR_MS,
      501,
    );
    expect(numbers?.count.flatMap((count, day) => (count > 0 ? [[day, count]] : []))).toEqual([
      [0, 4],
      [1, 2],
      [500, 1],
    ]);
    expect([numbers?.min[0], numbers?.max[0], numbers?.mean[0], numbers?.last[0]]).toEqual([1, 9, 3.75, 9]);
    expect([numbers?.mean[1], numbers?.last[500]]).toEqual([-0.5, 5]);
    expect([bool?.count[0], bool?.min[0], bool?.max[0], bool?.mean[0], bool?.last[0]]).toEqual([6, 0, 1, 1 / 6, 0]);
    // A chart finer than the hours has nothing of them.
    expect((await home.series(pointOf('double'), fromMs, fromMs + 24 * HOUR_MS, 48)).count).toEqual(
      new Array(48).fill(0),
    );
  });
});
