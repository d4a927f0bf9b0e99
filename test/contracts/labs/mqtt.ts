import { type ChildProcess, spawn } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lab, LabServer } from '../adapter-lab.ts';
import { mqttLabPoints, startMqttDevice } from './mqtt-device.ts';
import { freePort, openGate } from './tcp-gate.ts';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
const credentials = { username: 'lamplighter', password: 'only-in-the-lab' };

const common = {
  assetAddress: {},
  points: mqttLabPoints,
  missing: {
    kind: 'double',
    mapPoint: { topic: 'site/{asset}/climate', path: 'air.pressure', time: 'ts' },
    reasons: ['missing-field'],
  },
  rubbishReasons: ['unparsable-payload'],
  impossible: [
    { kind: 'double', mapPoint: { topic: 'site/+/climate', path: 'v' }, why: 'a wildcard in the topic' },
    { kind: 'double', mapPoint: { topic: 'site/{room}/climate', path: 'v' }, why: 'an unknown placeholder' },
    { kind: 'double', mapPoint: { topic: 'site/{asset}', path: 'a..b' }, why: 'an empty step in the path' },
    { kind: 'double', mapPoint: { topic: 'site/{asset}', path: 'v', values: { on: 1 } }, why: 'texts for a number' },
  ],
  emitsInFlight: 1,
  notifiesOnChangeOnly: false,
} as const satisfies Partial<Lab>;

/** The gateway is the broker, and a device publishes to it. */
export const embeddedBrokerLab: Lab = {
  ...common,
  name: 'MQTT, embedded broker',
  // Addresses of TEST-NET-1 belong to no machine.
  refusedSettings: () => ({ broker: 'embedded', listen: 'tcp://192.0.2.1:1883' }),
  whenSilent: 'quiet',
  whenKilled: 'quiet',
  noticedWithinMs: 5_000,
  async start(): Promise<LabServer> {
    const port = await freePort();
    const device = startMqttDevice(`mqtt://127.0.0.1:${port}`);
    return {
      settings: { broker: 'embedded', listen: `tcp://127.0.0.1:${port}` },
      set: async (name, value) => device.set(name, value),
      rubbish: async (name) => device.rubbish(name),
      mend: async (name) => device.mend(name),
      silence: async () => device.silence(),
      speak: async () => device.speak(),
      kill: device.disconnect,
      revive: async () => device.reconnect(),
      connections: () => Number(device.connected()),
      stop: device.stop,
    };
  },
};

/** The gateway is a client of mosquitto, where the device publishes. */
export const mosquittoLab: Lab = {
  ...common,
  name: 'MQTT, mosquitto',
  refusedSettings: (settings) => ({ ...(settings as object), password: 'wrong' }),
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 9_500,
  async start(): Promise<LabServer> {
    const mosquitto = await startMosquitto();
    const device = startMqttDevice(`mqtt://127.0.0.1:${mosquitto.port}`, credentials);
    const gate = await openGate(mosquitto.port);
    return {
      settings: { broker: 'external', endpoint: `mqtt://127.0.0.1:${gate.port}`, clientId: 'lab', ...credentials },
      set: async (name, value) => device.set(name, value),
      rubbish: async (name) => device.rubbish(name),
      mend: async (name) => device.mend(name),
      silence: async () => gate.freeze(),
      speak: async () => gate.thaw(),
      kill: gate.cut,
      revive: gate.restore,
      connections: gate.connections,
      async stop() {
        await gate.stop();
        await device.stop();
        await mosquitto.stop();
      },
    };
  },
};

/** Path of the broker's program (Debian package `mosquitto`); undefined where it is not installed. */
export function findMosquitto(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'mosquitto')).find((path) => existsSync(path));
}

/** Starts mosquitto on a free port of loopback, for one user. */
export async function startMosquitto(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const program = findMosquitto();
  if (program === undefined) throw new Error('mosquitto is not installed (Debian package mosquitto)');
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-mosquitto-'));
  const port = await freePort();
  writeFileSync(join(folder, 'passwords'), passwordLine(), { mode: 0o644 });
  // As root it would become a user that cannot read the folder.
  const lines = [
    'user root',
    `listener ${port} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${join(folder, 'passwords')}`,
    'persistence false',
    'log_dest stderr',
  ];
  writeFileSync(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`);
  const child = spawn(program, ['-c', join(folder, 'mosquitto.conf')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  });
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`mosquitto did not start: ${said}`);
    }
    await delay(POLL_MS);
  }
  return { port, stop };
}

/** A line of mosquitto's password file: PBKDF2 with SHA-512, as its `mosquitto_passwd` writes it. */
function passwordLine(): string {
  const iterations = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(credentials.password, salt, iterations, 64, 'sha512');
  return `${credentials.username}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
