import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { stateMigrations } from '../../gateway/engine/state-schema.ts';
import { historyMigrations } from '../../gateway/history/embedded-schema.ts';
import { openHistoryForReading } from '../../gateway/history/read-history.ts';
import type { AlarmReply, LedgerReply, RateDetailReply } from '../../gateway/http/contract.ts';
import { logMigrations } from '../../gateway/log/log-schema.ts';
import { openLogForReading } from '../../gateway/log/read-log.ts';
import { Child } from '../support/child.ts';
import { freePort } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type UpgradeExpectation, unpackCase, upgradeCases } from '../support/upgrade-case.ts';

const HOUR_MS = 3_600_000;

/**
 * Each database of the data folder, the version that the present program writes, and whether it keeps a copy of the file
 * before: of the log it does not, whose tables are only added to.
 */
const databases = [
  ['log/log.db', logMigrations.length, false],
  ['state.db', stateMigrations.length, true],
  ['history/history.db', historyMigrations.length, true],
] as const;

function versionOf(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  database.close();
  return version;
}

function setVersion(path: string, version: number): void {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA user_version = ${version}; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
}

/** Starts a gateway on a case's folder, some seconds after its last record. */
async function gatewayOn(dataDir: string, siteFile: string, { last }: UpgradeExpectation): Promise<Child> {
  return new Child(
    'gateway/main.ts',
    ['run', '--site', siteFile, '--data', dataDir, '--port', '0', '--clock', String(last.logMs + 5000)],
    { UPGRADE_BROKER: `tcp://127.0.0.1:${await freePort()}`, UPGRADE_PHONE: 'http://127.0.0.1:9/none' },
  );
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

function historyIn(dataDir: string, { pointNumbers, last }: UpgradeExpectation): object {
  const stored = openHistoryForReading(dataDir);
  const found: Record<string, { count: number; sum: number }> = {};
  for (const [key, number] of Object.entries(pointNumbers)) {
    const total = { count: 0, sum: 0 };
    for (let fromMs = last.logMs - 4 * HOUR_MS; fromMs <= last.logMs; fromMs += HOUR_MS) {
      const columns = stored?.samples([number], fromMs, fromMs + HOUR_MS).get(number);
      for (const value of columns?.value ?? []) {
        total.count++;
        if (!Number.isNaN(value)) total.sum += value;
      }
    }
    found[key] = total;
  }
  stored?.close();
  return found;
}

test('there is a case', () => {
  expect(upgradeCases).not.toEqual([]);
});

describe.each(upgradeCases)('a data folder of %s', (name) => {
  test('goes on under this program: alarms, figures, history, numbers, notices', async () => {
    const dataDir = tempFolder();
    const { siteFile, expected } = unpackCase(name, dataDir);
    const versions = databases.map(([path]) => versionOf(join(dataDir, path)));
    const gateway = await gatewayOn(dataDir, siteFile, expected);
    const { url } = await gateway.ready<{ url: string }>();

    const alarms = await get<AlarmReply[]>(`${url}/api/alarms`);
    const { activations, rates, ledger, last } = expected;
    for (const { activationId, state, raisedMs, acknowledgedMs, acknowledgedBy, children } of activations) {
      const kept = { activationId, state, raisedMs, acknowledgedMs, acknowledgedBy, children };
      expect(alarms.find((alarm) => alarm.activationId === activationId)).toMatchObject(kept);
    }
    const past = await get<RateDetailReply[]>(`${url}/api/rates?at=${last.logMs}`);
    for (const { system, rate } of rates) {
      // What is counted live is of the present only.
      if (rate.window === 'live') continue;
      // The night is not over: what is unknown since the last record widens its bounds, and changes no value.
      const { key, value, target } = rate;
      const found = past.find((detail) => detail.system === system && detail.rate.key === key);
      expect(found?.rate).toMatchObject({ key, value, target });
    }
    for (const [asset, rows] of Object.entries(ledger)) {
      const from = (rows[0]?.fromMs ?? 0) - 1;
      const reply = await get<LedgerReply>(`${url}/api/ledger?asset=${asset}&from=${from}&to=${last.logMs}`);
      const told = rows.filter(({ fromMs }, row) => fromMs < last.logMs && fromMs !== rows[row + 1]?.fromMs);
      expect(reply.stretches.map(({ fromMs, class: kind }) => ({ fromMs, class: kind }))).toEqual(told);
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^lamplighter_engine_divergences 0$/m);
    expect(await gateway.end()).toBe(0);

    expect(historyIn(dataDir, expected)).toEqual(expected.history);
    const log = openLogForReading(join(dataDir, 'log'));
    expect(Object.fromEntries(log?.pointNumbers ?? [])).toMatchObject(expected.pointNumbers);
    await log?.close();
    const state = new DatabaseSync(join(dataDir, 'state.db'), { readOnly: true });
    expect(state.prepare("SELECT count(*) AS n FROM outbox WHERE state <> 'refused'").get()?.n).toBeGreaterThanOrEqual(
      expected.outbox.pending ?? 0,
    );
    state.close();
    // Each file that was brought up to date has a copy of what it was beside it, and no other has.
    for (const [index, [path, newest, keepsCopy]] of databases.entries()) {
      const was = versions[index] ?? 0;
      const copy = join(dataDir, `${path}.before-v${newest}`);
      expect({ path, version: versionOf(join(dataDir, path)) }).toEqual({ path, version: newest });
      const kept = keepsCopy && was < newest ? was : null;
      expect({ path, copy: existsSync(copy) ? versionOf(copy) : null }).toEqual({ path, copy: kept });
    }
  });

  test('can be backed up before this program has opened it, and restored', async () => {
    const folder = tempFolder();
    const [dataDir, dir, restored] = [join(folder, 'data'), join(folder, 'backup'), join(folder, 'restored')];
    const { siteFile, expected } = unpackCase(name, dataDir);
    expect(await new Child('gateway/main.ts', ['backup', dir, '--data', dataDir, '--site', siteFile]).exit()).toBe(0);
    const restore = new Child('gateway/main.ts', ['restore', dir, '--data', restored]);
    expect(await restore.exit()).toBe(0);
    expect(restore.lines.join('\n')).toContain('before the start set UPGRADE_BROKER, UPGRADE_PHONE');
    for (const [path] of databases) {
      expect(versionOf(join(restored, path))).toBe(versionOf(join(dataDir, path)));
    }
    const gateway = await gatewayOn(restored, siteFile, expected);
    await gateway.ready();
    expect(await gateway.end()).toBe(0);
    expect(historyIn(restored, expected)).toEqual(expected.history);
  });
});

describe.each(databases)('a newer %s', (path, newest) => {
  const [name = ''] = upgradeCases;
  const zh = { LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.UTF-8' };

  test('is refused by the start and by a backup, in one line, and left as it is', async () => {
    const folder = tempFolder();
    const dataDir = join(folder, 'data');
    const { siteFile } = unpackCase(name, dataDir);
    setVersion(join(dataDir, path), newest + 1);
    const environment = {
      UPGRADE_BROKER: `tcp://127.0.0.1:${await freePort()}`,
      UPGRADE_PHONE: 'http://127.0.0.1:9/none',
    };
    const run = new Child(
      'gateway/main.ts',
      ['run', '--site', siteFile, '--data', dataDir, '--port', '0'],
      environment,
    );
    expect(await run.exit()).toBe(2);
    const line = `was written by a newer program (file version ${newest + 1}, this one knows up to ${newest})`;
    expect(run.lines.filter((said) => said.startsWith('lamplighter: '))).toEqual([expect.stringContaining(line)]);
    const dir = join(folder, 'backup');
    const backup = new Child('gateway/main.ts', ['backup', dir, '--data', dataDir, '--site', siteFile], zh);
    expect(await backup.exit()).toBe(2);
    expect(backup.lines.at(-1)).toContain(`由更新版本的程序写入（文件版本 ${newest + 1}`);
    expect(versionOf(join(dataDir, path))).toBe(newest + 1);
    expect(existsSync(join(dir, 'manifest.json'))).toBe(false);
  });

  test('is refused by a restore', async () => {
    const folder = tempFolder();
    const [dataDir, dir, restored] = [join(folder, 'data'), join(folder, 'backup'), join(folder, 'restored')];
    const { siteFile } = unpackCase(name, dataDir);
    expect(await new Child('gateway/main.ts', ['backup', dir, '--data', dataDir, '--site', siteFile]).exit()).toBe(0);
    const manifestFile = join(dir, 'manifest.json');
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8')) as {
      files: { path: string; version: number | null }[];
    };
    for (const file of manifest.files) if (file.path === `data/${path}`) file.version = newest + 1;
    writeFileSync(manifestFile, JSON.stringify(manifest));
    const restore = new Child('gateway/main.ts', ['restore', dir, '--data', restored]);
    expect(await restore.exit()).toBe(2);
    expect(restore.lines.at(-1)).toContain('was made by a newer program');
    expect(existsSync(restored)).toBe(false);
  });
});
