import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CountedHome, FoundDatabase } from '../../gateway/history/counted-home.ts';
import { type ChangeSource, type HistoryReader, startHistoryReader } from '../../gateway/history/history-reader.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { openLog } from '../../gateway/log/open-log.ts';
import { systemClock } from '../../model/clock.ts';
import { type Outcome, ordinalAt, type SampleBlock } from '../../model/history.ts';
import type { Log, LogRecord } from '../../model/log.ts';
import { describeWithServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { blockOf, lookup, pointOf, type Row } from './history-samples.ts';

const T = 1_795_464_000_000;
const WITHIN_MS = 20_000;
const silent = { info: () => undefined, warn: () => undefined };
const noChanges: ChangeSource = { after: () => [], onChanged: () => () => undefined };

/** A home that keeps the ordinals that it was given, and ends a write when the test says so. */
class HeldHome implements CountedHome {
  readonly identity = 'held';
  database: FoundDatabase | undefined;
  readonly writesInFlight = 4;
  readonly skipped = { unknownPoint: 0, impossibleTime: 0, changes: 0 };
  readonly ordinals: number[] = [];
  readonly writes: { readonly blocks: readonly SampleBlock[]; readonly end: (outcome: Outcome) => void }[] = [];
  /** Whether writes are done by themselves. */
  open = false;
  mostInFlight = 0;
  #inFlight = 0;

  async writeSamples(blocks: readonly SampleBlock[], signal: AbortSignal): Promise<Outcome> {
    this.#inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.writes.push({ blocks, end: resolve });
    signal.addEventListener('abort', () => resolve({ outcome: 'retry', afterMs: 1, reason: 'stopped' }), {
      once: true,
    });
    if (this.open) resolve({ outcome: 'done' });
    const outcome = await promise;
    this.#inFlight--;
    if (outcome.outcome !== 'done') return outcome;
    for (const block of blocks) {
      for (let row = 0; row < block.batch.length; row++) this.ordinals.push(ordinalAt(block, row));
    }
    return outcome;
  }

  writeChanges = (): Promise<Outcome> => Promise.resolve({ outcome: 'done' });
  series = () => Promise.reject(new Error('nobody asks'));
  chart = this.series;
  samples = this.series;
  states = this.series;
  close = () => Promise.resolve();
}

/** A log of records with `rows` samples each, one record a second, as the time of the log goes. */
async function logOf(dir: string, records: number, rows = 1) {
  let now = T;
  const log = await openLog({ dir, clock: { ...systemClock(), now: () => now }, log: silent });
  onTestFinished(() => log.close());
  let ordinal = 0;
  const append = async () => {
    now += 1000;
    const samples = Array.from({ length: rows }, (_, row): Row => [1, now + row, ordinal + row]);
    ordinal += rows;
    return await log.append({ kind: 'samples', link: 'l', batch: blockOf(0, samples).batch });
  };
  for (let record = 0; record < records; record++) await append();
  return { log, append };
}

async function readerOf(log: Log, home: CountedHome, offsetFile: string): Promise<HistoryReader> {
  const reader = await startHistoryReader({ log, changes: noChanges, home, offsetFile, logger: silent });
  onTestFinished(() => reader.stop());
  return reader;
}

const allOnce = (ordinals: readonly number[], count: number) =>
  expect([...ordinals].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, ordinal) => ordinal));

test('has several writes under way, and never counts as done what comes after one that is not', async () => {
  const dir = tempFolder();
  // Two batches, as far as their bound on samples goes.
  const { log } = await logOf(join(dir, 'log'), 30, 1000);
  const home = new HeldHome();
  const reader = await readerOf(log, home, join(dir, 'offset.json'));
  const [first, second] = await until(
    'two writes are under way',
    WITHIN_MS,
    () => home.writes.length >= 2 && home.writes,
  );
  second?.end({ outcome: 'done' });
  await until('the second is done', WITHIN_MS, () => home.ordinals.length > 0);
  expect(reader.facts()).toMatchObject({ offset: { logSeq: 0 }, behindMs: 29_000 });
  expect(reader.facts().waitingRecords).toBeLessThan(30);
  first?.end({ outcome: 'done' });
  home.open = true;
  for (const write of home.writes) write.end({ outcome: 'done' });
  await until('all is written', WITHIN_MS, () => reader.facts().offset.logSeq === 30);
  expect(reader.facts()).toMatchObject({ behindMs: 0, waitingRecords: 0, writtenSamples: 30_000 });
  allOnce(home.ordinals, 30_000);
});

test('brings what is new home while a backlog is still being written, and each sample once', async () => {
  const dir = tempFolder();
  const { log, append } = await logOf(join(dir, 'log'), 1000, 100);
  const home = new HeldHome();
  const offsetFile = join(dir, 'offset.json');
  const reader = await readerOf(log, home, offsetFile);
  // The oldest come first; they are old, so the next lane begins with the newest.
  await until('the first write', WITHIN_MS, () => home.writes.length > 0);
  home.writes[0]?.end({ outcome: 'done' });
  await until('the backlog is under way', WITHIN_MS, () => home.writes.length >= 3);
  const newest = (await append()).logSeq;
  const isNew = ({ blocks }: HeldHome['writes'][number]) => blocks.some(({ logSeq }) => logSeq === newest);
  const write = await until('the new sample is handed over', WITHIN_MS, () => home.writes.find(isNew));
  write.end({ outcome: 'done' });
  await until('it is home', WITHIN_MS, () => home.ordinals.includes(100_000));
  expect(reader.facts().offset.logSeq).toBeLessThan(1000);
  await until('it is noted', WITHIN_MS, () => readFileSync(offsetFile, 'utf8').includes('"throughSeq":1001'));
  expect(home.mostInFlight).toBeLessThanOrEqual(4);
  await reader.stop();

  // After a restart it goes on where it was, on both sides of the gap.
  home.open = true;
  const second = await readerOf(log, home, offsetFile);
  await until('all is written', WITHIN_MS, () => second.facts().offset.logSeq === newest);
  expect(new Set(home.ordinals).size).toBe(100_100);
  await until('nothing is ahead any more', WITHIN_MS, () => !readFileSync(offsetFile, 'utf8').includes('ahead'));
});

test('counts what the log has lost before it could be written', async () => {
  const dir = tempFolder();
  const sample = { ...blockOf(0, [[1, T, 1]]), kind: 'samples' as const, link: 'l' };
  const records: LogRecord[] = [
    { ...sample, logSeq: 1, logMs: T },
    { kind: 'lost', fromSeq: 2, logSeq: 6, logMs: T + 1, samples: 40 },
    { kind: 'damaged', logSeq: 7, logMs: T + 2 },
    { ...sample, firstOrdinal: 41, logSeq: 8, logMs: T + 3 },
  ];
  const log: Pick<Log, 'last' | 'read' | 'follow'> = {
    last: { logSeq: 8, logMs: T + 3 },
    read: async () => records.slice(0, 1),
    async *follow(afterSeq, signal) {
      yield records.filter(({ logSeq }) => logSeq > afterSeq);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
  };
  const home = new HeldHome();
  home.open = true;
  const reader = await readerOf(log as Log, home, join(dir, 'offset.json'));
  await until('all is written', WITHIN_MS, () => reader.facts().offset.logSeq === 8);
  expect(reader.facts()).toMatchObject({ lostRecords: 6, lostSamples: 40, writtenSamples: 2, waitingRecords: 0 });
});

test('begins anew on both lanes where the database has become another one', async () => {
  const dir = tempFolder();
  const { log, append } = await logOf(join(dir, 'log'), 1000, 100);
  const home = new HeldHome();
  home.database = { identity: 'first', hadRows: false };
  const offsetFile = join(dir, 'offset.json');
  const reader = await readerOf(log, home, offsetFile);
  await until('the first write', WITHIN_MS, () => home.writes.length > 0);
  home.writes[0]?.end({ outcome: 'done' });
  await until('both lanes are under way', WITHIN_MS, () => home.writes.length >= 3);
  const newest = (await append()).logSeq;
  await until('it is noted', WITHIN_MS, () => readFileSync(offsetFile, 'utf8').includes('"database":"first"'));
  expect(reader.facts().offset.logSeq).toBeGreaterThan(0);
  const before = [...home.writes];
  home.ordinals.length = 0;
  home.database = { identity: 'second', hadRows: false };
  // One of them ends; the others are given up.
  before.at(-1)?.end({ outcome: 'retry', afterMs: 0, reason: 'reset' });
  await until('writes of the new round', WITHIN_MS, () => home.writes.length > before.length);
  expect(reader.facts()).toMatchObject({ offset: { logSeq: 0 }, waitingRecords: 1001, lastError: null });
  expect(reader.facts().behindMs).toBe(1_000_000);
  expect(reader.facts().lastFault?.reason).toContain('without what had been written');
  await until('it is noted', WITHIN_MS, () =>
    readFileSync(offsetFile, 'utf8').includes('"database":"second","logSeq":0'),
  );
  home.open = true;
  for (const write of home.writes) write.end({ outcome: 'done' });
  await until('all is written', WITHIN_MS, () => reader.facts().offset.logSeq === newest);
  allOnce(home.ordinals, 100_100);
});

test('goes on with an offset that knows no database only where an earlier version has filled it', async () => {
  const dir = tempFolder();
  const { log } = await logOf(join(dir, 'log'), 10);
  const offsetFile = join(dir, 'offset.json');
  const writtenOf = async (offset: object, database: FoundDatabase | undefined) => {
    writeFileSync(offsetFile, JSON.stringify({ identity: 'held', change: { logSeq: 0, ordinal: -1 }, ...offset }));
    const home = new HeldHome();
    home.open = true;
    home.database = database;
    const reader = await readerOf(log, home, offsetFile);
    await until('all is written', WITHIN_MS, () => reader.facts().offset.logSeq === 10);
    await reader.stop();
    return [new Set(home.ordinals).size, JSON.parse(readFileSync(offsetFile, 'utf8')).database];
  };
  expect(await writtenOf({ logSeq: 8 }, { identity: 'a', hadRows: true })).toEqual([2, 'a']);
  expect(await writtenOf({ logSeq: 8 }, { identity: 'a', hadRows: false })).toEqual([10, 'a']);
  expect(await writtenOf({ logSeq: 8, database: 'a' }, { identity: 'a', hadRows: false })).toEqual([2, 'a']);
  expect(await writtenOf({ logSeq: 8, database: 'b' }, { identity: 'a', hadRows: true })).toEqual([10, 'a']);
  // A server that says nothing is trusted as before, and the offset keeps what it knows.
  expect(await writtenOf({ logSeq: 8, database: 'b' }, undefined)).toEqual([2, 'b']);
  expect(await writtenOf({ logSeq: 8 }, undefined)).toEqual([2, undefined]);
});

test('ends with the log, without going round in circles', async () => {
  const dir = tempFolder();
  const { log } = await logOf(join(dir, 'log'), 3);
  const home = new HeldHome();
  home.open = true;
  const reader = await readerOf(log, home, join(dir, 'offset.json'));
  await until('all is written', WITHIN_MS, () => reader.facts().offset.logSeq === 3);
  await log.close();
  await reader.stop();
});

await describeWithServer('influxd', 'a backlog on InfluxDB', () => {
  test('is written beside what is new, over a crash of the server, and nothing is twice', async () => {
    const dir = tempFolder();
    const server = await startInfluxd();
    onTestFinished(() => server.remove());
    const { log, append } = await logOf(join(dir, 'log'), 1200, 100);
    const home = influxHistory({ url: server.url, database: 'site', lookup });
    onTestFinished(() => home.close());
    const reader = await readerOf(log, home, join(dir, 'offset.json'));
    await until('some is written', WITHIN_MS, () => reader.facts().writtenSamples > 0);
    await server.kill();
    const last = (await append()).logSeq;
    await server.start();
    await until('all is written', 2 * WITHIN_MS, () => reader.facts().offset.logSeq === last);
    const series = await home.series(pointOf('double'), T, T + 1_300_000, 1);
    expect(series.count).toEqual([120_100]);
  });
});
