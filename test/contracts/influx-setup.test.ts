import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { CountedHome } from '../../gateway/history/counted-home.ts';
import { influxHistory } from '../../gateway/history/influx.ts';
import type { PlacedChange } from '../../model/history.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { blockOf, lookup, pointOf, type Row } from './history-samples.ts';

/** An hour ago, since the server's clock says what it still keeps. */
const T = Date.now() - 3_600_000;
const WITHIN_MS = 10_000;
const never = new AbortController().signal;

await describeWithServer('influxd', 'InfluxDB as we set it up', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startInfluxd();
  });
  afterAll(() => server.remove());

  interface Opened {
    readonly home: CountedHome;
    readonly told: { fields: object; message: string }[];
    readonly deadLetterDir: string;
  }

  function open(database: string, access: Partial<Parameters<typeof influxHistory>[0]> = {}): Opened {
    const told: Opened['told'] = [];
    const deadLetterDir = join(tempFolder(), 'dead-letters');
    const logger = { warn: (fields: object, message: string) => void told.push({ fields, message }) };
    const home = influxHistory({
      url: server.url,
      database,
      lookup,
      logger,
      deadLetterDir,
      rawDuration: '400d',
      ...access,
    });
    onTestFinished(() => home.close());
    return { home, told, deadLetterDir };
  }

  async function ask(q: string, db = '', url = server.url): Promise<unknown[][]> {
    const response = await fetch(`${url}/query?${new URLSearchParams({ db, q, epoch: 'ms' })}`, { method: 'POST' });
    const body = (await response.json()) as {
      results: { error?: string; series?: { name: string; values?: unknown[][] }[] }[];
    };
    const [result] = body.results;
    if (result?.error !== undefined) throw new Error(result.error);
    return (result?.series ?? []).flatMap(({ name, values = [] }) => values.map((row) => [name, ...row]));
  }

  const queriesOf = async (database: string) =>
    (await ask('SHOW CONTINUOUS QUERIES'))
      .filter(([name]) => name === database)
      .map(([, name, query]) => [name, query]);
  const policiesOf = async (database: string) =>
    (await ask(`SHOW RETENTION POLICIES ON "${database}"`)).map(([, name, duration, , , isDefault]) => [
      name,
      duration,
      isDefault,
    ]);
  const write = (home: CountedHome, rows: readonly Row[] = [[1, T, 1]], ordinal = 0) =>
    home.writeSamples([blockOf(ordinal, rows)], never);

  test('makes database, policies and downsampling, and again changes nothing of it', async () => {
    const database = `site "${randomUUID()}"`;
    const { home, told } = open(database);
    expect(await write(home)).toEqual({ outcome: 'done' });
    const escaped = database.replaceAll('"', '\\"');
    const policies = [
      ['lamplighter_raw', '9600h0m0s', true],
      ['lamplighter_1m', '26400h0m0s', false],
      ['lamplighter_1h', '87840h0m0s', false],
      ['lamplighter_about', '0s', false],
    ];
    expect(await policiesOf(escaped)).toEqual(policies);
    const queries = await until('all queries are there', WITHIN_MS, async () => {
      const found = await queriesOf(database);
      return found.length === 4 && found;
    });
    expect(queries.map(([name]) => name)).toEqual([
      'lamplighter_1m_fire-pump',
      'lamplighter_1m_fire-pump_true',
      'lamplighter_1h_fire-pump',
      'lamplighter_1h_fire-pump_true',
    ]);
    // An operator has changed one, and the duration of a policy.
    await ask(`DROP CONTINUOUS QUERY "lamplighter_1m_fire-pump" ON "${escaped}"`);
    await ask(
      `CREATE CONTINUOUS QUERY "lamplighter_1m_fire-pump" ON "${escaped}" BEGIN SELECT mean("value") INTO "x" FROM "fire-pump" GROUP BY time(5m) END`,
    );
    await ask(`ALTER RETENTION POLICY "lamplighter_1h" ON "${escaped}" DURATION 52w`);
    await ask(`DROP CONTINUOUS QUERY "lamplighter_1h_fire-pump" ON "${escaped}"`);
    const again = open(database);
    expect(await write(again.home)).toEqual({ outcome: 'done' });
    await until('the missing one is made', WITHIN_MS, async () => (await queriesOf(database)).length === 4);
    const [changed] = (await queriesOf(database)).filter(([name]) => name === 'lamplighter_1m_fire-pump');
    expect(changed?.[1]).toContain('time(5m)');
    expect((await policiesOf(escaped)).at(-2)).toEqual(['lamplighter_1h', '8736h0m0s', false]);
    expect(again.home.database).toEqual({ identity: home.database?.identity, hadRows: false });
    expect([...told, ...again.told]).toEqual([]);
  });

  test('what the downsampling asks for is what the samples say', async () => {
    const database = randomUUID();
    const { home } = open(database);
    const minute = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
    await write(home, [
      [1, minute, 10],
      [1, minute + 1000, 30],
      [1, minute + 2000, null],
      [2, minute, 3],
      [2, minute + 1, 4],
      [3, minute, 1],
      [3, minute + 1, 0],
      [3, minute + 2, 1],
    ]);
    await until('all queries are there', WITHIN_MS, async () => (await queriesOf(database)).length === 4);
    // Run now, as the server would when it is time; it has not kept the policy apart from the database.
    for (const [name, query] of await queriesOf(database)) {
      if (!String(name).startsWith('lamplighter_1m')) continue;
      const select = /BEGIN (.*) END/s.exec(String(query))?.[1] ?? '';
      await ask(select.replace('WHERE', `WHERE time >= ${minute}ms AND time < ${minute + 60_000}ms AND`), database);
    }
    const [rows] = await Promise.all([
      ask(
        `SELECT point, value_count, value_min, value_max, value_mean, value_last, state_count, state_min, state_max, state_mean, state_last, on_count, on_last, on_true FROM "lamplighter_1m"."fire-pump"`,
        database,
      ),
    ]);
    const byPoint = rows
      .map(([, ms, ...row]) => [ms === minute, ...row])
      .sort((a, b) => String(a[1]).localeCompare(String(b[1])));
    const none = [null, null, null];
    expect(byPoint).toEqual([
      [true, 'bool', ...none, null, null, ...none, null, null, 3, true, 2],
      [true, 'double', 2, 10, 30, 20, 30, ...none, null, null, ...none],
      [true, 'enum', ...none, null, null, 2, 3, 4, 3.5, 4, ...none],
    ]);
  });

  test('leaves the default policy of a database that is there already', async () => {
    const database = randomUUID();
    await ask(`CREATE DATABASE "${database}"`);
    const { home } = open(database);
    expect(await write(home)).toEqual({ outcome: 'done' });
    expect((await policiesOf(database)).map(([name, , isDefault]) => [name, isDefault])).toEqual([
      ['autogen', true],
      ['lamplighter_1m', false],
      ['lamplighter_1h', false],
      ['lamplighter_about', false],
    ]);
  });

  test('a point whose kind changes is written on, without a conflict', async () => {
    const database = randomUUID();
    let point = pointOf('double');
    const { home } = open(database, { lookup: (number) => (number === 1 ? point : undefined) });
    for (const next of ['bool', 'double', 'enum', 'double', 'bitset', 'bool'] as const) {
      point = { ...point, kind: next };
      expect(await write(home, [[1, T + 7, 1]])).toEqual({ outcome: 'done' });
    }
    expect(home.sent).toEqual({ rows: 6, rejected: 0, deadLettered: 0 });
  });

  test('a field that somebody else has with another type is called otherwise, whether it is there at the start or comes later', async () => {
    const database = randomUUID();
    await ask(`CREATE DATABASE "${database}"`);
    const foreign = (line: string) =>
      fetch(`${server.url}/write?db=${database}`, { method: 'POST', body: `${line} ${T}000000` });
    await foreign('fire-pump,asset=x value="text"');
    await foreign('ledger class=1');
    const { home, told } = open(database);
    expect(await write(home, [[1, T, 2.5]])).toEqual({ outcome: 'done' });
    expect(await home.writeChanges(ledger, never)).toEqual({ outcome: 'done' });
    expect((await home.series(pointOf('double'), T, T + 10, 1)).last).toEqual([2.5]);
    // Later, while we run.
    await foreign('fire-pump,asset=x on=1i');
    expect(await write(home, [[3, T, 1]])).toMatchObject({ outcome: 'retry', afterMs: 0 });
    expect(await write(home, [[3, T, 1]])).toEqual({ outcome: 'done' });
    expect((await home.series(pointOf('bool'), T, T + 10, 1)).last).toEqual([1]);
    expect((await ask('SHOW FIELD KEYS FROM ledger', database)).map(([, field, type]) => [field, type])).toEqual([
      ['class', 'float'],
      ['class_string', 'string'],
    ]);
    expect(told.map(({ message }) => message)).toEqual([
      'the database has fields of ours with another type; ours have other names there',
      'the database has fields of ours with another type; ours have other names there',
    ]);
    expect(home.sent).toMatchObject({ rejected: 0 });
  });

  test('rows that are older than the database keeps them become dead letters, and the others are written', async () => {
    const database = randomUUID();
    await ask(`CREATE DATABASE "${database}" WITH DURATION 1d NAME "short"`);
    const { home, deadLetterDir } = open(database);
    const now = Date.now();
    const rows = Array.from(
      { length: 3000 },
      (_, index): Row => [1, index % 3 === 0 ? T - 1e11 - index : now - index, index],
    );
    const outcome = await write(home, rows);
    expect(outcome).toMatchObject({
      outcome: 'refused',
      count: 1000,
      reason: expect.stringContaining('beyond retention'),
    });
    expect((await home.series(pointOf('double'), now - 3000, now + 1, 1)).count).toEqual([2000]);
    const letters = readdirSync(deadLetterDir).flatMap((file) =>
      readFileSync(join(deadLetterDir, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).line as string),
    );
    expect(letters).toHaveLength(1000);
    expect(letters.every((line) => Number(/value=(\d+)/.exec(line)?.[1]) % 3 === 0)).toBe(true);
    expect(home.sent).toEqual({ rows: 2000, rejected: 1000, deadLettered: 1000 });
  });

  test('values at the edge of what can be are written as they are', async () => {
    const database = randomUUID();
    const { home } = open(database);
    const values = [1e21, -1.7976931348623157e308, 5e-324, -0, 123456789012345680];
    expect(
      await write(
        home,
        values.map((value, index): Row => [1, T + index, value]),
      ),
    ).toEqual({ outcome: 'done' });
    const texts = ['', '\\', '"', 'a\nb', 'a\r\n', '\u0000', '值=1,温度 2i', 'x'.repeat(256), '\ud800'];
    expect(
      await write(
        home,
        texts.map((text, index): Row => [4, T + index, text]),
        100,
      ),
    ).toEqual({ outcome: 'done' });
    expect((await ask(`SELECT value FROM "fire-pump" WHERE point = 'double'`, database)).map((row) => row[2])).toEqual(
      values.map((value) => value + 0),
    );
    const found = (await ask(`SELECT text FROM "fire-pump" WHERE point = 'text'`, database)).map((row) => row[2]);
    expect(found).toEqual(texts.map((text) => text.toWellFormed()));
  });

  test('a system that is called like a measurement of ours has one of its own', async () => {
    const database = randomUUID();
    const system = (name: string) => ({ ...pointOf('double'), system: name });
    const systems = ['ledger', 'ledger-samples', 'alarm', 'rate', 'flood'];
    const { home } = open(database, { lookup: (number) => system(systems[number - 1] ?? '') });
    expect(
      await write(
        home,
        systems.map((_, index): Row => [index + 1, T, index]),
      ),
    ).toEqual({ outcome: 'done' });
    expect(await home.writeChanges(ledger, never)).toEqual({ outcome: 'done' });
    expect((await ask('SHOW MEASUREMENTS', database)).map(([, name]) => name)).toEqual([
      'alarm:samples',
      'flood:samples',
      'lamplighter:about',
      'ledger',
      'ledger-samples',
      'ledger:samples',
      'rate:samples',
    ]);
    expect((await home.series(system('ledger'), T, T + 1, 1)).last).toEqual([0]);
    expect((await home.series(system('ledger-samples'), T, T + 1, 1)).last).toEqual([1]);
  });
});

const ledger: readonly PlacedChange[] = [
  { logSeq: 1, ordinal: 0, change: { kind: 'ledger', asset: 'a', class: 'up', fromMs: T } },
];

await describeWithServer('influxd', 'InfluxDB that asks who we are', () => {
  test('is written to by whoever may, and others wait', async () => {
    const server = await startInfluxd({ auth: true });
    onTestFinished(() => server.remove());
    const admin = { u: 'root', p: 'toor' };
    const ask = (q: string) =>
      fetch(`${server.url}/query?${new URLSearchParams({ ...admin, q })}`, { method: 'POST' }).then((found) =>
        found.text(),
      );
    await ask(`CREATE USER root WITH PASSWORD 'toor' WITH ALL PRIVILEGES`);
    await ask(`CREATE USER duty WITH PASSWORD 'p"w'`);
    await ask('CREATE DATABASE given');
    await ask('GRANT ALL ON given TO duty');
    await ask(`CREATE USER deaf WITH PASSWORD 'deaf'`);
    await ask('GRANT WRITE ON given TO deaf');
    await ask('CREATE DATABASE short WITH DURATION 30d');
    await ask('GRANT ALL ON short TO duty');
    const open = (database: string, username: string, password: string) => {
      const told: string[] = [];
      const logger = {
        warn: (fields: object, message: string) => void told.push(`${message} ${JSON.stringify(fields)}`),
      };
      const home = influxHistory({ url: server.url, database, username, password, lookup, logger });
      onTestFinished(() => home.close());
      return { home, told };
    };
    const write = (home: CountedHome) => home.writeSamples([blockOf(0, [[1, T, 1]])], never);
    expect(await write(open('made', 'root', 'wrong').home)).toMatchObject({
      outcome: 'retry',
      reason: expect.stringContaining('401'),
    });
    expect(await write(open('made', 'root', 'toor').home)).toEqual({ outcome: 'done' });
    // May write, and neither make databases nor policies.
    const { home, told } = open('given', 'duty', 'p"w');
    expect(await write(home)).toEqual({ outcome: 'done' });
    expect((await home.series(pointOf('double'), T, T + 1, 1)).count).toEqual([1]);
    expect(told.join()).toContain('not set up');
    expect(told.join()).not.toContain('p"w');
    expect(home.database).toMatchObject({ identity: expect.any(String) });
    // Where nothing is kept for ever, and a policy cannot be made, or nothing can be asked.
    for (const { home, told } of [open('short', 'duty', 'p"w'), open('given', 'deaf', 'deaf')]) {
      expect(await write(home)).toEqual({ outcome: 'done' });
      expect(home.database).toBeUndefined();
      await expect.poll(() => told.join()).toContain('does not say which database it is');
    }
    expect(await write(open('made', 'duty', 'p"w').home)).toMatchObject({ outcome: 'retry' });
  });
});
