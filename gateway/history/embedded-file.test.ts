import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdCompressSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { blockOf, lookup, pointOf, type Row } from '../../test/contracts/history-samples.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { openDatabase } from '../storage/open-database.ts';
import { type EmbeddedHome, openEmbeddedHistory } from './embedded.ts';
import { HISTORY_FILE, historyMigrations } from './embedded-schema.ts';

const HOUR_MS = 3_600_000;
/** A full hour. */
const T = 1_795_464_000_000;
const HOURS = 300;
const PER_HOUR = 200;
const never = new AbortController().signal;
const point = pointOf('double');

interface Told {
  readonly fields: object;
  readonly message: string;
}

async function openHome(dir: string, told: Told[] = []): Promise<EmbeddedHome> {
  const note = (fields: object, message: string) => void told.push({ fields, message });
  const home = await openEmbeddedHistory({ dir, lookup, logger: { info: note, warn: note } });
  onTestFinished(() => home.close().catch(() => undefined));
  return home;
}

/** Numbers that do not pack, so that each hour takes pages of its own. */
const rows = Array.from(
  { length: HOURS * PER_HOUR },
  (_, n): Row => [1, T + Math.floor((n * HOUR_MS) / PER_HOUR), Math.sin(n) * 1e9],
);

async function write(home: EmbeddedHome, some: readonly Row[], firstOrdinal = 0, receivedMs = T + 1000 * HOUR_MS) {
  expect(await home.writeSamples([blockOf(firstOrdinal, some, receivedMs)], never)).toEqual({ outcome: 'done' });
}

async function filledFile(): Promise<{ dir: string; path: string; identity: string }> {
  const dir = tempFolder();
  const home = await openHome(dir);
  await write(home, rows);
  await home.settled();
  await home.close();
  return { dir, path: join(dir, HISTORY_FILE), identity: home.identity };
}

const countsOf = async (home: EmbeddedHome) => (await home.series(point, T, T + HOURS * HOUR_MS, HOURS)).count;
const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

test('a file that was cut off is set aside by name; what is readable is kept, and the home is a new one', async () => {
  const { dir, path, identity } = await filledFile();
  // Without free pages, so that it is known what is in the half that is left.
  const whole = new DatabaseSync(path);
  whole.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  whole.close();
  const file = openSync(path, 'r+');
  ftruncateSync(file, Math.floor(statSync(path).size / 2 / 4096) * 4096);
  closeSync(file);
  const told: Told[] = [];
  const home = await openHome(dir, told);
  expect(home.identity).not.toBe(identity);
  expect(told).toEqual([
    {
      fields: { file: `${HISTORY_FILE}.damaged-1`, reason: expect.stringContaining('malformed') },
      message: expect.stringContaining('set aside'),
    },
  ]);
  expect(readdirSync(dir)).toContain(`${HISTORY_FILE}.damaged-1`);
  await home.settled();
  expect(sum(await countsOf(home))).toBeGreaterThan(HOURS * PER_HOUR * 0.3);
  expect(sum(await countsOf(home))).toBeLessThan(HOURS * PER_HOUR);
  // The log gives it all again; nothing is there twice.
  await write(home, rows);
  await home.settled();
  expect(await countsOf(home)).toEqual(new Array(HOURS).fill(PER_HOUR));
});

test('of a file with damaged pages the other hours are kept, also where that shows only while it is used', async () => {
  const { dir, path } = await filledFile();
  const bytes = readFileSync(path);
  const pages = bytes.length / 4096;
  const file = openSync(path, 'r+');
  // Not the first pages, which say what tables there are.
  for (let page = 20; page < pages; page += 40) writeSync(file, new Uint8Array(4096).fill(0xa5), 0, 4096, page * 4096);
  closeSync(file);
  const told: Told[] = [];
  const home = await openHome(dir, told);
  const before = home.identity;
  // Whoever asks first meets the damage; then the home is made anew, under the same name until the next start.
  await until('the damage is met', 20_000, async () => {
    await countsOf(home).catch(() => undefined);
    return told.length > 0;
  });
  expect(told[0]?.fields).toMatchObject({ file: `${HISTORY_FILE}.damaged-1` });
  await until(
    'writes are taken again',
    20_000,
    async () => (await home.writeSamples([blockOf(0, rows.slice(0, 1), T)], never)).outcome === 'done',
  );
  await home.settled();
  const counts = await countsOf(home);
  expect(sum(counts)).toBeGreaterThan((HOURS * PER_HOUR) / 2);
  expect(sum(counts)).toBeLessThan(HOURS * PER_HOUR);
  expect(home.identity).toBe(before);
  await home.close();
  const again = await openHome(dir);
  expect(again.identity).not.toBe(before);
  expect(await countsOf(again)).toEqual(counts);
});

test('what is no database is set aside, and a newer one is refused and left alone', async () => {
  const dir = tempFolder();
  const path = join(dir, HISTORY_FILE);
  writeFileSync(path, 'this is no database, however long it may be '.repeat(200));
  const told: Told[] = [];
  const home = await openHome(dir, told);
  expect(told).toHaveLength(1);
  await write(home, rows.slice(0, 10));
  await home.settled();
  expect(sum(await countsOf(home))).toBe(10);
  await home.close();
  const newer = new DatabaseSync(path);
  newer.exec('PRAGMA user_version = 99');
  newer.close();
  await expect(openHome(dir)).rejects.toMatchObject({ code: 'newer' });
  expect(readdirSync(dir).filter((name) => name.includes('damaged-2'))).toEqual([]);
});

/** Columns as version 1 packed them. */
function packFirstForm(ms: readonly number[], ordinals: readonly number[], values: readonly number[]): Uint8Array {
  const rows = ms.length;
  const packed = new Uint8Array(8 + rows * 25);
  new Uint32Array(packed.buffer, 0, 2).set([rows, 0]);
  const differences = (column: readonly number[]) => column.map((value, row) => value - (column[row - 1] ?? 0));
  new Float64Array(packed.buffer, 8, rows).set(differences(ms));
  new Float64Array(packed.buffer, 8 + rows * 8, rows).set(differences(ordinals));
  new Float64Array(packed.buffer, 8 + rows * 16, rows).set(values);
  return packed;
}

test('a file of version 1 is taken over, its hours and what was recent in it', async () => {
  const dir = tempFolder();
  const path = join(dir, HISTORY_FILE);
  const [first = ''] = historyMigrations;
  const old = openDatabase(path, [first]);
  old.prepare('INSERT INTO about VALUES (?)').run('of version 1');
  const chunk = old.prepare('INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (let hour = 0; hour < 48; hour++) {
    const at = T + hour * HOUR_MS;
    const body = zstdCompressSync(packFirstForm([at + 1, at + 2], [hour * 2, hour * 2 + 1], [hour, hour + 0.5]));
    chunk.run(1, at, 2, 2, hour, hour + 0.5, hour + 0.25, hour + 0.5, at + 2, hour * 2 + 1, body);
  }
  const recentMs = T + 48 * HOUR_MS;
  old
    .prepare('INSERT INTO recent VALUES (?, ?, ?, ?, ?, ?)')
    .run(1, 96, recentMs, recentMs + 5, 2, packFirstForm([recentMs, recentMs + 5], [96, 97], [48, 48.5]));
  old.close();
  const home = await openHome(dir);
  expect(home.identity).toBe('embedded of version 1');
  const expected = (hours: number) => ({
    count: new Array(hours).fill(2),
    min: Array.from({ length: hours }, (_, hour) => hour),
    max: Array.from({ length: hours }, (_, hour) => hour + 0.5),
    mean: Array.from({ length: hours }, (_, hour) => hour + 0.25),
    last: Array.from({ length: hours }, (_, hour) => hour + 0.5),
  });
  expect(await home.series(point, T, T + 49 * HOUR_MS, 49)).toMatchObject(expected(49));
  // One more sample within an old hour, and the days are summed up.
  await write(home, [[1, T + 3, 9]], 200, T + 100 * HOUR_MS);
  await home.settled();
  const after = await home.series(point, T, T + 49 * HOUR_MS, 49);
  expect([after.count[0], after.max[0], after.last[0], after.count[48]]).toEqual([3, 9, 9, 2]);
  const [whole] = await home.chart([point], T - 24 * HOUR_MS, T + 72 * HOUR_MS, 1);
  expect([whole?.count, whole?.min, whole?.max, whole?.last]).toEqual([[99], [0], [48.5], [48.5]]);
  const page = await home.samples(point, T, T + 2 * HOUR_MS, { limit: 10 });
  expect([...page.value]).toEqual([0, 0.5, 9, 1, 1.5]);
  expect(readdirSync(dir)).toContain(`${HISTORY_FILE}.before-v2`);
});
