import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { protocols } from '../../adapters/registry.ts';
import type { Profile } from '../../model/site.ts';
import { compileExpression } from '../../rules/expressions/expression.ts';
import { profilesFolder } from '../../rules/profile.ts';
import { loadSiteText } from './load-site.ts';
import { PackShelf, packNames, parentPointsOf } from './packs.ts';
import { ProblemCollector } from './problem.ts';

/** What an asset of a profile hangs on, where the profile reads a point of its parent. */
const parentOf: Readonly<Record<string, { profile: string; map: string } | undefined>> = {
  'lift-intercom': { profile: 'lift', map: 'bacnet-style-lift' },
};

const settings: Readonly<Record<string, string>> = {
  modbus: 'endpoint: tcp://127.0.0.1:502',
  opcua: 'endpoint: opc.tcp://127.0.0.1:4840/UA',
  mqtt: 'broker: embedded',
};
const addresses: Readonly<Record<string, string>> = {
  modbus: '{ unit: 1 }',
  opcua: '{ namespace: "urn:test" }',
  mqtt: '{}',
};

const maps = Object.keys(protocols).flatMap((protocol) => {
  const folder = fileURLToPath(new URL(`../../adapters/${protocol}/maps/`, import.meta.url));
  return packNames(folder).map((name) => ({ protocol, name, profile: profileOf(`${folder}${name}.yaml`) }));
});

function profileOf(path: string): string {
  return /^profile: (\S+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
}

/** A site with one asset, which has this profile and map. */
function siteOf(protocol: string, map: string, profile: string): string {
  const parent = parentOf[profile];
  const asset = (key: string, of: string, link: string, by: string, more: string) =>
    `  - { key: ${key}, name: { zh: 甲, en: A }, profile: ${of}, system: all, link: ${link}, map: ${by}${more} }\n`;
  return `site: { key: estate, name: { zh: 小区, en: Estate }, timeZone: Asia/Shanghai, latitude: 23.1, longitude: 113.3 }
links:
  - { key: own, name: { zh: 链路, en: Link }, protocol: ${protocol}, ${settings[protocol]} }
  - { key: lifts, name: { zh: 链路, en: Link }, protocol: opcua, ${settings.opcua} }
systems:
  - { key: all, name: { zh: 全部, en: All }, rates: [] }
assets:
${parent ? asset('parent', parent.profile, 'lifts', parent.map, `, address: ${addresses.opcua}`) : ''}${asset(
  'asset',
  profile,
  'own',
  map,
  `, address: ${addresses[protocol]}${parent ? ', parent: parent' : ''}`,
)}`;
}

/** The profile, or the mistakes that are found in it by itself. */
function read(key: string): Profile {
  const problems = new ProblemCollector();
  const pack = new PackShelf(problems, undefined).profile(key);
  if (pack.state === 'good') return pack.value;
  throw new Error(
    problems
      .sorted('')
      .map(({ file, line, text }) => `${file}:${line} ${text.en}`)
      .join('\n'),
  );
}

/** Values that points have: switches, states, voltages, levels, times. */
const values = [
  0, 1, 2, 3, 4, 5, 8, 11, 40, 60, 170, 210, 220, 230, 240, 1000, 3e6, 3e8, 1.5, 1.9, 0.2, 0.45, 0.7, -0.2, -10, 20,
];
const DRAWS = 20_000;

/** What an expression can give, 0, 1 or NaN, while all optional points are unknown; found by trying. */
function resultsWithout(profile: Profile, source: string): Set<number> {
  const kinds = (of: Profile) => Object.fromEntries(Object.entries(of.points).map(([name, { kind }]) => [name, kind]));
  const parent = parentOf[profile.key];
  const compilation = compileExpression(source, {
    points: kinds(profile),
    ...(parent && { parent: kinds(read(parent.profile)) }),
  });
  if (!compilation.ok) throw new Error(compilation.problems[0]?.text.en);
  const { names, evaluate } = compilation.expression;
  const optional = Object.keys(profile.points).filter((name) => profile.points[name]?.optional);
  const isLeftOut = names.map((name) => optional.some((point) => new RegExp(`(^|\\W)${point}(\\W|$)`).test(name)));
  const slots = Int32Array.from(names.keys());
  const drawn = Float64Array.from(names, () => Number.NaN);
  const found = new Set<number>();
  let seed = 1;
  for (let draw = 0; draw < DRAWS; draw++) {
    for (let slot = 0; slot < names.length; slot++) {
      seed = (seed * 48_271) % 2_147_483_647;
      if (!isLeftOut[slot]) drawn[slot] = values[seed % values.length] as number;
    }
    found.add(evaluate(drawn, slots));
  }
  return found;
}

const profileKeys = packNames(fileURLToPath(profilesFolder));

test('there is a profile for every kind of equipment of an estate', () => {
  expect(profileKeys).toEqual([
    'access-door',
    'broadcast',
    'cable-tv',
    'camera',
    'fire-alarm',
    'fire-pump',
    'floor-lamp',
    'fountain',
    'intercom',
    'lift',
    'lift-camera',
    'lift-intercom',
    'network-switch',
    'power-meter',
    'recorder',
    'sewage-pit',
    'smoke-fan',
    'streetlight-feeder',
    'streetlight-lamp',
    'switch-room',
    'water-supply',
    'water-tank',
  ]);
});

describe.each(profileKeys)('profile %s', (key) => {
  test('has no mistakes, and a map of a controller', () => {
    read(key);
    expect(maps.map(({ profile }) => profile)).toContain(key);
  });

  test('can do without the points that a map may leave out', () => {
    const profile = read(key);
    const results = (source: string) => resultsWithout(profile, source);
    expect(results(profile.up)).toContain(1);
    if (profile.required !== undefined) expect(results(profile.required)).toContain(1);
    // What can be raised by its other points has to return by them as well; what cannot be raised is not asked.
    const stuck = profile.alarms.filter(({ when, returnWhen }) => {
      if (when === undefined || !results(when).has(1)) return false;
      return !results(when).has(0) || (returnWhen !== undefined && !results(returnWhen).has(1));
    });
    expect(stuck.map((alarm) => alarm.key)).toEqual([]);
  });

  test('calls again for what is urgent, and says in both languages what to do', () => {
    const { alarms } = read(key);
    const once = alarms.filter(({ priority, reAlarmMs }) => priority <= 2 && reAlarmMs === undefined);
    expect(once.map((alarm) => alarm.key)).toEqual([]);
    for (const { text, consequence, action } of alarms) {
      for (const { zh, en } of [text, consequence, action]) {
        expect(zh).toMatch(/\p{Script=Han}/u);
        expect(en).not.toMatch(/\p{Script=Han}/u);
        expect(`${zh}${en}`).not.toMatch(/[。.]$/);
      }
    }
  });

  test('holds back no alarm of life safety, and says when data is missing', () => {
    const { alarms } = read(key);
    expect(alarms.some((alarm) => alarm.key === 'data-lost')).toBe(true);
    for (const alarm of alarms.filter(({ priority }) => priority === 1)) {
      expect(alarm.suppressWhen).toBeUndefined();
      const maskers = alarms.filter((other) => other.masks?.includes(alarm.key));
      expect(maskers.every(({ priority }) => priority === 1)).toBe(true);
    }
  });

  test('causes alarms that some profile has', () => {
    const known = new Set(profileKeys.flatMap((other) => read(other).alarms.map((alarm) => alarm.key)));
    const caused = read(key).alarms.flatMap(({ causesChildren }) =>
      typeof causesChildren === 'object' ? causesChildren : [],
    );
    expect(caused.filter((alarm) => !known.has(alarm))).toEqual([]);
  });

  test('stands in the manual with its alarms', () => {
    const manual = readFileSync(new URL('../../docs/equipment.md', import.meta.url), 'utf8');
    const section = manual.split(/^## /m).find((part) => part.includes(`\`${key}\`\n`)) ?? '';
    const { alarms, points } = read(key);
    expect(alarms.map((alarm) => alarm.key).filter((alarm) => !section.includes(`\`${alarm}\``))).toEqual([]);
    expect(Object.keys(points).filter((point) => !section.includes(`\`${point}\``))).toEqual([]);
  });
});

test.each(maps)('map $protocol/$name fits its profile $profile', ({ protocol, name, profile }) => {
  const result = loadSiteText(siteOf(protocol, name, profile), { environment: {} });
  expect(result.ok ? [] : result.problems.map(({ file, line, text }) => `${file}:${line} ${text.en}`)).toEqual([]);
  expect(result.warnings).toEqual([]);
});

test('a profile that reads its parent has a parent here', () => {
  const readers = profileKeys.filter((key) =>
    readFileSync(new URL(`${key}.yaml`, profilesFolder), 'utf8')
      .split('\n')
      .some((line) => parentPointsOf(line).length > 0),
  );
  expect(readers).toEqual(Object.keys(parentOf));
});
