import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type ChangeSource, type HistoryReader, startHistoryReader } from '../../gateway/history/history-reader.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import { systemClock } from '../../model/clock.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { blockOf, lookup } from './history-samples.ts';

/** An hour ago, since the server's clock says what it still keeps. */
const T = Date.now() - 3_600_000;
const WITHIN_MS = 20_000;
const RECORDS = 40;
const CHANGES = 3;
/** Long enough that no look comes by itself in a test that does not ask for it. */
const NO_LOOK_MS = 3_600_000;

const changes: ChangeSource = {
  after: (place, limit) =>
    Array.from({ length: CHANGES }, (_, index) => ({
      logSeq: index + 1,
      ordinal: 0,
      change: { kind: 'ledger', asset: `a-${index}`, class: 'up', fromMs: T } as const,
    }))
      .filter(({ logSeq }) => logSeq > place.logSeq)
      .slice(0, limit),
  onChanged: () => () => undefined,
};

await describeWithServer('influxd', 'an InfluxDB that is empty again', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startInfluxd();
  });
  afterAll(() => server.remove());

  async function ask(q: string, db = ''): Promise<unknown[][]> {
    const response = await fetch(`${server.url}/query?${new URLSearchParams({ db, q })}`, { method: 'POST' });
    const body = (await response.json()) as { results: { series?: { values?: unknown[][] }[] }[] };
    return (body.results[0]?.series ?? []).flatMap(({ values = [] }) => values);
  }

  interface Site {
    readonly database: string;
    readonly log: DurableLog;
    readonly offsetFile: string;
    readonly told: string[];
    append(): Promise<number>;
    /** Starts to bring what is in the log home. */
    start(lookEveryMs?: number): Promise<HistoryReader>;
  }

  /** A log with some records. */
  async function siteOf(): Promise<Site> {
    const dir = tempFolder();
    const database = randomUUID();
    const silent = { info: () => undefined, warn: () => undefined };
    const log = await openLog({ dir: join(dir, 'log'), clock: systemClock(), log: silent });
    onTestFinished(() => log.close());
    let appended = 0;
    const append = async () => {
      appended++;
      const { batch } = blockOf(0, [[1, T + appended, appended]]);
      return (await log.append({ kind: 'samples', link: 'l', batch })).logSeq;
    };
    for (let n = 0; n < RECORDS; n++) await append();
    const told: string[] = [];
    const logger = { ...silent, warn: (_: object, message: string) => void told.push(message) };
    const offsetFile = join(dir, 'offset.json');
    const start = async (lookEveryMs = NO_LOOK_MS) => {
      const home = influxHistory({ url: server.url, database, lookup, lookEveryMs });
      onTestFinished(() => home.close());
      const reader = await startHistoryReader({ log, changes, home, offsetFile, logger });
      onTestFinished(() => reader.stop());
      return reader;
    };
    return { database, log, offsetFile, told, append, start };
  }

  const reached = (reader: HistoryReader, logSeq: number) =>
    until('everything is written', WITHIN_MS, () => {
      const { offset } = reader.facts();
      return offset.logSeq === logSeq && offset.change.logSeq === CHANGES;
    });
  const begunAnew = (site: Site) =>
    until('it was noticed', WITHIN_MS, () => site.told.some((message) => message.includes('is written again')));
  const idOf = async (site: Site) =>
    (await ask('SELECT identity FROM "lamplighter_about"."lamplighter:about"', site.database))[0]?.[1];
  /** Everything of the log is in the database, once, and the offset file knows which one that is. */
  async function expectAll({ database, log, offsetFile }: Site): Promise<void> {
    const logSeq = log.last.logSeq;
    expect((await ask('SELECT count(value), sum(value) FROM "fire-pump"', database))[0]?.slice(1)).toEqual([
      logSeq,
      (logSeq * (logSeq + 1)) / 2,
    ]);
    expect((await ask('SELECT count(class) FROM ledger', database))[0]?.[1]).toBe(CHANGES);
    const [[, identity] = []] = await ask('SELECT identity FROM "lamplighter_about"."lamplighter:about"', database);
    await until('the offset is saved', WITHIN_MS, () => {
      const offset = JSON.parse(readFileSync(offsetFile, 'utf8'));
      return offset.logSeq === logSeq && offset.database === identity;
    });
  }

  test('because its database was dropped', async () => {
    const site = await siteOf();
    const reader = await site.start();
    await reached(reader, RECORDS);
    const before = await idOf(site);
    expect(before).toMatch(/^[0-9a-f-]{36}$/);
    expect(site.told).toEqual([]);
    await ask(`DROP DATABASE "${site.database}"`);
    const last = await site.append();
    await begunAnew(site);
    await reached(reader, last);
    await expectAll(site);
    expect(await idOf(site)).not.toBe(before);
    expect(reader.facts().lastError).toBeNull();
    expect((await ask(`SHOW RETENTION POLICIES ON "${site.database}"`)).map(([name]) => name)).toContain(
      'lamplighter_1h',
    );
  });

  test('because it was started with an empty folder', async () => {
    const site = await siteOf();
    const reader = await site.start();
    await reached(reader, RECORDS);
    await server.stop();
    await server.startEmpty();
    const last = await site.append();
    await begunAnew(site);
    await reached(reader, last);
    await expectAll(site);
  });

  test('and has a database at once, which takes every write as before', async () => {
    const site = await siteOf();
    const reader = await site.start();
    await reached(reader, RECORDS);
    await server.kill();
    await server.startEmpty();
    await ask(`CREATE DATABASE "${site.database}"`);
    // Connections are new, so it is looked at within seconds, with the next writes.
    await until('it was noticed', WITHIN_MS, async () => {
      await site.append();
      return site.told.length > 0;
    });
    await begunAnew(site);
    await reached(reader, site.log.last.logSeq);
    await expectAll(site);
  });

  test('and nothing shows it but the look now and then', async () => {
    const site = await siteOf();
    const reader = await site.start(200);
    await reached(reader, RECORDS);
    await ask(`DROP DATABASE "${site.database}"; CREATE DATABASE "${site.database}"`);
    await until('it was noticed', WITHIN_MS, async () => {
      await site.append();
      return site.told.length > 0;
    });
    await begunAnew(site);
    await reached(reader, site.log.last.logSeq);
    await expectAll(site);
  });

  test('while nobody ran, or just before somebody was killed', async () => {
    const site = await siteOf();
    const first = await site.start();
    await reached(first, RECORDS);
    await first.stop();
    const kept = readFileSync(site.offsetFile, 'utf8');
    await ask(`DROP DATABASE "${site.database}"`);
    const second = await site.start();
    const last = await site.append();
    await begunAnew(site);
    await reached(second, last);
    await second.stop();
    // The new identity was in the database already when it was killed, and not in the file yet.
    writeFileSync(site.offsetFile, kept);
    const third = await site.start();
    await reached(third, await site.append());
    expect(third.facts().writtenSamples).toBeGreaterThanOrEqual(RECORDS);
    await third.stop();
    await expectAll(site);
    const fourth = await site.start();
    await reached(fourth, await site.append());
    expect(fourth.facts()).toMatchObject({ writtenSamples: 1, writtenChanges: 0 });
  });

  test('is not taken for one that an earlier version has filled', async () => {
    const site = await siteOf();
    const first = await site.start();
    await reached(first, RECORDS);
    await first.stop();
    const asBefore = async () => {
      const { database: _, ...offset } = JSON.parse(readFileSync(site.offsetFile, 'utf8'));
      writeFileSync(site.offsetFile, JSON.stringify(offset));
      await ask(`DROP MEASUREMENT "lamplighter:about"`, site.database);
    };
    await asBefore();
    const adopting = await site.start();
    await reached(adopting, await site.append());
    expect(adopting.facts()).toMatchObject({ writtenSamples: 1, writtenChanges: 0 });
    await adopting.stop();
    await expectAll(site);
    expect(site.told).toEqual([]);
    await asBefore();
    await ask(`DROP DATABASE "${site.database}"`);
    const filling = await site.start();
    await site.append();
    await begunAnew(site);
    await reached(filling, RECORDS + 2);
    await expectAll(site);
  });
});
