import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { type DeviceSpeech, ModbusDevice } from '../../support/modbus-device.ts';
import { findServer, noteMissing, startSerialLine } from '../../support/servers.ts';
import type { Lab, LabPoint, LabServer, LabValue } from '../adapter-lab.ts';
import { openGate, type TcpGate, wireOf } from './tcp-gate.ts';

const running = { zh: '运行', en: 'running' };

interface Place {
  readonly table: 'holding' | 'discrete';
  readonly address: number;
  /** The words or the bit that the device holds for a value. */
  readonly encode: (value: LabValue, before: number) => number[];
}

const places: Readonly<Record<string, Place>> = {
  pressure: { table: 'holding', address: 10, encode: (value) => [Math.round(Number(value) * 10)] },
  energy: {
    table: 'holding',
    address: 11,
    encode: (value) => [Math.floor(Number(value) / 65_536), Number(value) % 65_536],
  },
  temperature: {
    table: 'holding',
    address: 13,
    encode: (value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatBE(Number(value));
      return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)];
    },
  },
  mode: { table: 'holding', address: 20, encode: (value) => [Number(value)] },
  faults: { table: 'holding', address: 21, encode: (value) => [Number(value)] },
  running: {
    table: 'holding',
    address: 30,
    encode: (value, before) => [value === true ? before | 0x20 : before & ~0x20],
  },
  closed: { table: 'discrete', address: 3, encode: (value) => [Number(value)] },
};

const points: readonly LabPoint[] = [
  { name: 'pressure', kind: 'double', mapPoint: { register: 40011, scale: 0.1 }, initial: 8.5, changed: 9.1 },
  { name: 'energy', kind: 'double', mapPoint: { register: 40012, type: 'uint32' }, initial: 70_001, changed: 140_002 },
  {
    name: 'temperature',
    kind: 'double',
    mapPoint: { table: 'holding', address: 13, type: 'float32' },
    initial: -3.25,
    changed: 21.5,
  },
  {
    name: 'mode',
    kind: 'enum',
    states: { 0: { zh: '停', en: 'off' }, 1: running, 2: { zh: '手动', en: 'manual' } },
    mapPoint: { table: 'holding', address: 20 },
    initial: 1,
    changed: 2,
  },
  { name: 'faults', kind: 'bitset', mapPoint: { table: 'holding', address: 21 }, initial: 0, changed: 0x8001 },
  { name: 'running', kind: 'bool', mapPoint: { table: 'holding', address: 30, bit: 5 }, initial: false, changed: true },
  { name: 'closed', kind: 'bool', mapPoint: { table: 'discrete', address: 3 }, initial: true, changed: false },
];

const UNIT = 1;

const direct: Lab = {
  name: 'controller over TCP',
  assetAddress: { unit: UNIT },
  points,
  missing: { kind: 'double', mapPoint: { table: 'holding', address: 500 }, reasons: ['modbus-exception'] },
  rubbishReasons: ['modbus-exception'],
  impossible: [
    {
      kind: 'double',
      mapPoint: { table: 'holding', address: 65_535, type: 'uint32' },
      why: 'beyond the last register',
    },
    { kind: 'bool', mapPoint: { table: 'holding', address: 0, bit: 16 }, why: 'a bit that no register has' },
    { kind: 'text', mapPoint: { table: 'holding', address: 0 }, why: 'text' },
  ],
  refusedSettings: (settings) => ({ ...(settings as object), timeout: '0ms' }),
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 5000,
  patientMs: 50,
  impatientMs: 400,
  emitsInFlight: 1,
  notifiesOnChangeOnly: false,
  clockRate: 10,
  start: () => startServer({ exception: 2 }),
};

/** Its rubbish is a reply that is too short, in place of an exception. */
const rtuOverTcp: Lab = {
  ...direct,
  name: 'RTU controller behind a TCP gateway',
  rubbishReasons: ['malformed-reply'],
  start: () => startServer('short', { framing: 'rtu' }),
};

const overTls = (certificates: Certificates): Lab => ({
  ...direct,
  name: 'controller over TLS, both sides with a certificate',
  start: () => startTlsServer(certificates),
});

const onSerialLine: Lab = {
  ...direct,
  name: 'RTU controller on a serial line',
  start: startSerialServer,
};

/** Labs of the Modbus adapter; without socat there is no serial line. Called while the tests are collected. */
export async function modbusLabs(): Promise<readonly [Lab, ...Lab[]]> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-tls-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const certificates = await makeCertificates(folder);
  const hasLine = (await findServer('socat')) !== undefined;
  if (!hasLine) noteMissing('socat', `modbus: ${onSerialLine.name}`);
  return [direct, rtuOverTcp, overTls(certificates), ...(hasLine ? [onSerialLine] : [])];
}

type Rubbish = { readonly exception: number } | 'short';

async function startServer(rubbish: Rubbish, speech: DeviceSpeech = {}): Promise<LabServer> {
  return serverOf(await ModbusDevice.start(speech), rubbish);
}

async function startTlsServer({ ca, server, client }: Certificates): Promise<LabServer> {
  const [key, cert, authority] = await Promise.all([server.key, server.certificate, ca].map((path) => readFile(path)));
  const tls = { key, cert, ca: authority, requestCert: true, rejectUnauthorized: true };
  const lab = await startServer({ exception: 2 }, { tls });
  return { ...lab, settings: { ...(lab.settings as object), tls: { ca, ...client } } };
}

/** The device behind a line that ends in a port of ours; a line that is pulled out is a device that was killed. */
async function startSerialServer(): Promise<LabServer> {
  const device = await ModbusDevice.start({ framing: 'rtu' });
  const lab = await serverOf(device, { exception: 2 });
  const line = await startSerialLine({ port: lab.gate.port });
  return {
    ...lab,
    // Nothing of a serial line ends because bytes on it were lost.
    wire: { ...wireOf(lab.gate), heal: () => lab.gate.mend() },
    settings: { ...(lab.settings as object), endpoint: `serial://${line.path}`, serial: { baud: 115_200 } },
    kill: () => line.kill(),
    revive: () => line.start(),
    connections: () => line.openings(),
    stop: async () => {
      await line.remove();
      await lab.stop();
    },
  };
}

async function serverOf(device: ModbusDevice, rubbish: Rubbish): Promise<LabServer & { readonly gate: TcpGate }> {
  const gate = await openGate(device.port);
  const words = new Map<string, number>();
  const set = async (name: string, value: LabValue) => {
    const { table, address, encode } = placeOf(name);
    const encoded = encode(value, words.get(name) ?? 0);
    words.set(name, encoded[0] ?? 0);
    device.set(UNIT, table, address, ...encoded);
  };
  for (const point of points) await set(point.name, point.initial);
  return {
    gate,
    settings: { endpoint: device.endpoint.replace(`:${device.port}`, `:${gate.port}`), timeout: '200ms', poll: '1s' },
    set,
    rubbish: async (name) => device.fault(UNIT, placeOf(name).table, placeOf(name).address, rubbish),
    mend: async (name) => device.fault(UNIT, placeOf(name).table, placeOf(name).address, undefined),
    silence: async () => {
      device.silent = true;
    },
    speak: async () => {
      device.silent = false;
    },
    kill: () => gate.cut(),
    revive: () => gate.restore(),
    wire: wireOf(gate),
    connections: () => gate.connections(),
    async stop() {
      await gate.stop();
      await device.kill();
    },
  };
}

function placeOf(name: string): Place {
  const place = places[name];
  if (place === undefined) throw new RangeError(`the lab has no point ${name}`);
  return place;
}
