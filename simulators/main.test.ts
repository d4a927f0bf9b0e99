import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Aedes } from 'aedes';
import {
  AttributeIds,
  type ClientSession,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAClient,
  SecurityPolicy,
} from 'node-opcua';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const START_MS = Date.parse('2026-06-15T20:30+08:00');
const RATE = 60;
/** Bound on any wait of these tests, real ms. */
const WAIT_MS = 10_000;
/** Bound on a start, which loads a large library, on a busy machine. */
const START_WAIT_MS = 60_000;

interface Ready {
  readonly ready: boolean;
  readonly control: string;
  readonly modbus: Readonly<Record<string, string>>;
  readonly opcua: Readonly<Record<string, string>>;
}

interface Message {
  readonly topic: string;
  readonly payload: string;
}

/** A real broker on loopback that remembers what was published. */
class Broker {
  readonly messages: Message[] = [];
  readonly #aedes: Aedes;
  readonly #server: Server;
  port = 0;

  private constructor(aedes: Aedes) {
    this.#aedes = aedes;
    this.#server = createServer(aedes.handle);
    aedes.on('publish', ({ topic, payload }, client) => {
      // The broker talks about itself too; wills come without a client, but under the devices' topics.
      if (client !== null || !topic.startsWith('$SYS')) this.messages.push({ topic, payload: payload.toString() });
    });
  }

  static async create(port = 0): Promise<Broker> {
    const broker = new Broker(await Aedes.createBroker());
    broker.#server.listen(port, '127.0.0.1');
    await once(broker.#server, 'listening');
    const address = broker.#server.address();
    broker.port = typeof address === 'object' && address !== null ? address.port : 0;
    return broker;
  }

  /** Waits for a message after the `from`th that fits. */
  async find(from: number, fits: (message: Message) => boolean): Promise<Message> {
    await expect.poll(() => this.messages.slice(from).some(fits), { timeout: WAIT_MS, interval: 20 }).toBe(true);
    return this.messages.slice(from).find(fits) as Message;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

const temporary = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
const leftBehind = () => readdirSync(temporary).filter((name) => name.startsWith('lamplighter-simulator'));

function start(mqttPort: number, more: readonly string[] = []): { child: ChildProcess; ready: Promise<Ready> } {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const clock = `2026-06-15T20:30+08:00@${RATE}`;
  const args = [main, '--seed', '7', '--mqtt', `mqtt://127.0.0.1:${mqttPort}`, '--clock', clock, ...more];
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, NODE_COMPILE_CACHE: join(temporary, 'compile-cache') },
  });
  const stderr: string[] = [];
  child.stderr?.on('data', (chunk) => stderr.push(String(chunk)));
  const ready = new Promise<Ready>((resolve, reject) => {
    if (child.stdout !== null) {
      createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line) as Ready));
    }
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}: ${stderr.join('')}`)));
  });
  return { child, ready };
}

async function exitOf(child: ChildProcess): Promise<{ code: number | null; tookMs: number }> {
  const beganMs = performance.now();
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  return { code: code as number | null, tookMs: performance.now() - beganMs };
}

/** The first message of OPC UA's TCP: type, size, version, two buffer sizes, two bounds (none), the endpoint's URL. */
function opcuaHello(url: string): Buffer {
  const hello = Buffer.alloc(32 + url.length);
  hello.write('HELF');
  [hello.length, 0, 65_535, 65_535, 0, 0, url.length].forEach((word, i) => {
    hello.writeUInt32LE(word, 4 + 4 * i);
  });
  hello.write(url, 32);
  return hello;
}

describe('the simulator as a process', () => {
  let broker: Broker;
  let child: ChildProcess;
  let ready: Ready;

  beforeAll(async () => {
    broker = await Broker.create();
    const started = start(broker.port, ['--with-parent']);
    child = started.child;
    ready = await started.ready;
  }, START_WAIT_MS);
  afterAll(async () => {
    child.kill('SIGKILL');
    await broker.close();
  });

  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(ready.control + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const endFaults = () => call('DELETE', '/faults');
  const inject = async (name: string, asset?: string, forMs?: number) => {
    const { status, body } = await call('POST', '/faults', { name, asset, forMs });
    expect(status).toBe(200);
    onTestFinished(async () => {
      await endFaults();
    });
    return body as { id: string; name: string; asset: string; untilMs: number | null };
  };
  const portOf = (address: string) => Number(/:(\d+)/.exec(address.replace('opc.tcp:', ''))?.[1]);
  /** What comes of a first request of the protocol. */
  const greet = (address: string) =>
    new Promise<'answered' | 'cut' | 'refused'>((resolve) => {
      const socket = connect(portOf(address), '127.0.0.1');
      socket.write(
        address.startsWith('opc.tcp:') ? opcuaHello(address) : Buffer.from('0001000000060103000a0001', 'hex'),
      );
      socket.once('data', () => {
        socket.destroy();
        resolve('answered');
      });
      socket.on('error', (error) => resolve('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'cut'));
      socket.once('close', () => resolve('cut'));
    });

  test('tells where it is found', () => {
    expect(Object.keys(ready)).toEqual(['ready', 'control', 'modbus', 'opcua']);
    expect(ready.ready).toBe(true);
    expect(ready.control).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(Object.keys(ready.modbus)).toEqual(['fire-pump-1', 'fire-pump-2', 'street-cabinet', 'floor-light']);
    expect(ready.opcua.lifts).toMatch(/^opc\.tcp:\/\/127\.0\.0\.1:\d+\/UA$/);
    expect(Object.keys(ready.opcua)).toEqual(['lifts', 'doors']);
  });

  test('every device of the field bus speaks, with the baseline in what it says', async () => {
    const topics = () => new Set(broker.messages.map(({ topic }) => topic));
    await expect.poll(() => topics().size, { timeout: WAIT_MS }).toBe(67 + 25 + 6);
    const lamps = new Map(
      broker.messages
        .filter(({ topic }) => topic.startsWith('streetlight/'))
        .map(({ topic, payload }) => [topic, JSON.parse(payload) as Record<string, unknown>]),
    );
    const lit = [...lamps.values()].filter(({ power }) => Number(power) > 5);
    const dark = [...lamps.values()].filter(({ power }) => Number(power) < 1);
    expect([lit.length, dark.length]).toEqual([53, 14]);
    for (const { lampFailure, controlGearFailure, relayFailure } of dark) {
      expect(lampFailure || controlGearFailure || relayFailure).toBe(true);
    }
    for (const { ts } of lamps.values()) {
      expect(Number(ts)).toBeGreaterThanOrEqual(START_MS);
      expect(Number(ts)).toBeLessThan(START_MS + 3_600_000);
    }
    const recorder = broker.messages.find(({ topic }) => topic === 'cctv/nvr-1/state');
    expect(JSON.parse(recorder?.payload ?? '')).toMatchObject({ online: true, recording: true, exceptions: [] });
    const intercom = broker.messages.find(({ topic }) => topic === 'intercom/intercom-6/state');
    expect(JSON.parse(intercom?.payload ?? '')).toMatchObject({ status: 'Reachable', batteryOk: true });
  });

  test('a lamp speaks again every 15 s of site time', async () => {
    const from = broker.messages.length;
    const topic = 'streetlight/feeder-2-lamp-10/state';
    const stamps = () =>
      broker.messages
        .slice(from)
        .filter((message) => message.topic === topic)
        .map(({ payload }) => Number((JSON.parse(payload) as { ts: number }).ts));
    await expect.poll(() => stamps().length, { timeout: WAIT_MS }).toBeGreaterThan(4);
    const [first = 0, ...rest] = stamps();
    // At 60 times the speed the simulator looks every 6 s of site time.
    expect((rest[3] ?? 0) - first).toBeGreaterThanOrEqual(4 * 15_000);
    expect((rest[3] ?? 0) - first).toBeLessThan(4 * 15_000 * 3);
  });

  test('a tripped feeder silences its lamps until its time is over', async () => {
    const fault = await inject('feeder-trip', 'feeder-3', 60_000);
    expect(fault).toMatchObject({ name: 'feeder-trip', asset: 'feeder-3' });
    expect(Number(fault.untilMs)).toBeGreaterThan(START_MS);
    const from = broker.messages.length;
    const truth = (await call('GET', '/truth')).body as { lamps: Record<string, { lit: boolean }> };
    expect(Object.entries(truth.lamps).filter(([key, { lit }]) => key.startsWith('feeder-3') && lit)).toEqual([]);
    const back = await broker.find(from, ({ topic }) => topic.startsWith('streetlight/feeder-3-lamp-'));
    expect((JSON.parse(back.payload) as { ts: number }).ts).toBeGreaterThanOrEqual(Number(fault.untilMs));
    expect((await call('GET', '/faults')).body).toEqual([]);
  });

  test('a lost camera shows no video at once, and is offline three minutes later', async () => {
    const from = broker.messages.length;
    await inject('camera-lost', 'camera-05');
    const isOf = ({ topic }: Message) => topic === 'cctv/camera-05/state';
    const lost = await broker.find(from, (message) => isOf(message) && message.payload.includes('"videoLoss":true'));
    expect(JSON.parse(lost.payload)).toMatchObject({ online: true, recording: false });
    await broker.find(from, (message) => isOf(message) && message.payload.includes('"online":false'));
    await endFaults();
    const after = broker.messages.length;
    await broker.find(after, (message) => isOf(message) && message.payload.includes('"videoLoss":false'));
  });

  test('garbage is garbage, and only from the device that is named', async () => {
    const from = broker.messages.length;
    await inject('garbage-payload', 'intercom-2');
    const garbage = await broker.find(from, ({ topic }) => topic === 'intercom/intercom-2/state');
    expect(() => JSON.parse(garbage.payload)).toThrow();
    await endFaults();
    const after = broker.messages.length;
    const good = await broker.find(after, ({ topic }) => topic === 'intercom/intercom-2/state');
    expect(JSON.parse(good.payload)).toMatchObject({ status: 'Reachable' });
  });

  test('an unplugged recorder leaves its will and stays away until it is plugged in', async () => {
    const from = broker.messages.length;
    await inject('controller-unplugged', 'camera-01');
    await broker.find(from, ({ topic, payload }) => topic === 'cctv/nvr-1/state' && payload === '{"online":false}');
    const away = broker.messages.length;
    // The other trades go on meanwhile: a whole round of the intercoms passes without a word of the recorder.
    await broker.find(away, ({ topic }) => topic === 'intercom/intercom-1/state');
    expect(broker.messages.slice(away).filter(({ topic }) => topic.startsWith('cctv/'))).toEqual([]);
    await endFaults();
    await broker.find(away, ({ topic, payload }) => topic === 'cctv/nvr-1/state' && payload.includes('"online":true'));
  });

  test.each(['fire-pump-1', 'lifts', 'doors'])(
    '%s answers nobody while it is unplugged, and nobody else gets its port',
    async (link) => {
      const address = ready.modbus[link] ?? ready.opcua[link] ?? '';
      expect(await greet(address)).toBe('answered');
      await inject('controller-unplugged', link);
      await expect.poll(() => greet(address), { timeout: WAIT_MS }).toBe('cut');
      const isTaken = () =>
        new Promise<boolean>((resolve) => {
          const squatter = createServer();
          squatter.once('error', () => resolve(true));
          squatter.listen(portOf(address), '127.0.0.1', () => squatter.close(() => resolve(false)));
        });
      expect(await isTaken()).toBe(true);
      await endFaults();
      await expect.poll(() => greet(address), { timeout: WAIT_MS }).toBe('answered');
    },
  );

  test('wishes that cannot be met are refused with what can', async () => {
    const unknown = await call('POST', '/faults', { name: 'meteor' });
    expect(unknown.status).toBe(404);
    expect(unknown.body.names).toContain('feeder-trip');
    const misfit = await call('POST', '/faults', { name: 'door-forced', asset: 'lift-1' });
    expect(misfit.status).toBe(404);
    expect(misfit.body.assets).toContain('door-8');
    for (const wrong of [{}, { name: 'door-forced', forMs: -1 }, { name: 'door-forced', asset: 7 }]) {
      expect((await call('POST', '/faults', wrong)).status).toBe(400);
    }
    expect((await fetch(`${ready.control}/faults`, { method: 'POST', body: '{"name":' })).status).toBe(400);
    expect((await call('DELETE', '/faults/fault-0')).status).toBe(404);
    expect((await call('GET', '/elsewhere')).status).toBe(404);
    const names = (await call('GET', '/names')).body as unknown as { name: string; assets: string[] }[];
    expect(names.find(({ name }) => name === 'lamp-out')?.assets).toHaveLength(53);
  });

  describe('on OPC UA', () => {
    const session = async (link: string): Promise<ClientSession> => {
      const client = OPCUAClient.create({
        securityMode: MessageSecurityMode.None,
        securityPolicy: SecurityPolicy.None,
        endpointMustExist: false,
        connectionStrategy: { maxRetry: 0 },
        clientCertificateManager: new OPCUACertificateManager({
          rootFolder: join(temporary, 'client'),
          disableFileWatchers: true,
        }),
      });
      await client.connect(ready.opcua[link] ?? '');
      const made = await client.createSession();
      onTestFinished(async () => {
        await made.close();
        await client.disconnect();
      });
      return made;
    };
    const readAll = async (of: ClientSession, uri: string, names: readonly string[]) => {
      const index = (await of.readNamespaceArray()).indexOf(uri);
      expect(index).toBeGreaterThan(0);
      return await of.read(names.map((name) => ({ nodeId: `ns=${index};s=${name}`, attributeId: AttributeIds.Value })));
    };

    test('lifts and doors are read with the types and the site time of the document', async () => {
      const names = ['CarPosition', 'CarDoorStatus', 'CarDoorZone', 'CarMode', 'CarLoad', 'FaultSignals', 'TripCount'];
      const lifts = await session('lifts');
      const values = await readAll(lifts, 'urn:lamplight-garden:lift', [
        ...names.map((name) => `lift-6.${name}`),
        'lift-7.CarMode',
      ]);
      expect(values.map(({ statusCode }) => statusCode.name)).toEqual([...names.map(() => 'Good'), 'BadNodeIdUnknown']);
      expect(values.slice(0, 7).map(({ value }) => value.dataType)).toEqual([3, 3, 1, 3, 10, 7, 7]);
      for (const { sourceTimestamp } of values.slice(0, 7)) {
        expect(sourceTimestamp?.getTime()).toBeGreaterThanOrEqual(START_MS);
        expect(sourceTimestamp?.getTime()).toBeLessThan(START_MS + 3_600_000);
      }
      const doors = await session('doors');
      const door = await readAll(doors, 'urn:lamplight-garden:access', [
        'door-8.DoorAlarmState',
        'door-8.ReaderOnline',
      ]);
      expect(door.map(({ value }) => value.value)).toEqual([0, true]);
    });

    test('a trapped passenger, a bad value and a forced door show on the wire, and are gone after', async () => {
      const lifts = await session('lifts');
      const lift = async () =>
        await readAll(lifts, 'urn:lamplight-garden:lift', [
          'lift-2.PassengerAlarm',
          'lift-2.Occupied',
          'lift-2.CarDoorZone',
          'lift-2.CarPosition',
        ]);
      const shown = async () => (await lift()).slice(0, 3).map(({ value }) => value.value);
      await inject('trapped-passenger', 'lift-2');
      await inject('bad-quality', 'lift-2');
      await expect.poll(shown, { timeout: WAIT_MS }).toEqual([true, true, false]);
      const bad = (await lift())[3];
      expect(bad?.statusCode.name).toBe('BadSensorFailure');
      const doors = await session('doors');
      const forced = async () =>
        (
          await readAll(doors, 'urn:lamplight-garden:access', ['door-3.DoorAlarmState', 'door-3.DoorPhysicalState'])
        ).map(({ value }) => value.value);
      await inject('door-forced', 'door-3');
      expect(await forced()).toEqual([1, 1]);
      await endFaults();
      expect((await forced())[0]).toBe(0);
      await expect.poll(async () => (await shown())[0], { timeout: WAIT_MS }).toBe(false);
      expect((await lift())[3]?.statusCode.name).toBe('Good');
    });
  });

  test('ends cleanly when its parent closes the pipe', async () => {
    expect(leftBehind()).toHaveLength(1);
    child.stdin?.end();
    const { code, tookMs } = await exitOf(child);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(2000);
    expect(leftBehind()).toEqual([]);
  });
});

test('it waits for its broker, and ends on SIGTERM', { timeout: START_WAIT_MS }, async () => {
  const reserved = await Broker.create();
  const { port } = reserved;
  await reserved.close();
  const { child, ready } = start(port);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await ready;
  // Stdin ends, but this one was not told to go with its parent.
  child.stdin?.end();
  const broker = await Broker.create(port);
  onTestFinished(() => broker.close());
  await broker.find(0, ({ topic }) => topic === 'cctv/nvr-1/state');
  child.kill('SIGTERM');
  const { code, tookMs } = await exitOf(child);
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(2000);
  expect(leftBehind()).toEqual([]);
});

test.each([
  ['--seed', 'x'],
  ['--clock', 'tomorrow'],
  ['--mqtt', 'nowhere'],
  ['--mqtt', ''],
  ['--control-port', '70000'],
  ['--unknown', '1'],
])('%s %s is refused with a line and exit code 2', async (option, value) => {
  const { child, ready } = start(1, [option, value]);
  await expect(ready).rejects.toThrow(/ended with 2: .*\nusage: /);
  expect((await exitOf(child)).code).toBe(2);
});

test('a control port that is taken is refused with a line and exit code 2', async () => {
  const taken = await Broker.create();
  onTestFinished(() => taken.close());
  const { ready } = start(taken.port, ['--control-port', String(taken.port)]);
  await expect(ready).rejects.toThrow(/ended with 2: port \d+ is taken/);
});
