import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unknownNames } from '../../gateway/box-files.ts';
import type { HistoryReply } from '../../gateway/http/contract.ts';
import { logMigrations } from '../../gateway/log/log-schema.ts';
import { openDatabase } from '../../gateway/storage/open-database.ts';
import { Child } from '../support/child.ts';
import { Estate } from '../support/estate.ts';
import { canMount, makeReadOnly, smallDisk } from '../support/small-disk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { unpackCase, upgradeCases } from '../support/upgrade-case.ts';

const RATE = 10;
const WITHIN_MS = 45_000;
const zh = { LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.UTF-8' };

function rows(path: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const found = database.prepare(sql).all();
  database.close();
  return found.map((row) => ({ ...row }));
}

const lastSeq = (dataDir: string) =>
  Number(rows(join(dataDir, 'log', 'log.db'), 'SELECT max(seq) AS seq FROM records')[0]?.seq);

async function command(...args: string[]): Promise<{ code: unknown; lines: readonly string[] }> {
  const child = new Child('gateway/main.ts', args);
  await until(`${args[0]} ends`, WITHIN_MS, () => child.ended);
  return { code: await child.exit(), lines: child.lines };
}

describe('of a gateway at work', () => {
  let estate: Estate;
  let dir: string;

  beforeAll(async () => {
    estate = await Estate.start(RATE);
    dir = join(estate.dataDir, '..', `${estate.dataDir.split('/').at(-1)}-backup`);
    await until('all is known', WITHIN_MS, async () =>
      (await estate.systems()).every(({ counts }) => counts.unknown === 0),
    );
  });
  afterAll(async () => {
    await estate.end();
    rmSync(dir, { recursive: true, force: true });
  });

  test('a blank box goes on from it: alarms, figures, history, numbers, to the digit', async () => {
    const { dataDir } = estate;
    const now = async () => (await estate.get<{ nowMs: number }>('/api/site')).nowMs;
    const beganMs = await now();
    const isOpen = async (asset: string) => (await estate.alarms()).find((alarm) => alarm.asset === asset);
    await estate.fault('feeder-trip', 'feeder-1');
    await estate.fault('door-forced', 'door-2');
    const trip = await until('the trip is an alarm', WITHIN_MS, () => isOpen('feeder-1'));
    await until('the door is an alarm', WITHIN_MS, () => isOpen('door-2'));
    await estate.acknowledge(trip.activationId, 'zhang-san');
    const fromMs = await now();
    const standing = (await estate.alarms()).map(({ activationId, state, acknowledgedBy, raisedMs, children }) => ({
      ...{ activationId, state, acknowledgedBy, raisedMs, children },
    }));
    const before = lastSeq(dataDir);

    const backup = await command('backup', dir, '--data', dataDir);
    expect(backup.lines.at(-1)).toMatch(/^backup is whole: .* 7 files, .* log up to record \d+/);
    expect(backup.code).toBe(0);
    expect(lastSeq(dataDir)).toBeGreaterThan(before);
    // What nobody has decided about would be lost on the new box without a word.
    expect(unknownNames(dataDir)).toEqual([]);

    // History follows the log within seconds; what it has of the time before the backup is then all of it.
    const question = `/api/history?point=feeder-1/breakerClosed&from=${fromMs - 60_000}&to=${fromMs}&buckets=60`;
    const history = await estate.get<HistoryReply>(question);
    const untilLog = rows(
      join(dir, copyIn(dir) ?? '', 'data', 'log', 'log.db'),
      'SELECT max(seq) AS seq, max(ms) AS ms FROM records',
    )[0];
    const [seq, ms] = [Number(untilLog?.seq), Number(untilLog?.ms)];
    expect(seq).toBeGreaterThanOrEqual(before);
    const ledgerOf = (folder: string) =>
      rows(
        join(folder, 'state.db'),
        `SELECT asset, from_ms, class FROM ledger WHERE seq <= ${seq} ORDER BY asset, from_ms, seq, ordinal`,
      );
    const kept = (folder: string) => ({
      changes: rows(
        join(folder, 'state.db'),
        `SELECT seq, ordinal, body FROM changes WHERE seq <= ${seq} ORDER BY seq, ordinal`,
      ),
      points: rows(join(folder, 'log', 'log.db'), 'SELECT number, key FROM points ORDER BY number'),
    });
    expect(await estate.gateway.end('SIGKILL')).toBe('SIGKILL');
    const original = kept(dataDir);
    const originalLedger = ledgerOf(dataDir);
    // A late sample after the backup changes the past of its asset, which the box that goes on from it has not seen.
    const changedLater = new Set(
      rows(
        join(dataDir, 'state.db'),
        `SELECT DISTINCT body ->> '$.asset' AS asset FROM changes
         WHERE seq > ${seq} AND body ->> '$.kind' = 'ledger' AND body -> '$.correction' IS NOT NULL`,
      ).map(({ asset }) => asset),
    );
    const comparable = (ledger: typeof originalLedger) => ledger.filter(({ asset }) => !changedLater.has(asset));

    rmSync(dataDir, { recursive: true });
    const restore = await command('restore', dir, '--data', dataDir);
    expect(restore.lines.join('\n')).toContain(`log up to record ${seq}`);
    expect(restore.code).toBe(0);
    await estate.startGateway();

    const alarms = await estate.alarms();
    for (const alarm of standing)
      expect(alarms.find(({ activationId }) => activationId === alarm.activationId)).toMatchObject(alarm);
    expect(kept(dataDir)).toEqual(original);
    expect(comparable(originalLedger).length).toBeGreaterThan(originalLedger.length / 2);
    expect(comparable(ledgerOf(dataDir))).toEqual(comparable(originalLedger));
    expect(history.count.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    await until('history has caught up', WITHIN_MS, async () => {
      const { count, last } = await estate.get<HistoryReply>(question);
      return JSON.stringify({ count, last }) === JSON.stringify({ count: history.count, last: history.last });
    });
    expect(await (await fetch(`${estate.url}/metrics`)).text()).toMatch(/^lamplighter_engine_divergences 0$/m);
    await until('all is known again', WITHIN_MS, async () =>
      (await estate.systems()).every(({ counts }) => counts.unknown === 0),
    );
    const replayed = await command('replay', '--data', dataDir, '--from', String(beganMs), '--to', String(ms));
    expect(replayed.lines.at(-1)).toMatch(/^[1-9]\d+ records, [1-9]\d* changes, 0 differences$/);
    const numbers = rows(
      join(dataDir, 'log', 'log.db'),
      'SELECT count(*) AS n, count(DISTINCT key) AS keys FROM points',
    )[0];
    expect(numbers?.n).toBe(numbers?.keys);
  });

  test('a restore onto its folder is refused while it runs', async () => {
    const { code, lines } = await command('restore', dir, '--data', estate.dataDir);
    expect(code).toBe(2);
    expect(lines).toEqual([expect.stringContaining(`in use by process ${estate.gateway.pid}`)]);
  });
});

function copyIn(dir: string): string | undefined {
  return existsSync(dir) ? readdirSync(dir).find((name) => name.startsWith('copy-')) : undefined;
}

/** A data folder of a gateway that has ended, and the site file that it ran with. */
function closedBox(): { folder: string; dataDir: string; siteFile: string } {
  const folder = tempFolder();
  const dataDir = join(folder, 'data');
  const [name = ''] = upgradeCases;
  return { folder, dataDir, siteFile: unpackCase(name, dataDir).siteFile };
}

/** Enough in the log that its copy takes a while. */
function makeLarge(dataDir: string): void {
  const log = openDatabase(join(dataDir, 'log', 'log.db'), logMigrations);
  log.exec('CREATE TABLE filler (body BLOB)');
  for (let row = 0; row < 150; row++) log.prepare('INSERT INTO filler VALUES (zeroblob(1048576))').run();
  log.close();
}

function logIsBeingCopied(dir: string): boolean {
  const copy = copyIn(dir);
  return copy !== undefined && existsSync(join(dir, copy, 'data', 'log', 'log.db'));
}

test('one that is killed half-way is no backup, and the next one into the same folder is', async () => {
  const { folder, dataDir, siteFile } = closedBox();
  const dir = join(folder, 'backup');
  makeLarge(dataDir);
  const args = ['backup', dir, '--data', dataDir, '--site', siteFile];
  const killed = new Child('gateway/main.ts', args);
  await until('the log is being copied', WITHIN_MS, () => logIsBeingCopied(dir));
  expect(await killed.end('SIGKILL')).toBe('SIGKILL');
  const half = copyIn(dir);
  expect(existsSync(join(dir, 'manifest.json'))).toBe(false);
  const refused = await command('restore', dir, '--data', join(folder, 'restored'));
  expect(refused).toEqual({ code: 2, lines: [`lamplighter: the backup in ${dir} did not end; it cannot be restored`] });
  expect(existsSync(join(folder, 'restored'))).toBe(false);

  expect((await command(...args)).code).toBe(0);
  expect(copyIn(dir)).not.toBe(half);
  expect((await command('restore', dir, '--data', join(folder, 'restored'))).code).toBe(0);
  expect(lastSeq(join(folder, 'restored'))).toBe(lastSeq(dataDir));
});

test('Ctrl-C takes back what was begun', async () => {
  const { folder, dataDir, siteFile } = closedBox();
  const dir = join(folder, 'backup');
  makeLarge(dataDir);
  const child = new Child('gateway/main.ts', ['backup', dir, '--data', dataDir, '--site', siteFile]);
  await until('the log is being copied', WITHIN_MS, () => logIsBeingCopied(dir));
  expect(await child.end('SIGINT')).toBe(2);
  expect(child.lines.at(-1)).toBe('lamplighter: interrupted; nothing was left behind');
  expect(copyIn(dir)).toBeUndefined();
});

describe.runIf(canMount)('onto a disk', () => {
  test('that is full, it says so in both languages', async () => {
    const { dataDir, siteFile } = closedBox();
    const disk = smallDisk('1m');
    for (const [environment, words] of [
      [{}, /^lamplighter: the disk of .* is full: \d+ (Ki|Mi)B are needed, \d+ KiB are free$/],
      [zh, /^lamplighter: .* 所在磁盘空间不足：需要 /],
    ] as const) {
      const child = new Child('gateway/main.ts', ['backup', disk, '--data', dataDir, '--site', siteFile], environment);
      expect(await child.exit()).toBe(2);
      expect(child.lines).toEqual([expect.stringMatching(words)]);
    }
    expect(copyIn(disk)).toBeUndefined();
  });

  test('that cannot be written, it says so', async () => {
    const { dataDir, siteFile } = closedBox();
    const disk = smallDisk('8m');
    makeReadOnly(disk);
    expect(await command('backup', join(disk, 'b'), '--data', dataDir, '--site', siteFile)).toEqual({
      code: 2,
      lines: [`lamplighter: ${join(disk, 'b')} cannot be written (EROFS)`],
    });
  });
});

test.each([
  [['backup'], 'name the folder of the backup: backup DIR', '请指定备份目录：backup 目录'],
  [['backup', 'a', 'b'], 'unexpected argument: b', '多余的参数：b'],
  [['restore'], 'name the backup: restore BACKUP', '请指定备份：restore 备份目录'],
  [['restore', '/tmp/none/such'], 'there is no backup in /tmp/none/such', '/tmp/none/such 中没有备份'],
])('%j is one line and exit code 2', async (args, inEnglish, inChinese) => {
  for (const [environment, line] of [
    [{}, inEnglish],
    [zh, inChinese],
  ] as const) {
    const child = new Child('gateway/main.ts', args, environment);
    expect(await child.exit()).toBe(2);
    expect(child.lines).toEqual([`lamplighter: ${line}`]);
  }
});

test('without a gateway that could tell the site file it is asked for', async () => {
  const { folder, dataDir } = closedBox();
  const { code, lines } = await command('backup', join(folder, 'b'), '--data', dataDir);
  expect(code).toBe(2);
  expect(lines).toEqual([expect.stringContaining('name it with --site')]);
});

test('a gateway does not start in a folder where a restore did not end', async () => {
  const { dataDir, siteFile } = closedBox();
  mkdirSync(join(dataDir, '.restoring-1a2b3c4d'));
  const run = new Child('gateway/main.ts', ['run', '--site', siteFile, '--data', dataDir, '--port', '0'], {
    UPGRADE_BROKER: 'tcp://127.0.0.1:1',
    UPGRADE_PHONE: 'http://127.0.0.1:9/none',
  });
  expect(await run.exit()).toBe(2);
  expect(run.lines.at(-1)).toContain('did not end (.restoring-1a2b3c4d)');
});
