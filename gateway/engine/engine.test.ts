import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Activation } from '../../model/alarm.ts';
import type { Clock } from '../../model/clock.ts';
import type { LogEntry, LogRecord } from '../../model/log.ts';
import type { OutboxEntry } from '../../model/outbox.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { Site } from '../../model/site.ts';
import { failingDisk } from '../../test/support/failing-disk.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { noticesFor } from '../duty/notices.ts';
import { type DurableLog, openLog } from '../log/open-log.ts';
import { StorageError } from '../storage/storage-error.ts';
import { type Engine, startEngine } from './engine.ts';
import { openState, type State } from './open-state.ts';

const text = { zh: '泵', en: 'pump' };
const site: Site = {
  key: 'test',
  name: text,
  timeZone: 'Asia/Shanghai',
  latitude: 23,
  longitude: 113,
  systems: [{ key: 'pumps', name: text, rates: [] }],
  links: [{ key: 'line', name: text, protocol: 'modbus', settings: {} }],
  assets: [
    {
      key: 'pump',
      name: text,
      profile: 'pump',
      system: 'pumps',
      link: 'line',
      location: {},
      points: [{ key: 'pump/running', point: 'running', name: text, kind: 'bool', staleAfterMs: 5000, address: null }],
    },
  ],
  profiles: {
    pump: {
      key: 'pump',
      name: text,
      points: { running: { kind: 'bool', name: text, staleAfterMs: 5000 } },
      up: 'running',
      alarms: [
        {
          key: 'stopped',
          priority: 1,
          when: '!running',
          onDelayMs: 0,
          offDelayMs: 0,
          text,
          consequence: text,
          action: text,
        },
      ],
    },
  },
  people: [{ key: 'zhang', name: text, upToPriority: 3, channels: [{ kind: 'webhook', settings: {} }] }],
  planned: [],
  campaigns: [],
  hash: 'h',
};

/** Everything that one run of the gateway opens on a data folder. */
class Bench {
  readonly dir: string;
  nowMs = Date.parse('2026-06-15T21:00:00+08:00');
  errors: string[] = [];
  /** Events of alarms, as they were told. */
  told: string[] = [];
  log!: DurableLog;
  stored!: State;
  engine!: Engine;
  /** What the engine reads from. */
  reads = (log: DurableLog): DurableLog => log;

  constructor(dir: string) {
    this.dir = dir;
  }

  async open(): Promise<void> {
    const clock: Clock = { now: () => this.nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
    const quiet = { info: () => undefined, warn: (_: object, message: string) => this.errors.push(message) };
    const logger = { ...quiet, error: (_: object, message: string) => this.errors.push(message) };
    this.log = await openLog({ dir: join(this.dir, 'log'), clock, log: quiet });
    this.stored = await openState(this.dir, this.log.last.logSeq, logger);
    this.engine = startEngine({ log: this.reads(this.log), state: this.stored, logger, outboxRows: noticesFor });
    this.engine.onChanges((changes) => {
      for (const { change } of changes) if (change.kind === 'alarm') this.told.push(change.event);
    });
    await this.settled();
  }

  async begin(): Promise<void> {
    await this.open();
    await this.put({ kind: 'start', version: 't' });
    await this.log.numbersFor([{ key: 'pump/running' }]);
    await this.put({ kind: 'site', site });
    await this.put({ kind: 'link', link: 'line', up: true, atMs: this.nowMs, reason: null });
  }

  async put(entry: LogEntry): Promise<void> {
    await this.log.append(entry);
    await this.settled();
  }

  async report(running: number): Promise<void> {
    await this.put(this.samples(running));
  }

  /** As {@link report}, for what the disk need not have taken. */
  async reportVolatile(running: number, among = 0): Promise<void> {
    const { logSeq } = await this.log.hand(this.samples(running, among)).taken;
    await this.engine.reached(logSeq);
  }

  /** With so many samples of points that nobody knows, noise that does not get smaller where it waits in memory. */
  samples(running: number, among = 0): LogEntry {
    this.nowMs += 1000;
    const builder = new BatchBuilder();
    builder.good(this.log.pointNumbers.get('pump/running') ?? 0, this.nowMs, this.nowMs, running);
    for (let row = 0; row < among; row++)
      builder.good(99 + row, 1e12 * Math.random(), 1e12 * Math.random(), Math.random());
    return { kind: 'samples', link: 'line', batch: builder.take() };
  }

  async settled(): Promise<void> {
    await this.engine.reached(this.log.last.logSeq);
    await until('the state is written', 10_000, () => this.stored.writer.waitingSize === 0);
  }

  /** Ends as a killed process does: nothing is saved on the way out. */
  async drop(): Promise<void> {
    await this.log.close();
    await this.stored.close();
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.drop();
  }

  /** The alarm that stands and that nobody has taken. */
  calling(): Activation | undefined {
    return this.engine.openActivations().find(({ state }) => state === 'unacknowledged');
  }

  owed(): readonly OutboxEntry[] {
    return this.engine.outbox.due({ person: 'zhang', channel: 0 }, Date.now(), 10);
  }

  /** What a later run must find as it was. */
  picture(): unknown {
    const { classes, sinceMs } = this.engine.state.ledger;
    return {
      open: this.engine.openActivations(),
      classes: [...classes],
      sinceMs: [...sinceMs],
      outbox: this.owed(),
      ledger: this.stored.db.ledger('pump', 0, 100),
    };
  }
}

let bench: Bench;
beforeEach(async () => {
  bench = new Bench(tempFolder());
  await bench.begin();
  await bench.report(1);
  await bench.report(0);
});
afterEach(() => bench.drop().catch(() => undefined));

test('keeps the changes and the notices that follow from a record together', () => {
  const [activation] = bench.engine.openActivations();
  expect(activation).toMatchObject({ asset: 'pump', alarm: 'stopped', state: 'unacknowledged' });
  expect(bench.stored.db.activation(activation?.activationId ?? '')).toEqual(activation);
  expect(bench.owed()).toMatchObject([
    { id: `${activation?.activationId}~raised~zhang~0`, priority: 1, alarm: 'stopped' },
  ]);
  expect(bench.stored.db.ledger('pump', 0, 10).map((row) => row.class)).toEqual(['up', 'down']);
  expect(bench.stored.db.progress).toBe(bench.log.last.logSeq);
});

test.each([
  ['after an orderly end', (b: Bench) => b.close()],
  ['after a kill, from the log alone', (b: Bench) => b.drop()],
])('is as it was %s, and sends nothing twice', async (_, end) => {
  const [entry] = bench.owed();
  bench.engine.outbox.settle([entry?.id ?? ''], 'sent', null);
  const before = bench.picture();
  await end(bench);
  await bench.open();
  expect(bench.picture()).toEqual(before);
  expect(bench.engine.divergences).toBe(0);
  expect(bench.stored.db.outboxCounts()).toMatchObject({ pending: 0, sent: 1 });
  await bench.report(1);
  expect(bench.engine.openActivations()).toMatchObject([{ state: 'returned-unacknowledged' }]);
});

test('knows which record a restart runs on from: that of the newest snapshot on disk', async () => {
  expect(bench.engine.snapshotSeq).toBe(0);
  const { engine, log } = bench;
  await bench.close();
  expect(engine.snapshotSeq).toBe(log.last.logSeq);
  await bench.open();
  expect(bench.engine.snapshotSeq).toBe(log.last.logSeq);
  await bench.report(1);
  expect(bench.engine.snapshotSeq).toBe(bench.log.last.logSeq - 1);
});

test('takes the log where the newest snapshot cannot be read', async () => {
  const before = bench.picture();
  await bench.close();
  const database = new DatabaseSync(join(bench.dir, 'state.db'));
  database.exec("UPDATE snapshots SET body = x'00'");
  database.close();
  await bench.open();
  expect(bench.picture()).toEqual(before);
  expect(bench.errors).toContain('snapshot unreadable, taking the one before');
  expect(bench.engine.divergences).toBe(0);
});

test('says so where a re-run gives other changes than were stored', async () => {
  await bench.drop();
  const database = new DatabaseSync(join(bench.dir, 'state.db'));
  database.exec(`UPDATE changes SET body = replace(body, '"down"', '"up"')`);
  database.close();
  await bench.open();
  expect(bench.engine.divergences).toBe(1);
  expect(bench.errors).toContain('re-run of the log gives other changes than are stored');
});

test('goes on from changes that were made but not stored', async () => {
  const before = bench.picture();
  await bench.drop();
  // As if the process had died between the log's commit and the engine's.
  const database = new DatabaseSync(join(bench.dir, 'state.db'));
  const seq = Number(database.prepare('SELECT max(seq) AS seq FROM changes').get()?.seq);
  database.exec(`DELETE FROM changes WHERE seq = ${seq}; DELETE FROM ledger WHERE seq = ${seq}; DELETE FROM outbox;
    DELETE FROM activations; UPDATE progress SET seq = ${seq - 1}`);
  database.close();
  await bench.open();
  expect(bench.picture()).toEqual(before);
});

test('starts from the log that is there, where the one that its state belongs to is gone', async () => {
  await bench.close();
  rmSync(join(bench.dir, 'log'), { recursive: true });
  await bench.begin();
  expect(bench.errors).toContain('state belongs to another log, set aside; starting from the log');
  await bench.report(1);
  await bench.report(0);
  expect(bench.engine.openActivations()).toMatchObject([{ state: 'unacknowledged' }]);
  expect(bench.owed()).toHaveLength(1);
  expect(readdirSync(bench.dir).some((name) => name.startsWith('state.db.of-lost-log-'))).toBe(true);
});

test('tells its listeners after the changes are on disk', async () => {
  const seen: unknown[] = [];
  bench.engine.onChanges((changes) => {
    for (const { change } of changes) {
      if (change.kind === 'alarm') seen.push(bench.stored.db.activation(change.activation.activationId)?.state);
    }
  });
  await bench.report(1);
  await until('the return is told', 5000, () => seen.length === 1);
  expect(seen).toEqual(['returned-unacknowledged']);
});

test('an asset that is renamed takes its ledger and its alarms with it, and they outlive a restart', async () => {
  const ledgerBefore = bench.stored.db.ledger('pump', 0, 100);
  const open = bench.engine.openActivations()[0];
  expect(ledgerBefore.map((row) => row.class)).toContain('down');
  await bench.log.numbersFor([{ key: 'pump-1/running', formerly: 'pump/running' }]);
  const [pump] = site.assets;
  const renamed = {
    ...pump,
    key: 'pump-1',
    formerly: 'pump',
    points: pump?.points.map((point) => ({ ...point, key: 'pump-1/running' })),
  } as Site['assets'][number];
  const next = { ...site, assets: [renamed], hash: 'h2' };
  await bench.put({ kind: 'site', site: next });
  const isAsBefore = () => {
    expect(bench.engine.openActivations()).toEqual([{ ...open, asset: 'pump-1' }]);
    expect(bench.stored.db.activation(open?.activationId ?? '')).toMatchObject({
      asset: 'pump-1',
      raisedMs: open?.raisedMs,
    });
    expect(bench.stored.db.ledger('pump-1', 0, 100).slice(0, ledgerBefore.length)).toEqual(ledgerBefore);
    expect(bench.stored.db.ledger('pump', 0, 100)).toEqual([]);
  };
  isAsBefore();
  await bench.drop();
  await bench.open();
  isAsBefore();
  // The same site again renames nothing: another asset may have the former key by now.
  await bench.put({ kind: 'site', site: { ...next, hash: 'h3' } });
  isAsBefore();
  expect(bench.engine.divergences).toBe(0);
  // Worked out from the log alone, what came before the new name and what came after it are stored in one go.
  await bench.drop();
  for (const file of readdirSync(bench.dir)) if (file.startsWith('state.db')) rmSync(join(bench.dir, file));
  await bench.open();
  isAsBefore();
});

test('while the disk fails alarms are told and taken, and all is kept when it is back', async () => {
  await bench.report(1);
  bench.told = [];
  const disk = failingDisk(join(bench.dir, 'log', 'log.db'), 'records');
  disk.fail();
  await bench.reportVolatile(0);
  const { logSeq: durable } = bench.log.last;
  const open = bench.calling();
  expect(bench.told).toContain('raised');
  const call = bench.owed().find(({ activationId }) => activationId === open?.activationId);
  expect(call).toMatchObject({ kind: 'raised' });
  bench.engine.outbox.settle([call?.id ?? ''], 'sent', null);
  const by = { type: 'acknowledge', activationId: open?.activationId ?? '', by: 'zhang' } as const;
  await bench.engine.reached((await bench.log.hand({ kind: 'action', action: by }).taken).logSeq);
  expect(bench.engine.activation(open?.activationId ?? '')).toMatchObject({ state: 'acknowledged' });
  // The state must not be ahead of the log: a kill now would take it for that of another log.
  expect([bench.log.last.logSeq, bench.stored.db.progress <= durable]).toEqual([durable, true]);
  disk.mend();
  await bench.put({ kind: 'tick' });
  const written = () => bench.stored.db.activation(open?.activationId ?? '')?.state === 'acknowledged';
  await until('the state is on disk', 5000, written);
  expect(bench.stored.db.entry(call?.id ?? '')).toMatchObject({ state: 'sent' });
  const before = bench.picture();
  await bench.drop();
  await bench.open();
  expect(bench.picture()).toEqual(before);
  expect(bench.engine.divergences).toBe(0);
});

test('goes back to what the log knows where the disk failed for too long, and calls again', async () => {
  await bench.report(1);
  const disk = failingDisk(join(bench.dir, 'log', 'log.db'), 'records');
  disk.fail();
  await bench.reportVolatile(1);
  while (bench.log.firstLostSeq === undefined) await bench.reportVolatile(1, 10_000);
  const wentBack = vi.fn();
  bench.engine.onWentBack(wentBack);
  await bench.reportVolatile(0, 10_000);
  const lost = bench.calling();
  expect(lost).toBeDefined();
  const ofLost = () => bench.owed().filter(({ activationId }) => activationId === lost?.activationId);
  const [call] = ofLost();
  expect(ofLost()).toMatchObject([{ kind: 'raised' }]);
  bench.engine.outbox.settle([call?.id ?? ''], 'sent', null);
  disk.mend();
  await until('the engine goes back', 10_000, () => wentBack.mock.calls.length > 0);
  await bench.put({ kind: 'tick' });
  expect(wentBack).toHaveBeenCalledOnce();
  expect(bench.calling()).toBeUndefined();
  expect(bench.engine.activation(lost?.activationId ?? '')).toBeUndefined();
  // Whoever was told of it is told that nobody knows of it any more; that they were told is known.
  const [end] = ofLost();
  expect(ofLost()).toMatchObject([{ kind: 'returned', state: 'pending' }]);
  expect(bench.engine.outbox.entry(call?.id ?? '')).toMatchObject({ state: 'sent' });
  expect(bench.engine.outbox.activation(lost?.activationId ?? '')).toMatchObject({
    state: 'normal',
    consequence: { en: expect.stringContaining('never kept') },
  });
  bench.engine.outbox.settle([end?.id ?? ''], 'sent', null);
  expect(ofLost()).toEqual([]);
  // Its source was not acknowledged and says it again.
  await bench.report(0);
  expect(bench.calling()).toBeDefined();
  expect(bench.stored.db.ledger('pump', 0, 100).map((row) => row.class)).toContain('unknown');
  const before = bench.picture();
  await bench.drop();
  for (const file of readdirSync(bench.dir)) if (file.startsWith('state.db')) rmSync(join(bench.dir, file));
  await bench.open();
  expect(bench.picture()).toEqual(before);
});

test('goes back also where the log knows of the loss before all that was lost is worked in', async () => {
  await bench.report(1);
  await bench.engine.close();
  await until('the snapshot is written', 5000, () => bench.stored.writer.waitingSize === 0);
  const { logSeq, logMs } = bench.log.last;
  const stamped = (entry: LogEntry, place: number) =>
    ({ ...entry, logSeq: logSeq + place, logMs: logMs + 1000, firstOrdinal: 0 }) as LogRecord;
  // Worked in as two pieces.
  const kept = stamped(bench.samples(1, 20_000), 1);
  const lost = stamped(bench.samples(0), 2);
  const told: LogRecord = { kind: 'lost', logSeq: lost.logSeq, logMs: lost.logMs, fromSeq: lost.logSeq, samples: 1 };
  const firstLost = vi.fn().mockReturnValueOnce(lost.logSeq);
  let lastSeq = logSeq;
  const log = Object.create(bench.log, {
    // The disk has it by the time anybody asks again.
    firstLostSeq: { get: firstLost },
    last: { get: () => ({ logSeq: lastSeq, logMs }) },
    follow: {
      value: async function* (afterSeq: number) {
        if (afterSeq === logSeq) yield [kept, lost];
        lastSeq = lost.logSeq;
        yield afterSeq === logSeq ? [] : [told];
      },
    },
  }) as DurableLog;
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  bench.engine = startEngine({ log, state: bench.stored, logger, outboxRows: noticesFor });
  const wentBack = vi.fn();
  bench.engine.onWentBack(wentBack);
  await until('all is worked in', 5000, () => lastSeq === lost.logSeq && bench.engine.state.logSeq === lost.logSeq);
  expect(wentBack).toHaveBeenCalledOnce();
  expect(bench.calling()).toBeUndefined();
});

test('a state that cannot be written holds back no alarm, and is written when it can', async () => {
  await bench.report(1);
  const disk = failingDisk(join(bench.dir, 'state.db'), 'changes');
  const other = new DatabaseSync(join(bench.dir, 'state.db'));
  other.exec('BEGIN IMMEDIATE');
  bench.told = [];
  await bench.reportVolatile(0);
  await until('the alarm is told', 5000, () => bench.told.includes('raised'));
  expect(bench.owed().some(({ kind }) => kind === 'raised')).toBe(true);
  other.exec('COMMIT');
  other.close();
  await bench.settled();
  const [open] = bench.engine.openActivations();
  expect(bench.stored.db.activation(open?.activationId ?? '')).toEqual(open);
  // What is no fault of the disk is a bug, and ends the engine rather than being tried for ever.
  disk.fail();
  await bench.reportVolatile(1);
  await expect(bench.engine.failed).rejects.toThrow('disk is full');
  disk.mend();
});

test('a snapshot is written after all changes that it knows of, however many wait', async () => {
  const other = new DatabaseSync(join(bench.dir, 'state.db'));
  other.exec('BEGIN IMMEDIATE');
  const write = vi.spyOn(bench.stored.writer, 'write');
  await bench.reportVolatile(1);
  await bench.reportVolatile(0);
  await until('the log has them', 5000, () => bench.log.last.logSeq === bench.log.shownSeq);
  await bench.engine.close();
  // A kill between the two would otherwise leave an alarm that is known and that nobody is ever called for.
  const works = write.mock.calls.map(([work]) => work);
  const seqs = works.flatMap((work) => (work.type === 'commit' ? work.seq : []));
  expect(works.at(-1)).toMatchObject({ type: 'snapshot', snapshot: { logSeq: seqs.at(-1) } });
  other.exec('COMMIT');
  other.close();
});

test('waiting for what never comes ends with its signal', async () => {
  const far = bench.log.last.logSeq + 1000;
  await expect(bench.engine.reached(far, AbortSignal.timeout(20))).rejects.toThrow();
  await expect(bench.engine.reached(far, AbortSignal.abort())).rejects.toThrow();
  expect(await bench.engine.reachedWithin(far, 20)).toBe(false);
  expect(await bench.engine.reachedWithin(far, 60_000, AbortSignal.timeout(20))).toBe(false);
  expect(await bench.engine.reachedWithin(bench.log.last.logSeq, 60_000)).toBe(true);
});

/** The log as it is read from a disk that fails so many times, first within a page. */
function failingReads(log: DurableLog, faults: readonly Error[]): DurableLog {
  const left = [...faults];
  let hasBegun = false;
  const fail = () => {
    const fault = hasBegun ? left.shift() : undefined;
    if (fault) throw fault;
  };
  async function* follow(...of: Parameters<DurableLog['follow']>) {
    fail();
    for await (const page of log.follow(...of)) {
      yield page.slice(0, 2);
      hasBegun = true;
      fail();
      yield page.slice(2);
    }
  }
  return new Proxy(log, {
    get: (target, key) => (key === 'follow' ? follow : Reflect.get(target, key, target)),
  });
}

test('a disk that does not give the log for a while ends nothing: the engine goes on where it was', async () => {
  await bench.report(1);
  const before = bench.picture();
  await bench.drop();
  rmSync(join(bench.dir, 'state.db'));
  const unreadable = new StorageError('unreadable', { zh: '磁盘读写出错', en: 'the disk fails to read or write' });
  bench.reads = (log) => failingReads(log, [unreadable, unreadable]);
  await bench.open();
  expect(bench.picture()).toEqual(before);
  expect(bench.errors.filter((said) => said.includes('cannot be read'))).toHaveLength(1);
});

test.each([new TypeError('a bug'), new StorageError('broken', { zh: '程序错误', en: 'a bug of the reader' })])(
  'a bug on the way from the log ends the engine: %s',
  async (bug) => {
    await bench.drop();
    rmSync(join(bench.dir, 'state.db'));
    bench.reads = (log) => failingReads(log, [bug]);
    await expect(bench.open()).rejects.toBe(bug);
  },
);
