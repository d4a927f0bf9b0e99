import { expect, test } from 'vitest';
import { resolveAddress } from './address.ts';
import type { ModbusAssetAddress, ModbusMapPoint } from './schema.ts';
import { writtenModbus } from './written.ts';

test.each<[ModbusMapPoint, ModbusAssetAddress]>([
  [{ table: 'holding', address: 3 }, { unit: 1 }],
  [
    { table: 'holding', address: 3, poll: '1min' },
    { unit: 1, timeout: '2500ms', maxRegisters: 32, maxBits: 64 },
  ],
  [
    { table: 'input', address: 8, type: 'uint32', poll: '250ms', noValue: [7] },
    { unit: 2, maxRegisters: 9 },
  ],
])('what is written of %j is read as the same address', (map, asset) => {
  const context = { asset: 'a', point: 'p', kind: 'double', index: 0 } as const;
  const resolved = resolveAddress(map, asset, context);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  const { mapPoint, address } = writtenModbus(resolved.value);
  const again = resolveAddress(mapPoint as ModbusMapPoint, address as ModbusAssetAddress, context);
  expect(again).toEqual(resolved);
});
