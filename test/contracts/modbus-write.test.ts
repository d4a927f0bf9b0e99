import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { type ModbusAdapter, modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { ModbusMapPoint, ModbusSettings } from '../../adapters/modbus/schema.ts';
import type { LinkPlan, LinkPoint, Protocol } from '../../model/adapter.ts';
import { simulatedClock } from '../../model/clock.ts';
import type { PointValue, ValueKind } from '../../model/point.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import { ModbusDevice } from '../support/modbus-device.ts';

let device: ModbusDevice;
let run: AdapterRun;
let adapter: ModbusAdapter | undefined;
const signal = new AbortController().signal;

const states = { 0: { zh: '停', en: 'off' }, 3: { zh: '高', en: 'high' } };

/** What can be written, on one unit, with the value that is written to each and how it stands on the wire then. */
const points: readonly (readonly [name: string, kind: ValueKind, map: ModbusMapPoint, PointValue, number[]])[] = [
  ['coil', 'bool', { table: 'coil', address: 0 }, 1, [1]],
  ['uint16', 'double', { table: 'holding', address: 0, scale: 0.1 }, 412.3, [4123]],
  ['int16', 'double', { table: 'holding', address: 1, type: 'int16' }, -2, [0xfffe]],
  [
    'uint32',
    'double',
    { table: 'holding', address: 2, type: 'uint32', wordOrder: 'little' },
    0x01020304,
    [0x0304, 0x0102],
  ],
  ['float32', 'double', { table: 'holding', address: 4, type: 'float32', wire: [2, 1, 4, 3] }, 1, [0x803f, 0]],
  ['float64', 'double', { table: 'holding', address: 6, type: 'float64' }, -1, [0xbff0, 0, 0, 0]],
  ['bcd32', 'double', { table: 'holding', address: 10, type: 'bcd32' }, 12_345_678, [0x1234, 0x5678]],
  ['mode', 'enum', { register: 40013 }, 3, [3]],
  ['name', 'text', { register: 40014, length: 3, encoding: 'gb18030' }, '水泵', [0xcbae, 0xb1c3, 0]],
];

function begin(): void {
  const plan = points.map(([name, kind, map], index): LinkPoint<ModbusAddress> => {
    const resolved = modbusProtocol.resolve({ ...map, writable: true }, { unit: 1 }, context(name, kind));
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
    return { number: index + 1, key: `a/${name}`, kind, address: resolved.value, ...(kind === 'enum' && { states }) };
  });
  const startMs = Date.now();
  const watched: Protocol = {
    ...modbusProtocol,
    create: (of) => {
      adapter = modbusProtocol.create(of as LinkPlan<ModbusSettings, ModbusAddress>);
      return adapter;
    },
  };
  run = new AdapterRun(watched, {
    key: 'bus',
    settings: { endpoint: device.endpoint, timeout: '250ms', poll: '100ms' },
    points: plan,
    clock: simulatedClock(startMs, 1, startMs),
    log: { info: () => undefined, warn: () => undefined },
  });
}

const context = (point: string, kind: ValueKind) => ({ asset: 'a', point, kind, index: 0 });
const write = (name: string, value: PointValue) => adapter?.write?.(`a/${name}`, value, signal);

beforeEach(async () => {
  device = await ModbusDevice.start();
  device.set(1, 'coil', 0, 0);
  device.set(1, 'holding', 0, ...Array.from({ length: 16 }, () => 0));
  begin();
  await run.until('all points are there', () => points.every(([name]) => run.latest(name)?.quality === 'good'), 5000);
});

afterEach(async () => {
  await run.abort();
  expect(run.violations).toEqual([]);
  await device.kill();
});

test('every type is written as it is read, by one request each, and the polls show it', async () => {
  for (const [name, , map, value, values] of points) {
    expect(await write(name, value), name).toMatchObject({ outcome: 'done', after: value });
    const { code, table, address } = device.writes.at(-1) ?? {};
    const one = map.table === 'coil' ? 5 : values.length === 1 ? 6 : 16;
    expect([code, table, device.writes.at(-1)?.values], name).toEqual([one, map.table ?? 'holding', values]);
    expect(address, name).toBe(map.address ?? (map.register ?? 0) - 40_001);
  }
  expect(device.writes).toHaveLength(points.length);
  await run.until(
    'the polls show what was written',
    () => points.every(([name, , , value]) => run.latest(name)?.value === value),
    5000,
  );
});

test('an answer that is no answer to the write does not hide that it was taken', async () => {
  device.wrongEchoes = true;
  expect(await write('mode', 3)).toMatchObject({ outcome: 'done', before: 0, after: 3 });
});

test('a unit that is silent is not written to', async () => {
  device.silentUnits.add(1);
  expect(await write('mode', 3)).toMatchObject({ outcome: 'refused' });
  expect(device.writes).toEqual([]);
});

test('without a connection nothing is written, and nobody waits', async () => {
  await device.kill();
  await run.until('the link is lost', () => run.ending !== undefined, 5000);
  expect(await write('mode', 3)).toMatchObject({
    outcome: 'refused',
    why: { en: expect.stringContaining('not connected') },
  });
});
