import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../model/clock.ts';
import type { LogRecord } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { cuts, flips, type LogTemplate, logTemplate, runDamaged } from '../../test/support/damaged-log.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { lastLogMs } from './last-log-ms.ts';
import { type DurableLog, openLog } from './open-log.ts';

/** A small share; `LAMPLIGHTER_DAMAGE_RUNS` for more. */
const RUNS = Number(process.env.LAMPLIGHTER_DAMAGE_RUNS || 6);

async function made(): Promise<{ template: LogTemplate; folder: () => string }> {
  const dir = tempFolder();
  return { template: await logTemplate(dir), folder: () => mkdtempSync(join(dir, 'run-')) };
}

test('one byte that is not what was written costs little, wherever it is', {
  timeout: 60_000 + RUNS * 5000,
}, async () => {
  const { template, folder } = await made();
  await fc.assert(
    fc.asyncProperty(flips, async (flip) => {
      const { whole, of } = await runDamaged(template, [flip], folder());
      expect(of - whole).toBeLessThan(120);
    }),
    { numRuns: RUNS },
  );
});

test('a log that is cut off and bent in many places still opens and goes on', {
  timeout: 60_000 + RUNS * 5000,
}, async () => {
  const { template, folder } = await made();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(flips, cuts), { minLength: 1, maxLength: 8 }), async (damages) => {
      await runDamaged(template, damages, folder());
    }),
    // Where the end of a transaction of reading fails for the damage, too.
    { numRuns: RUNS, examples: [[[{ file: 'log.db', kind: 'cut', at: 0.0277 }]]] },
  );
});

interface Opened {
  readonly log: DurableLog;
  readonly warnings: { fields: object; message: string }[];
}

async function open(dir: string, minimumSeq = 0): Promise<Opened> {
  let nowMs = 1_800_000_000_000;
  const clock: Clock = { now: () => nowMs++, rate: 1, simulated: true, delay: () => Promise.resolve() };
  const warnings: Opened['warnings'] = [];
  const warn = (fields: object, message: string) => warnings.push({ fields, message });
  const log = await openLog({ dir, clock, log: { info: () => undefined, warn }, minimumSeq });
  onTestFinished(() => log.close());
  return { log, warnings };
}

async function fill(log: DurableLog, records: number): Promise<void> {
  const appended: Promise<unknown>[] = [];
  for (let record = 0; record < records; record++) {
    const builder = new BatchBuilder();
    for (let row = 0; row < 50; row++) builder.good(row + 1, row, record, record / (row + 1));
    appended.push(log.append({ kind: 'samples', link: 'l', batch: builder.take() }));
  }
  await Promise.all(appended);
}

async function readAll(log: DurableLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (;;) {
    const page = await log.read(records.at(-1)?.logSeq ?? 0, 256);
    if (page.length === 0) return records;
    records.push(...page);
  }
}

/** Makes bytes of the file other than they were written. */
function bend(path: string, at: number, bytes: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(bytes, 0xa5), 0, bytes, at);
  closeSync(file);
}

const asideIn = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('log.db.damaged-'));

test('a file whose start is gone is set aside and named, and all its records are saved', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await first.log.numbersFor([{ key: 'pump/pressure' }, { key: 'pump/flow' }]);
  await fill(first.log, 400);
  const written = await readAll(first.log);
  await first.log.close();
  bend(join(dir, 'log.db'), 0, 4096);

  const { log, warnings } = await open(dir);
  const aside = asideIn(dir);
  expect(aside).toHaveLength(1);
  expect(aside[0]).toMatch(/^log\.db\.damaged-\d{8}T\d{6}\.\d{3}Z$/);
  expect(log.diskFacts().setAside).toEqual(aside);
  expect(warnings).toEqual([
    {
      fields: { reason: expect.any(String), setAside: aside[0], savedRecords: 401, throughSeq: 401 },
      message: expect.stringContaining('set aside'),
    },
  ]);
  expect(await readAll(log)).toEqual(written);
  expect([...log.pointNumbers]).toEqual([
    ['pump/pressure', 1],
    ['pump/flow', 2],
  ]);
  expect(await log.append({ kind: 'tick' })).toMatchObject({ logSeq: 402 });
  // From the samples it follows that numbers up to 50 were given.
  expect(await log.numbersFor([{ key: 'pump/new' }])).toEqual(new Map([['pump/new', 51]]));
  await log.close();
  const again = await open(dir);
  expect((await readAll(again.log)).slice(0, 401)).toEqual(written);
  expect(again.warnings).toEqual([]);
});

test('a write-ahead file that is cut off in a page is told of, though nobody knows what was behind; a whole one is not', async () => {
  const dir = tempFolder();
  const { log } = await open(dir);
  await fill(log, 20);
  const whole = tempFolder();
  const cut = tempFolder();
  for (const name of ['log.db', 'log.db-wal']) {
    copyFileSync(join(dir, name), join(whole, name));
    copyFileSync(join(dir, name), join(cut, name));
  }
  truncateSync(join(cut, 'log.db-wal'), statSync(join(cut, 'log.db-wal')).size - 100);
  expect((await open(whole)).warnings).toEqual([]);
  const { log: left, warnings } = await open(cut);
  expect(warnings).toEqual([
    { fields: { throughSeq: left.last.logSeq }, message: expect.stringContaining('ends in the middle of a page') },
  ]);
  expect(left.last.logSeq).toBeLessThan(20);
});

test('of a large damaged file it is told beforehand that saving takes its time', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await fill(first.log, 10);
  await first.log.close();
  bend(join(dir, 'log.db'), 0, 100);
  // Zeros are no page of a table.
  truncateSync(join(dir, 'log.db'), 70 * 1024 * 1024);
  const { log, warnings } = await open(dir);
  expect(warnings).toMatchObject([
    { fields: { bytes: 70 * 1024 * 1024 }, message: expect.stringContaining('is being saved') },
    { fields: { savedRecords: 10 }, message: expect.stringContaining('set aside') },
  ]);
  expect(await log.append({ kind: 'tick' })).toMatchObject({ logSeq: 11 });
});

test('where nothing can be read, the numbering goes on after what others know', async () => {
  const dir = tempFolder();
  writeFileSync(join(dir, 'log.db'), 'this is not a database, but long enough to be taken for one'.repeat(100));
  const { log, warnings } = await open(dir, 5000);
  expect(log.last.logSeq).toBe(5000);
  expect(await readAll(log)).toMatchObject([{ kind: 'lost', fromSeq: 1, logSeq: 5000 }]);
  expect(warnings).toHaveLength(2);
  await log.append({ kind: 'tick' });
  await log.close();
  // Also without being told again.
  expect((await open(dir)).log.last.logSeq).toBe(5001);
});

test('a record that says another time, place or number of samples than was written is not believed', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await fill(first.log, 600);
  const written = await readAll(first.log);
  await first.log.close();
  const bent = new DatabaseSync(join(dir, 'log.db'));
  // Places 256 and 257 are where pages begin.
  bent.exec(`UPDATE records SET ms = 9e15 WHERE seq IN (100, 256, 257, 400);
             UPDATE records SET ms = 5 WHERE seq IN (101, 258);
             UPDATE records SET ordinal = 3, count = 9000 WHERE seq = 300;
             UPDATE records SET seq = 1000000 WHERE seq = 350;
             UPDATE records SET seq = 1000420 WHERE seq = 420;
             UPDATE records SET kind = 6 WHERE seq = 500`);
  bent.close();
  // The newest row is none of ours: the file counts as damaged.
  const { log } = await open(dir);
  const found = await readAll(log);
  const kept = written.filter(({ logSeq }) => ![100, 101, 256, 257, 258, 300, 350, 400, 420, 500].includes(logSeq));
  expect(found.filter(({ kind }) => kind === 'samples')).toEqual(kept);
  expect(found.map(({ logMs }) => logMs)).toEqual(found.map(({ logMs }) => logMs).toSorted((a, b) => a - b));
  expect(found.filter(({ kind }) => kind === 'lost').map((record) => record.kind === 'lost' && record.samples)).toEqual(
    [100, 150, 50, 50, 50, 50, 50],
  );
});

test('a record that is not whole has the time of the one after it, wherever a page begins', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await fill(first.log, 600);
  const written = await readAll(first.log);
  await first.log.close();
  const damaged = [100, 256, 257, 400, 512];
  const bent = new DatabaseSync(join(dir, 'log.db'));
  bent.exec(`UPDATE records SET ms = 9e15 WHERE seq IN (${damaged.join()})`);
  bent.close();
  const { log } = await open(dir);
  const expected = written.map((record) => {
    if (!damaged.includes(record.logSeq)) return record;
    const after = written.find(({ logSeq }) => logSeq > record.logSeq && !damaged.includes(logSeq));
    return { kind: 'damaged', logSeq: record.logSeq, logMs: after?.logMs };
  });
  expect(await readAll(log)).toEqual(expected);
  expect(lastLogMs(dir)).toBe(written.at(-1)?.logMs);
  await log.close();
  const last = new DatabaseSync(join(dir, 'log.db'));
  last.exec('UPDATE records SET ms = 9e15 WHERE seq = 600');
  last.close();
  expect(lastLogMs(dir)).toBe(0);
});

test('damage that shows only in a commit is mended without a restart', async () => {
  const dir = tempFolder();
  const first = await open(dir);
  await fill(first.log, 400);
  await first.log.close();
  const { log, warnings } = await open(dir);
  await log.append({ kind: 'tick' });
  const written = await readAll(log);
  const path = join(dir, 'log.db');
  const other = new DatabaseSync(path);
  const root = Number(other.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'records'").get()?.rootpage);
  other.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  bend(path, (root - 1) * 4096, 8);
  // Whoever has pages in memory has to read them again.
  other.exec("INSERT INTO points VALUES (9, 'other/point')");
  other.close();
  const appended = await log.append({ kind: 'start', version: 'mended' });
  expect(appended.logSeq).toBe(402);
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('set aside')]);
  expect(asideIn(dir).length).toBeGreaterThan(0);
  expect((await readAll(log)).slice(0, 401)).toEqual(written);
  await log.close();
  expect((await readAll((await open(dir)).log)).slice(0, 401)).toEqual(written);
});

test('of damaged files two are kept; a crash before the new one was in its place is made up for', async () => {
  const dir = tempFolder();
  const path = join(dir, 'log.db');
  for (let turn = 0; turn < 3; turn++) {
    const { log } = await open(dir);
    await fill(log, 100);
    await log.close();
    if (turn < 2) bend(path, 0, 100);
  }
  const saved = tempFolder();
  const second = await open(saved);
  await fill(second.log, 7);
  await second.log.close();
  copyFileSync(join(saved, 'log.db'), `${path}.saved`);
  const { log, warnings } = await open(dir);
  expect(warnings).toHaveLength(1);
  expect(asideIn(dir).filter((name) => !/-(wal|shm)$/.test(name))).toHaveLength(2);
  expect(existsSync(`${path}.saved`)).toBe(false);
  expect(log.diskFacts().oldest.logSeq).toBe(1);
});
