import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Site } from '../../model/site.ts';
import { loadSite, loadSiteText } from './load-site.ts';
import { formatProblem, mistakes } from './problem.ts';
import { MAX_SITE_BYTES } from './yaml-source.ts';

const casesFolder = fileURLToPath(new URL('../../test/cases/site/', import.meta.url));
const cases = readdirSync(casesFolder);

/** Damaged files per run of the test. */
const RUNS = 40;

/** Problems of a case as `check` prints them, with the files named from the case's folder. */
function printed(name: string, language: 'zh' | 'en'): string {
  const result = loadSite(join(casesFolder, name, 'site.yaml'), { environment: { BAD_ENDPOINT: 'nowhere' } });
  const problems = [...(result.ok ? [] : result.problems), ...result.warnings];
  const lines = problems.map((problem) => formatProblem(problem, language));
  const summary = result.ok ? `ok, ${result.site.assets.length} assets` : `${result.problems.length} mistakes`;
  return [...lines, summary, ''].join('\n').replaceAll(`test/cases/site/${name}/`, '');
}

test.each(cases)('case %s', async (name) => {
  const both = `${printed(name, 'en')}\n${printed(name, 'zh')}`;
  await expect(both).toMatchFileSnapshot(join(casesFolder, name, 'expected.txt'));
});

describe('the catalogue', () => {
  const codes = Object.values(mistakes).map((entry) => entry.code);

  test('has each code once', () => {
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('is shown by a case, code by code, but for bounds that would need huge files, and what only an import says', () => {
    const shown = cases.map((name) => printed(name, 'en')).join('\n');
    const others: string[] = [
      mistakes.unreadable,
      mistakes.tooLarge,
      mistakes.tooManyProblems,
      mistakes.tooManyPoints,
      mistakes.tooManyEntries,
      mistakes.assetsNotAList,
    ].map((entry) => entry.code);
    expect(codes.filter((code) => !shown.includes(` ${code} `) && !others.includes(code))).toEqual([]);
  });

  test('is explained in the manual, code by code', () => {
    const manual = readFileSync(new URL('../../docs/site-file.md', import.meta.url), 'utf8');
    expect(codes.filter((code) => !manual.includes(`| ${code} |`))).toEqual([]);
  });
});

test('a point that its map reads rarely is stale after three of its own intervals, others as their profile says', () => {
  const folder = join(casesFolder, 'staleness');
  const text = readFileSync(join(folder, 'site.yaml'), 'utf8');
  const onlyMeter = text.replaceAll(/^ {2}- \{ key: (?:pump|tank|counter)-.*\n/gm, '');
  const result = loadSiteText(onlyMeter, { folder, environment: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const [meter] = result.site.assets;
  const limits = Object.fromEntries((meter?.points ?? []).map(({ point, staleAfterMs }) => [point, staleAfterMs]));
  expect(limits).toEqual({ running: 3000, total: 180_000 });
});

describe('the demo estate', () => {
  const result = loadSite(fileURLToPath(new URL('../demo/site.yaml', import.meta.url)), { environment: {} });

  test('has no mistakes and no warnings', () => {
    expect(result).toMatchObject({ ok: true, warnings: [] });
  });

  test('has the assets that the estate has', () => {
    if (!result.ok) throw new Error('the demo site has mistakes');
    const { assets } = result.site;
    const count = (profile: string) => assets.filter((asset) => asset.profile === profile).length;
    expect(count('streetlight-lamp')).toBe(67);
    expect(count('floor-lamp')).toBe(371);
    expect(
      ['lift', 'intercom', 'access-door', 'recorder', 'camera', 'fire-pump', 'streetlight-feeder'].map(count),
    ).toEqual([6, 6, 8, 1, 24, 2, 3]);
    const floors = new Set(
      assets
        .filter((asset) => asset.profile === 'floor-lamp')
        .map(({ location }) => `${location.building}/${location.floor}`),
    );
    expect(floors.size).toBe(16 + 26 + 9);
  });

  test('finds each corridor lamp at its own input, without a gap', () => {
    if (!result.ok) throw new Error('the demo site has mistakes');
    const inputs = (unit: number) =>
      result.site.assets
        .filter((asset) => asset.profile === 'floor-lamp')
        .map((asset) => asset.points[0]?.address as { unit: number; address: number })
        .filter((address) => address.unit === unit)
        .map((address) => address.address);
    expect(inputs(1)).toEqual(Array.from({ length: 128 }, (_, place) => place));
    expect(inputs(2)).toEqual(Array.from({ length: 206 }, (_, place) => place));
    expect(inputs(3)).toEqual(Array.from({ length: 37 }, (_, place) => place));
  });

  test('keeps what is to be taken from the environment as it is written', () => {
    if (!result.ok) throw new Error('the demo site has mistakes');
    expect(result.site.people[0]?.channels[0]?.settings).toEqual({
      url: '$' + '{LAMPLIGHTER_PHONE_URL:-http://127.0.0.1:15910/webhook}',
      secret: '$' + '{LAMPLIGHTER_PHONE_SECRET:-}',
    });
  });

  test('is frozen to the ground', () => {
    if (!result.ok) throw new Error('the demo site has mistakes');
    const point = result.site.assets[0]?.points[0];
    expect(Object.isFrozen(result.site.assets) && Object.isFrozen(point) && Object.isFrozen(point?.address)).toBe(true);
  });
});

const head = `site: { key: estate, name: { zh: 小区, en: Estate }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: floors, name: { zh: 采集器, en: Inputs }, protocol: modbus, endpoint: 'tcp://10.0.0.5:502' }
systems:
  - { key: floor-light, name: { zh: 楼道灯, en: Corridor lights }, rates: [] }
`;

function lamps(rest: string): string {
  return `${head}assets:\n  - profile: floor-lamp\n    system: floor-light\n    link: floors\n    map: floor-lamp-input\n${rest}`;
}

describe('templates', () => {
  test('every combination in order, the last variable fastest, the index counting through', () => {
    const result = loadSiteText(
      lamps(`    key: f{floor:02}-{side}
    each: { floor: [3, 12], side: [left, right] }
    name: { zh: '{floor} 层 {{{side}}}', en: 'Floor {floor}' }
    address: { unit: '{floor}', stride: 1 }
    location: { floor: '{floor}', building: 7 }
    formerly: old-{floor}-{side}
`),
    );
    if (!result.ok) throw new Error(result.problems[0]?.text.en);
    const { assets } = result.site;
    expect(assets.map((asset) => asset.key)).toEqual(['f03-left', 'f03-right', 'f12-left', 'f12-right']);
    expect(assets[1]?.name).toEqual({ zh: '3 层 {right}', en: 'Floor 3' });
    expect(assets[3]?.points[0]?.address).toMatchObject({ unit: 12, address: 3 });
    expect(assets[3]).toMatchObject({ location: { floor: '12', building: '7' }, formerly: 'old-12-right' });
  });

  test('the same text gives the same hash, another address another one', () => {
    const lamp = (unit: number) =>
      loadSiteText(lamps(`    key: lamp\n    name: { zh: 灯, en: Lamp }\n    address: { unit: ${unit} }\n`));
    const hashes = [lamp(1), lamp(1), lamp(2)].map((result) => (result.ok ? result.site.hash : ''));
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});

test('an array of a map becomes points, each at its own place', () => {
  const result = loadSite(join(casesFolder, 'register-types', 'site.yaml'), { environment: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const places = result.site.assets.map(({ points }) =>
    points
      .filter(({ point }) => /^(cell|fault)/.test(point))
      .map(({ point, address }) => {
        const { table, address: at, bit } = address as { table: string; address: number; bit: number | null };
        return `${point} ${table} ${at}${bit === null ? '' : `.${bit}`}`;
      }),
  );
  const cells = (from: number) => [0, 1, 2, 3].map((i) => `cell${i + 1} input ${from + 3 * i}`);
  expect(places).toEqual([
    [...cells(10), 'fault1 holding 1.15', 'fault2 holding 2.0', 'fault3 holding 2.1'],
    [...cells(210), 'fault1 holding 201.15', 'fault2 holding 202.0', 'fault3 holding 202.1'],
  ]);
});

describe('planned work, campaigns and what hangs on them', () => {
  const file = join(casesFolder, 'planned-sound', 'site.yaml');
  const text = readFileSync(file, 'utf8');
  const load = (source: string) => {
    const result = loadSiteText(source);
    if (!result.ok) throw new Error(result.problems[0]?.text.en);
    return result.site;
  };
  let site: Site;
  beforeAll(() => {
    site = load(text);
  });

  test('choices become the keys of the assets, each once, in the order of the file', () => {
    expect(site.planned.map(({ key, assets }) => [key, assets])).toEqual([
      ['once', ['lamp-1', 'lamp-2']],
      ['night', ['lamp-1', 'lamp-2', 'lamp-3', 'lamp-4', 'lamp-5', 'lamp-6']],
      ['weekly', ['lamp-1', 'lamp-2', 'lamp-3', 'lamp-4', 'lamp-5', 'lamp-6', 'new-lamp']],
    ]);
  });

  test('times are as written, durations in ms', () => {
    expect(site.planned[0]).toEqual({
      key: 'once',
      name: { zh: '换灯', en: 'New lamps' },
      assets: ['lamp-1', 'lamp-2'],
      start: '2026-07-01T09:00',
      durationMs: 14 * 86_400_000,
    });
    expect(site.planned[2]).toMatchObject({ durationMs: 60_000, rule: 'FREQ=WEEKLY;BYDAY=TU\nEXDATE:20261006\n' });
    expect(site.campaigns[0]).toEqual({
      key: 'june',
      name: { zh: '整改月', en: 'June' },
      from: '2026-06-01',
      to: '2026-06-30',
    });
  });

  test('rates and assets say what they said', () => {
    const [lit, june] = site.systems[0]?.rates ?? [];
    expect(lit).toMatchObject({ per: 'group', counted: true });
    expect(lit).not.toHaveProperty('coverageTarget');
    expect(june).toMatchObject({ campaign: 'june', coverageTarget: 0.9, per: 'contractor', counted: false });
    expect(site.assets.map(({ group, commissioning }) => [group, commissioning]).slice(-2)).toEqual([
      ['stairs-6', undefined],
      ['12', true],
    ]);
  });

  test.each([
    ['planned work', 'duration: 2h', 'duration: 3h'],
    ['a campaign', 'to: 2026-06-30', 'to: 2026-06-29'],
    ['a coverage target', 'coverageTarget: 90%', 'coverageTarget: 0.8'],
    ['a group', 'group: stairs-{n}', 'group: stair-{n}'],
    ['commissioning', 'commissioning: true', 'commissioning: false'],
  ])('another %s is another hash', (_, found, replacement) => {
    const changed = text.replaceAll(found, replacement).replaceAll('{ group: stairs-2 }', 'lamp-2');
    const same = text.replaceAll('{ group: stairs-2 }', 'lamp-2');
    expect(load(same).hash).toBe(site.hash);
    expect(load(changed).hash).not.toBe(site.hash);
  });

  test('are frozen', () => {
    const [work] = site.planned;
    expect([site.planned, work, work?.assets, site.campaigns, site.campaigns[0]].every(Object.isFrozen)).toBe(true);
  });
});

describe('bounds', () => {
  const codesOf = (text: string) => {
    const result = loadSiteText(text);
    return result.ok ? [] : [...new Set(result.problems.map((problem) => problem.code))];
  };

  test('a file that is not there', () => {
    expect(loadSite('/nowhere/site.yaml')).toMatchObject({
      ok: false,
      problems: [{ code: 'E001', line: 1, column: 1 }],
    });
  });

  test('a folder in place of a file', () => {
    expect(loadSite('/')).toMatchObject({ ok: false, problems: [{ code: 'E001' }] });
  });

  test('a file without an end', () => {
    expect(loadSite('/dev/zero')).toMatchObject({ ok: false, problems: [{ code: 'E002' }] });
    expect(MAX_SITE_BYTES).toBeLessThan(100_000_000);
  });

  test('more assets than one site may have', () => {
    const lamp = (key: string) => `  - key: ${key}-{n}
    each: { n: 1..60000 }
    name: { zh: 灯, en: Lamp }
    profile: none
    system: floor-light
    link: floors
    map: floor-lamp-input
`;
    expect(codesOf(`${head}assets:\n${lamp('a')}${lamp('b')}`)).toContain('E043');
  });

  test('more planned work and campaigns than one site may have', () => {
    const name = 'name: { zh: 名, en: Name }';
    const times = 'assets: [lamp], start: 2026-07-01T09:00, duration: 2h';
    const planned = Array.from({ length: 501 }, (_, no) => `  - { key: p${no}, ${name}, ${times} }\n`).join('');
    const campaigns = Array.from({ length: 101 }, (_, no) => {
      return `  - { key: c${no}, ${name}, from: 2026-06-01, to: 2026-06-30 }\n`;
    }).join('');
    const lamp = lamps('    key: lamp\n    name: { zh: 灯, en: Lamp }\n    address: { unit: 1 }\n');
    const line = lamp.split('\n').length;
    expect(loadSiteText(`${lamp}planned:\n${planned}campaigns:\n${campaigns}`)).toMatchObject({
      problems: [
        { code: 'E046', line: line + 1 },
        { code: 'E046', line: line + 503 },
      ],
    });
  });

  test('more mistakes than anybody reads', () => {
    const result = loadSiteText(`${head}assets:\n${'  - 1\n'.repeat(1500)}`);
    if (result.ok) throw new Error('no mistakes found');
    expect(result.problems).toHaveLength(1001);
    expect(result.problems.at(-1)).toMatchObject({ code: 'E009' });
  });

  test('aliases that unfold without end', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      return `l${level + 1}: &l${level + 1} [${Array.from({ length: 10 }, () => `*l${level}`).join(', ')}]\n`;
    });
    expect(codesOf(`l0: &l0 [x]\n${levels.join('')}`)).toEqual(['E003']);
  });

  test('lists within lists within lists', () => {
    expect(codesOf('['.repeat(20_000))).toEqual(['E003']);
  });
});

test('twenty thousand lamps', () => {
  const result = loadSiteText(
    lamps(`    key: b{building}-f{floor:02}-lamp-{n}
    each: { building: 1..100, floor: 1..25, n: 1..8 }
    name: { zh: '{building} 栋 {floor} 层 {n} 号灯', en: 'Building {building} floor {floor} lamp {n}' }
    address: { unit: 1, stride: 1 }
`),
  );
  expect(result.ok && result.site.assets.length).toBe(20_000);
});

describe('damaged files', () => {
  const demo = readFileSync(new URL('../demo/site.yaml', import.meta.url), 'utf8').split('\n');
  const pieces = ['', '[]', '{}', 'null', '7', 'key:', '- ', '{n}', 'a: &a [*a]', 'each: { n: 5..2 }', '${', '"', '\t'];

  test('give mistakes or a site, never an error of the program', () => {
    const damage = fc.array(
      fc.record({
        line: fc.nat(demo.length - 1),
        cut: fc.nat(30),
        piece: fc.constantFrom(...pieces),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(damage, (changes) => {
        const lines = [...demo];
        for (const { line, cut, piece } of changes) lines[line] = (lines[line] ?? '').slice(0, cut) + piece;
        const result = loadSiteText(lines.join('\n'), { environment: {} });
        for (const problem of result.ok ? [] : result.problems) {
          expect(problem.line).toBeGreaterThan(0);
          expect(problem.text.zh).not.toBe('');
        }
        return result.ok || result.problems.length > 0;
      }),
      { numRuns: RUNS },
    );
  });
});
