import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Child, root } from '../support/child.ts';
import { describeWithServer, freePort, startInfluxd } from '../support/servers.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { type UpgradeExpectation, unpackCase, upgradeCases } from '../support/upgrade-case.ts';

const WITHIN_MS = 45_000;
const ALL = ['--from', '2026-06-15T20:00', '--to', '2026-06-16'];

let dataDir: string;
let expected: UpgradeExpectation;
let gateway: Child;

/** A gateway on the kept folder, which it brings up to date and goes on writing. */
async function gatewayOn(folder: string, ...options: string[]): Promise<Child> {
  const [name = ''] = upgradeCases;
  const unpacked = unpackCase(name, folder);
  expected = unpacked.expected;
  const started = new Child(
    'gateway/main.ts',
    [
      ...['run', '--site', unpacked.siteFile, '--data', folder, '--port', '0'],
      ...['--clock', String(expected.last.logMs + 5000), ...options],
    ],
    { UPGRADE_BROKER: `tcp://127.0.0.1:${await freePort()}`, UPGRADE_PHONE: 'http://127.0.0.1:9/none' },
  );
  await started.ready();
  return started;
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'lamplighter-export-'));
  gateway = await gatewayOn(dataDir);
});

afterAll(async () => {
  await gateway.end();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `export` as a shell would; with `enough` the reader goes away after the first piece. */
function run(args: readonly string[], environment: Record<string, string> = {}, enough = false): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, 'gateway/main.ts'), 'export', '--data', dataDir, ...args], {
    cwd: root,
    env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...environment },
    timeout: WITHIN_MS,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (enough) child.stdout.destroy();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

interface Row {
  readonly key: string;
  readonly ms: number;
  readonly value: string;
}

function rowsOf(csv: string): Row[] {
  const [head, ...lines] = csv.trimEnd().split('\n');
  expect(head).toBe('asset,point,time,value,text,quality,unit');
  return lines.map((line) => {
    const [asset = '', point = '', time = '', value = ''] = line.split(',');
    return { key: `${asset}/${point}`, ms: Date.parse(time), value };
  });
}

function totalsOf(rows: readonly Row[]): Record<string, { count: number; sum: number }> {
  const totals: Record<string, { count: number; sum: number }> = {};
  for (const { key, value } of rows) {
    const { count, sum } = totals[key] ?? { count: 0, sum: 0 };
    totals[key] = { count: count + 1, sum: sum + Number(value) };
  }
  return totals;
}

test('gives every sample of history once, in order, while the gateway runs', async () => {
  const { code, stdout, stderr } = await run(['--points', '*', ...ALL]);
  expect(code).toBe(0);
  const rows = rowsOf(stdout);
  const found = totalsOf(rows);
  expect(found).toEqual(expected.history);
  const order = rows.map(({ key, ms }) => `${key} ${ms}`);
  expect(order).toEqual(order.toSorted());
  expect(stderr).toBe(`${Object.keys(found).length} points, ${rows.length} samples\n`);
  expect(stdout).toContain('lamp-1,power,2026-06-15T21:00:');
});

test('both ends are inclusive, and a pattern takes what it names', async () => {
  const [first, second] = rowsOf((await run(['--points', 'lamp-?/power', ...ALL])).stdout);
  const [from, to] = [String(first?.ms), String(second?.ms)];
  const rows = rowsOf((await run(['--points', 'lamp-1', '--from', from, '--to', to])).stdout);
  expect(rows).toEqual([first, second]);
  expect(rowsOf((await run(['--points', 'lamp-1', '--from', from, '--to', from])).stdout)).toEqual([first]);
});

test('into a file it is the same, for Excel in Chinese and with its mark', async () => {
  const folder = tempFolder();
  const out = join(folder, 'x.csv');
  const zh = { LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.UTF-8' };
  const ended = await run(['--points', 'feeder', ...ALL, '--out', out, '--excel'], zh);
  const count = expected.history['feeder/closed']?.count ?? 0;
  expect(ended).toEqual({ code: 0, stdout: '', stderr: `1 个点，${count} 个样本\n` });
  const bytes = readFileSync(out);
  expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  const lines = bytes.toString('utf8').split('\r\n');
  expect(lines[0]).toBe('\ufeff资产,点,时间,数值,文字,质量,单位');
  expect(lines).toHaveLength(count + 2);
  expect(readdirSync(folder)).toEqual(['x.csv']);
});

test('a reader who has seen enough is no error', async () => {
  const { code, stderr } = await run(['--points', '*', ...ALL], {}, true);
  expect(stderr).not.toContain('Error');
  expect(code).toBe(0);
});

describe.runIf(canMount)('onto a full disk', () => {
  test('it leaves nothing, and the file of before', async () => {
    const disk = smallDisk('64k');
    const out = join(disk, 'x.csv');
    writeFileSync(out, 'before');
    const { code, stderr } = await run(['--points', '*', ...ALL, '--out', out]);
    expect([code, stderr]).toEqual([2, `lamplighter: the disk of ${out} is full\n`]);
    expect(readdirSync(disk)).toEqual(['x.csv']);
    expect(readFileSync(out, 'utf8')).toBe('before');
  });
});

test.each([
  [['--from', '2026-06-15', '--to', '2026-06-16'], 'name the points with --points'],
  [['--points', '*', '--to', '2026-06-16'], 'give a time with --from'],
  [['--points', '*', '--from', '2026-06-16', '--to', '2026-06-15'], '--from is after --to'],
  [['--points', 'lampe-*', '--from', '2026-06-15', '--to', '2026-06-16'], 'no point matches lampe-*'],
  [['--points', '*'.repeat(600), ...ALL], '--points is too long'],
  [['--points', '*', ...ALL, '--out', '/proc/none/x.csv'], '/proc/none/x.csv failed'],
  [['--points', '*', ...ALL, '--data', '/tmp/none/such'], 'there is no log in /tmp/none/such'],
])('%j is refused in one line', async (args, words) => {
  const { code, stdout, stderr } = await run(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^lamplighter: [^\n]+\n$/);
  expect(stderr).toContain(words);
});

test('a folder whose history is in InfluxDB, and no gateway that could ask there, says so', async () => {
  expect(await gateway.end()).toBe(0);
  const offset = join(dataDir, 'history', 'offset.json');
  const kept = readFileSync(offset, 'utf8');
  writeFileSync(offset, JSON.stringify({ ...JSON.parse(kept), identity: 'influx http://127.0.0.1:1/x' }));
  const { code, stderr } = await run(['--points', '*', ...ALL]);
  expect([code, stderr]).toEqual([3, expect.stringContaining('is in InfluxDB')]);
  writeFileSync(offset, kept);
  expect((await run(['--points', 'lamp-1', ...ALL])).code).toBe(0);
});

await describeWithServer('influxd', 'export of a history in InfluxDB', () => {
  test('goes through the gateway, and gives every sample once', async () => {
    const influxd = await startInfluxd();
    onTestFinished(() => influxd.remove());
    const folder = tempFolder();
    const started = await gatewayOn(folder, '--influx', `${influxd.url}/export`);
    onTestFinished(async () => void (await started.end()));
    const args = ['--points', '*', ...ALL, '--data', folder];
    const total = Object.values(expected.history).reduce((sum, { count }) => sum + count, 0);
    // InfluxDB is filled from the log's start.
    const csv = await until('all of it is there', WITHIN_MS, async () => {
      const { code, stdout } = await run(args);
      return code === 0 && rowsOf(stdout).length >= total && stdout;
    });
    const rows = rowsOf(csv);
    const totals = totalsOf(rows);
    for (const [key, { count, sum }] of Object.entries(expected.history)) {
      expect({ key, count: totals[key]?.count }).toEqual({ key, count });
      expect(totals[key]?.sum).toBeCloseTo(sum, 6);
    }
    const order = rows.map(({ key, ms }) => `${key} ${ms}`);
    expect(order).toEqual(order.toSorted());
    await influxd.kill();
    const failed = await run(args);
    expect([failed.code, failed.stderr]).toEqual([2, expect.stringMatching(/^lamplighter: .*history store[^\n]*\n$/)]);
  });
});

test('Ctrl-C leaves no file', async () => {
  const out = join(tempFolder(), 'x.csv');
  const child = new Child('gateway/main.ts', ['export', '--data', dataDir, '--points', '*', ...ALL, '--out', out]);
  await until('it writes', WITHIN_MS, () => existsSync(`${out}.next`) || child.ended);
  const ended = await child.end('SIGINT');
  // It may have been whole just before.
  expect({ ended, whole: existsSync(out), begun: existsSync(`${out}.next`) }).toEqual({
    ended,
    whole: ended === 0,
    begun: false,
  });
});
