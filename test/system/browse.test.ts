import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PointReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { type OpcuaPlant, PLANT, startPlant } from '../support/opcua-plant.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 30_000;
const folder = mkdtempSync(join(tmpdir(), 'lamplighter-browse-'));
const siteFile = join(folder, 'site.yaml');
const dataDir = join(folder, 'data');
const PUMPS = `nsu=${PLANT};s=Pumps`;
let plant: OpcuaPlant;

const siteText = (endpoint: string) => `
site: { key: pumps, name: { zh: 泵房, en: Pumps }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: plant, name: { zh: 泵站, en: Plant }, protocol: opcua, endpoint: "${endpoint}" }
systems:
  - { key: water, name: { zh: 给水, en: Water }, rates: [] }
assets: []
`;

beforeAll(async () => {
  plant = await startPlant();
  mkdirSync(join(folder, 'profiles'));
  writeFileSync(siteFile, siteText(plant.endpoint));
});

afterAll(async () => {
  await plant.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function lamplighter(...args: string[]): Promise<string> {
  const child = new Child('gateway/main.ts', args);
  const code = await child.exit();
  const text = child.lines.join('\n');
  expect(`${code} ${code === 0 ? '' : text}`).toBe('0 ');
  return text;
}

const browse = (...args: string[]) =>
  lamplighter('browse', 'plant', PUMPS, '--pace', '0ms', '--site', siteFile, '--data', dataDir, ...args);

test('what was browsed is imported unchanged, is without a mistake, and reads good', async () => {
  const profile = join(folder, 'profiles', 'lab-pump.yaml');
  await browse('--as', 'profile', '--profile', 'lab-pump', '--out', profile);
  const written = readFileSync(profile, 'utf8');
  expect(written).toContain('pressure: { kind: double, unit: bar,');
  expect(written).toContain('# 0 to 16 bar');
  expect(written).toMatch(/step: \{ kind: enum, .*en: Filling/);
  expect(written).toMatch(/running: \{ kind: enum, .*en: stopped .*en: running/);
  expect(written).toMatch(/mode: \{ kind: enum, .*"?1"?: \{ zh: Automatic.*"?4"?: \{ zh: By hand/);

  const shown = await browse('--profile', 'lab-pump');
  expect(shown).toMatch(/^pump-2,二号泵,.*,pressure,s=\{asset\}\.Pressure,/m);

  const list = join(folder, 'points.xlsx');
  await browse('--profile', 'lab-pump', '--system', 'water', '--out', list);
  const imported = await lamplighter('import', list, '--site', siteFile, '--data', dataDir);
  expect(imported).toMatch(/2 assets|2 个资产/);
  await lamplighter('check', siteFile);
  const site = readFileSync(siteFile, 'utf8');
  expect(site).toContain('一号泵');
  // Both pumps have one map, since `{asset}` stands in its nodes.
  expect(new Set(site.match(/list-lab-pump-[0-9a-f]+/g)).size).toBe(1);

  const port = await freePort();
  const gateway = new Child('gateway/main.ts', ['run', '--site', siteFile, '--data', dataDir, '--port', String(port)]);
  try {
    await gateway.ready();
    const points = async () => (await (await fetch(`http://127.0.0.1:${port}/api/points`)).json()) as PointReply[];
    const all = await until('every point is good', WITHIN_MS, async () => {
      const now = (await points()).filter(({ key }) => key.startsWith('pump-'));
      return now.length > 0 && now.every(({ quality }) => quality === 'good') && now;
    });
    const values = Object.fromEntries(all.map(({ key, value }) => [key, value]));
    expect(all).toHaveLength(42);
    expect(values).toMatchObject({
      'pump-1/pressure': 4.5,
      'pump-1/step': 1,
      'pump-2/running': 1,
      'pump-2/phases2': 231,
      'pump-1/driveAxes2Speed': 2,
      'pump-1/driveSerial': 2 ** 32 + 5,
      'pump-2/driveLabel': '主泵',
    });
    // Through the gateway, which holds the link: a map of the same points.
    const map = await lamplighter('browse', 'plant', PUMPS, '--as', 'map', '--profile', 'lab-pump', '--data', dataDir);
    expect(map).toContain(
      'pressure: { node: "s={asset}.Pressure", namespace: urn:lab:every-type } # double, 0 to 16 bar',
    );
    expect(map).toMatch(/pump-1, pump-2/);
  } finally {
    await gateway.end();
  }
});

test('a profile that is there already is not written over, whatever the server would say', async () => {
  const out = join(folder, 'by-hand.yaml');
  writeFileSync(out, 'up: running && !fault');
  const args = ['browse', 'plant', '--as', 'profile', '--out', out, '--site', siteFile, '--data', dataDir];
  const child = new Child('gateway/main.ts', args);
  expect(await child.exit()).toBe(2);
  expect(child.lines).toEqual([expect.stringContaining(out)]);
  expect(readFileSync(out, 'utf8')).toBe('up: running && !fault');
});
