import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Clock } from '../../model/clock.ts';
import type { LogRecord } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { type DurableLog, openLog } from './open-log.ts';
import { openLogForReading, type StoredLog } from './read-log.ts';

const quiet = { info: () => undefined, warn: () => undefined };

/** A log with a record at each of these times. */
async function logOf(dir: string, times: readonly number[]): Promise<DurableLog> {
  let nowMs = 0;
  const clock: Clock = { now: () => nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
  const log = await openLog({ dir, clock, log: quiet });
  for (const ms of times) {
    nowMs = ms;
    const builder = new BatchBuilder();
    builder.good(1, ms, ms, ms / 3);
    void log.append(ms % 2 === 0 ? { kind: 'tick' } : { kind: 'samples', link: 'l', batch: builder.take() });
  }
  await log.append({ kind: 'points', numbers: [['lamp/power', 1]] });
  return log;
}

async function all(stored: StoredLog, after: number, through: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const page of stored.records(after, through)) records.push(...page);
  return records;
}

function opened(dir: string): StoredLog {
  const stored = openLogForReading(dir);
  if (!stored) throw new Error('no log');
  return stored;
}

test('gives what its writer reads, also while that one goes on', async () => {
  const dir = tempFolder();
  const log = await logOf(
    dir,
    Array.from({ length: 700 }, (_, n) => 1000 + n),
  );
  const stored = opened(dir);
  await log.append({ kind: 'tick' });
  expect(stored.first).toEqual({ logSeq: 1, logMs: 1000 });
  expect(stored.last).toEqual({ logSeq: 701, logMs: 1699 });
  expect([...stored.pointNumbers]).toEqual([['lamp/power', 1]]);
  const written: LogRecord[] = [];
  for (let after = 0; after < 701; after = written.length) written.push(...(await log.read(after, 701 - after)));
  expect(await all(stored, 0, 701)).toEqual(written);
  expect(await all(stored, 300, 650)).toEqual(written.slice(300, 650));
  expect(await all(stored, 650, 650)).toEqual([]);
  await stored.close();
  await log.close();
});

test('finds the last record before a time', async () => {
  const dir = tempFolder();
  await (await logOf(dir, [10, 10, 20, 20, 20, 50])).close();
  const stored = opened(dir);
  const found = [0, 10, 11, 20, 21, 50, 51, 1e15].map((ms) => stored.lastSeqBefore(ms));
  expect(found).toEqual([0, 0, 2, 2, 5, 5, 7, 7]);
  await stored.close();
});

test('tells records that are no longer there as lost, and says which are damaged', async () => {
  const dir = tempFolder();
  await (await logOf(dir, [10, 11, 12, 13, 14, 15, 16, 17])).close();
  const database = new DatabaseSync(join(dir, 'log.db'));
  database.exec('DELETE FROM records WHERE seq < 3 OR seq IN (5, 6); UPDATE records SET crc = 0 WHERE seq = 4');
  database.close();
  const stored = opened(dir);
  expect(stored.first).toEqual({ logSeq: 3, logMs: 12 });
  expect((await all(stored, 2, 9)).map(({ logSeq, kind }) => [logSeq, kind])).toEqual([
    [3, 'tick'],
    [4, 'damaged'],
    [6, 'lost'],
    [7, 'tick'],
    [8, 'samples'],
    [9, 'points'],
  ]);
  expect([0, 12, 13, 14, 16, 17, 18].map((ms) => stored.lastSeqBefore(ms))).toEqual([2, 2, 3, 4, 4, 7, 9]);
  await stored.close();
});

test('there is none in a folder without one, or with one that is empty', async () => {
  const dir = tempFolder();
  expect(openLogForReading(dir)).toBeUndefined();
  const clock: Clock = { now: () => 1, rate: 1, simulated: true, delay: () => Promise.resolve() };
  await (await openLog({ dir, clock, log: quiet })).close();
  expect(openLogForReading(dir)).toBeUndefined();
});

test('refuses a log of a newer program', async () => {
  const dir = tempFolder();
  await (await logOf(dir, [1])).close();
  const database = new DatabaseSync(join(dir, 'log.db'));
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => openLogForReading(dir)).toThrow(expect.objectContaining({ code: 'newer' }));
});
