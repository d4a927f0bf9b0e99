import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { protocols } from '../../adapters/registry.ts';
import type { Protocol } from '../../model/adapter.ts';
import { profilesFolder } from '../../rules/profile.ts';
import { generatedFiles, generateSchema } from './generate-schema.ts';
import { PackShelf, packNames } from './packs.ts';
import { formatProblem, ProblemCollector } from './problem.ts';
import { parseYaml } from './yaml-source.ts';

const demo = readFileSync(new URL('../demo/site.yaml', import.meta.url), 'utf8');
const accepts = (text: string) =>
  Value.Check(generateSchema() as unknown as TSchema, parseYaml(text, 'site.yaml').data);

test('the generated files are up to date', () => {
  for (const { url, text } of generatedFiles()) expect(readFileSync(url, 'utf8')).toBe(text);
});

test('an editor accepts the demo site', () => {
  expect(accepts(demo)).toBe(true);
});

test('an editor accepts planned work and campaigns', () => {
  const file = new URL('../../test/cases/site/planned-sound/site.yaml', import.meta.url);
  const sound = readFileSync(file, 'utf8');
  expect(accepts(sound)).toBe(true);
  expect(accepts(sound.replace('{ group: 12 }', '{ grup: 12 }'))).toBe(false);
  expect(accepts(sound.replace('to: 2026-06-30', 'until: 2026-06-30'))).toBe(false);
});

test.each([
  ['a key that the protocol does not have', /broker: embedded/, 'brokr: embedded'],
  ['a value that the protocol does not have', /broker: embedded/, 'broker: builtin'],
  ['an unknown protocol', /protocol: modbus/, 'protocol: modbuss'],
  ['a missing key of an asset', / {4}profile: lift\n/, ''],
  ['an unknown window', /window: month/, 'window: week'],
  ['an unknown channel', /kind: webhook/, 'kind: pigeon'],
])('an editor marks %s', (_, found, replacement) => {
  const changed = demo.replace(found, replacement);
  expect(changed).not.toBe(demo);
  expect(accepts(changed)).toBe(false);
});

test('every profile and map that comes with the program is without a mistake', () => {
  const problems = new ProblemCollector();
  const shelf = new PackShelf(problems, undefined);
  const profiles = packNames(fileURLToPath(profilesFolder));
  expect(profiles.length).toBeGreaterThanOrEqual(9);
  const states = profiles.map((key) => shelf.profile(key).state);
  for (const protocol of Object.values(protocols) as Protocol[]) {
    const maps = packNames(fileURLToPath(new URL(`../../adapters/${protocol.key}/maps/`, import.meta.url)));
    expect(maps.length).toBeGreaterThan(0);
    states.push(...maps.map((name) => shelf.map(protocol, name).state));
  }
  expect(problems.sorted('').map((problem) => formatProblem(problem, 'en'))).toEqual([]);
  expect(new Set(states)).toEqual(new Set(['good']));
});

test('every profile says when its data is lost, and every alarm what follows and what to do', () => {
  const shelf = new PackShelf(new ProblemCollector(), undefined);
  for (const key of packNames(fileURLToPath(profilesFolder))) {
    const pack = shelf.profile(key);
    if (pack.state !== 'good') throw new Error(`${key} has mistakes`);
    expect(pack.value.alarms.map((alarm) => alarm.key)).toContain('data-lost');
    for (const { text, consequence, action } of pack.value.alarms) {
      for (const { zh, en } of [text, consequence, action]) {
        expect(zh).toMatch(/\p{Script=Han}/u);
        expect(en).toMatch(/^[^\p{Script=Han}]+$/u);
      }
    }
  }
});
