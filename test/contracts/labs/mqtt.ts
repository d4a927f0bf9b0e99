import { findServer, freePort, startMosquitto } from '../../support/servers.ts';
import type { Lab, LabServer } from '../adapter-lab.ts';
import { mqttLabPoints, startMqttDevice } from './mqtt-device.ts';
import { openGate } from './tcp-gate.ts';

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
const mosquittoLab: Lab = {
  ...common,
  name: 'MQTT, mosquitto',
  refusedSettings: (settings) => ({ ...(settings as object), clientId: 'stranger' }),
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 9_500,
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
      kill: gate.cut,
      revive: gate.restore,
      connections: gate.connections,
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

/** The labs of MQTT; without mosquitto on the machine `adapter-mqtt.test.ts` says by name what is skipped. */
export async function mqttLabs(): Promise<readonly [Lab, ...Lab[]]> {
  return [embeddedBrokerLab, ...((await findServer('mosquitto')) === undefined ? [] : [mosquittoLab])];
}
