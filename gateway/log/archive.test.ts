import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../model/clock.ts';
import type { Leap } from '../../model/leaps.ts';
import type { LogRecord } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { lastLogMs } from './last-log-ms.ts';
import { DEFAULT_LOG_BOUNDS, type LogBounds } from './log-bounds.ts';
import { type DurableLog, openLog } from './open-log.ts';
import { openLogForReading } from './read-log.ts';

const KIB = 1024;
const SMALL: LogBounds = { ...DEFAULT_LOG_BOUNDS, logBytes: 1024 * KIB, segmentBytes: 256 * KIB };

class Bench {
  readonly dir = tempFolder();
  readonly warnings: { fields: object; message: string }[] = [];
  nowMs = 1_800_000_000_000;
  leaps: Leap[] = [];
  log!: DurableLog;

  async open(bounds: LogBounds = SMALL, minimumSeq = 0): Promise<void> {
    const clock: Clock = { now: () => this.nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
    const warn = (fields: object, message: string) => this.warnings.push({ fields, message });
    const log = await openLog({ dir: this.dir, clock, log: { info: () => undefined, warn }, bounds, minimumSeq });
    onTestFinished(() => log.close());
    this.log = log;
  }

  /** The engine has worked in records up to there, leaps are known up to now, and its newest stored snapshot is of `snapshotSeq`. */
  workedIn(fileSeq: number, snapshotSeq = fileSeq): void {
    this.log.keepFrom({ fileSeq, restartSeq: snapshotSeq, leaps: this.leaps, leapsKnownMs: this.nowMs });
  }

  /** Appends so many records, a second apart: ticks and batches of noise, which does not compress. */
  async fill(records: number, samples = 100): Promise<void> {
    const appended: Promise<unknown>[] = [];
    for (let record = 0; record < records; record++) {
      this.nowMs += 1000;
      const builder = new BatchBuilder();
      for (let row = 0; row < samples; row++) builder.good(row + 1, this.nowMs - row, this.nowMs, Math.random());
      appended.push(
        this.log.append(record % 5 === 0 ? { kind: 'tick' } : { kind: 'samples', link: 'l', batch: builder.take() }),
      );
      if (appended.length >= 100) await Promise.all(appended.splice(0));
    }
    await Promise.all(appended);
  }

  async all(): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    for (;;) {
      const page = await this.log.read(records.at(-1)?.logSeq ?? 0, 256);
      if (page.length === 0) return records;
      records.push(...page);
    }
  }

  async within(bytes = SMALL.logBytes): Promise<void> {
    await until('the log is within its bounds', 10_000, () => this.usedBytes() <= bytes);
    await until('the log says so', 5000, () => this.log.diskFacts().bytes === this.usedBytes());
  }

  /** What the file has in use at this moment. */
  usedBytes(): number {
    const database = new DatabaseSync(join(this.dir, 'log.db'), { readOnly: true });
    const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
    const free = Number(database.prepare('PRAGMA freelist_count').get()?.freelist_count);
    database.close();
    return (pages - free) * 4096;
  }

  segments(): string[] {
    return readdirSync(join(this.dir, 'archive')).sort();
  }

  segmentPath(place: number): string {
    return join(this.dir, 'archive', this.segments().at(place) ?? '');
  }
}

async function bench(bounds: LogBounds = SMALL): Promise<Bench> {
  const made = new Bench();
  await made.open(bounds);
  return made;
}

/** A log of 1200 records, of which about half have moved. */
async function archived(bounds: LogBounds = SMALL): Promise<{ one: Bench; before: LogRecord[] }> {
  const one = await bench(bounds);
  await one.fill(1200);
  const before = await one.all();
  one.workedIn(one.log.last.logSeq);
  await until('records have moved', 10_000, () => one.log.diskFacts().oldest.logSeq > 1);
  await one.within(bounds.logBytes);
  return { one, before };
}

const samplesOf = (records: readonly LogRecord[]) =>
  records.reduce((sum, record) => sum + (record.kind === 'samples' ? record.batch.length : 0), 0);

/** A log as it must be read where `records` without those from one place to another are left. */
function without(records: readonly LogRecord[], fromSeq: number, throughSeq: number): LogRecord[] {
  const gone = records.filter(({ logSeq }) => logSeq >= fromSeq && logSeq <= throughSeq);
  const logMs = records.find(({ logSeq }) => logSeq > throughSeq)?.logMs ?? 0;
  return [
    ...records.filter(({ logSeq }) => logSeq < fromSeq),
    { kind: 'lost', logSeq: throughSeq, logMs, fromSeq, samples: samplesOf(gone) },
    ...records.filter(({ logSeq }) => logSeq > throughSeq),
  ];
}

test('what goes beyond the bytes moves to the archive, and is read from there as if it were in the log', async () => {
  const { one, before } = await archived();
  const facts = one.log.diskFacts();
  expect(facts.oldest.logSeq).toBeGreaterThan(300);
  expect(facts.oldestArchived).toEqual({ logSeq: 1, logMs: before[0]?.logMs });
  expect(facts).toMatchObject({ overfull: null, dropped: { records: 0, samples: 0 } });
  expect(one.log.facts()).toMatchObject({ archiveBytes: facts.archiveBytes, oldest: facts.oldest, bytes: facts.bytes });
  const files = one.segments();
  expect(files.length).toBeGreaterThan(2);
  expect(files[0]).toMatch(/^000000000001-000000000\d\d\d\.20270115T080001\.000Z-20270115T08\d{4}\.000Z\.zst$/);
  const sizes = files.map((file) => statSync(join(one.dir, 'archive', file)).size);
  expect(facts.archiveBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  // From 4,096 records on they are in memory, too.
  await one.log.close();
  await one.open();
  expect(await one.all()).toEqual(before);

  const stored = openLogForReading(one.dir);
  if (!stored) throw new Error('no log');
  onTestFinished(() => stored.close());
  const replayed: LogRecord[] = [];
  for await (const page of stored.records(0, stored.last.logSeq)) replayed.push(...page);
  expect(replayed).toEqual(before);
  expect(stored.first).toEqual({ logSeq: 1, logMs: before[0]?.logMs });
  for (const at of [0, 1, 150, 151, 500, 880, 1199]) {
    const { logMs, logSeq } = before[at] ?? { logMs: 0, logSeq: 0 };
    expect([stored.lastSeqBefore(logMs), stored.lastSeqBefore(logMs + 1)]).toEqual([logSeq - 1, logSeq]);
  }
  expect(lastLogMs(one.dir)).toBe(before.at(-1)?.logMs);
});

test('what the engine has not worked in stays, and the log says that it is over its bound for that', async () => {
  const one = await bench();
  await one.fill(1200);
  one.workedIn(200);
  await until('what it has worked in has moved', 5000, () => one.log.diskFacts().oldest.logSeq === 201);
  await until('the log says so', 5000, () => one.log.diskFacts().overfull === 'engine');
  expect(one.log.diskFacts().oldest.logSeq).toBe(201);
  expect(one.log.diskFacts().bytes).toBeGreaterThan(SMALL.logBytes);
  one.workedIn(1200);
  await one.within();
  await until('it is within its bounds again', 5000, () => one.log.diskFacts().overfull === null);
});

test('the file stays at its bound while ten times as much goes through it', async () => {
  const one = await bench();
  for (let turn = 0; turn < 20; turn++) {
    await one.fill(300);
    one.workedIn(one.log.last.logSeq);
    await one.within();
  }
  await one.log.close();
  const { size } = statSync(join(one.dir, 'log.db'));
  expect(size).toBeGreaterThan(SMALL.logBytes / 2);
  expect(size).toBeLessThan(SMALL.logBytes * 2);
  await one.open();
  expect((await one.all()).map(({ logSeq }) => logSeq)).toEqual(Array.from({ length: 6000 }, (_, index) => index + 1));
});

test('what is older than the bound moves, too, also when there is room', async () => {
  const one = await bench({ ...DEFAULT_LOG_BOUNDS, logAgeMs: 600_000 });
  await one.fill(500, 3);
  one.workedIn(500);
  await one.fill(200, 3);
  one.workedIn(700);
  await until('the oldest have moved', 5000, () => one.log.diskFacts().oldest.logSeq > 1);
  expect(one.log.diskFacts().oldest.logSeq).toBe(100);
  expect((await one.all()).length).toBe(700);
});

test('an archive beyond its bound loses its oldest segments; a reader is told how much it has missed', async () => {
  const { one, before } = await archived({ ...SMALL, archiveBytes: 300 * KIB });
  await one.log.close();
  await one.open();
  const { archiveBytes, oldestArchived } = one.log.diskFacts();
  expect(archiveBytes).toBeLessThan(300 * KIB);
  const gone = oldestArchived.logSeq - 1;
  expect(gone).toBeGreaterThan(100);
  expect(await one.all()).toEqual(without(before, 1, gone));
  expect((await one.log.read(gone, 1))[0]).toEqual(before[gone]);
  // In the middle of what is gone: by share.
  const part = (await one.log.read(Math.floor(gone / 2), 1))[0];
  if (part?.kind !== 'lost') throw new Error('nothing is told as lost');
  expect(part).toMatchObject({ fromSeq: Math.floor(gone / 2) + 1, logSeq: gone });
  expect(Math.abs(part.samples / samplesOf(before.slice(Math.floor(gone / 2), gone)) - 1)).toBeLessThan(0.05);
});

test('segments older than the bound go', async () => {
  const one = await bench({ ...SMALL, archiveAgeMs: 800_000 });
  await one.fill(1200);
  one.workedIn(1200);
  await one.within();
  await until('the oldest are gone', 5000, () => one.log.diskFacts().oldestArchived.logSeq > 1);
  const files = one.segments();
  await one.fill(400);
  one.workedIn(1600);
  await until('more are gone', 5000, () => one.log.diskFacts().oldestArchived.logSeq > 400);
  expect(one.segments()[0]).not.toBe(files[0]);
});

test('a leap of the clock makes nothing too old, neither in the log nor in the archive', async () => {
  const one = await bench({ ...DEFAULT_LOG_BOUNDS, logAgeMs: 600_000, archiveAgeMs: 900_000, segmentBytes: 4 * KIB });
  await one.fill(500, 3);
  one.leaps = [{ fromMs: one.nowMs, toMs: one.nowMs + 1e9 }];
  one.nowMs += 1e9;
  await one.fill(50, 3);
  one.workedIn(550);
  await one.fill(200, 3);
  one.workedIn(750);
  // Ten minutes that were seen to pass, and less than a sixteenth more, after which it begins to move.
  await until('the oldest have moved', 5000, () => one.log.diskFacts().oldest.logSeq > 112);
  expect(one.log.diskFacts().oldest.logSeq).toBeLessThanOrEqual(150);
  expect(one.log.diskFacts().oldestArchived.logSeq).toBe(1);
  await one.fill(400, 3);
  one.workedIn(1150);
  await until('the oldest of the archive are gone', 5000, () => one.log.diskFacts().oldestArchived.logSeq > 100);
  expect(one.log.diskFacts().oldestArchived.logSeq).toBeLessThan(251);
});

test('a leap of which the log has not been told yet makes nothing too old either', async () => {
  const one = await bench({ ...SMALL, archiveAgeMs: 3_600_000 });
  await one.fill(1200);
  one.workedIn(1200);
  await one.within();
  const known = { leaps: one.leaps, leapsKnownMs: one.nowMs };
  one.nowMs += 1e11;
  await one.fill(400);
  one.log.keepFrom({ fileSeq: 1600, restartSeq: 1600, ...known });
  await one.within();
  expect(one.log.diskFacts().oldestArchived.logSeq).toBe(1);
});

test('a crash between the segment and the removal of its rows doubles nothing', async () => {
  const one = await bench();
  await one.fill(1200);
  const before = await one.all();
  await one.log.close();
  copyFileSync(join(one.dir, 'log.db'), join(one.dir, 'log.before'));
  await one.open();
  one.workedIn(1200);
  await one.within();
  await one.log.close();
  // As if the rows had not been removed yet; and a segment that was not finished.
  copyFileSync(join(one.dir, 'log.before'), join(one.dir, 'log.db'));
  const unfinished = join(
    one.dir,
    'archive',
    '000000000900-000000000901.20270115T080001.000Z-20270115T080001.000Z.zst.unfinished',
  );
  writeFileSync(unfinished, 'half');
  const files = one.segments().slice(0, 3);
  // Other segments than the first time, if it made any of the same records.
  await one.open({ ...SMALL, segmentBytes: 200 * KIB });
  expect(await one.all()).toEqual(before);
  one.workedIn(1200);
  await one.within();
  expect(one.segments().slice(0, 3)).toEqual(files);
  const ends = one.segments().map((name) => name.split('.')[0]?.split('-').map(Number) ?? []);
  expect(ends.slice(1).map(([first]) => first)).toEqual(ends.slice(0, -1).map(([, last]) => (last ?? 0) + 1));
  expect(existsSync(unfinished)).toBe(false);
  await one.log.close();
  await one.open();
  expect(await one.all()).toEqual(before);
});

test('of a damaged segment everything but the damaged block is read, and the file is named once', async () => {
  const { one, before } = await archived();
  await one.log.close();
  const path = one.segmentPath(1);
  const [, firstSeq, lastSeq] = /(\d+)-(\d+)\./.exec(path) ?? [];
  const bytes = readFileSync(path);
  bytes[bytes.length - 1000] = (bytes[bytes.length - 1000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await one.open();
  expect(await one.all()).toEqual(without(before, Number(firstSeq), Number(lastSeq)));
  await one.all();
  expect(one.warnings).toEqual([
    { fields: { file: basename(path) }, message: expect.stringContaining('archive is damaged') },
  ]);
});

test('a segment that was cut off, and one that is gone, are told as lost', async () => {
  const { one, before } = await archived();
  await one.log.close();
  const [cut, gone] = [one.segmentPath(0), one.segmentPath(2)];
  truncateSync(cut, 1000);
  const [, firstSeq, lastSeq] = /(\d+)-(\d+)\./.exec(gone) ?? [];
  const [, , cutSeq] = /(\d+)-(\d+)\./.exec(cut) ?? [];
  rmSync(gone);
  await one.open();
  const expected = without(without(before, Number(firstSeq), Number(lastSeq)), 1, Number(cutSeq));
  expect(await one.all()).toEqual(expected);
});

test.skipIf(process.getuid?.() !== 0)(
  'a full disk of the archive costs the oldest records only, counted and told',
  async () => {
    const one = new Bench();
    const folder = join(one.dir, 'archive');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['-l', folder]));
    await one.open();
    await one.fill(1200);
    const before = await one.all();
    one.workedIn(1200);
    await one.within();
    const facts = one.log.diskFacts();
    expect(facts.archiveBytes).toBeGreaterThan(0);
    expect(facts.dropped.records).toBeGreaterThan(50);
    const messages = one.warnings.map(({ message }) => message);
    expect(messages).toEqual([
      expect.stringContaining('archive cannot be written'),
      expect.stringContaining('removed for good'),
    ]);
    expect(one.segments().every((file) => file.endsWith('.zst'))).toBe(true);
    await one.fill(10);
    expect(one.log.last.logSeq).toBe(1210);
    await one.log.close();
    await one.open();
    const lost = (await one.all()).find(({ kind }) => kind === 'lost');
    if (lost?.kind !== 'lost') throw new Error('nothing is told as lost');
    expect(lost).toMatchObject({ fromSeq: lost.logSeq - facts.dropped.records + 1, samples: facts.dropped.samples });
    expect(samplesOf(before.slice(lost.fromSeq - 1, lost.logSeq))).toBe(facts.dropped.samples);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'with a full disk of the archive nothing is dropped that a restart needs: entries wait in memory, and are seen',
  async () => {
    const one = new Bench();
    const folder = join(one.dir, 'archive');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', folder]);
    onTestFinished(() => void execFileSync('umount', ['-l', folder]));
    await one.open();
    await one.fill(1200);
    const before = await one.all();
    one.workedIn(1200, 150);
    await until('all that may go is gone', 10_000, () => one.log.diskFacts().oldest.logSeq === 151);
    await until('the log says so', 5000, () => one.log.diskFacts().overfull === 'restart');
    const waiting = one.log.hand({ kind: 'tick' });
    expect(await waiting.taken).toMatchObject({ logSeq: 1201, kept: false });
    expect(one.log.facts().failing?.reason.en).toContain('a restart needs');
    expect(one.log.last.logSeq).toBe(1200);
    expect(await one.log.read(150, 50)).toEqual(before.slice(150, 200));
    one.workedIn(1200);
    expect(await waiting.kept).toMatchObject({ logSeq: 1201 });
    expect(one.log.facts().failing).toBeNull();
    expect(one.log.diskFacts().oldest.logSeq).toBeGreaterThan(151);
  },
);

test('an archive beyond its bound keeps what a restart needs', async () => {
  const one = await bench({ ...SMALL, archiveBytes: 300 * KIB });
  await one.fill(1200);
  one.workedIn(1200, 100);
  await one.within();
  expect(one.log.diskFacts()).toMatchObject({ oldestArchived: { logSeq: 1 } });
  expect(one.log.diskFacts().archiveBytes).toBeGreaterThan(300 * KIB);
  one.workedIn(1200);
  await one.fill(200);
  one.workedIn(1400);
  await until('the oldest are gone', 5000, () => one.log.diskFacts().oldestArchived.logSeq > 100);
});
