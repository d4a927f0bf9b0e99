import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ModbusSettings } from '../../adapters/modbus/schema.ts';
import { Connection, type WriteRequest } from '../../adapters/modbus/transport/connection.ts';
import { type Endpoint, readEndpoint } from '../../adapters/modbus/transport/endpoint.ts';
import { LinkLost, SetupRefused } from '../../model/adapter.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { type DeviceSpeech, ModbusDevice } from '../support/modbus-device.ts';
import { describeWithServer, startSerialLine } from '../support/servers.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const TIMEOUT_MS = 150;
const WITHIN_MS = 5000;

const open: Connection[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
});

async function startDevice(speech: DeviceSpeech = {}): Promise<ModbusDevice> {
  const device = await ModbusDevice.start(speech);
  onTestFinished(() => device.kill());
  device.set(1, 'holding', 0, ...Array.from({ length: 20 }, (_, i) => 100 + i));
  device.set(2, 'holding', 0, ...Array.from({ length: 20 }, (_, i) => 200 + i));
  device.set(1, 'coil', 0, ...new Array(20).fill(0));
  return device;
}

function endpointOf(settings: ModbusSettings): Endpoint {
  const endpoint = readEndpoint(settings);
  if (endpoint === undefined) throw new Error(settings.endpoint);
  return endpoint;
}

async function connect(settings: ModbusSettings, signal = new AbortController().signal): Promise<Connection> {
  const connection = await Connection.open(endpointOf(settings), TIMEOUT_MS, signal);
  open.push(connection);
  return connection;
}

/** The register, or what else became of the request. */
async function register(connection: Connection, address: number, unit = 1): Promise<unknown> {
  const reply = await connection.read({ unit, table: 'holding', address, count: 1 });
  return reply.kind === 'data' ? reply.bytes.readUInt16BE() : reply;
}

describe.each(['mbap', 'rtu'] as const)('over %s', (framing) => {
  test('neuron#1602, node-red-contrib-modbus#446: a unit that does not answer costs the connection nothing', async () => {
    const device = await startDevice({ framing });
    device.silentUnits.add(1);
    const connection = await connect(device);
    for (let i = 0; i < 3; i++) {
      expect(await register(connection, i, 1)).toEqual({ kind: 'timeout' });
      expect(await register(connection, i, 2)).toBe(200 + i);
    }
    device.silentUnits.clear();
    expect(await register(connection, 5, 1)).toBe(105);
    expect([connection.lost, connection.broken, device.connectionsMade]).toEqual([undefined, false, 1]);
  });

  test('node-red-contrib-modbus#409: a gateway’s word that a unit is not there is that unit’s alone', async () => {
    const device = await startDevice({ framing });
    device.unitExceptions.set(1, 11);
    const connection = await connect(device);
    expect(await register(connection, 0, 1)).toEqual({ kind: 'exception', code: 11 });
    expect(await register(connection, 0, 2)).toBe(200);
    expect(device.connectionsMade).toBe(1);
  });

  test('grid-x/modbus#78: late replies do not leave the next ones one behind', async () => {
    const device = await startDevice({ framing });
    const connection = await connect(device);
    device.fault(1, 'holding', 3, { lateMs: 2.5 * TIMEOUT_MS });
    expect(await register(connection, 3)).toEqual({ kind: 'timeout' });
    for (let address = 4; address < 20; address++) expect(await register(connection, address)).toBe(100 + address);
    await until('the late reply was dropped', WITHIN_MS, () => connection.strays > 0);
    for (let address = 4; address < 20; address++) expect(await register(connection, address)).toBe(100 + address);
    expect(device.connectionsMade).toBe(1);
  });

  test('device-modbus-go#606: a connection that was cut is told, and a new one works', async () => {
    const device = await startDevice({ framing });
    const connection = await connect(device);
    const told: string[] = [];
    connection.onLost(({ en }) => told.push(en));
    expect(await register(connection, 0)).toBe(100);
    device.silent = true;
    const underWay = register(connection, 0);
    await until('the request is there', WITHIN_MS, () => device.requests.length >= 2);
    await device.kill();
    expect(await underWay).toEqual({ kind: 'lost' });
    expect(await register(connection, 0)).toEqual({ kind: 'lost' });
    expect([told.length, connection.lost?.en]).toEqual([1, told[0]]);
    device.silent = false;
    await device.revive();
    expect(await register(await connect(device), 0)).toBe(100);
  });

  test('writes are sent by their functions and taken by their echo', async () => {
    const device = await startDevice({ framing });
    const connection = await connect(device);
    const write = (table: WriteRequest['table'], address: number, ...values: number[]) =>
      connection.write({ unit: 1, table, address, values });
    const taken = { kind: 'data', bytes: Buffer.alloc(0) };
    expect(await write('coil', 3, 1)).toEqual(taken);
    expect(await write('coil', 3, 1, 0, 1)).toEqual(taken);
    expect(await write('holding', 4, 0xffff)).toEqual(taken);
    expect(await write('holding', 5, 1, 2)).toEqual(taken);
    expect(device.writes.map(({ code, address, values }) => [code, address, values])).toEqual([
      [5, 3, [1]],
      [15, 3, [1, 0, 1]],
      [6, 4, [0xffff]],
      [16, 5, [1, 2]],
    ]);
    expect(await write('holding', 500, 1)).toEqual({ kind: 'exception', code: 2 });
    device.wrongEchoes = true;
    const noEcho = { kind: 'malformed', detail: 'the reply is no echo of what was written' };
    expect(await write('holding', 4, 7)).toEqual(noEcho);
    expect(await write('coil', 4, 1, 1)).toEqual(noEcho);
  });

  test('requests that no frame can hold are a mistake of the caller’s, told before anything is sent', async () => {
    const device = await startDevice({ framing });
    const connection = await connect(device);
    await expect(connection.read({ unit: 1, table: 'holding', address: 0, count: 126 })).rejects.toThrow(RangeError);
    await expect(connection.read({ unit: 1, table: 'coil', address: 0, count: 0 })).rejects.toThrow(RangeError);
    const values = new Array(124).fill(0);
    await expect(connection.write({ unit: 1, table: 'holding', address: 0, values })).rejects.toThrow(RangeError);
    const twice = [register(connection, 0), register(connection, 1)];
    await expect(twice[1]).rejects.toThrow('more than 1 requests at once');
    expect(await twice[0]).toBe(100);
  });
});

test('several requests are under way at once, and a slow one holds up no other', async () => {
  const device = await startDevice();
  device.fault(1, 'holding', 0, { lateMs: 60 });
  const connection = await connect({ endpoint: device.endpoint, parallel: 3 });
  const order: number[] = [];
  const ask = async (address: number) => {
    const value = await register(connection, address);
    order.push(address);
    return value;
  };
  expect(await Promise.all([ask(0), ask(1), ask(2)])).toEqual([100, 101, 102]);
  expect(order).toEqual([1, 2, 0]);
});

test('a broadcast on a line of units is not waited for', async () => {
  const device = await startDevice({ framing: 'rtu' });
  const connection = await connect(device);
  const broadcast = { unit: 0, table: 'holding', address: 4, values: [7] } as const;
  expect(await connection.write(broadcast, WITHIN_MS)).toEqual({ kind: 'data', bytes: Buffer.alloc(0) });
  expect(device.writes).toMatchObject([{ unit: 0, code: 6, address: 4, values: [7] }]);
});

test('a half-open connection that takes nothing any more is found by a request, and closed', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket.pause());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const connection = await connect({
    endpoint: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    parallel: 16,
  });
  const write = { unit: 1, table: 'holding', address: 0, values: new Array(123).fill(1) } as const;
  const writes = async (): Promise<void> => {
    while (connection.lost === undefined) await connection.write(write, 2);
  };
  await Promise.all(Array.from({ length: 16 }, writes));
  expect(connection.lost?.en).toContain('EPIPE');
}, 60_000);

describe('TLS', () => {
  async function startTls(): Promise<{ device: ModbusDevice; files: Certificates; settings: ModbusSettings }> {
    const files = await makeCertificates(tempFolder());
    const { ca, server, client } = files;
    const [key, cert, authority] = [server.key, server.certificate, ca].map((path) => readFileSync(path));
    const tls = { key, cert, ca: authority, requestCert: true, rejectUnauthorized: true } as DeviceSpeech['tls'];
    const device = await startDevice(tls === undefined ? {} : { tls });
    return { device, files, settings: { endpoint: device.endpoint, tls: { ca, ...client } } };
  }

  test('is spoken with a controller that proves who it is, by its address or by a name', async () => {
    const { settings } = await startTls();
    expect(await register(await connect(settings), 0)).toBe(100);
    expect(await register(await connect({ ...settings, tls: { ...settings.tls, serverName: 'plc-7' } }), 1)).toBe(101);
  });

  test('a controller that proves nothing, or to be another, is refused', async () => {
    const { settings, files } = await startTls();
    const tls = settings.tls ?? {};
    const refused = async (changed: ModbusSettings['tls']) => {
      const error = await connect({ ...settings, ...(changed && { tls: changed }) }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SetupRefused);
      return (error as SetupRefused).reason.en;
    };
    const { ca: _, ...withoutCa } = tls;
    expect(await refused(withoutCa)).toMatch(/is not to be trusted \(\w+\)/);
    expect(await refused({ ...tls, ca: files.otherCa })).toMatch(/is not to be trusted/);
    expect(await refused({ ...tls, serverName: 'plc-8' })).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await refused({ ...tls, ca: '/nowhere.pem' })).toBe('cannot read the certificate file /nowhere.pem');
    expect(await refused({ ...tls, key: files.server.key })).toContain('go together');
    const rubbish = join(tempFolder(), 'rubbish.pem');
    writeFileSync(rubbish, 'not a key');
    expect(await refused({ ...tls, key: rubbish })).toBe(
      'the files under tls are no certificate and key that go together',
    );
  });

  test('a controller that wants to know who we are is told, or hangs up', async () => {
    const { settings } = await startTls();
    const { ca = '' } = settings.tls ?? {};
    const answer = await connect({ ...settings, tls: { ca } }).then(
      (connection) => register(connection, 0),
      (error: unknown) => error,
    );
    expect(answer instanceof LinkLost || (answer as { kind: string }).kind === 'lost').toBe(true);
  });

  test('nobody who does not speak it is waited for without end', async () => {
    const device = await startDevice();
    const files = await makeCertificates(tempFolder());
    const abort = new AbortController();
    const settings = { endpoint: device.endpoint.replace('tcp:', 'tls:'), tls: { ca: files.ca } };
    const opening = connect(settings, abort.signal).catch((error: unknown) => error);
    await until('it is connected', WITHIN_MS, () => device.connections === 1);
    abort.abort();
    expect(await opening).toBeInstanceOf(LinkLost);
    await until('nothing is left', WITHIN_MS, () => device.connections === 0);
  });
});

test('a serial port that is not there is a link that is lost', async () => {
  const error = await connect({ endpoint: 'serial:///dev/no-such-port' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LinkLost);
  expect((error as LinkLost).reason.en).toMatch(/cannot open the serial port \/dev\/no-such-port \(.*No such file/);
});

await describeWithServer('socat', 'a serial line', () => {
  test('that is pulled out is told at once, and a request under way is lost', async () => {
    const device = await startDevice({ framing: 'rtu' });
    const line = await startSerialLine({ port: device.port });
    onTestFinished(() => line.remove());
    const settings: ModbusSettings = { endpoint: `serial://${line.path}`, serial: { baud: 9600 } };
    const connection = await connect(settings);
    expect(await register(connection, 0)).toBe(100);
    device.silent = true;
    const underWay = connection.read({ unit: 1, table: 'holding', address: 0, count: 1 }, 60_000);
    await until('the request is there', WITHIN_MS, () => device.requests.length >= 2);
    await line.kill();
    expect(await underWay).toEqual({ kind: 'lost' });
    expect(connection.lost).toBeDefined();
  });

  test('belongs to one process: a second one is told', async () => {
    const device = await startDevice({ framing: 'rtu' });
    const line = await startSerialLine({ port: device.port });
    onTestFinished(() => line.remove());
    const settings: ModbusSettings = { endpoint: `serial://${line.path}` };
    const connection = await connect(settings);
    expect(await register(connection, 0)).toBe(100);
    const error = await connect(settings).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LinkLost);
    expect((error as LinkLost).reason.en).toContain('lock');
    await connection.close();
    expect(await register(await connect(settings), 1)).toBe(101);
  });
});
