import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { STALL_MS } from '../../gateway/log/commit-queue.ts';
import { DEFAULT_LOG_BOUNDS } from '../../gateway/log/log-bounds.ts';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import { StorageError } from '../../gateway/storage/storage-error.ts';
import { type Clock, systemClock } from '../../model/clock.ts';
import type { LogEntry, LogRecord, Stamp } from '../../model/log.ts';
import { type Batch, BatchBuilder } from '../../model/sample.ts';
import { failingDisk } from '../support/failing-disk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

interface Opened {
  readonly log: DurableLog;
  readonly warnings: { fields: object; message: string }[];
}

async function open(dir: string, clock: Clock = systemClock(), bounds = DEFAULT_LOG_BOUNDS): Promise<Opened> {
  const warnings: Opened['warnings'] = [];
  const log = await openLog({
    dir,
    clock,
    bounds,
    log: { info: () => undefined, warn: (fields, message) => warnings.push({ fields, message }) },
  });
  onTestFinished(() => log.close());
  return { log, warnings };
}

function batchOf(samples: number, firstValue = 0): Batch {
  const builder = new BatchBuilder();
  for (let row = 0; row < samples; row++) builder.good(row + 1, 1000 + row, 2000, firstValue + row);
  return builder.take();
}

/** 10,000 samples that do not get smaller where they wait in memory. */
function noise(): Batch {
  const builder = new BatchBuilder();
  for (let row = 0; row < 10_000; row++)
    builder.good(row + 1, 1e12 * Math.random(), 1e12 * Math.random(), Math.random());
  return builder.take();
}

/** A batch with a row of every sort. */
function mixedBatch(): Batch {
  const builder = new BatchBuilder();
  builder.good(1, 1_795_468_682_123.5, 1_795_468_682_200, -1.5);
  builder.good(4_294_967_295, 10, 20, 2 ** 53 - 1);
  builder.text(3, 11, 21, 'E-04 门锁故障');
  builder.uncertain(4, 12, 22, 'maybe', 'uncertain-status', 'status 0x40920000');
  builder.bad(5, 13, 23, 'modbus-exception', 'exception 2');
  builder.bad(6, 14, 24, 'timeout');
  return builder.take();
}

const samplesOf = (batch: Batch, link = 'link-1'): LogEntry => ({ kind: 'samples', link, batch });

const entries: readonly LogEntry[] = [
  { kind: 'start', version: '0.1.0' },
  { kind: 'tick' },
  { kind: 'link', link: 'doors', up: false, atMs: 5, reason: { zh: '连接被拒', en: 'connection refused' } },
  { kind: 'link', link: 'doors', up: true, atMs: 6, reason: null },
  { kind: 'action', action: { type: 'acknowledge', activationId: 'lift-1/trapped/7', by: 'duty' } },
  { kind: 'points', numbers: [['lift-1/mode', 1]] },
  samplesOf(mixedBatch()),
  samplesOf(batchOf(0)),
  samplesOf(batchOf(1000)),
];

async function readAll(log: DurableLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let after = 0; ; ) {
    const page = await log.read(after, 100);
    if (page.length === 0) return records;
    records.push(...page);
    after = page.at(-1)?.logSeq ?? after;
  }
}

const errorCode = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error) => (error instanceof StorageError ? error.code : error),
  );

describe('log', () => {
  test('gives back what was appended, from memory as from disk, with gapless places', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    expect(log.last).toEqual({ logSeq: 0, logMs: 0 });
    const stamps = await Promise.all(entries.map((entry) => log.append(entry)));
    expect(stamps.map(({ logSeq }) => logSeq)).toEqual(entries.map((_, index) => index + 1));
    expect(log.last).toEqual(stamps.at(-1));
    const fromMemory = await readAll(log);
    await log.close();

    const { log: again } = await open(dir);
    expect(again.last).toEqual(stamps.at(-1));
    const fromDisk = await readAll(again);
    expect(fromDisk).toEqual(fromMemory);
    expect(fromDisk).toEqual(
      entries.map((entry, index) => ({
        ...entry,
        ...stamps[index],
        ...(entry.kind === 'samples' ? { firstOrdinal: [0, 6, 6][index - 6] } : {}),
      })),
    );
    await again.append(samplesOf(batchOf(1)));
    expect((await again.read(entries.length, 10))[0]).toMatchObject({ firstOrdinal: 1006, logSeq: entries.length + 1 });
  });

  test('never lets its time go back, neither with the clock nor over a restart', async () => {
    const dir = tempFolder();
    const times = [1000, 900, 1100, 500];
    let at = 0;
    const clock: Clock = { ...systemClock(), now: () => times[at++] ?? 0 };
    const { log } = await open(dir, clock);
    const stamps: Stamp[] = [];
    for (let turn = 0; turn < 3; turn++) stamps.push(await log.append({ kind: 'tick' }));
    await log.close();
    const { log: again } = await open(dir, clock);
    stamps.push(await again.append({ kind: 'tick' }));
    expect(stamps.map(({ logMs }) => logMs)).toEqual([1000, 1000, 1100, 1100]);
  });

  test('commits what comes while it commits together, in the order of the calls', async () => {
    const { log } = await open(tempFolder());
    const stamps = await Promise.all(Array.from({ length: 5000 }, () => log.append({ kind: 'tick' })));
    expect(stamps.map(({ logSeq }) => logSeq)).toEqual(stamps.map((_, index) => index + 1));
  });

  test('read is bounded by its limit, and empty at the end', async () => {
    const { log } = await open(tempFolder());
    await Promise.all(Array.from({ length: 10 }, () => log.append({ kind: 'tick' })));
    expect((await log.read(3, 4)).map(({ logSeq }) => logSeq)).toEqual([4, 5, 6, 7]);
    expect(await log.read(10, 4)).toEqual([]);
  });

  test('follow goes from disk over memory to what is yet to come, and ends with its signal', async () => {
    const dir = tempFolder();
    const first = await open(dir);
    await Promise.all(Array.from({ length: 700 }, () => first.log.append({ kind: 'tick' })));
    await first.log.close();

    const { log } = await open(dir);
    const stop = new AbortController();
    const seen: number[] = [];
    const waiting = Promise.withResolvers<void>();
    const done = (async () => {
      for await (const page of log.follow(0, stop.signal)) {
        expect(page.length).toBeGreaterThan(0);
        seen.push(...page.map(({ logSeq }) => logSeq));
        if (seen.length === 700) waiting.resolve();
        if (seen.length === 1000) stop.abort();
      }
    })();
    await waiting.promise;
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all(Array.from({ length: 100 }, () => log.append({ kind: 'tick' })));
    }
    await done;
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  });

  test('a follower that waits ends with its signal, and with the log', async () => {
    const { log } = await open(tempFolder());
    const stop = new AbortController();
    const aborted = log.follow(0, stop.signal)[Symbol.asyncIterator]().next();
    const closed = log.follow(0, new AbortController().signal)[Symbol.asyncIterator]().next();
    stop.abort();
    expect(await aborted).toEqual({ done: true, value: undefined });
    await log.close();
    expect(await closed).toEqual({ done: true, value: undefined });
  });

  test('a slow reader holds up nobody, and finds on disk what memory no longer keeps', async () => {
    const { log } = await open(tempFolder());
    await log.append({ kind: 'tick' });
    const slow = log.follow(0, new AbortController().signal)[Symbol.asyncIterator]();
    await slow.next();
    // Far more than is kept in memory, while the reader does not ask.
    for (let turn = 0; turn < 5; turn++) {
      await Promise.all(Array.from({ length: 2000 }, () => log.append({ kind: 'tick' })));
    }
    const seen: number[] = [];
    while (seen.at(-1) !== 10_001) {
      const { done, value } = await slow.next();
      if (done) throw new Error('the follower ended');
      seen.push(...value.map(({ logSeq }) => logSeq));
    }
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 2));
  });

  test('pages from disk are bounded in bytes', async () => {
    const dir = tempFolder();
    const first = await open(dir);
    await Promise.all(Array.from({ length: 40 }, () => first.log.append(samplesOf(batchOf(10_000)))));
    await first.log.close();
    const { log } = await open(dir);
    const page = await log.read(0, 1000);
    expect(page.length).toBeGreaterThan(1);
    expect(page.length).toBeLessThan(20);
    expect(await readAll(log)).toHaveLength(40);
  });

  test('gives a damaged record in the place of what it cannot read back, with one line each, and goes on', async () => {
    const dir = tempFolder();
    const first = await open(dir);
    for (let turn = 0; turn < 6; turn++) await first.log.append(samplesOf(batchOf(10)));
    await first.log.close();
    const database = new DatabaseSync(join(dir, 'log.db'));
    // One bit of one value is not what was written.
    const bent = database.prepare('SELECT body FROM records WHERE seq = 2').get()?.body;
    if (!(bent instanceof Uint8Array)) throw new Error('the record has no bytes');
    bent[60] = (bent[60] ?? 0) ^ 4;
    database.prepare('UPDATE records SET body = ? WHERE seq = 2').run(bent);
    const damage = database.prepare('UPDATE records SET body = ?, crc = ?, kind = ? WHERE seq = ?');
    const torn = new Uint8Array(7).fill(1);
    damage.run(torn, crc32(torn), 1, 3); // Bytes are whole, but no samples.
    damage.run(torn, crc32(torn), 99, 5); // A kind of a later program.
    damage.run(torn, crc32(torn), 3, 6); // Not JSON, and last in the log.
    database.close();

    const { log, warnings } = await open(dir);
    const isDamaged = ({ kind }: LogRecord) => kind === 'damaged';
    expect((await readAll(log)).map(({ logSeq }) => logSeq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await readAll(log)).filter(isDamaged).map(({ logSeq }) => logSeq)).toEqual([2, 3, 5, 6]);
    expect(warnings).toEqual(
      [2, 3, 5, 6].map((logSeq) => ({
        fields: { logSeq, logMs: expect.any(Number) },
        message: expect.stringContaining('cannot be read'),
      })),
    );
    const stop = new AbortController();
    const seen: number[] = [];
    const atTail = Promise.withResolvers<void>();
    const following = (async () => {
      for await (const page of log.follow(0, stop.signal)) {
        seen.push(...page.map(({ logSeq }) => logSeq));
        if (seen.includes(6)) atTail.resolve();
        if (seen.includes(7)) stop.abort();
      }
    })();
    await atTail.promise;
    expect(warnings).toHaveLength(4);
    await log.append({ kind: 'tick' });
    await following;
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('refuses a second opener and names the first', async () => {
    const dir = tempFolder();
    await open(dir);
    const second = await open(dir).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(StorageError);
    expect(second).toMatchObject({
      code: 'in-use',
      text: { zh: expect.stringContaining(`${process.pid}`), en: expect.stringContaining(`process ${process.pid}`) },
    });
  });

  test('refuses a file of a newer program, and a folder that cannot be', async () => {
    const newer = tempFolder();
    const database = new DatabaseSync(join(newer, 'log.db'));
    database.exec('PRAGMA user_version = 999');
    database.close();
    expect(await errorCode(open(newer))).toBe('newer');

    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    expect(await errorCode(open(join(file, 'below')))).toBe('unreadable');
  });

  test('takes nothing after it was closed, but finishes what was under way', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    const underWay = Array.from({ length: 3000 }, () => log.append({ kind: 'tick' }));
    await log.close();
    expect((await Promise.all(underWay)).at(-1)?.logSeq).toBe(3000);
    expect(await errorCode(log.append({ kind: 'tick' }))).toBe('closed');
    expect(existsSync(join(dir, 'lock.json'))).toBe(false);
    expect((await open(dir)).log.last.logSeq).toBe(3000);
  });

  test('what the disk refuses is shown at once, and kept when the disk is back, in the same place', async () => {
    const dir = tempFolder();
    const { log, warnings } = await open(dir);
    await log.append({ kind: 'tick' });
    const disk = failingDisk(join(dir, 'log.db'), 'records');
    disk.fail();
    const shown: LogRecord[] = [];
    const kept: number[] = [];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const collect = async (into: (record: LogRecord) => void, volatile: boolean) => {
      for await (const page of log.follow(1, stop.signal, { volatile })) page.forEach(into);
    };
    void collect((record) => shown.push(record), true);
    void collect(({ logSeq }) => kept.push(logSeq), false);
    const handed = [samplesOf(batchOf(13)), ...entries].map((entry) => log.hand(entry));
    const places = await Promise.all(handed.map(({ taken }) => taken));
    expect(places.map(({ kept: isKept }) => isKept)).toEqual(places.map(() => false));
    await until('all are shown', 5000, () => shown.length === places.length);
    expect([log.last.logSeq, kept, log.firstLostSeq]).toEqual([1, [], undefined]);
    expect(log.facts().failing?.reason.en).toContain('disk is full');
    disk.mend();
    const stamps = await Promise.all(handed.map((one) => one.kept));
    expect(stamps).toEqual(places.map(({ logSeq, logMs }) => ({ logSeq, logMs })));
    await until('all are followed', 5000, () => kept.length === places.length);
    const fromMemory = await readAll(log);
    expect(fromMemory.slice(1)).toEqual(shown);
    expect(log.facts()).toMatchObject({ failing: null, waitingBytes: 0, lostSamples: 0 });
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('cannot be written')]);
    await log.close();
    expect(await readAll((await open(dir)).log)).toEqual(fromMemory);
  });

  test('does not blame the disk for a thread that was too busy to hear that all is written', async () => {
    const { log, warnings } = await open(tempFolder());
    await log.append({ kind: 'tick' });
    const handed = log.hand({ kind: 'tick' });
    const pause = new Int32Array(new SharedArrayBuffer(4));
    // The commit is under way once this turn is over; the next one lasts for longer than a write may.
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.wait(pause, 0, 0, STALL_MS + 300);
    expect(await handed.taken).toMatchObject({ kept: true });
    expect([warnings, log.facts().failing]).toEqual([[], null]);
  });

  test('what memory has no room for is shown, refused to its source, and told on disk as lost', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    await log.append({ kind: 'tick' });
    const disk = failingDisk(join(dir, 'log.db'), 'records');
    disk.fail();
    const shown: number[] = [];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    void (async () => {
      for await (const page of log.follow(1, stop.signal, { volatile: true })) shown.push(...page.map((r) => r.logSeq));
    })();
    const batch = noise();
    const ends: string[] = [];
    const hand = async () => {
      const { taken, kept } = log.hand(samplesOf(batch));
      kept.then(
        () => ends.push('kept'),
        () => ends.push('lost'),
      );
      await taken;
    };
    while (ends.length < 20) await hand();
    const firstLost = log.firstLostSeq ?? 0;
    const action = log.hand({ kind: 'action', action: { type: 'close-job', asset: 'lift-1', by: 'wang' } });
    await action.taken;
    await hand();
    await until('all are shown', 5000, () => shown.length === firstLost - 2 + 22);
    disk.mend();
    const { logSeq } = await action.kept;
    expect(logSeq).toBe(firstLost + 20);
    await log.append({ kind: 'tick' });
    expect(log.firstLostSeq).toBeUndefined();
    expect(log.facts().lostSamples).toBe(21 * 10_000);
    const tail = [
      { kind: 'lost', fromSeq: firstLost, logSeq: firstLost + 19, samples: 200_000 },
      { kind: 'action', logSeq },
      { kind: 'lost', fromSeq: logSeq + 1, logSeq: logSeq + 1, samples: 10_000 },
      { kind: 'tick', logSeq: logSeq + 2 },
    ];
    expect(await log.read(firstLost - 1, 10)).toMatchObject(tail);
    await log.close();
    const { log: again } = await open(dir);
    expect(await again.read(firstLost - 1, 10)).toMatchObject(tail);
    // Places of samples that are lost are not given again.
    await again.append(samplesOf(batchOf(1)));
    const [next] = await again.read(logSeq + 2, 1);
    expect(next).toMatchObject({ firstOrdinal: (firstLost - 2 + 21) * 10_000 });
    expect(ends.filter((end) => end === 'lost')).toHaveLength(21);
  });

  test('a disk that stalls is not waited for', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    await log.append({ kind: 'tick' });
    const other = new DatabaseSync(join(dir, 'log.db'));
    // Whoever writes beside us holds up every commit, as a disk does that does not answer.
    other.exec('BEGIN IMMEDIATE');
    const handed = log.hand(samplesOf(batchOf(3)));
    expect(await handed.taken).toMatchObject({ logSeq: 2, kept: false });
    expect(log.facts().failing?.reason.en).toContain('has not finished');
    other.exec('COMMIT');
    other.close();
    expect(await handed.kept).toMatchObject({ logSeq: 2 });
    expect(log.facts().failing).toBeNull();
  });

  test('sources wait for a disk that is slow, and no longer for one that hangs', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    await log.append({ kind: 'tick' });
    const other = new DatabaseSync(join(dir, 'log.db'));
    other.exec('BEGIN IMMEDIATE');
    const first = log.hand({ kind: 'tick' });
    await first.taken;
    const batch = noise();
    const big = Array.from({ length: 90 }, () => log.hand(samplesOf(batch)));
    const shown: number[] = [];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    void (async () => {
      for await (const page of log.follow(2, stop.signal, { volatile: true })) shown.push(...page.map((r) => r.logSeq));
    })();
    await until('all are shown', 5000, () => shown.length === 90);
    const told: number[] = [];
    for (const { taken } of big) void taken.then(({ logSeq }) => told.push(logSeq));
    await until('the first are told', 5000, () => told.length > 0);
    expect(told.length).toBeLessThan(90);
    await until('the others are told', 10_000, () => told.length === 90);
    expect(log.last.logSeq).toBe(1);
    other.exec('COMMIT');
    other.close();
    await Promise.all(big.map(({ kept }) => kept));
    expect(log.facts()).toMatchObject({ failing: null, lostSamples: 0 });
  });

  test('sources wait where the log is full of what the engine has not worked in, and go on when it has', async () => {
    const dir = tempFolder();
    const bounds = { ...DEFAULT_LOG_BOUNDS, logBytes: 2_000_000, segmentBytes: 200_000 };
    const { log, warnings } = await open(dir, systemClock(), bounds);
    log.keepFrom({ fileSeq: 0, restartSeq: 0, leaps: [], leapsKnownMs: Number.POSITIVE_INFINITY });
    let waiting: Promise<Stamp> | undefined;
    const isFull = () => warnings.some(({ message }) => message.includes('sources wait'));
    await until('the log is full', 20_000, async () => {
      const kept = log.append(samplesOf(batchOf(10_000)));
      const settled = await Promise.race([kept, new Promise((resolve) => setTimeout(resolve, 300))]);
      if (settled === undefined && isFull()) waiting = kept;
      return waiting !== undefined;
    });
    const { logSeq } = log.last;
    expect(log.facts().oldest.logSeq).toBe(1);
    log.keepFrom({ fileSeq: logSeq, restartSeq: logSeq, leaps: [], leapsKnownMs: Number.POSITIVE_INFINITY });
    expect((await waiting)?.logSeq).toBeGreaterThan(logSeq);
  });

  test('a log that closes while the disk fails ends, and says what it did not keep', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    const disk = failingDisk(join(dir, 'log.db'), 'records');
    disk.fail();
    const handed = log.hand({ kind: 'tick' });
    await handed.taken;
    await log.close();
    expect(await errorCode(handed.kept)).toBe('closed');
    disk.mend();
    expect((await open(dir)).log.last.logSeq).toBe(0);
  });

  test('loses nothing that was acknowledged when its process is killed', async () => {
    const dir = tempFolder();
    const acknowledged = new Map<number, { first: number; samples: number }>();
    // Each round: kill in the middle of the writing, and go on with what is there.
    for (const records of [1, 150, 900]) {
      for (const [seq, told] of await appendUntilKilled(dir, records)) acknowledged.set(seq, told);
      const { log } = await open(dir);
      const found = await readAll(log);
      await log.close();
      expect(found.map(({ logSeq }) => logSeq)).toEqual(found.map((_, index) => index + 1));
      let ordinal = 0;
      for (const record of found) {
        if (record.kind !== 'samples') throw new Error(`a ${record.kind} record where only samples were appended`);
        expect(record.firstOrdinal).toBe(ordinal);
        ordinal += record.batch.length;
        const told = acknowledged.get(record.logSeq);
        if (told) expect({ first: record.batch.value[0], samples: record.batch.length }).toEqual(told);
        acknowledged.delete(record.logSeq);
      }
      expect([...acknowledged.keys()]).toEqual([]);
    }
  });
});

describe('point numbers', () => {
  test('are given from 1, once, and kept over a restart', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    expect(await log.numbersFor([])).toEqual(new Map());
    const [first, second] = await Promise.all([
      log.numbersFor([{ key: 'a/x' }, { key: 'a/y' }, { key: 'a/x' }]),
      log.numbersFor([{ key: 'a/y' }, { key: 'b/x' }]),
    ]);
    expect(first).toEqual(
      new Map([
        ['a/x', 1],
        ['a/y', 2],
      ]),
    );
    expect(second).toEqual(
      new Map([
        ['a/y', 2],
        ['b/x', 3],
      ]),
    );
    expect((await readAll(log)).map((record) => record.kind === 'points' && record.numbers)).toEqual([
      [
        ['a/x', 1],
        ['a/y', 2],
      ],
      [['b/x', 3]],
    ]);
    await log.close();
    const { log: again } = await open(dir);
    expect(again.pointNumbers).toEqual(new Map([...first, ...second]));
    expect(await again.numbersFor([{ key: 'c/x' }, { key: 'a/x' }])).toEqual(
      new Map([
        ['c/x', 4],
        ['a/x', 1],
      ]),
    );
  });

  test('follow a rename; the former key is free for another point', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    await log.numbersFor([{ key: 'lift-1/mode' }, { key: 'lift-2/mode' }]);
    const wanted = [{ key: 'lift-1/mode' }, { key: 'lift-9/mode', formerly: 'lift-1/mode' }];
    const renamed = new Map([
      ['lift-1/mode', 3],
      ['lift-9/mode', 1],
    ]);
    expect(await log.numbersFor(wanted)).toEqual(renamed);
    expect(await log.numbersFor(wanted)).toEqual(renamed);
    await log.close();
    const { log: again } = await open(dir);
    expect(await again.numbersFor(wanted)).toEqual(renamed);
    expect(again.pointNumbers.get('lift-2/mode')).toBe(2);
  });

  test('are given also while the disk fails, and kept when it is back', async () => {
    const dir = tempFolder();
    const { log } = await open(dir);
    const disk = failingDisk(join(dir, 'log.db'), 'records');
    disk.fail();
    expect(await log.numbersFor([{ key: 'a/x' }])).toEqual(new Map([['a/x', 1]]));
    expect(await log.numbersFor([{ key: 'b/x' }])).toEqual(new Map([['b/x', 2]]));
    disk.mend();
    await log.append({ kind: 'tick' });
    await log.close();
    expect((await open(dir)).log.pointNumbers).toEqual(
      new Map([
        ['a/x', 1],
        ['b/x', 2],
      ]),
    );
  });
});

/** Runs the appender on `dir` and kills it after `records` acknowledgements; gives those that were told. */
async function appendUntilKilled(
  dir: string,
  records: number,
): Promise<Map<number, { first: number; samples: number }>> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./log-appender.ts', import.meta.url)), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const told = new Map<number, { first: number; samples: number }>();
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be torn by the kill.
    if (!line.endsWith(']')) continue;
    const [logSeq, first, samples] = JSON.parse(line) as [number, number, number];
    told.set(logSeq, { first, samples });
    if (told.size === records) child.kill('SIGKILL');
  }
  await exited;
  expect(told.size).toBeGreaterThanOrEqual(records);
  return told;
}
