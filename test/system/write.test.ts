import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DecisionsReply, PointReply } from '../../gateway/http/contract.ts';
import { Child } from '../support/child.ts';
import { ModbusDevice } from '../support/modbus-device.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 20_000;
const WRITE_TOKEN = 'a-write-token-of-the-test';

const PROFILE = `name: { zh: 风机, en: Fan }
points:
  running: { kind: bool, name: { zh: 运行, en: running }, staleAfter: 1500ms }
  speed: { kind: double, unit: Hz, name: { zh: 转速, en: speed }, staleAfter: 1500ms }
  limit: { kind: double, unit: Hz, name: { zh: 上限, en: limit }, staleAfter: 1500ms }
up: running
alarms: {}
`;
const MAP = `name: { zh: 变频器, en: Drive }
source: test/system/write.test.ts
profile: fan
points:
  running: { table: discrete, address: 0 }
  speed: { register: 40001, scale: 0.1, writable: true }
  limit: { register: 40002, scale: 0.1, writable: true }
`;
const siteOf = (endpoint: string) => `site:
  key: plant
  name: { zh: 机房, en: Plant }
  timeZone: Asia/Shanghai
  latitude: 23.10
  longitude: 113.32
links:
  - { key: bus, name: { zh: 总线, en: Bus }, protocol: modbus, endpoint: '${endpoint}', timeout: 300ms, poll: 500ms }
systems:
  - { key: vent, name: { zh: 通风, en: Ventilation }, rates: [] }
assets:
  - key: fan-1
    name: { zh: 1 号风机, en: Fan 1 }
    profile: fan
    system: vent
    link: bus
    map: drive
    address: { unit: 1 }
    writable: [speed]
`;

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-write-'));
const siteFile = join(folder, 'site.yaml');
const dataDir = join(folder, 'data');
let device: ModbusDevice;
let port: number;
let gateway: Child;

async function startGateway(environment: Record<string, string>): Promise<void> {
  const args = ['run', '--site', siteFile, '--data', dataDir, '--port', String(port)];
  gateway = new Child('gateway/main.ts', args, { LAMPLIGHTER_LOG_LEVEL: 'silent', ...environment });
  await gateway.ready();
}

async function get<T>(path: string): Promise<T> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<T>;
}

async function write(point: string, value: unknown, token = WRITE_TOKEN) {
  const reply = await fetch(`http://127.0.0.1:${port}/api/points/${point}/write`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-lamplighter-write-token': token },
    body: JSON.stringify({ value, by: '张三', reason: '夜间降速' }),
  });
  return {
    status: reply.status,
    body: (await reply.json()) as { code?: string; after?: unknown; text?: { en: string } },
  };
}

const speed = async () => (await get<PointReply[]>('/api/points?asset=fan-1')).find(({ key }) => key === 'fan-1/speed');

beforeAll(async () => {
  device = await ModbusDevice.start();
  device.set(1, 'discrete', 0, 1);
  device.set(1, 'holding', 0, 500, 500);
  mkdirSync(join(folder, 'profiles'));
  mkdirSync(join(folder, 'maps', 'modbus'), { recursive: true });
  writeFileSync(join(folder, 'profiles', 'fan.yaml'), PROFILE);
  writeFileSync(join(folder, 'maps', 'modbus', 'drive.yaml'), MAP);
  writeFileSync(siteFile, siteOf(device.endpoint));
  port = await freePort();
  await startGateway({ LAMPLIGHTER_WRITE_TOKEN: WRITE_TOKEN });
});

afterAll(async () => {
  await gateway.end();
  await device.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('a value is written, seen, and stands in the log for good with who wrote it', async () => {
  await until('the fan is read', WITHIN_MS, async () => (await speed())?.value === 50);
  expect(await write('fan-1/speed', 35.5)).toMatchObject({ status: 200, body: { before: 50, after: 35.5 } });
  expect(device.writes).toEqual([{ unit: 1, code: 6, table: 'holding', address: 0, count: 1, values: [355] }]);
  await until('the polls show it', WITHIN_MS, async () => (await speed())?.value === 35.5);

  const command = new Child(
    'gateway/main.ts',
    ['write', 'fan-1/speed', '36.5', '--by', '李四', '--reason', '试', '--data', dataDir],
    { LAMPLIGHTER_WRITE_TOKEN: WRITE_TOKEN },
  );
  expect(await command.exit()).toBe(0);
  expect(command.lines).toEqual(['fan-1/speed: 35.5 → 36.5']);
  expect(device.writes.splice(1)).toMatchObject([{ values: [365] }]);

  expect(await write('fan-1/limit', 40), 'not allowed by the site file').toMatchObject({ status: 409 });
  expect(await write('fan-1/speed', 1, 'not-the-write-token')).toMatchObject({ body: { code: 'write-token-needed' } });
  expect(await write('fan-1/speed', 7000)).toMatchObject({
    status: 409,
    body: { text: { en: 'it must be from 0 to 6553.5' } },
  });
  expect(device.writes).toHaveLength(1);

  const { writes } = await get<DecisionsReply>('/api/decisions?asset=fan-1');
  const who = { asset: 'fan-1', point: 'fan-1/speed', by: '张三', reason: '夜间降速' };
  expect(writes).toMatchObject([
    { ...who, value: 35.5, outcome: 'done', before: 50, after: 35.5, why: null },
    { ...who, by: '李四', reason: '试', value: 36.5, outcome: 'done', before: 35.5, after: 36.5, why: null },
    { ...who, value: 7000, outcome: 'refused', before: null, after: null },
  ]);

  // Run anew from the log alone: the engine's own state is gone, and the token with it.
  await gateway.end();
  for (const name of ['state.db', 'state.db-wal', 'state.db-shm']) rmSync(join(dataDir, name), { force: true });
  await startGateway({});
  expect((await get<DecisionsReply>('/api/decisions?asset=fan-1')).writes).toEqual(writes);
  expect(await write('fan-1/speed', 20)).toMatchObject({ status: 403, body: { code: 'writing-off' } });
  expect(device.writes).toHaveLength(1);
});

test('`check --points` says where each point is found, on the wire and in manuals', async () => {
  const command = new Child('gateway/main.ts', ['check', siteFile, '--points']);
  expect(await command.exit()).toBe(0);
  expect(command.lines.filter((line) => line.includes('\t'))).toEqual([
    'fan-1/running\tbus\tunit 1 discrete 0 (10001)',
    'fan-1/speed\tbus\tunit 1 holding 0 (40001)',
    'fan-1/limit\tbus\tunit 1 holding 1 (40002)',
  ]);
});
