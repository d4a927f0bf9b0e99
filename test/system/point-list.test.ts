import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SiteReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 30_000;
const folder = mkdtempSync(join(tmpdir(), 'lamplighter-list-'));
const siteFile = join(folder, 'site.yaml');
const dataDir = join(folder, 'data');

const SITE = `site: { key: tanks, name: { zh: 水箱, en: Tanks }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: bus, name: { zh: 总线, en: Bus }, protocol: modbus, endpoint: "tcp://127.0.0.1:\${BUS_PORT}" }
systems:
  - { key: water, name: { zh: 给水, en: Water }, rates: [] }
assets: []
`;

/** As a Chinese Windows saves it: GB18030, Chinese titles, what is the same as above left out. */
function list(register: string): Buffer {
  const head = '资产,名称,英文名,设备类型,系统,链路,站号,点,寄存器,系数';
  const rows = [`tank-1,一号箱,Tank 1,water-tank,water,bus,1,level,${register},0.01`, ',,,,,,,overflowFloat,10003,'];
  return gb18030([head, ...rows].join('\r\n'));
}

/** The few characters of the list above, each by its two bytes. */
function gb18030(text: string): Buffer {
  const bytes: number[] = [];
  for (const character of text) bytes.push(...(codes.get(character) ?? [character.charCodeAt(0)]));
  return Buffer.from(bytes);
}

/** Characters of GB 2312 by what the decoder makes of their two bytes. */
const codes = new Map<string, readonly number[]>();
const decoder = new TextDecoder('gb18030');
for (let high = 0xb0; high <= 0xf7; high++) {
  for (let low = 0xa1; low <= 0xfe; low++) codes.set(decoder.decode(Uint8Array.of(high, low)), [high, low]);
}

let gateway: Child;
let url = '';

async function lamplighter(...args: string[]): Promise<{ code: number | string | null; text: string }> {
  const child = new Child('gateway/main.ts', [...args, '--data', dataDir]);
  const code = await child.exit();
  return { code, text: child.lines.join('\n') };
}

const siteNow = async () => (await (await fetch(`${url}/api/site`)).json()) as SiteReply;
const tanksNow = async () => {
  const assets = (await (await fetch(`${url}/api/assets`)).json()) as { key: string }[];
  return assets.map(({ key }) => key).filter((key) => key.startsWith('tank'));
};

beforeAll(async () => {
  writeFileSync(siteFile, SITE);
  writeFileSync(join(folder, 'list.csv'), list('40001'));
  writeFileSync(join(folder, 'wrong.csv'), list('99999'));
  const port = await freePort();
  const options = ['run', '--site', siteFile, '--data', dataDir, '--port', String(port)];
  gateway = new Child('gateway/main.ts', options, { BUS_PORT: String(await freePort()) });
  url = `http://127.0.0.1:${port}`;
  await until('the gateway answers', WITHIN_MS, () =>
    siteNow().then(
      (site) => site.key === 'tanks',
      () => false,
    ),
  );
}, WITHIN_MS * 2);

afterAll(async () => {
  gateway.process.kill('SIGTERM');
  await gateway.exit();
  rmSync(folder, { recursive: true, force: true });
});

test('mistakes are told with sheet and cell, and neither file nor gateway changes', async () => {
  const { code, text } = await lamplighter('import', join(folder, 'wrong.csv'));
  expect(text).toMatch(/wrong\.csv!I2 there is no register 99999/);
  expect(text).toContain('1 mistake; nothing was written');
  expect(code).toBe(1);
  expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
});

test('a dry run says what would come, and nothing comes', async () => {
  const { code, text } = await lamplighter('import', join(folder, 'list.csv'), '--dry-run');
  expect(text).toMatch(/2 points of 1 asset\nnew 1: tank-1\ndry run: nothing was written/);
  expect(code).toBe(0);
  expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
});

test('the running gateway takes a list over at once, and gives it back', async () => {
  const imported = await lamplighter('import', join(folder, 'list.csv'));
  expect(imported.text).toMatch(/written to .*site\.yaml/);
  expect(imported.code).toBe(0);
  expect(await tanksNow()).toEqual(['tank-1']);

  const exported = await lamplighter('export', join(folder, 'out.xlsx'));
  expect(exported.text).toContain('out.xlsx: 2 points');
  const again = await lamplighter('import', join(folder, 'out.xlsx'));
  expect(again.text).toContain('nothing to change');

  const undone = await lamplighter('import', '--undo');
  expect(undone.text).toContain('the import of list.csv was taken back');
  expect(undone.code).toBe(0);
  expect(await tanksNow()).toEqual([]);
  expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
});

test('without an instance the site file is named', async () => {
  const child = new Child('gateway/main.ts', ['export', join(folder, 'none.csv'), '--data', join(folder, 'nowhere')]);
  expect(await child.exit()).toBe(2);
  expect(child.lines.join('\n')).toContain('name the site file with --site');
});
