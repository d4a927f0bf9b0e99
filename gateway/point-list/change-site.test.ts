import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { protocols } from '../../adapters/registry.ts';
import { loadSite } from '../site/load-site.ts';
import { changeSite, type SiteChange } from './change-site.ts';
import { knownColumns } from './columns.ts';
import { applyChange, KEPT_IMPORTS, undoImport } from './import-files.ts';
import type { ListMapping } from './list-mapping.ts';
import { listPoints } from './list-points.ts';
import { readRows, shownPlace } from './read-rows.ts';
import type { CellValue } from './sheets.ts';

const root = mkdtempSync(join(tmpdir(), 'lamplighter-point-list-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SITE = `# The estate
site: { key: estate, name: { zh: 小区, en: Estate }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: bus, name: { zh: 总线, en: Bus }, protocol: modbus, endpoint: 'tcp://127.0.0.1:502' }

systems:
  - { key: tanks, name: { zh: 水箱, en: Tanks }, rates: [] }
assets:
  # kept
  - key: tank-1
    name: { zh: 水箱, en: Tank 1 }
    profile: tank
    system: tanks
    link: bus
    map: own
    address: { unit: 1, offset: 10 }
  - key: tank-{n}
    each: { n: 2..3 }
    name: { zh: '水箱 {n}', en: 'Tank {n}' }
    profile: tank
    system: tanks
    link: bus
    map: own
    address: { unit: 2, stride: 10 } # two on one unit
planned: []
`;

const PROFILE = `name: { zh: 水箱, en: Tank }
points:
  level: { kind: double, unit: m, name: { zh: 水位, en: Level }, staleAfter: 3s }
  high: { kind: bool, name: { zh: 高水位, en: High level }, staleAfter: 3s }
  low: { kind: bool, name: { zh: 低水位, en: Low level }, staleAfter: 3s, optional: true }
required: 'true'
up: '!high'
alarms: {}
`;

const MAP = `name: { zh: 自有, en: Own }
source: chosen for this test
profile: tank
points:
  level: { table: holding, address: 0, scale: 0.1 }
  high: { table: discrete, address: 0 }
  low: { table: discrete, address: 1 }
`;

let count = 0;

function newSite(text = SITE): string {
  const folder = join(root, String(++count));
  mkdirSync(join(folder, 'profiles'), { recursive: true });
  mkdirSync(join(folder, 'maps/modbus'), { recursive: true });
  writeFileSync(join(folder, 'profiles/tank.yaml'), PROFILE);
  writeFileSync(join(folder, 'maps/modbus/own.yaml'), MAP);
  writeFileSync(join(folder, 'site.yaml'), text);
  return join(folder, 'site.yaml');
}

function changeOf(siteFile: string, rows: readonly CellValue[][], mapping: ListMapping = {}) {
  const read = readRows([{ name: 'Tanks', rows, broken: [] }], mapping, knownColumns(protocols));
  const options = {
    siteFile,
    siteText: readFileSync(siteFile, 'utf8'),
    listName: 'list.xlsx',
    protocols,
    environment: {},
  };
  const changed = changeSite(read.rows, options);
  return { read, changed };
}

function sound(siteFile: string, rows: readonly CellValue[][], mapping?: ListMapping): SiteChange {
  const { read, changed } = changeOf(siteFile, rows, mapping);
  expect(read.mistakes).toEqual([]);
  if (!changed.ok) throw new Error(JSON.stringify([changed.mistakes, changed.problems], null, 2));
  return changed.change;
}

/** Each mistake as a person finds it: place and English text. */
function mistakesOf(siteFile: string, rows: readonly CellValue[][], mapping?: ListMapping): string[] {
  const { read, changed } = changeOf(siteFile, rows, mapping);
  const found = [...read.mistakes, ...(changed.ok ? [] : changed.mistakes)];
  return [
    ...found.map(({ place, text }) => `${shownPlace(place)} ${text.en}`),
    ...(changed.ok ? [] : changed.problems.map(({ line, text }) => `site.yaml:${line} ${text.en}`)),
  ];
}

function siteOf(siteFile: string) {
  const loaded = loadSite(siteFile, { environment: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.site;
}

const HEAD = ['asset', 'name_zh', 'name_en', 'profile', 'system', 'link', 'unit', 'point', 'register', 'scale'];
const NEW = [
  HEAD,
  ['tank-9', '九号水箱', 'Tank 9', 'tank', 'tanks', 'bus', 9, 'level', 40001, 0.01],
  [null, null, null, null, null, null, null, 'high', '10001', null],
];

describe('a list is taken into the site file', () => {
  test('a new asset comes behind the others, with a map of its own; the rest of the file stays as it is', () => {
    const siteFile = newSite();
    const change = sound(siteFile, NEW);
    expect(change).toMatchObject({ added: ['tank-9'], changed: [], unchanged: [] });
    applyChange(siteFile, change, 'list.xlsx', 1);
    const text = readFileSync(siteFile, 'utf8');
    const [before, after] = SITE.split('planned: []');
    expect(text.startsWith(before?.trimEnd() ?? '?')).toBe(true);
    expect(text.endsWith(`planned: []${after}`)).toBe(true);
    const asset = siteOf(siteFile).assets.find(({ key }) => key === 'tank-9');
    expect(asset?.name).toEqual({ zh: '九号水箱', en: 'Tank 9' });
    expect(asset?.points.map(({ point, address }) => [point, address])).toEqual([
      ['level', expect.objectContaining({ unit: 9, table: 'holding', address: 0, scale: 0.01 })],
      ['high', expect.objectContaining({ unit: 9, table: 'discrete', address: 0 })],
    ]);
  });

  test('what it says of a present asset is changed, what it does not say stays, also behind an offset', () => {
    const siteFile = newSite();
    const change = sound(siteFile, [
      ['asset', 'name_en', 'point', 'table', 'address'],
      ['tank-1', 'Roof tank', 'high', 'discrete', 77],
      [null, null, 'level', 'holding', 12],
    ]);
    expect(change).toMatchObject({ added: [], changed: ['tank-1'] });
    applyChange(siteFile, change, 'list.xlsx', 1);
    expect(readFileSync(siteFile, 'utf8')).toContain('# kept\n');
    const asset = siteOf(siteFile).assets.find(({ key }) => key === 'tank-1');
    expect(asset?.name).toEqual({ zh: '水箱', en: 'Roof tank' });
    expect(asset?.points.map(({ address }) => address)).toEqual([
      expect.objectContaining({ unit: 1, address: 12, scale: 0.1 }),
      expect.objectContaining({ unit: 1, address: 77 }),
      expect.objectContaining({ unit: 1, address: 11 }),
    ]);
  });

  test.each(['zh', 'en'] as const)('an export with titles in %s changes nothing', (language) => {
    const siteFile = newSite();
    const [table] = listPoints(siteOf(siteFile), protocols, { wanted: () => true, apart: false, language });
    const change = sound(
      siteFile,
      (table?.rows ?? []).map((row) => [...row]),
    );
    expect(change).toMatchObject({ added: [], changed: [], unchanged: ['tank-1', 'tank-2', 'tank-3'], text: SITE });
  });

  test('a vendor’s titles and words are read by a mapping, below a title row of the sheet', () => {
    const siteFile = newSite();
    const rows = [
      ['水箱点表', null, null, null],
      ['编码', '信号', '保持寄存器地址', '倍数', '备注'],
      ['T9', '液位', 0, 'x0.01', '量程 2 m'],
      ['T9', '高位报警', 5, null],
      ['合计', null, null, null],
    ];
    const mapping = {
      columns: { 编码: 'asset', 信号: 'point', 保持寄存器地址: 'address', 倍数: 'scale' },
      values: { point: { 液位: 'level', 高位报警: 'high' }, scale: { 'x0.01': 0.01 } },
      defaults: { name_zh: '水箱', profile: 'tank', system: 'tanks', link: 'bus', unit: 9, table: 'holding' },
    };
    const { read } = changeOf(siteFile, rows, mapping);
    expect(read.leftOut).toEqual(['Tanks!5']);
    expect(read.unknownTitles).toEqual(['备注']);
    const change = sound(siteFile, rows, mapping);
    expect(change.added).toEqual(['T9']);
    expect(change.maps[0]?.text).toContain('high: { table: holding, address: 5 }');
  });

  test('a text with braces is no template of the site file', () => {
    const siteFile = newSite();
    const rows = NEW.map((row) => row.map((cell) => (cell === 'Tank 9' ? 'Tank {9}' : cell)));
    applyChange(siteFile, sound(siteFile, rows), 'list.xlsx', 1);
    expect(siteOf(siteFile).assets.at(-1)?.name.en).toBe('Tank {9}');
  });
});

describe('each mistake has its cell, and nothing is written', () => {
  const like = (changes: Record<number, CellValue>, row = 1) =>
    NEW.map((cells, index) =>
      index === row ? cells.map((cell, at) => (at in changes ? (changes[at] ?? null) : cell)) : cells,
    );

  test.each([
    ['unknown link', like({ 5: 'buss' }), ['Tanks!F2 there is no link "buss"; did you mean "bus"?']],
    ['unknown profile', like({ 3: 'tanc' }), ['Tanks!D2 there is no profile "tanc"; did you mean "tank"?']],
    ['unknown system', like({ 4: 'tank' }), ['Tanks!E2 there is no system "tank"; did you mean "tanks"?']],
    ['unknown point', like({ 7: 'levle' }), [expect.stringMatching(/^Tanks!H2 .*"levle"; did you mean "level"\?$/)]],
    ['no register', like({ 8: 'abc' }), [expect.stringMatching(/^Tanks!I2 register: an integer is needed here/)]],
    ['register of no table', like({ 8: 99999 }), [expect.stringMatching(/^Tanks!I2 there is no register 99999/)]],
    ['a unit that is none', like({ 6: 300 }), [expect.stringMatching(/^Tanks!G2 unit: 300/)]],
    ['no name', like({ 1: null, 2: null }), ['Tanks!B2 name_zh is missing for the new asset tank-9']],
    ['rows that differ', like({ 6: 8, 0: 'tank-9' }, 2), ['Tanks!G3 unit is 8, but 9 in row 2 of the same asset']],
    ['a point twice', like({ 7: 'level', 8: 40005 }, 2), ['Tanks!H3 the asset has level in row 2 already']],
    ['no asset', like({ 0: null }), [expect.stringMatching(/^Tanks!A2 the row does not say/), expect.anything()]],
    ['a required point is missing', NEW.slice(0, 2), [expect.stringMatching(/^Tanks!2 the map lacks points.*"high"/)]],
    ['no titles', [['x', 'y']], [expect.stringMatching(/^Tanks!1 no points found/)]],
  ])('%s', (_, rows, found) => {
    const siteFile = newSite();
    expect(mistakesOf(siteFile, rows as CellValue[][])).toEqual(found);
  });

  test('a mapping that names no column of ours', () => {
    const { read } = changeOf(newSite(), NEW, { defaults: { lnk: 'bus' } });
    expect(read.mistakes.map(({ text }) => text.en)).toEqual([
      expect.stringContaining('"lnk" that does not exist; did'),
    ]);
  });

  test('a point by a name that every object has', () => {
    const found = mistakesOf(newSite(), like({ 7: '__proto__' }));
    expect(found).toEqual([expect.stringMatching(/^Tanks!H2 there is no point of profile tank "__proto__"/)]);
  });

  test('a place that another asset reads is told at the row', () => {
    const siteFile = newSite();
    const rows = like({ 6: 1, 8: 40011 });
    expect(mistakesOf(siteFile, rows)).toEqual([expect.stringMatching(/^Tanks!2 .*tank-9\/level.*tank-1\/level/)]);
  });

  test('an asset of an entry for many is not changed by a list', () => {
    const rows = [
      ['asset', 'point', 'table', 'address'],
      ['tank-3', 'level', 'holding', 99],
    ];
    expect(mistakesOf(newSite(), rows)).toEqual([
      expect.stringMatching(/^Tanks!A2 tank-3 comes from an entry with "each"/),
    ]);
  });

  test('assets that are written in one line cannot be added to', () => {
    const inOneLine = SITE.replace(/assets:[\s\S]*?(?=planned)/, (assets) => {
      const first = assets.split('  - key: tank-{n}')[0] ?? '';
      const entry = first
        .replace(/^assets:\n.*# kept\n {2}- /s, '')
        .trim()
        .replaceAll('\n    ', ', ');
      return `assets: [{ ${entry} }]\n`;
    });
    expect(mistakesOf(newSite(inOneLine), NEW)).toEqual([expect.stringMatching(/^site.yaml:1 assets must be a list/)]);
  });

  test('a site file with mistakes of its own is named first', () => {
    const siteFile = newSite(SITE.replace('system: tanks', 'system: tnaks'));
    expect(mistakesOf(siteFile, NEW)).toEqual([expect.stringMatching(/^site\.yaml:13 there is no system/)]);
  });
});

describe('undo', () => {
  test('takes the newest import back, file and maps, one after the other', () => {
    const siteFile = newSite();
    applyChange(siteFile, sound(siteFile, NEW), 'one.xlsx', 1);
    const afterOne = readFileSync(siteFile, 'utf8');
    const renamed = [
      ['asset', 'name_en', 'point', 'table', 'address'],
      ['tank-9', 'Cellar tank', 'low', 'discrete', 3],
    ];
    applyChange(siteFile, sound(siteFile, renamed), 'two.xlsx', 2);
    expect(undoImport(siteFile)).toEqual({ ok: true, list: 'two.xlsx', atMs: 2 });
    expect(readFileSync(siteFile, 'utf8')).toBe(afterOne);
    expect(undoImport(siteFile)).toEqual({ ok: true, list: 'one.xlsx', atMs: 1 });
    expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
    expect(readdirSync(join(dirname(siteFile), 'maps/modbus'))).toEqual(['own.yaml']);
    expect(undoImport(siteFile)).toMatchObject({ ok: false });
  });

  test('is refused where the file has been changed since', () => {
    const siteFile = newSite();
    applyChange(siteFile, sound(siteFile, NEW), 'one.xlsx', 1);
    const changed = `${readFileSync(siteFile, 'utf8')}# by hand\n`;
    writeFileSync(siteFile, changed);
    const undone = undoImport(siteFile);
    expect(undone.ok ? '' : undone.text.en).toContain('has been changed since one.xlsx was imported');
    expect(readFileSync(siteFile, 'utf8')).toBe(changed);
  });

  test('remembers a bounded number of imports', () => {
    const siteFile = newSite();
    for (let i = 0; i < KEPT_IMPORTS + 2; i++) {
      const rows = NEW.map((row) => row.map((cell) => (cell === 'Tank 9' ? `Tank ${i}` : cell)));
      applyChange(siteFile, sound(siteFile, rows), `${i}.xlsx`, i);
    }
    expect(readdirSync(join(dirname(siteFile), '.lamplighter-imports'))).toHaveLength(KEPT_IMPORTS);
  });

  test('a crash before the site file was changed leaves nothing in the way of older imports', () => {
    const siteFile = newSite();
    applyChange(siteFile, sound(siteFile, NEW), 'one.xlsx', 1);
    const afterOne = readFileSync(siteFile, 'utf8');
    const renamed = NEW.map((row) => row.map((cell) => (cell === 'Tank 9' ? 'Cellar tank' : cell)));
    applyChange(siteFile, sound(siteFile, renamed), 'two.xlsx', 2);
    // As the second import would have left it.
    writeFileSync(siteFile, afterOne);
    expect(undoImport(siteFile)).toMatchObject({ ok: true, list: 'one.xlsx' });
    expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
  });

  test('a site file that somebody has changed since the list was read is left alone', () => {
    const siteFile = newSite();
    const change = sound(siteFile, NEW);
    writeFileSync(siteFile, `${SITE}# by hand\n`);
    expect(applyChange(siteFile, change, 'one.xlsx', 1)).toBe(false);
    expect(readFileSync(siteFile, 'utf8')).toBe(`${SITE}# by hand\n`);
    expect(readdirSync(join(dirname(siteFile), '.lamplighter-imports'))).toEqual([]);
  });

  test('a site file behind a link stays there, with its rights', () => {
    const siteFile = newSite();
    const real = join(dirname(siteFile), 'real.yaml');
    renameSync(siteFile, real);
    chmodSync(real, 0o640);
    symlinkSync('real.yaml', siteFile);
    applyChange(siteFile, sound(siteFile, NEW), 'one.xlsx', 1);
    expect(lstatSync(siteFile).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toContain('tank-9');
    expect(statSync(real).mode & 0o777).toBe(0o640);
    undoImport(siteFile);
    expect(readFileSync(real, 'utf8')).toBe(SITE);
  });

  test('a record that names files of others is not followed', () => {
    const siteFile = newSite();
    applyChange(siteFile, sound(siteFile, NEW), 'one.xlsx', 1);
    const record = join(dirname(siteFile), '.lamplighter-imports/000001.json');
    const content = JSON.parse(readFileSync(record, 'utf8'));
    writeFileSync(record, JSON.stringify({ ...content, maps: ['maps/modbus/../../profiles/tank.yaml'] }));
    expect(undoImport(siteFile)).toMatchObject({ ok: false });
    expect(readdirSync(join(dirname(siteFile), 'profiles'))).toEqual(['tank.yaml']);
  });

  test('nothing changes where the site file cannot be written', () => {
    const siteFile = newSite();
    const change = sound(siteFile, NEW);
    // A folder in the place of the temporary file: the last step fails.
    mkdirSync(`${siteFile}.new`);
    expect(() => applyChange(siteFile, change, 'one.xlsx', 1)).toThrow();
    expect(readFileSync(siteFile, 'utf8')).toBe(SITE);
    expect(readdirSync(join(dirname(siteFile), 'maps/modbus'))).toEqual(['own.yaml']);
    rmSync(`${siteFile}.new`, { recursive: true });
    expect(undoImport(siteFile)).toMatchObject({ ok: false });
  });
});
