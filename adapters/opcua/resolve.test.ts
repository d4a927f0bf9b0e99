import { expect, test } from 'vitest';
import type { ValueKind } from '../../model/point.ts';
import { conflictsOpcua, resolveOpcua } from './resolve.ts';
import type { OpcuaAssetAddress, OpcuaMapPoint } from './schema.ts';

const context = (kind: ValueKind = 'double') => ({ asset: 'lift-1', point: 'position', kind, index: 0 });
const namespace = 'urn:x';

test.each<[OpcuaMapPoint, OpcuaAssetAddress | undefined, object]>([
  [{ node: 's={asset}.Pos', namespace }, undefined, { namespace, node: 's=lift-1.Pos' }],
  [{ node: 's={asset}.Pos', namespace }, { prefix: 'B2.L7' }, { namespace, node: 's=B2.L7.Pos' }],
  [{ node: 's={asset}.Pos', namespace }, { namespace: 'urn:y' }, { namespace: 'urn:y', node: 's=lift-1.Pos' }],
  [{ node: 'i=7', index: 2, scale: 0.1 }, { namespace }, { namespace, node: 'i=7', index: 2, scale: 0.1 }],
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
