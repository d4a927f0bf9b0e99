import { expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import { conflictsMqtt, resolveMqtt } from './resolve.ts';
import type { MqttAddress, MqttMapPoint } from './schema.ts';

const context = (kind: ValueKind) => ({ asset: 'camera-01', point: 'online', kind, index: 0 });

test('a template becomes a topic, and dotted paths are split', () => {
  const mapPoint = { topic: 'cctv/{asset}/state', path: 'power.total', time: 'ts', scale: 0.1 };
  expect(resolveMqtt(mapPoint, undefined, context('double'))).toEqual({
    ok: true,
    value: { topic: 'cctv/camera-01/state', path: ['power', 'total'], time: ['ts'], scale: 0.1 },
  });
});

test('the asset may have a topic of its own', () => {
  const resolved = resolveMqtt({ topic: 'a/{asset}', path: 'v' }, { topic: 'old/{asset}/x' }, context('bool'));
  expect(resolved).toEqual({ ok: true, value: { topic: 'old/camera-01/x', path: ['v'] } });
});

test.each<[ValueKind, MqttMapPoint, (string | number)[]]>([
  ['bool', { topic: 'a/+/b' }, ['topic']],
  ['bool', { topic: 'a/#' }, ['topic']],
  ['bool', { topic: '$SYS/x' }, ['topic']],
  ['bool', { topic: 'a/{room}' }, ['topic']],
  ['bool', { topic: 'a/'.repeat(40) }, ['topic']],
  ['bool', { topic: 'a', path: 'x..y' }, ['path']],
  ['bool', { topic: 'a', time: '.ts' }, ['time']],
  ['double', { topic: 'a', values: { on: 1 } }, ['values']],
  ['bool', { topic: 'a', values: { on: 2 } }, ['values', 'on']],
  ['enum', { topic: 'a', values: { on: 1.5 } }, ['values', 'on']],
  ['enum', { topic: 'a', contains: 'x' }, ['contains']],
  ['bool', { topic: 'a', contains: 'x', values: { on: 1 } }, ['contains']],
  ['text', { topic: 'a', scale: 2 }, ['scale']],
])('%s %j is refused at %j', (kind, mapPoint, path) => {
  const resolved = resolveMqtt(mapPoint, undefined, context(kind));
  expect(resolved.ok ? [] : resolved.problems.map((problem) => problem.path)).toContainEqual(path);
});

test('two points that read the very same place conflict; two readings of one place do not', () => {
  const address: MqttAddress = { topic: 't', path: ['exceptions'], contains: 'diskfull' };
  const problems = conflictsMqtt([
    { key: 'a/x', address },
    { key: 'a/y', address: { ...address, contains: 'diskerror' } },
    { key: 'b/x', address },
  ]);
  expect(problems.map((problem) => problem.path)).toEqual([[2]]);
  expect(problems[0]?.text.en).toContain('b/x reads the same place as a/x');
});
