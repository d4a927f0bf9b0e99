import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { CountedHome } from '../../gateway/history/counted-home.ts';
import { openEmbeddedHistory } from '../../gateway/history/embedded.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { type HistorySeries, MAX_HISTORY_BUCKETS, type PlacedChange } from '../../model/history.ts';
import { raisedAlarm } from '../support/raised-alarm.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { blockOf, lookup, pointOf, type Row } from './history-samples.ts';

const HOUR_MS = 3_600_000;
/** A full hour. */
const T = 1_795_464_000_000;
const never = new AbortController().signal;

/** One home of history, as the suite opens it; what one test has written, the next does not find. */
interface HistoryLab {
  open(): Promise<CountedHome>;
}

const figures = ({ count, min, max, mean, last }: HistorySeries) => ({ count, min, max, mean, last });

function historyContract(lab: () => HistoryLab): void {
  let home: CountedHome;
  beforeEach(async () => {
    home = await lab().open();
    onTestFinished(() => home.close());
  });
  const write = async (firstOrdinal: number, rows: readonly Row[], receivedMs?: number) => {
    expect(await home.writeSamples([blockOf(firstOrdinal, rows, receivedMs)], never)).toEqual({ outcome: 'done' });
  };

  test('answers with what was written, gaps as gaps', async () => {
    await write(0, [
      [1, T, 10],
      [1, T + 999, 20],
      [1, T + 1000, 5],
      [1, T + 3999, -7.25],
      [1, T - 1, 1000],
      [1, T + 4000, 1000],
    ]);
    expect(await home.series(pointOf('double'), T, T + 4000, 4)).toEqual({
      point: pointOf('double').key,
      fromMs: T,
      toMs: T + 4000,
      bucketMs: 1000,
      count: [2, 1, 0, 1],
      min: [10, 5, null, -7.25],
      max: [20, 5, null, -7.25],
      mean: [15, 5, null, -7.25],
      last: [20, 5, null, -7.25],
    });
  });

  test('knows every kind of value', async () => {
    await write(0, [
      [2, T, 3],
      [2, T + 1, 8],
      [3, T, 1],
      [3, T + 1, 0],
      [3, T + 2, 1],
      [3, T + 3, 1],
      [3, T + 1500, 0],
      [4, T, 'E-04 "门锁"\\\' 故障\nzweite Zeile'],
      [5, T, 4_294_967_295],
    ]);
    const inOne = (kind: 'enum' | 'bool' | 'text' | 'bitset') => home.series(pointOf(kind), T, T + 1000, 1);
    expect(figures(await inOne('enum'))).toEqual({ count: [2], min: [3], max: [8], mean: [5.5], last: [8] });
    expect(figures(await inOne('bool'))).toEqual({ count: [4], min: [0], max: [1], mean: [0.75], last: [1] });
    expect(figures(await inOne('text'))).toEqual({ count: [1], min: [null], max: [null], mean: [null], last: [null] });
    expect(figures(await inOne('bitset'))).toMatchObject({ count: [1], last: [4_294_967_295] });
    const off = await home.series(pointOf('bool'), T + 1000, T + 2000, 1);
    expect(figures(off)).toEqual({ count: [1], min: [0], max: [0], mean: [0], last: [0] });
  });

  test('gives good samples only', async () => {
    await write(0, [
      [1, T, 10],
      [1, T + 1, null],
      [1, T + 2, ['?', 99]],
      [3, T, null],
      [4, T, null],
    ]);
    expect(figures(await home.series(pointOf('double'), T, T + 10, 1))).toEqual({
      count: [1],
      min: [10],
      max: [10],
      mean: [10],
      last: [10],
    });
    expect((await home.series(pointOf('bool'), T, T + 10, 1)).count).toEqual([0]);
    expect((await home.series(pointOf('text'), T, T + 10, 1)).count).toEqual([0]);
  });

  test('keeps two samples of one millisecond apart, and the later of the log is the last', async () => {
    await write(999_999, [
      [1, T, 1],
      [1, T, 2],
    ]);
    await write(5, [[1, T + 1, 4]]);
    expect(figures(await home.series(pointOf('double'), T, T + 1, 1))).toMatchObject({
      count: [2],
      min: [1],
      max: [2],
    });
    await write(2_000_010, [
      [1, T + 5, 7],
      [1, T + 5, 8],
    ]);
    expect((await home.series(pointOf('double'), T, T + 10, 1)).last).toEqual([8]);
  });

  test('stores what is left of a block of which samples are left out, each in its place', async () => {
    const { batch } = blockOf(0, [
      [1, T, 7],
      [1, T, 8],
      [4, T, 'text'],
    ]);
    const block = { logSeq: 1, firstOrdinal: 10, ordinals: Float64Array.of(10, 12, 19), batch };
    expect(await home.writeSamples([block], never)).toEqual({ outcome: 'done' });
    // The same samples in full, as after a restart, when the one before is not known any more.
    await write(10, [
      [1, T, 7],
      [1, T, 7],
      [1, T, 8],
    ]);
    expect(figures(await home.series(pointOf('double'), T, T + 1, 1))).toMatchObject({ count: [3], last: [8] });
    expect((await home.series(pointOf('text'), T, T + 1, 1)).count).toEqual([1]);
  });

  test('stores the same rows however often they are written, in whatever groups', async () => {
    const rows = Array.from({ length: 50 }, (_, index): Row => [1, T + (index % 7) * HOUR_MS + index, index]);
    const parts = (size: number) =>
      Array.from({ length: Math.ceil(rows.length / size) }, (_, part) =>
        blockOf(part * size, rows.slice(part * size, (part + 1) * size)),
      );
    for (const size of [10, 10, 50, 7]) {
      expect(await home.writeSamples(parts(size), never)).toEqual({ outcome: 'done' });
    }
    // By now, by the gateway's time, the hours are long over; and they are written once more.
    await write(1000, [[2, T, 1]], T + 48 * HOUR_MS);
    for (const size of [50, 3]) expect(await home.writeSamples(parts(size), never)).toEqual({ outcome: 'done' });
    const series = await home.series(pointOf('double'), T, T + 8 * HOUR_MS, 8);
    expect(series.count).toEqual([8, 7, 7, 7, 7, 7, 7, 0]);
    expect(series.min).toEqual([0, 1, 2, 3, 4, 5, 6, null]);
    expect(series.last).toEqual([49, 43, 44, 45, 46, 47, 48, null]);
    expect(series.mean[0]).toBeCloseTo((0 + 7 + 14 + 21 + 28 + 35 + 42 + 49) / 8, 9);
  });

  test('adds what comes late, after its hour is over', async () => {
    await write(0, [
      [1, T + 10, 1],
      [1, T + HOUR_MS, 3],
    ]);
    await write(2, [[1, T + 40 * HOUR_MS, 5]], T + 40 * HOUR_MS);
    await write(3, [[1, T + 20, 2]], T + 41 * HOUR_MS);
    await write(4, [[1, T + 43 * HOUR_MS, 6]], T + 43 * HOUR_MS);
    await write(5, [[1, T + 5, 0]], T + 43 * HOUR_MS);
    const series = await home.series(pointOf('double'), T, T + 48 * HOUR_MS, 48);
    expect(series.count.flatMap((count, hour) => (count > 0 ? [[hour, count]] : []))).toEqual([
      [0, 3],
      [1, 1],
      [40, 1],
      [43, 1],
    ]);
    expect([series.min[0], series.max[0], series.last[0]]).toEqual([0, 2, 2]);
  });

  test('leaves out and counts points that nobody knows and times that cannot be', async () => {
    await write(0, [
      [77, T, 1],
      [1, T, 1],
      [1, Number.NaN, 1],
      [1, 1e300, 1],
      [77, T, 2],
    ]);
    expect(home.skipped).toEqual({ unknownPoint: 2, impossibleTime: 2, changes: 0 });
    expect((await home.series(pointOf('double'), T, T + 1, 1)).count).toEqual([1]);
  });

  test('divides any span into whole milliseconds, the last bucket reaching beyond it', async () => {
    await write(0, [
      [1, T + 11, 1],
      [1, T + 12, 2],
      [1, T + 99, 3],
      [1, T + 101, 4],
    ]);
    const series = await home.series(pointOf('double'), T + 11, T + 100, 8);
    expect(series).toMatchObject({ fromMs: T + 11, toMs: T + 107, bucketMs: 12 });
    expect(series.count).toEqual([2, 0, 0, 0, 0, 0, 0, 2]);
    const most = await home.series(pointOf('double'), T - 24 * HOUR_MS, T + 24 * HOUR_MS, MAX_HISTORY_BUCKETS);
    expect(most.count).toHaveLength(MAX_HISTORY_BUCKETS);
    expect(most.count.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  test('refuses a question that is none', async () => {
    const ask = (from: number, to: number, buckets: number) => home.series(pointOf('double'), from, to, buckets);
    await expect(ask(T, T, 1)).rejects.toThrow(RangeError);
    await expect(ask(T, T + 1, 0)).rejects.toThrow(RangeError);
    await expect(ask(T, T + 1, MAX_HISTORY_BUCKETS + 1)).rejects.toThrow(RangeError);
    await expect(ask(Number.NaN, T + 1, 1)).rejects.toThrow(RangeError);
  });

  test('knows nothing of points that it was never told of', async () => {
    await write(0, [[1, T, 1]]);
    expect(figures(await home.series(pointOf('enum'), T, T + 2, 2))).toEqual({
      count: [0, 0],
      min: [null, null],
      max: [null, null],
      mean: [null, null],
      last: [null, null],
    });
  });

  test('takes changes, also twice', async () => {
    for (let turn = 0; turn < 2; turn++) {
      expect(await home.writeChanges(changes, never)).toEqual({ outcome: 'done' });
    }
    expect(await home.writeChanges([], never)).toEqual({ outcome: 'done' });
    expect(await home.writeSamples([], never)).toEqual({ outcome: 'done' });
    const [first] = changes;
    if (first?.change.kind !== 'ledger') throw new Error('the first change is of the ledger');
    const impossible = { ...first, change: { ...first.change, fromMs: Number.NaN } };
    expect(await home.writeChanges([impossible], never)).toEqual({ outcome: 'done' });
    expect(home.skipped.changes).toBe(1);
  });
}

const text = { zh: '电梯困人', en: 'passenger trapped' };
const changes: readonly PlacedChange[] = [
  { logSeq: 7, ordinal: 0, change: { kind: 'ledger', asset: 'lift-1', class: 'unknown', fromMs: T } },
  { logSeq: 8, ordinal: 0, change: { kind: 'ledger', asset: 'lift-1', class: 'down', fromMs: T } },
  {
    logSeq: 8,
    ordinal: 1,
    change: {
      kind: 'alarm',
      event: 'raised',
      atMs: T + 1,
      activation: raisedAlarm({
        activationId: 'lift-1/trapped/8',
        asset: 'lift-1',
        alarm: 'trapped',
        sinceMs: T,
        raisedMs: T + 1,
        text,
      }),
    },
  },
  {
    logSeq: 9,
    ordinal: 0,
    change: { kind: 'rate', system: 'lift', rate: 'up', atMs: T, value: 0.5, low: 0.25, high: 1, coverage: 0.5 },
  },
  {
    logSeq: 9,
    ordinal: 1,
    change: {
      kind: 'rate',
      system: 'lift',
      rate: 'up',
      atMs: T + 1,
      value: null,
      low: null,
      high: null,
      coverage: null,
    },
  },
];

describe('history, embedded', () => {
  historyContract(() => ({ open: () => openEmbeddedHistory({ dir: tempFolder(), lookup }) }));
});

await describeWithServer('influxd', 'history, InfluxDB', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startInfluxd();
  });
  afterAll(() => server.remove());
  let database: string;
  const open = () => influxHistory({ url: server.url, database, lookup });

  describe('as every home', () => {
    historyContract(() => ({
      open: async () => {
        database = `site "${randomUUID()}"`;
        return open();
      },
    }));
  });

  async function query(q: string): Promise<unknown> {
    const response = await fetch(`${server.url}/query?${new URLSearchParams({ db: database, q })}`);
    const body = (await response.json()) as { results: { series?: { columns: string[]; values: unknown[][] }[] }[] };
    return body.results[0]?.series?.map(({ columns, values }) => [columns, ...values]);
  }

  async function opened(): Promise<CountedHome> {
    database = randomUUID();
    const home = open();
    onTestFinished(() => home.close());
    return home;
  }

  test('has fields of fixed types, exact texts, and times to the nanosecond', async () => {
    const home = await opened();
    const odd = 'a" b\\" c\\\' \n, d=1 \\\\ "\\';
    await home.writeSamples(
      [
        blockOf(1_000_041, [
          [1, T, 1],
          [1, T, null],
          [2, T, 3],
          [3, T, 1],
          [4, T, odd],
          [5, T, ['?', 6]],
        ]),
      ],
      never,
    );
    const fields = await query('SHOW FIELD KEYS');
    expect(fields).toEqual([
      [
        ['fieldKey', 'fieldType'],
        ['on', 'boolean'],
        ['quality', 'integer'],
        ['reason', 'string'],
        ['state', 'integer'],
        ['text', 'string'],
        ['value', 'float'],
      ],
    ]);
    expect(await query('SELECT asset, point, value, state, "on", text, quality, reason FROM "fire-pump"')).toEqual([
      [
        ['time', 'asset', 'point', 'value', 'state', 'on', 'text', 'quality', 'reason'],
        ...[
          ['double', 1, null, null, null, 0, null],
          ['double', null, null, null, null, 2, 'timeout'],
          ['enum', null, 3, null, null, 0, null],
          ['bool', null, null, true, null, 0, null],
          ['text', null, null, null, odd, 0, null],
          ['bitset', null, 6, null, null, 1, 'uncertain-status'],
        ].map((row, index) => [new Date(T).toISOString().replace('Z', `0000${41 + index}Z`), "o'clock, a=b", ...row]),
      ],
    ]);
  });

  test('has the engine’s changes, each in its measurement', async () => {
    const home = await opened();
    await home.writeChanges(changes, never);
    expect(await query('SELECT count(*) FROM ledger, alarm, rate')).toBeDefined();
    expect(await query('SELECT asset, class FROM ledger')).toEqual([
      [
        ['time', 'asset', 'class'],
        [expect.anything(), 'lift-1', 'unknown'],
        [expect.anything(), 'lift-1', 'down'],
      ],
    ]);
    expect(await query('SELECT asset, alarm, event, state, activation, priority FROM alarm')).toEqual([
      [
        ['time', 'asset', 'alarm', 'event', 'state', 'activation', 'priority'],
        [expect.anything(), 'lift-1', 'trapped', 'raised', 'unacknowledged', 'lift-1/trapped/8', 1],
      ],
    ]);
    expect(await query('SELECT system, rate, value, low, high, coverage, known FROM rate')).toEqual([
      [
        ['time', 'system', 'rate', 'value', 'low', 'high', 'coverage', 'known'],
        [expect.anything(), 'lift', 'up', 0.5, 0.25, 1, 0.5, true],
        [expect.anything(), 'lift', 'up', null, null, null, null, false],
      ],
    ]);
  });

  test('asks for a retry while the server is away, and makes the database when it is back', async () => {
    const away = await startInfluxd();
    onTestFinished(() => away.remove());
    await away.kill();
    const home = influxHistory({ url: away.url, database: 'late', lookup });
    onTestFinished(() => home.close());
    const block = blockOf(0, [[1, T, 1]]);
    expect(await home.writeSamples([block], never)).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(home.series(pointOf('double'), T, T + 1, 1)).rejects.toThrow();
    await away.start();
    expect(await home.writeSamples([block], never)).toEqual({ outcome: 'done' });
    await fetch(`${away.url}/query?q=DROP+DATABASE+late`, { method: 'POST' });
    // While it drops a database, this server fails in more than one way.
    const writeAndCount = async () => {
      await home.writeSamples([block], never);
      return (await home.series(pointOf('double'), T, T + 1, 1)).count;
    };
    await expect.poll(writeAndCount).toEqual([1]);
  });

  test('stops at once when it is told to', async () => {
    const home = await opened();
    expect(await home.writeSamples([blockOf(0, [[1, T, 1]])], AbortSignal.abort())).toMatchObject({ outcome: 'retry' });
  });
});
