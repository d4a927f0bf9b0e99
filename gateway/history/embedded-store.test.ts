import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../storage/open-database.ts';
import { EmbeddedReader } from './embedded-reader.ts';
import { historyMigrations } from './embedded-schema.ts';
import { EmbeddedStore } from './embedded-store.ts';
import type { SampleColumns } from './sample-group.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const point = { number: 1, key: 'lift-1/load' };
const keepAll = { retentionMs: 400 * DAY_MS, maxBytes: 1e12 };

function tempFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'history.db');
}

/** A store, and what answers from it on the same connection. */
class AnsweringStore extends EmbeddedStore {
  readonly #reader: EmbeddedReader;

  constructor(database: DatabaseSync, retention: typeof keepAll) {
    super(database, retention);
    this.#reader = new EmbeddedReader(database);
  }

  series(...question: Parameters<EmbeddedReader['series']>) {
    return this.#reader.series(...question);
  }
}

function openStore(path = tempFile(), retention = keepAll): AnsweringStore {
  const store = new AnsweringStore(openDatabase(path, historyMigrations), retention);
  onTestFinished(() => {
    try {
      store.close();
    } catch {
      // The test has closed it itself.
    }
  });
  return store;
}

type Row = readonly [number: number, ms: number, ordinal: number, value: number, quality?: number];

function columns(rows: readonly Row[], newestMs = 0): SampleColumns {
  return {
    point: Uint32Array.from(rows, ([number]) => number),
    ms: Float64Array.from(rows, ([, ms]) => ms),
    ordinal: Float64Array.from(rows, ([, , ordinal]) => ordinal),
    value: Float64Array.from(rows, ([, , , value]) => value),
    quality: Uint8Array.from(rows, ([, , , , quality]) => quality ?? 0),
    texts: new Map(),
    newestMs,
  };
}

function tidyAll(store: EmbeddedStore): void {
  for (let turn = 0; store.untidy; turn++) {
    expect(turn).toBeLessThan(1000);
    store.tidy();
  }
}

function count(path: string, table: 'chunks' | 'days' | 'groups' | 'parts' | 'changes'): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
  database.close();
  return Number(row?.n);
}

test('moves an hour into one chunk for each point once it is over, and not before', () => {
  const path = tempFile();
  const store = openStore(path);
  for (let minute = 0; minute < 60; minute++) {
    const ms = minute * 60_000;
    store.write(
      columns(
        [
          [1, ms, minute * 2, minute],
          [2, ms, minute * 2 + 1, -minute],
        ],
        ms,
      ),
    );
  }
  store.write(columns([[1, HOUR_MS, 1000, 7]], HOUR_MS + 599_999));
  tidyAll(store);
  expect([count(path, 'chunks'), count(path, 'groups'), count(path, 'parts')]).toEqual([0, 50, 4]);
  const before = store.series(point, 0, 2 * HOUR_MS, 2);
  store.write(columns([[1, HOUR_MS + 1, 1001, 8]], HOUR_MS + 600_000));
  tidyAll(store);
  expect([count(path, 'chunks'), count(path, 'groups'), count(path, 'parts')]).toEqual([2, 0, 1]);
  const after = store.series(point, 0, 2 * HOUR_MS, 2);
  expect(after).toMatchObject({ count: [60, 2], min: [0, 7], max: [59, 8], last: [59, 8] });
  expect(after.mean).toEqual([29.5, 7.5]);
  expect(before.count).toEqual([60, 1]);
});

test('goes on with the moving after a restart', () => {
  const path = tempFile();
  const first = openStore(path);
  const rows = Array.from({ length: 300 }, (_, index): Row => [index + 1, index, index, 1]);
  first.write(columns(rows, 2 * HOUR_MS));
  first.tidy();
  expect(first.untidy).toBe(true);
  const { identity } = first;
  first.close();
  const second = openStore(path);
  expect(second.identity).toBe(identity);
  // One row of which the first sample's hour is over and the second's is not.
  const straddling: readonly Row[] = [
    [999, 1, 300, 1],
    [999, 2 * HOUR_MS, 301, 1],
  ];
  second.write(columns(straddling, 2 * HOUR_MS));
  tidyAll(second);
  expect([count(path, 'chunks'), count(path, 'groups'), count(path, 'parts')]).toEqual([301, 0, 1]);
});

test('answers alike whatever was moved, written again, late or cut into other groups', () => {
  const row = fc.tuple(
    fc.integer({ min: 0, max: 4 * HOUR_MS }),
    fc.integer({ min: -50, max: 50 }),
    fc.constantFrom(0, 0, 2),
  );
  const scripts = fc.record({
    // What says the same at the same time is one sample that came twice, see `mergeColumns`.
    rows: fc.uniqueArray(row, {
      minLength: 1,
      maxLength: 40,
      selector: ([ms, value, quality]) => (quality === 2 ? `${ms}` : `${ms} ${value}`),
    }),
    // Spans of rows in the order in which they are written, and by when.
    writes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 6 })), {
      maxLength: 12,
    }),
    buckets: fc.integer({ min: 1, max: 9 }),
    fromMs: fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
  });
  fc.assert(
    fc.property(scripts, ({ rows, writes, buckets, fromMs }) => {
      const all = rows.map(
        ([ms, value, quality], ordinal): Row => [1, ms, ordinal, quality === 2 ? Number.NaN : value, quality],
      );
      const database = new DatabaseSync(':memory:');
      for (const migration of historyMigrations) database.exec(migration);
      const store = new AnsweringStore(database, keepAll);
      for (const [from, length, hour] of [...writes, [0, all.length, 3], [0, 1, 5]] as const) {
        const start = from % all.length;
        store.write(columns(all.slice(start, start + length), hour * HOUR_MS + 600_000));
        if (hour % 2 === 1) tidyAll(store);
      }
      const series = store.series(point, fromMs, fromMs + 4 * HOUR_MS, buckets);
      const good = all.filter(([, , , , quality]) => quality === 0);
      for (let index = 0; index < buckets; index++) {
        const inside = good
          .filter(([, ms]) => Math.floor((ms - fromMs) / series.bucketMs) === index)
          .sort((a, b) => a[1] - b[1] || a[2] - b[2]);
        const values = inside.map(([, , , value]) => value);
        expect(series.count[index]).toBe(values.length);
        expect(series.min[index]).toBe(values.length === 0 ? null : Math.min(...values));
        expect(series.max[index]).toBe(values.length === 0 ? null : Math.max(...values));
        expect(series.last[index]).toBe(values.at(-1) ?? null);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        if (values.length > 0) expect(series.mean[index]).toBeCloseTo(mean, 9);
      }
      store.close();
    }),
    { numRuns: 200 },
  );
});

test('keeps no longer than it is told, and no more bytes', () => {
  const path = tempFile();
  const days = (count: number) => Array.from({ length: count }, (_, day): Row => [1, day * DAY_MS, day, day]);
  const store = openStore(path, { retentionMs: 5 * DAY_MS, maxBytes: 1e12 });
  store.write(columns(days(20), 20 * DAY_MS));
  store.writeChanges([
    { logSeq: 1, ordinal: 0, change: { kind: 'ledger', asset: 'lift-1', class: 'up', fromMs: 3 * DAY_MS } },
    { logSeq: 2, ordinal: 0, change: { kind: 'ledger', asset: 'lift-1', class: 'down', fromMs: 19 * DAY_MS } },
  ]);
  tidyAll(store);
  expect([count(path, 'chunks'), count(path, 'changes')]).toEqual([6, 1]);
  expect(store.series(point, 0, 20 * DAY_MS, 20).count.lastIndexOf(0)).toBe(13);
  store.close();
  const smaller = openStore(path, { retentionMs: 5 * DAY_MS, maxBytes: 1 });
  smaller.write(columns([[1, 20 * DAY_MS, 20, 1]], 21 * DAY_MS));
  tidyAll(smaller);
  expect(count(path, 'chunks')).toBe(0);
});

test('a clock that leaps by nine years ages nothing away', () => {
  const path = tempFile();
  const leapt = 20 * DAY_MS + 9 * 365 * DAY_MS;
  const leaps = [{ fromMs: 20 * DAY_MS, toMs: leapt }];
  const store = openStore(path, { retentionMs: 5 * DAY_MS, maxBytes: 1e12 });
  store.write(
    columns(
      Array.from({ length: 20 }, (_, day): Row => [1, day * DAY_MS, day, day]),
      20 * DAY_MS,
    ),
  );
  store.write(columns([[1, leapt, 20, 20]], leapt + 60_000), leaps);
  tidyAll(store);
  expect(store.series(point, 0, 20 * DAY_MS, 20).count.lastIndexOf(0)).toBe(14);
  // What the clock has run since makes it older, and only that.
  store.write(columns([[1, leapt + 3 * DAY_MS, 21, 21]], leapt + 3 * DAY_MS + HOUR_MS), leaps);
  tidyAll(store);
  expect(store.series(point, 0, 20 * DAY_MS, 20).count.lastIndexOf(0)).toBe(17);
  store.write(columns([[1, leapt + 7 * DAY_MS, 22, 22]], leapt + 7 * DAY_MS + HOUR_MS), leaps);
  tidyAll(store);
  expect(store.series(point, 0, 20 * DAY_MS, 20).count.lastIndexOf(0)).toBe(19);
  // And by now what was measured since the leap goes, too.
  expect(store.series(point, leapt, leapt + 8 * DAY_MS, 8).count).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
});

test.each(['groups', 'parts'])('what is damaged in %s is asked for again', (table) => {
  const path = tempFile();
  const first = openStore(path);
  first.write(columns([[1, 0, 0, 5]], Number.NEGATIVE_INFINITY));
  if (table === 'parts') first.write(columns([[1, HOUR_MS, 1, 6]], HOUR_MS + 600_000));
  const { identity } = first;
  first.close();
  const other = new DatabaseSync(path);
  expect(other.prepare(`UPDATE ${table} SET body = x'00112233445566778899'`).run().changes).toBeGreaterThan(0);
  other.close();
  const second = openStore(path);
  second.write(columns([[1, 3 * HOUR_MS, 2, 7]], 3 * HOUR_MS));
  tidyAll(second);
  expect(second.identity).not.toBe(identity);
  expect(second.series(point, 3 * HOUR_MS, 4 * HOUR_MS, 1).last).toEqual([7]);
});

test('a day is summed up once it is over, and is right again when one of its hours changes', () => {
  const path = tempFile();
  const store = openStore(path);
  const hours = Array.from({ length: 24 }, (_, hour): Row => [1, hour * HOUR_MS, hour, hour]);
  store.write(columns(hours, 23 * HOUR_MS));
  tidyAll(store);
  expect(count(path, 'days')).toBe(0);
  store.write(columns([[1, 30 * HOUR_MS, 50, 5]], 30 * HOUR_MS));
  tidyAll(store);
  expect(count(path, 'days')).toBe(1);
  expect(store.series(point, 0, DAY_MS, 1)).toMatchObject({
    count: [24],
    min: [0],
    max: [23],
    mean: [11.5],
    last: [23],
  });
  const one = columns([[1, 5, 100, 99]]);
  store.addToChunks([{ point: 1, columns: one }]);
  expect(store.series(point, 0, DAY_MS, 1)).toMatchObject({ count: [25], max: [99], last: [23] });
});

test('a damaged chunk is a gap of its hour only', () => {
  const path = tempFile();
  const store = openStore(path);
  store.write(
    columns(
      [
        [1, 0, 0, 5],
        [1, HOUR_MS, 1, 6],
      ],
      3 * HOUR_MS,
    ),
  );
  tidyAll(store);
  const other = new DatabaseSync(path);
  other.exec("UPDATE chunks SET body = x'0011223344' WHERE hour = 0");
  other.close();
  expect(store.series(point, 0, 2 * HOUR_MS, 4).count).toEqual([0, 0, 1, 0]);
  const { identity } = store;
  store.write(columns([[1, 1, 2, 8]], 5 * HOUR_MS));
  tidyAll(store);
  expect(store.series(point, 0, 2 * HOUR_MS, 4).last).toEqual([8, null, 6, null]);
  // At the next start the log is asked for all of it again.
  expect(store.identity).not.toBe(identity);
});
