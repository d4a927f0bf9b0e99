import { expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import { conflictsOpcua, resolveOpcua } from './resolve.ts';
import type { OpcuaAssetAddress, OpcuaMapPoint } from './schema.ts';
import { writtenOpcua } from './written.ts';

const context = (kind: ValueKind = 'double') => ({ asset: 'lift-1', point: 'position', kind, index: 0 });
const namespace = 'urn:x';

test.each<[OpcuaMapPoint, OpcuaAssetAddress | undefined, object]>([
  [{ node: 's={asset}.Pos', namespace }, undefined, { namespace, node: 's=lift-1.Pos' }],
  [{ node: 's={asset}.Pos', namespace }, { prefix: 'B2.L7' }, { namespace, node: 's=B2.L7.Pos' }],
  [{ node: 's={asset}.Pos', namespace }, { namespace: 'urn:y' }, { namespace: 'urn:y', node: 's=lift-1.Pos' }],
  [{ node: 'i=7', index: 2, scale: 0.1 }, { namespace }, { namespace, node: 'i=7', index: 2, scale: 0.1 }],
  [{ node: 'i=7', namespace, index: [3] }, undefined, { index: 3 }],
  [
    { node: 'i=7', namespace, index: [1, 2], member: 'Axes[1].Speed' },
    undefined,
    { index: [1, 2], member: ['Axes', 1, 'Speed'] },
  ],
  [{ node: 'g=09087e75-8e5e-499b-954f-f2a9603db28a', namespace }, undefined, { namespace }],
])('%j at %j', (mapPoint, asset, expected) => {
  expect(resolveOpcua(mapPoint, asset, context())).toMatchObject({ ok: true, value: expected });
});

test.each<[OpcuaMapPoint, ValueKind, string]>([
  [{ node: 's=x' }, 'double', 'namespace'],
  [{ node: 'ns=2;s=x', namespace }, 'double', 'node'],
  [{ node: 'x.y', namespace }, 'double', 'node'],
  [{ node: 'i=x', namespace }, 'double', 'node'],
  [{ node: 'g=123', namespace }, 'double', 'node'],
  [{ node: 's={floor}.x', namespace }, 'double', 'node'],
  [{ node: 's=x', namespace, scale: 2 }, 'enum', 'scale'],
  [{ node: 's=x', namespace, type: 'bool' }, 'double', 'type'],
  [{ node: 's=x', namespace, step: 2 }, 'double', 'step'],
  [{ node: 's=x', namespace, member: 'a..b' }, 'double', 'member'],
])('%j as %s is refused', (mapPoint, kind, key) => {
  const resolved = resolveOpcua(mapPoint, undefined, context(kind));
  expect(resolved.ok ? [] : resolved.problems.map((problem) => problem.path[0])).toEqual([key]);
});

test('elements of one array do not conflict, the same element does', () => {
  const address = { namespace, node: 's=x' };
  const problems = conflictsOpcua([
    { key: 'a/l1', address: { ...address, index: 0 } },
    { key: 'a/l2', address: { ...address, index: 1 } },
    { key: 'a/again', address: { ...address, index: 1 } },
  ]);
  expect(problems.map(({ path }) => path)).toEqual([[2]]);
});

test('members of one structure do not conflict, the same member does', () => {
  const address = { namespace, node: 's=x' };
  const problems = conflictsOpcua([
    { key: 'a/speed', address: { ...address, member: ['Speed'] } },
    { key: 'a/load', address: { ...address, member: ['Load'] } },
    { key: 'a/again', address: { ...address, member: ['Load'] } },
  ]);
  expect(problems.map(({ path }) => path)).toEqual([[2]]);
});

test.each<[OpcuaMapPoint, ValueKind]>([
  [{ node: 's=x', namespace, index: [1, 2], member: 'Axes[1].Speed', scale: 0.1 }, 'double'],
  [{ node: 's=x', namespace, index: 4, type: 'bool' }, 'bool'],
])('%j is written as it was read', (mapPoint, kind) => {
  const resolved = resolveOpcua(mapPoint, undefined, context(kind));
  expect(resolved.ok && writtenOpcua(resolved.value).mapPoint).toEqual(mapPoint);
});
