import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { CountedHome } from '../../gateway/history/counted-home.ts';
import { openEmbeddedHistory } from '../../gateway/history/embedded.ts';
import {
  type ChangeSource,
  type HistoryReader,
  type HistoryReaderOptions,
  startHistoryReader,
} from '../../gateway/history/history-reader.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import { systemClock } from '../../model/clock.ts';
import type { PlacedChange } from '../../model/history.ts';
import { describeWithServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { blockOf, lookup, pointOf, type Row } from './history-samples.ts';

const T = 1_795_464_000_000;
const silent = { info: () => undefined, warn: () => undefined };

/** Changes that a test hands out by itself. */
class ChangeList implements ChangeSource {
  readonly changes: PlacedChange[] = [];
  readonly #listeners = new Set<() => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  after({ logSeq, ordinal }: { logSeq: number; ordinal: number }, limit: number): readonly PlacedChange[] {
    return this.changes
      .filter((change) => change.logSeq > logSeq || (change.logSeq === logSeq && change.ordinal > ordinal))
      .slice(0, limit);
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  add(logSeq: number, ...ordinals: number[]): void {
    for (const ordinal of ordinals) {
      const change = { kind: 'ledger', asset: `a-${logSeq}-${ordinal}`, class: 'up', fromMs: T } as const;
      this.changes.push({ logSeq, ordinal, change });
    }
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Changes of which the oldest are dropped. */
class ForgetfulList extends ChangeList {
  readonly #dropped: { count: number; through: PlacedChange }[] = [];

  drop(through: { logSeq: number; ordinal: number }): void {
    const gone = this.changes.filter((change) => !isLater(change, through));
    const last = gone.at(-1);
    if (!last) return;
    this.changes.splice(0, gone.length);
    this.#dropped.push({ count: gone.length, through: last });
  }

  dropped(place: { logSeq: number; ordinal: number }) {
    const after = this.#dropped.filter(({ through }) => isLater(through, place));
    const last = after.at(-1)?.through;
    if (!last) return undefined;
    const count = after.reduce((sum, dropped) => sum + dropped.count, 0);
    return { count, through: { logSeq: last.logSeq, ordinal: last.ordinal } };
  }
}

const isLater = (a: { logSeq: number; ordinal: number }, b: { logSeq: number; ordinal: number }) =>
  a.logSeq > b.logSeq || (a.logSeq === b.logSeq && a.ordinal > b.ordinal);

async function openTestLog(dir: string): Promise<DurableLog> {
  const log = await openLog({ dir, clock: systemClock(), log: silent });
  onTestFinished(() => log.close());
  return log;
}

async function openHome(dir: string): Promise<CountedHome> {
  const home = await openEmbeddedHistory({ dir, lookup });
  onTestFinished(() => home.close());
  return home;
}

async function startReader(options: HistoryReaderOptions): Promise<HistoryReader> {
  const reader = await startHistoryReader(options);
  onTestFinished(() => reader.stop());
  return reader;
}

const append = (log: DurableLog, rows: readonly Row[]) =>
  log.append({ kind: 'samples', link: 'l', batch: blockOf(0, rows).batch });
const reached = (reader: HistoryReader, logSeq: number) =>
  expect.poll(() => reader.facts().offset.logSeq, { timeout: 10_000 }).toBe(logSeq);
const counts = async (home: CountedHome, fromMs = T, toMs = T + 1000) =>
  (await home.series(pointOf('double'), fromMs, toMs, 1)).count[0];

test('changes that are no longer kept when it comes to them are counted and told, and those after them are written', async () => {
  const dir = tempFolder();
  const log = await openTestLog(dir);
  const changes = new ForgetfulList();
  const home = await openHome(dir);
  const told: string[] = [];
  const logger = { info: () => undefined, warn: (_: object, message: string) => void told.push(message) };
  const options = { log, changes, home, offsetFile: join(dir, 'offset.json'), logger };
  for (let record = 1; record <= 5; record++) await log.append({ kind: 'tick' });
  changes.add(1, 0, 1);
  const first = await startReader(options);
  await expect.poll(() => first.facts().writtenChanges).toBe(2);
  await first.stop();
  // While it is away, more comes than is kept: the rest of a record that it has begun with, and the next one.
  changes.add(1, 2);
  changes.add(2, 0, 1, 2);
  changes.add(4, 0);
  changes.drop({ logSeq: 2, ordinal: 2 });
  const second = await startReader(options);
  await expect.poll(() => second.facts().offset.change).toEqual({ logSeq: 4, ordinal: 0 });
  expect(second.facts()).toMatchObject({ writtenChanges: 1, lostChanges: 6 });
  expect(told).toEqual([expect.stringContaining('no longer kept')]);
  await second.stop();
  // They are told once.
  const third = await startReader(options);
  changes.add(5, 0);
  await expect.poll(() => third.facts().offset.change).toEqual({ logSeq: 5, ordinal: 0 });
  expect(third.facts().lostChanges).toBe(0);
});

test('brings samples and changes to the home, and goes on after a restart where it was', async () => {
  const dir = tempFolder();
  const log = await openTestLog(dir);
  const changes = new ChangeList();
  const options = { log, changes, offsetFile: join(dir, 'offset.json'), logger: silent };
  const written: PlacedChange[] = [];
  const real = await openHome(dir);
  // The real home, and a note of the changes that it was given, for which it has no question.
  const home: CountedHome = {
    identity: real.identity,
    skipped: real.skipped,
    writeSamples: (blocks, signal) => real.writeSamples(blocks, signal),
    writeChanges: (some, signal) => {
      written.push(...some);
      return real.writeChanges(some, signal);
    },
    series: (...question) => real.series(...question),
    chart: (...question) => real.chart(...question),
    samples: (...question) => real.samples(...question),
    states: (...question) => real.states(...question),
    close: () => real.close(),
  };
  changes.add(1, 0, 1);
  const first = await startReader({ ...options, home });
  await log.append({ kind: 'tick' });
  await append(log, [
    [1, T, 1],
    [77, T, 1],
  ]);
  await log.append({ kind: 'tick' });
  await append(log, []);
  changes.add(2, 0);
  await reached(first, 4);
  await expect.poll(() => first.facts().offset.change).toEqual({ logSeq: 2, ordinal: 0 });
  expect(first.facts()).toEqual({
    behindMs: 0,
    waitingRecords: 0,
    offset: { logSeq: 4, change: { logSeq: 2, ordinal: 0 } },
    writtenSamples: 2,
    writtenChanges: 3,
    repeatedSamples: 0,
    refused: 0,
    sent: null,
    skipped: { unknownPoint: 1, impossibleTime: 0, changes: 0 },
    lostRecords: 0,
    lostSamples: 0,
    lostChanges: 0,
    lastError: null,
    lastFault: null,
  });
  await first.stop();
  expect(changes.listeners).toBe(0);

  await append(log, [[1, T + 1, 2]]);
  changes.add(2, 1);
  const second = await startReader({ ...options, home });
  await reached(second, 5);
  await expect.poll(() => second.facts().offset.change).toEqual({ logSeq: 2, ordinal: 1 });
  expect(second.facts()).toMatchObject({ writtenSamples: 1, writtenChanges: 1 });
  expect(written.map(({ logSeq, ordinal }) => [logSeq, ordinal])).toEqual([
    [1, 0],
    [1, 1],
    [2, 0],
    [2, 1],
  ]);
  expect(await counts(home)).toBe(2);
});

test('leaves out repeated samples of a point with a heartbeat, and keeps the first after a restart', async () => {
  const dir = tempFolder();
  const log = await openTestLog(dir);
  const home = await openHome(dir);
  const points = (number: number) => {
    const point = lookup(number);
    return number === 1 && point !== undefined ? { ...point, heartbeatMs: 400 } : point;
  };
  const options = {
    log,
    changes: new ChangeList(),
    offsetFile: join(dir, 'offset.json'),
    logger: silent,
    home,
    points,
  };
  const reader = await startReader(options);
  for (let turn = 0; turn < 10; turn++) {
    await append(log, [
      [1, T + turn * 100, 5],
      [2, T + turn * 100, 1],
    ]);
  }
  await reached(reader, 10);
  expect(reader.facts()).toMatchObject({ writtenSamples: 3 + 10, repeatedSamples: 7 });
  expect(await counts(home)).toBe(3);
  await reader.stop();
  const second = await startReader(options);
  await append(log, [[1, T + 999, 5]]);
  await reached(second, 11);
  expect(await counts(home)).toBe(4);
});

test('starts anew where the offset is lost, torn, of another home or of another log', async () => {
  const dir = tempFolder();
  const log = await openTestLog(dir);
  const home = await openHome(dir);
  const offsetFile = join(dir, 'offset.json');
  const options = { log, changes: new ChangeList(), offsetFile, logger: silent, home };
  await append(log, [[1, T, 1]]);
  await (async () => {
    const reader = await startReader(options);
    await reached(reader, 1);
    await reader.stop();
  })();
  const good = readFileSync(offsetFile, 'utf8');
  expect(JSON.parse(good)).toMatchObject({ identity: home.identity, logSeq: 1 });
  const bad = [
    good.slice(0, 20),
    '{}',
    'null',
    good.replace(home.identity, 'another'),
    good.replace('"logSeq":1', '"logSeq":999'),
  ];
  for (const text of bad) {
    writeFileSync(offsetFile, text);
    const reader = await startReader(options);
    await reached(reader, 1);
    expect(reader.facts().writtenSamples).toBe(1);
    await reader.stop();
  }
  expect(await counts(home)).toBe(1);
});

test('a killed home loses nothing that it has taken, and has nothing twice', async () => {
  const dir = tempFolder();
  let told = 0;
  for (const writes of [1, 7, 15]) {
    // From a place before the last one, as a reader does whose offset was not saved in time.
    const from = Math.max(0, told - 300);
    told = Math.max(told, await writeUntilKilled(dir, from, writes));
    const home = await openEmbeddedHistory({ dir, lookup });
    const series = await home.series(pointOf('double'), 0, told * 20_000, 100);
    await home.close();
    expect(series.count.reduce((sum, count) => sum + count, 0)).toBe(told);
    expect([series.min[0], series.max.at(-1)]).toEqual([0, told - 1]);
  }
});

/** Runs the writer on `dir` from an ordinal and kills it after some writes; gives the ordinal that it has told last. */
async function writeUntilKilled(dir: string, from: number, writes: number): Promise<number> {
  const program = fileURLToPath(new URL('./history-writer.ts', import.meta.url));
  const child = spawn(process.execPath, [program, dir, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let told = 0;
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be torn by the kill.
    const match = /^\[(\d+)\]$/.exec(line);
    if (match) told = Number(match[1]);
    lines++;
    if (lines === writes) child.kill('SIGKILL');
  }
  await exited;
  return told;
}

test('a refusal is told once, counted, and does not stop what follows; a retry is told when it begins and ends', async () => {
  const dir = tempFolder();
  const log = await openTestLog(dir);
  // A server that speaks HTTP as InfluxDB does, and whose answers the test can choose.
  const answers: { status: number; body: string }[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const to = request.url ?? '';
      // The identity is written to a policy of its own, and is never found here.
      const isWrite = to.startsWith('/write') && !to.includes('rp=');
      const usual = to.startsWith('/write') ? { status: 204, body: '' } : { status: 200, body: '{"results":[]}' };
      const { status, body } = (isWrite ? answers.shift() : undefined) ?? usual;
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  });
  const url = await listen(server);
  const home = influxHistory({ url, database: 'd', lookup });
  onTestFinished(() => home.close());
  const lines: string[] = [];
  const logger = {
    info: (_fields: object, message: string) => void lines.push(message),
    warn: (_fields: object, message: string) => void lines.push(message),
  };
  const reader = await startReader({ log, changes: new ChangeList(), home, offsetFile: join(dir, 'o.json'), logger });
  const write = async (...next: typeof answers) => {
    answers.push(...next);
    await reached(reader, (await append(log, [[1, T, 1]])).logSeq);
  };
  await write({ status: 400, body: '{"error":"partial write: field type conflict dropped=1"}' });
  await write({ status: 400, body: '{"error":"partial write: field type conflict dropped=2"}' });
  expect(reader.facts()).toMatchObject({ refused: 2, writtenSamples: 0, lastError: null });
  await write({ status: 503, body: 'busy' }, { status: 429, body: '' });
  expect(reader.facts()).toMatchObject({ refused: 2, writtenSamples: 1, lastError: null });
  await write({ status: 400, body: '{"error":"unable to parse"}' });
  expect(reader.facts().refused).toBe(3);
  expect(lines).toEqual([
    'history refused something for good',
    'history cannot be written, will be tried again',
    'history is written again',
    'history refused something for good',
  ]);
});

test('says how far it is behind while the home is away, and stops all the same', async () => {
  const dir = tempFolder();
  let now = T;
  const log = await openLog({ dir, clock: { ...systemClock(), now: () => now }, log: silent });
  onTestFinished(() => log.close());
  const gone = createServer();
  const url = await listen(gone);
  gone.close();
  const home = influxHistory({ url, database: 'd', lookup });
  const reader = await startReader({
    log,
    changes: new ChangeList(),
    home,
    offsetFile: join(dir, 'o.json'),
    logger: silent,
  });
  await log.append({ kind: 'tick' });
  await reached(reader, 1);
  expect(reader.facts().behindMs).toBe(0);
  now += 5000;
  await append(log, [[1, T, 1]]);
  await expect.poll(() => reader.facts().lastError?.zh, { timeout: 10_000 }).toMatch(/没有运行.*ECONNREFUSED/);
  expect(reader.facts()).toMatchObject({ behindMs: 5000, offset: { logSeq: 1 } });
  await reader.stop();
});

await describeWithServer('influxd', 'the reader on InfluxDB', () => {
  test('writes what was logged while the server was away, once', async () => {
    const dir = tempFolder();
    const server = await startInfluxd();
    onTestFinished(() => server.remove());
    await server.kill();
    const log = await openTestLog(dir);
    const home = influxHistory({ url: server.url, database: 'site', lookup });
    onTestFinished(() => home.close());
    const changes = new ChangeList();
    const reader = await startReader({ log, changes, home, offsetFile: join(dir, 'o.json'), logger: silent });
    for (let turn = 0; turn < 100; turn++) await append(log, [[1, T + turn, turn]]);
    changes.add(1, 0);
    await expect.poll(() => reader.facts().lastError, { timeout: 10_000 }).not.toBe(null);
    await server.start();
    await reached(reader, 100);
    await expect.poll(() => reader.facts().writtenChanges, { timeout: 10_000 }).toBe(1);
    expect(await counts(home)).toBe(100);
  });
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return `http://127.0.0.1:${address.port}`;
}
