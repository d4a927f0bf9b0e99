import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { ModbusMapPoint, ModbusSettings, Table } from '../../adapters/modbus/schema.ts';
import { Connection, type Reply } from '../../adapters/modbus/transport/connection.ts';
import { readEndpoint } from '../../adapters/modbus/transport/endpoint.ts';
import type { LinkPoint } from '../../model/adapter.ts';
import { simulatedClock } from '../../model/clock.ts';
import type { ValueKind } from '../../model/point.ts';
import { ModbusServer } from '../../simulators/modbus/modbus-server.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import {
  describeWithServer,
  findServer,
  type ModbusTables,
  type RunningServer,
  type SerialLine,
  startLibmodbus,
  startPymodbus,
  startSerialLine,
} from '../support/servers.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

/** Real ms within which a server that is ready must have answered a first request. */
const ANSWERS_WITHIN_MS = 10_000;
const BAUD = 115_200;
const UNIT = 17;

/** Where each value lies among the holding registers; the bytes are written out so that no code of ours makes them. */
const values: readonly { name: string; map: ModbusMapPoint; words: readonly number[]; value: number }[] = [
  { name: 'uint16', map: { table: 'holding', address: 0 }, words: [0xfffe], value: 65_534 },
  { name: 'int16', map: { table: 'holding', address: 1, type: 'int16' }, words: [0xfffe], value: -2 },
  { name: 'uint32', map: { table: 'holding', address: 2, type: 'uint32' }, words: [0x0102, 0x0304], value: 0x01020304 },
  {
    name: 'uint32-low-word-first',
    map: { table: 'holding', address: 4, type: 'uint32', wordOrder: 'little' },
    words: [0x0304, 0x0102],
    value: 0x01020304,
  },
  {
    name: 'uint32-bytes-swapped',
    map: { table: 'holding', address: 6, type: 'uint32', byteOrder: 'little' },
    words: [0x0201, 0x0403],
    value: 0x01020304,
  },
  {
    name: 'uint32-little',
    map: { table: 'holding', address: 8, type: 'uint32', wordOrder: 'little', byteOrder: 'little' },
    words: [0x0403, 0x0201],
    value: 0x01020304,
  },
  { name: 'float32', map: { table: 'holding', address: 10, type: 'float32' }, words: [0xc050, 0], value: -3.25 },
  {
    name: 'float64',
    map: { table: 'holding', address: 12, type: 'float64' },
    words: [0x3ff8, 0, 0, 0],
    value: 1.5,
  },
  { name: 'input', map: { table: 'input', address: 3, scale: 0.1 }, words: [], value: 100.3 },
];

const range = (count: number, value: (i: number) => number) => Array.from({ length: count }, (_, i) => value(i));
const tables: ModbusTables = {
  coil: range(40, (i) => Number(i % 3 === 0)),
  discrete: range(40, (i) => Number(i % 5 === 0)),
  holding: [...values.flatMap(({ words }) => words), ...range(150, (i) => i * 7)],
  input: range(150, (i) => 1000 + i),
};

async function started(starting: Promise<RunningServer>): Promise<RunningServer> {
  const server = await starting;
  onTestFinished(() => server.remove());
  return server;
}

async function line(): Promise<SerialLine> {
  const made = await startSerialLine();
  onTestFinished(() => made.remove());
  return made;
}

async function connected(settings: ModbusSettings): Promise<Connection> {
  const endpoint = readEndpoint(settings);
  if (endpoint === undefined) throw new Error(settings.endpoint);
  const connection = await Connection.open(endpoint, 1000, new AbortController().signal);
  onTestFinished(() => connection.close());
  const alive = { unit: UNIT, table: 'holding', address: 0, count: 1 } as const;
  await until('an answer', ANSWERS_WITHIN_MS, async () => (await connection.read(alive)).kind === 'data');
  return connection;
}

/** The bits or registers of a reply, or what else it is. */
function cells(table: Table, count: number, reply: Reply): unknown {
  if (reply.kind !== 'data') return reply;
  const { bytes } = reply;
  const bit = (i: number) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1;
  return range(count, table === 'coil' || table === 'discrete' ? bit : (i) => bytes.readUInt16BE(2 * i));
}

/** All tables, as much at once as there is, and what the server refuses. */
async function readsAll(connection: Connection): Promise<void> {
  const read = async (table: Table, address: number, count: number, unit = UNIT) =>
    cells(table, count, await connection.read({ unit, table, address, count }));
  for (const table of ['coil', 'discrete', 'holding', 'input'] as const) {
    const count = Math.min(125, tables[table].length - 1);
    expect(await read(table, 1, count), table).toEqual(tables[table].slice(1, 1 + count));
    // Where there are no bits pymodbus 3.8 answers with none of them, in place of an exception.
    if (table === 'coil' || table === 'discrete') continue;
    expect(await read(table, tables[table].length, 1), `${table} beyond the end`).toEqual({
      kind: 'exception',
      code: 2,
    });
  }
}

/** Each way of writing, each seen to be obeyed. */
async function writesAll(connection: Connection): Promise<void> {
  const taken = { kind: 'data', bytes: Buffer.alloc(0) };
  const write = async (table: 'coil' | 'holding', address: number, ...written: number[]) => {
    const answer = await connection.write({ unit: UNIT, table, address, values: written });
    const after = await connection.read({ unit: UNIT, table, address, count: written.length });
    return [answer, cells(table, written.length, after)];
  };
  expect(await write('coil', 1, 1)).toEqual([taken, [1]]);
  expect(await write('coil', 1, 0)).toEqual([taken, [0]]);
  expect(await write('coil', 7, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1)).toEqual([taken, [1, 0, 1, 1, 0, 1, 1, 1, 0, 1]]);
  expect(await write('holding', 30, 0xbeef)).toEqual([taken, [0xbeef]]);
  expect(await write('holding', 31, 1, 0x8000, 0xffff)).toEqual([taken, [1, 0x8000, 0xffff]]);
  const beyond = { unit: UNIT, table: 'holding', address: tables.holding.length, values: [1] } as const;
  expect(await connection.write(beyond)).toEqual({ kind: 'exception', code: 2 });
}

/** The adapter as a whole reads every type and order. */
async function decodesAll(settings: ModbusSettings): Promise<void> {
  const wanted: { name: string; map: ModbusMapPoint; kind: ValueKind; value: number }[] = [
    ...values.map((one) => ({ ...one, kind: 'double' as const })),
    { name: 'coil', kind: 'bool', map: { table: 'coil', address: 3 }, value: 1 },
    { name: 'discrete', kind: 'bool', map: { table: 'discrete', address: 4 }, value: 0 },
    { name: 'bit', kind: 'bool', map: { table: 'holding', address: 0, bit: 15 }, value: 1 },
  ];
  const points = wanted.map(({ name, kind, map }, index): LinkPoint<unknown> => {
    const resolved = modbusProtocol.resolve(map, { unit: UNIT }, { asset: 'a', point: name, kind, index: 0 });
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
    return { number: index + 1, key: `a/${name}`, kind, address: resolved.value };
  });
  const clock = simulatedClock(Date.now(), 1, Date.now());
  const log = { info: () => undefined, warn: () => undefined };
  const watched = new AdapterRun(modbusProtocol, { key: 'bus', settings, points, clock, log });
  const newest = () => wanted.map(({ name }) => watched.latest(name)?.value);
  await watched.until('all are good', () => wanted.every(({ name }) => watched.latest(name)?.quality === 'good'));
  await watched.abort();
  expect(newest()).toEqual(wanted.map(({ value }) => expect.closeTo(value, 9)));
}

await describeWithServer('pymodbus', 'pymodbus', () => {
  test.each(['tcp', 'rtu+tcp'] as const)('over %s: reads, writes, exceptions, types', async (mode) => {
    const { port } = await started(startPymodbus({ mode }, { [UNIT]: tables }));
    const settings = { endpoint: `${mode}://127.0.0.1:${port}` };
    await decodesAll(settings);
    const connection = await connected(settings);
    await readsAll(connection);
    await writesAll(connection);
  });
});

await describeWithServer('libmodbus', 'libmodbus', () => {
  test('over tcp: reads, writes, exceptions, types', async () => {
    const { port } = await started(startLibmodbus({ mode: 'tcp' }, UNIT, tables));
    const settings = { endpoint: `tcp://127.0.0.1:${port}` };
    await decodesAll(settings);
    const connection = await connected(settings);
    await readsAll(connection);
    await writesAll(connection);
  });

  test('over tcp: eight requests under way, each with its own reply', async () => {
    const { port } = await started(startLibmodbus({ mode: 'tcp' }, UNIT, tables));
    const connection = await connected({ endpoint: `tcp://127.0.0.1:${port}`, parallel: 8 });
    const asked = range(8, (i) => i).map(async (address) =>
      cells('input', 1, await connection.read({ unit: UNIT, table: 'input', address, count: 1 })),
    );
    expect(await Promise.all(asked)).toEqual(range(8, (i) => i).map((i) => [1000 + i]));
  });
});

if ((await findServer('libmodbus')) !== undefined && (await findServer('pymodbus')) !== undefined) {
  await describeWithServer('socat', 'servers on a serial line', () => {
    test.each(['pymodbus', 'libmodbus'] as const)('%s: reads, writes, exceptions, types', async (name) => {
      const { path, farPath } = await line();
      const way = { mode: 'rtu', path: farPath, baud: BAUD } as const;
      await started(name === 'pymodbus' ? startPymodbus(way, { [UNIT]: tables }) : startLibmodbus(way, UNIT, tables));
      const settings: ModbusSettings = { endpoint: `serial://${path}`, serial: { baud: BAUD } };
      const connection = await connected(settings);
      await readsAll(connection);
      await writesAll(connection);
      await connection.close();
      await decodesAll(settings);
    });
  });
}

await describeWithServer('mbpoll', 'mbpoll, with our simulator', () => {
  const cell = (table: Table, address: number) => (address < 40 ? tables[table][address] : undefined);

  async function poll(port: number, ...options: string[]): Promise<{ cells: Record<number, string>; said: string }> {
    const ask = ['-m', 'tcp', '-p', `${port}`, '-0', '-1', '-q', ...options, '127.0.0.1'];
    const { stdout, stderr } = await run('mbpoll', ask, { timeout: ANSWERS_WITHIN_MS }).catch((error) => error);
    const rows = [...String(stdout).matchAll(/^\[(\d+)\]:\s+(\S+)/gm)];
    return { cells: Object.fromEntries(rows.map(([, at, value]) => [at, value])), said: `${stdout}${stderr}` };
  }

  test('reads all tables, and is refused where there is nothing', async () => {
    const server = new ModbusServer(new Map([[UNIT, { cell }]]));
    await server.listen(0);
    onTestFinished(() => server.stop());
    const port = Number(server.address.split(':')[1]);
    const kinds = { coil: '0', discrete: '1', input: '3:hex', holding: '4:hex' } as const;
    for (const [table, kind] of Object.entries(kinds) as [Table, string][]) {
      const { cells: read, said } = await poll(port, '-a', `${UNIT}`, '-t', kind, '-r', '2', '-c', '30');
      const wanted = tables[table].slice(2, 32).map((value, i) => [2 + i, value]);
      expect(
        Object.entries(read).map(([at, value]) => [Number(at), Number(value)]),
        said,
      ).toEqual(wanted);
    }
    expect((await poll(port, '-a', `${UNIT}`, '-t', '4', '-r', '39', '-c', '2')).said).toContain(
      'Illegal data address',
    );
    expect((await poll(port, '-a', '99', '-t', '4', '-r', '0')).said).toMatch(/Target device failed to respond/i);
  });
});
