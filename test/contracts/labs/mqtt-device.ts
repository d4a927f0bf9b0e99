import { connect, type MqttClient } from 'mqtt';
import type { LabPoint, LabValue } from '../adapter-lab.ts';
import { LAB_REFRESH_MS } from '../adapter-lab.ts';

/** The points that the MQTT labs' device publishes. `{asset}` is `lab`. */
export const mqttLabPoints = [
  {
    name: 'temperature',
    kind: 'double',
    mapPoint: { topic: 'site/{asset}/climate', path: 'air.temperature', time: 'ts' },
    initial: 21.5,
    changed: -3.25,
    together: 'climate',
  },
  {
    name: 'humidity',
    kind: 'double',
    mapPoint: { topic: 'site/{asset}/climate', path: 'air.humidity', time: 'ts', scale: 0.1 },
    initial: 45.5,
    changed: 60,
    together: 'climate',
  },
  {
    name: 'online',
    kind: 'bool',
    mapPoint: { topic: 'site/{asset}/online', path: 'online', time: 'ts' },
    initial: true,
    changed: false,
  },
  {
    name: 'status',
    kind: 'enum',
    states: {
      0: { zh: '未知', en: 'unknown' },
      1: { zh: '可达', en: 'reachable' },
      2: { zh: '不可达', en: 'unreachable' },
    },
    mapPoint: { topic: 'site/{asset}/status', path: 'status', time: 'ts', values: { Reachable: 1, Unreachable: 2 } },
    initial: 1,
    changed: 2,
  },
  {
    name: 'faults',
    kind: 'bitset',
    mapPoint: { topic: 'site/{asset}/faults', path: 'bits', time: 'ts' },
    initial: 0x8000_0001,
    changed: 6,
  },
  {
    name: 'disk-full',
    kind: 'bool',
    mapPoint: { topic: 'site/{asset}/exceptions', path: 'exceptions', contains: 'diskfull', time: 'ts' },
    initial: false,
    changed: true,
  },
  {
    name: 'message',
    kind: 'text',
    mapPoint: { topic: 'site/{asset}/message' },
    initial: 'ready',
    changed: '门未关 door open',
  },
] as const satisfies readonly LabPoint[];

/** One trade's device: publishes all its topics, again and again, as controllers do. */
export interface MqttDevice {
  set(name: string, value: LabValue): void;
  rubbish(name: string): void;
  mend(name: string): void;
  silence(): void;
  speak(): void;
  disconnect(): Promise<void>;
  reconnect(): void;
  connected(): boolean;
  stop(): Promise<void>;
}

/** Connects to a broker, waiting for it to listen, and publishes until stopped. */
export function startMqttDevice(url: string): MqttDevice {
  const values = new Map<string, LabValue>(mqttLabPoints.map(({ name, initial }) => [name, initial]));
  const broken = new Set<string>();
  let silent = false;
  let client: MqttClient | undefined;

  const publish = (topics: Iterable<string>) => {
    if (silent || client?.connected !== true) return;
    for (const topic of topics) client.publish(topic, payloadOf(topic, values, broken), { qos: 1 });
  };
  const timer = setInterval(() => publish(allTopics), LAB_REFRESH_MS * 0.8);
  const reconnect = () => {
    client = connect(url, { reconnectPeriod: 50, clientId: 'lab-device' });
    client.on('error', () => undefined);
    client.on('connect', () => publish(allTopics));
  };
  reconnect();
  const disconnect = async () => {
    const closing = client;
    client = undefined;
    if (closing === undefined) return;
    await new Promise<void>((resolve) => closing.end(true, () => resolve()));
  };
  const touch = (name: string) => publish([topicOf(name)]);
  return {
    set(name, value) {
      values.set(name, value);
      touch(name);
    },
    rubbish(name) {
      broken.add(topicOf(name));
      touch(name);
    },
    mend(name) {
      broken.delete(topicOf(name));
      touch(name);
    },
    silence: () => {
      silent = true;
    },
    speak: () => {
      silent = false;
      publish(allTopics);
    },
    disconnect,
    reconnect,
    connected: () => client?.connected === true,
    async stop() {
      clearInterval(timer);
      await disconnect();
    },
  };
}

const allTopics = [...new Set(mqttLabPoints.map(({ name }) => topicOf(name)))];

function topicOf(name: string): string {
  const point = mqttLabPoints.find((candidate) => candidate.name === name);
  if (point === undefined) throw new Error(`the lab has no point ${name}`);
  return point.mapPoint.topic.replace('{asset}', 'lab');
}

/** The device's side of the wire, written out by hand: it shares nothing with the decoder. */
function payloadOf(topic: string, values: ReadonlyMap<string, LabValue>, broken: ReadonlySet<string>): string {
  if (broken.has(topic)) return '{"v":1,]';
  const ts = Date.now();
  switch (topic) {
    case 'site/lab/climate':
      return JSON.stringify({
        ts,
        air: { temperature: values.get('temperature'), humidity: Number(values.get('humidity')) * 10 },
      });
    case 'site/lab/online':
      return JSON.stringify({ ts, online: values.get('online') });
    case 'site/lab/status':
      return JSON.stringify({ ts, status: ['Unknown', 'Reachable', 'Unreachable'][Number(values.get('status'))] });
    case 'site/lab/faults':
      return JSON.stringify({ ts, bits: values.get('faults') });
    case 'site/lab/exceptions':
      return JSON.stringify({ ts, exceptions: values.get('disk-full') === true ? ['diskerror', 'diskfull'] : [] });
    case 'site/lab/message':
      return JSON.stringify(values.get('message'));
    default:
      throw new Error(`the device has no topic ${topic}`);
  }
}
