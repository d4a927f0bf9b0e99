import { connect } from 'node:net';
import { findServer, freePort, startMosquitto } from '../../support/servers.ts';
import type { Lab, LabServer } from '../adapter-lab.ts';
import { mqttLabPoints, startMqttDevice } from './mqtt-device.ts';
import { openGate, randomPieces, wireOf } from './tcp-gate.ts';

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
const embeddedBrokerLab: Lab = {
  ...common,
  name: 'MQTT, embedded broker',
  // Addresses of TEST-NET-1 belong to no machine.
  refusedSettings: () => ({ broker: 'embedded', listen: 'tcp://192.0.2.1:1883' }),
  whenSilent: 'quiet',
  whenKilled: 'quiet',
  noticedWithinMs: 5_000,
  patientMs: 300,
  impatientMs: null,
  async start(): Promise<LabServer> {
    const port = await freePort();
    // The adapter is the server here: what lies between is on the device's side of it.
    const gate = await openGate(port);
    const device = startMqttDevice(`mqtt://127.0.0.1:${gate.port}`);
    return {
      settings: { broker: 'embedded', listen: `tcp://127.0.0.1:${port}` },
      set: async (name, value) => device.set(name, value),
      rubbish: async (name) => device.rubbish(name),
      mend: async (name) => device.mend(name),
      silence: async () => device.silence(),
      speak: async () => device.speak(),
      kill: device.disconnect,
      revive: async () => device.reconnect(),
      wire: {
        ...wireOf(gate),
        swallow: (way) => gate.swallow(way === 'to-adapter' ? 'near' : 'far'),
        babble: (seed) => babbleAt(port, seed),
      },
      connections: () => Number(device.connected()),
      async stop() {
        await device.stop();
        await gate.stop();
      },
    };
  },
};

/** The gateway is a client of mosquitto, where the device publishes. */
const mosquittoLab: Lab = {
  ...common,
  name: 'MQTT, mosquitto',
  refusedSettings: (settings) => ({ ...(settings as object), clientId: 'stranger' }),
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 9_500,
  patientMs: 300,
  impatientMs: 7_000,
  async start(): Promise<LabServer> {
    const mosquitto = await startMosquitto('clientid_prefixes lab-');
    const device = startMqttDevice(mosquitto.url);
    const gate = await openGate(mosquitto.port);
    return {
      settings: { broker: 'external', endpoint: `mqtt://127.0.0.1:${gate.port}`, clientId: 'lab-gateway' },
      set: async (name, value) => device.set(name, value),
      rubbish: async (name) => device.rubbish(name),
      mend: async (name) => device.mend(name),
      silence: async () => gate.freeze(),
      speak: async () => gate.thaw(),
      kill: () => gate.cut(),
      revive: () => gate.restore(),
      wire: wireOf(gate),
      connections: () => gate.connections(),
      async stop() {
        await gate.stop();
        await device.stop();
        // It can miss a SIGTERM that comes just before it waits for its sockets, and has nothing to save.
        await mosquitto.kill();
        await mosquitto.remove();
      },
    };
  },
};

/** Strangers that a broker must bear: each connects, says something at random, and is gone when it is turned away. */
const STRANGERS = 5;

function babbleAt(port: number, seed: number): void {
  const piece = randomPieces(seed);
  for (let i = 0; i < STRANGERS; i++) {
    const stranger = connect({ host: '127.0.0.1', port }, () => stranger.end(piece()));
    stranger.on('error', () => stranger.destroy());
  }
}

/** The labs of MQTT; without mosquitto on the machine `adapter-mqtt.test.ts` says by name what is skipped. */
export async function mqttLabs(): Promise<readonly [Lab, ...Lab[]]> {
  return [embeddedBrokerLab, ...((await findServer('mosquitto')) === undefined ? [] : [mosquittoLab])];
}
