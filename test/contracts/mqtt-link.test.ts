import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { KEEPALIVE_S } from '../../adapters/mqtt/external-broker.ts';
import { mqttProtocol } from '../../adapters/mqtt/protocol.ts';
import type { MqttSettings } from '../../adapters/mqtt/schema.ts';
import { SEND_AGAIN_MS } from '../../adapters/mqtt/send-again.ts';
import { systemClock } from '../../model/clock.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import { describeWithServer, freePort, type RunningServer, startMosquitto } from '../support/servers.ts';

/** Messages beyond those on their way to the log and in the buffers of a connection: then it is read no further. */
const MORE_THAN_IS_READ = 100_000;
const PINGREQ = Buffer.from([0xc0, 0]);

/** How long something is watched that must not happen, real ms. */
const WATCHED_MS = 300;

const points = [
  { number: 1, key: 'a/power', kind: 'double', address: { topic: 'a/state', path: ['power'] } },
  { number: 2, key: 'a/online', kind: 'bool', address: { topic: 'a/online', path: ['online'] } },
] as const;

interface Begun {
  readonly run: AdapterRun;
  readonly lines: string[];
}

/** Starts the adapter and waits until it is up; it is ended with the test. */
async function begin(settings: MqttSettings): Promise<Begun> {
  const lines: string[] = [];
  const say = (_fields: object, message: string) => void lines.push(message);
  const run = new AdapterRun(mqttProtocol, {
    key: 'field-bus',
    settings,
    points,
    clock: systemClock(),
    log: { info: say, warn: say },
  });
  onTestFinished(async () => {
    run.openGate();
    await run.abort();
    expect(run.violations).toEqual([]);
  });
  await run.until('it is up or over', () => run.ups > 0 || run.ending !== undefined);
  return { run, lines };
}

async function embedded(more: Partial<MqttSettings> = {}): Promise<Begun & { url: string }> {
  const port = await freePort();
  const begun = await begin({ broker: 'embedded', listen: `tcp://127.0.0.1:${port}`, ...more });
  return { ...begun, url: `mqtt://127.0.0.1:${port}` };
}

async function client(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const connected = await connectAsync(url, { reconnectPeriod: 0, ...options });
  connected.on('error', () => undefined);
  onTestFinished(() => new Promise<void>((resolve) => connected.end(true, () => resolve())));
  return connected;
}

const closing = (of: MqttClient) => new Promise<void>((resolve) => of.once('close', () => resolve()));

/** Whether the promise is still pending after a while. */
async function staysPending(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => false,
    () => false,
  );
  return await Promise.race([settled, new Promise<boolean>((resolve) => setTimeout(resolve, WATCHED_MS, true))]);
}

const DISCONNECT = Buffer.from([0xe0, 0]);

/** A PUBLISH at QoS 0 of fewer than 128 bytes. */
function publishOf(topic: string, payload: string): Buffer {
  return Buffer.from([0x30, 2 + topic.length + payload.length, 0, topic.length, ...Buffer.from(topic + payload)]);
}

const state = (power: number) => JSON.stringify({ power });

describe('embedded broker', () => {
  test('a publish is acknowledged when its sample is on disk, not before', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    run.closeGate();
    const acknowledged = device.publishAsync('a/state', state(1), { qos: 1 });
    expect(await staysPending(acknowledged)).toBe(true);
    run.openGate();
    await acknowledged;
    expect(run.latest('power')?.value).toBe(1);
  });

  test('what cannot be stored is not acknowledged; the device sends it again', async () => {
    const { run, url, lines } = await embedded();
    const device = await client(url, { reconnectPeriod: 20, clean: false, clientId: 'device' });
    run.failNextEmit(new Error('disk full'));
    await device.publishAsync('a/state', state(2), { qos: 1 });
    expect(run.latest('power')?.value).toBe(2);
    expect(lines).toContain('samples cannot be stored; devices are not acknowledged and will send again');
    expect(lines).toContain('samples are stored again');
  });

  test('while the disk fails every message is seen and none acknowledged; the PUBACK follows the disk', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    run.failDisk();
    const first = device.publishAsync('a/state', state(1), { qos: 1 });
    await run.until('the first is seen', () => run.latest('power')?.value === 1);
    const second = device.publishAsync('a/state', state(2), { qos: 1 });
    await run.until('the second is seen', () => run.latest('power')?.value === 2);
    await device.publishAsync('a/state', state(3), { qos: 0 });
    await run.until('one without acknowledgement is seen', () => run.latest('power')?.value === 3);
    expect(await staysPending(Promise.race([first, second]))).toBe(true);
    run.mendDisk();
    await Promise.all([first, second]);
    await device.publishAsync('a/state', state(4), { qos: 1 });
    expect(run.latest('power')?.value).toBe(4);
  });

  test('what is lost with the disk is sent again on a new connection, once the disk is back', async () => {
    const { run, url } = await embedded();
    const device = await client(url, { reconnectPeriod: 20, clean: false, clientId: 'device' });
    const other = await client(url);
    run.failDisk();
    const lost = device.publishAsync('a/state', state(1), { qos: 1 });
    await run.until('it is seen', () => run.latest('power')?.value === 1);
    run.mendDisk(new Error('no room'));
    expect(await staysPending(lost)).toBe(true);
    const { batches } = run;
    run.failDisk();
    const kept = other.publishAsync('a/state', state(2), { qos: 1 });
    await run.until('another is seen', () => run.batches > batches);
    run.mendDisk();
    await kept;
    await lost;
    expect(run.latest('power')?.value).toBe(1);
  });

  test('what is lost is sent again also where nothing else was kept late, and one failure is told once', async () => {
    const { run, url, lines } = await embedded();
    const device = await client(url, { reconnectPeriod: 20, clean: false, clientId: 'device' });
    const other = await client(url);
    run.failDisk();
    const kept = other.publishAsync('a/state', state(2), { qos: 1 });
    await run.until('one is seen', () => run.batches === 1);
    run.mendDisk();
    await kept;
    run.failDisk();
    const lost = device.publishAsync('a/state', state(1), { qos: 1 });
    await run.until('the other is seen', () => run.batches === 2);
    run.mendDisk(new Error('no room'));
    expect(await staysPending(lost)).toBe(true);
    expect(lines.filter((line) => line.includes('samples'))).toHaveLength(1);
    await other.publishAsync('a/state', state(3), { qos: 1 });
    await lost;
    expect(lines.filter((line) => line === 'samples are stored again')).toHaveLength(1);
  });

  test('where nothing at all comes any more, what is lost is asked for after a while', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    onTestFinished(() => void vi.useRealTimers());
    const { run, url } = await embedded();
    const device = await client(url, { reconnectPeriod: 20, clean: false, clientId: 'device', keepalive: 0 });
    run.failDisk();
    const lost = device.publishAsync('a/state', state(1), { qos: 1 });
    await run.until('it is seen', () => run.batches === 1);
    run.mendDisk(new Error('no room'));
    expect(await staysPending(lost)).toBe(true);
    vi.advanceTimersByTime(SEND_AGAIN_MS);
    await lost;
    expect(run.batches).toBe(2);
  });

  test.each([0, 1, 2] as const)('QoS %i arrives once', async (qos) => {
    const { run, url } = await embedded();
    const device = await client(url);
    await device.publishAsync('a/state', state(3), { qos });
    await run.until('it arrives', () => run.latest('power')?.value === 3);
    expect(run.batches).toBe(1);
  });

  test('many messages share few commits', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    await Promise.all(Array.from({ length: 1000 }, (_, i) => device.publishAsync('a/state', state(i), { qos: 1 })));
    expect(run.latest('power')?.value).toBe(999);
    expect(run.batches).toBeLessThan(500);
  });

  test('a payload beyond the limit is a bad sample, and the device stays', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    await device.publishAsync('a/state', 'x'.repeat(64 * 1024 + 1), { qos: 1 });
    expect(run.latest('power')).toMatchObject({ quality: 'bad', reason: 'payload-too-large' });
    await device.publishAsync('a/state', state(4), { qos: 1 });
    expect(run.latest('power')?.value).toBe(4);
  });

  test('who announces a huge packet is disconnected, the others stay', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    const flood = connectTcp(Number(new URL(url).port), '127.0.0.1');
    flood.on('error', () => undefined);
    // CONNECT of a client `f`, then a PUBLISH that announces 256 MB.
    flood.write(Buffer.from('100d00044d5154540402003c000166', 'hex'));
    flood.write(Buffer.from('30ffffff7f', 'hex'));
    await new Promise<void>((resolve) => flood.once('close', () => resolve()));
    await device.publishAsync('a/state', state(5), { qos: 1 });
    expect(run.latest('power')?.value).toBe(5);
  });

  test('bytes that are no MQTT end that connection only', async () => {
    const { run, url } = await embedded();
    const stray = connectTcp(Number(new URL(url).port), '127.0.0.1');
    stray.on('error', () => undefined);
    stray.write('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n');
    await new Promise<void>((resolve) => stray.once('close', () => resolve()));
    const device = await client(url);
    await device.publishAsync('a/state', state(6), { qos: 1 });
    expect(run.latest('power')?.value).toBe(6);
  });

  test('messages are counted, and those that cannot be read with what is wrong', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    for (const payload of [state(1), '{"power":', '{"other":1}']) {
      await device.publishAsync('a/state', payload, { qos: 1 });
    }
    expect(run.wire.facts()).toMatchObject({ messages: 3, failures: 2, requests: 0, roundTripMs: null });
    expect(run.wire.lastError?.text).toEqual({
      zh: '主题 a/state：报文缺少该字段 (power)',
      en: 'topic a/state: field is missing in the payload (power)',
    });
  });

  test('an unknown topic is acknowledged, named once in the log, and not stored', async () => {
    const { run, url, lines } = await embedded();
    const device = await client(url);
    for (let i = 0; i < 3; i++) await device.publishAsync('nobody/knows', 'x', { qos: 1 });
    expect(run.batches).toBe(0);
    expect(lines.filter((line) => line === 'message under a topic that no point reads')).toHaveLength(1);
  });

  test('nobody publishes in the name of the broker', async () => {
    const { url } = await embedded();
    const device = await client(url);
    const closed = closing(device);
    device.publish('$SYS/x/heartbeat', 'x');
    await closed;
  });

  test('a last will is a message like any other', async () => {
    const { run, url } = await embedded();
    const device = await client(url, { will: { topic: 'a/online', payload: Buffer.from('{"online":false}'), qos: 1 } });
    await device.publishAsync('a/online', '{"online":true}', { qos: 1 });
    expect(run.latest('online')?.value).toBe(1);
    device.stream.destroy();
    await run.until('the will arrives', () => run.latest('online')?.value === 0);
  });

  test('a device that asks the broker to keep its message is heard as live', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    await device.publishAsync('a/state', state(7), { qos: 1, retain: true });
    expect(run.latest('power')).toMatchObject({ quality: 'good', value: 7 });
  });

  test('what was sent before the device left is stored, however long the log takes', async () => {
    const { run, url } = await embedded();
    run.closeGate();
    const device = connectTcp(Number(new URL(url).port), '127.0.0.1');
    device.on('error', () => undefined);
    // More than two batches hold, of a client that does not wait for its CONNACK, and its DISCONNECT.
    const messages = Array.from({ length: 30_000 }, (_, i) => publishOf('a/state', state(i)));
    device.end(Buffer.concat([Buffer.from('100d00044d5154540402003c000166', 'hex'), ...messages, DISCONNECT]));
    await run.until('its first messages are under way', () => run.emitsInFlight > 0);
    run.openGate();
    await run.until('the last one is stored', () => run.latest('power')?.value === 29_999);
  });

  test('a device that is silent for longer than it said is disconnected', async () => {
    const { url } = await embedded();
    const device = connectTcp(Number(new URL(url).port), '127.0.0.1');
    device.on('error', () => undefined);
    device.resume();
    // Keep-alive of 1 s.
    device.write(Buffer.from('100d00044d51545404020001000166', 'hex'));
    const begunMs = performance.now();
    await new Promise<void>((resolve) => device.once('close', () => resolve()));
    expect(performance.now() - begunMs).toBeGreaterThan(1400);
  });

  test('messages with and without the wish to be kept stay in order', async () => {
    const { run, url } = await embedded();
    const device = await client(url);
    for (let i = 0; i < 20; i++) {
      const kept = device.publishAsync('a/state', state(2 * i), { qos: 1, retain: true });
      await Promise.all([kept, device.publishAsync('a/state', state(2 * i + 1), { qos: 1 })]);
      expect(run.latest('power')?.value).toBe(2 * i + 1);
    }
  });

  test('who subscribes later hears what comes from then on', async () => {
    const { run, url } = await embedded();
    const [device, viewer] = await Promise.all([client(url), client(url)]);
    await device.publishAsync('a/state', state(1), { qos: 1 });
    const heard: string[] = [];
    viewer.on('message', (_topic, payload) => heard.push(payload.toString()));
    await viewer.subscribeAsync('a/state', { qos: 1 });
    await device.publishAsync('a/state', state(2), { qos: 1 });
    await expect.poll(() => heard).toEqual([state(2)]);
    expect(run.latest('power')?.value).toBe(2);
  });

  test('others can subscribe at it', async () => {
    const { url } = await embedded();
    const [device, viewer] = await Promise.all([client(url), client(url)]);
    await viewer.subscribeAsync('a/#', { qos: 1 });
    const heard = new Promise<string>((resolve) => viewer.once('message', (topic) => resolve(topic)));
    await device.publishAsync('a/state', state(8), { qos: 1 });
    expect(await heard).toBe('a/state');
  });

  test('only who knows the password is let in', async () => {
    const { run, url } = await embedded({ username: 'devices', password: 'right' });
    await expect(client(url, { username: 'devices', password: 'wrong' })).rejects.toThrow('Bad username or password');
    await expect(client(url)).rejects.toThrow('Bad username or password');
    const device = await client(url, { username: 'devices', password: 'right' });
    await device.publishAsync('a/state', state(9), { qos: 1 });
    expect(run.latest('power')?.value).toBe(9);
  });

  test('another gateway can be its client, if it knows the password', async () => {
    const { url } = await embedded({ username: 'devices', password: 'right' });
    const external = { broker: 'external', endpoint: url, username: 'devices' } as const;
    const refused = await begin({ ...external, password: 'wrong' });
    expect(refused.run.ending).toMatchObject({ how: 'refused', reason: { en: expect.stringContaining('password') } });
    const { run } = await begin({ ...external, password: 'right' });
    const device = await client(url, { username: 'devices', password: 'right' });
    await run.until('it arrives at the second', () => {
      if (run.latest('power') === undefined) device.publish('a/state', state(10));
      return run.latest('power')?.value === 10;
    });
  });

  test('a port in use is refused by name', async () => {
    const { url } = await embedded();
    const listen = url.replace('mqtt:', 'tcp:');
    const { run } = await begin({ broker: 'embedded', listen });
    const at = listen.slice('tcp://'.length);
    expect(run.ending).toEqual({
      how: 'refused',
      reason: { zh: `端口已被占用：${at}`, en: `port in use: ${at}` },
    });
  });

  test('two brokers of one process share nothing', async () => {
    const [one, other] = await Promise.all([embedded(), embedded()]);
    const device = await client(one.url, { clientId: 'same' });
    const twin = await client(other.url, { clientId: 'same' });
    await device.publishAsync('a/state', state(11), { qos: 1, retain: true });
    await twin.publishAsync('a/online', '{"online":true}', { qos: 1 });
    expect([one.run.latest('power')?.value, one.run.latest('online')]).toEqual([11, undefined]);
    expect([other.run.latest('power'), other.run.latest('online')?.value]).toEqual([undefined, 1]);
  });

  test('a device clock that is off is said once, and once when it is right again', async () => {
    const port = await freePort();
    const lines: string[] = [];
    const say = (_fields: object, message: string) => void lines.push(message);
    const run = new AdapterRun(mqttProtocol, {
      key: 'field-bus',
      settings: { broker: 'embedded', listen: `tcp://127.0.0.1:${port}` },
      points: [{ number: 1, key: 'a/v', kind: 'double', address: { topic: 'a', path: ['v'], time: ['ts'] } }],
      clock: systemClock(),
      log: { info: say, warn: say },
    });
    onTestFinished(() => run.abort().then(() => undefined));
    await run.until('it is up', () => run.ups > 0);
    const device = await client(`mqtt://127.0.0.1:${port}`);
    for (const off of [3_600_000, 3_600_000, 0, 0]) {
      await device.publishAsync('a', JSON.stringify({ v: off, ts: Date.now() + off }), { qos: 1 });
      expect(Math.abs(Date.now() - (run.latest('v')?.sourceMs ?? 0))).toBeLessThan(10_000);
      expect(run.latest('v')?.quality).toBe('good');
    }
    expect(lines.filter((line) => line.includes('plausible'))).toEqual([
      'device time is not plausible; gateway time is used',
      'device time is plausible again',
    ]);
  });
});

await describeWithServer('mosquitto', 'subscriber of mosquitto', () => {
  const started = async (settings?: string): Promise<RunningServer> => {
    const server = await startMosquitto(settings);
    onTestFinished(async () => {
      // It can miss a SIGTERM that comes just before it waits for its sockets, and has nothing to save.
      await server.kill();
      await server.remove();
    });
    return server;
  };
  const external = (server: RunningServer) =>
    ({ broker: 'external', endpoint: server.url, clientId: 'gateway' }) as const satisfies MqttSettings;

  test('what came while the gateway was away is delivered when it is back', async () => {
    const server = await started();
    const device = await client(server.url);
    const first = await begin(external(server));
    await first.run.until('it is subscribed', () => {
      if (first.run.latest('power') === undefined) device.publish('a/state', state(1), { qos: 1 });
      return first.run.latest('power')?.value === 1;
    });
    await first.run.abort();
    await device.publishAsync('a/state', state(2), { qos: 1 });
    const second = await begin(external(server));
    await second.run.until('it arrives', () => second.run.latest('power')?.value === 2);
  });

  test('what was not stored is delivered again', async () => {
    const server = await started();
    const device = await client(server.url);
    const first = await begin(external(server));
    await first.run.until('it is subscribed', () => {
      if (first.run.latest('power') === undefined) device.publish('a/state', state(1), { qos: 1 });
      return first.run.latest('power')?.value === 1;
    });
    first.run.closeGate();
    await device.publishAsync('a/state', state(3), { qos: 1 });
    await first.run.until('it is under way', () => first.run.emitsInFlight > 0);
    await first.run.abort();
    expect(first.run.latest('power')?.value).toBe(1);
    const second = await begin(external(server));
    await second.run.until('it arrives again', () => second.run.latest('power')?.value === 3);
  });

  test('what the disk has lost keeps the connection, and is delivered again once the disk is back', async () => {
    const server = await started();
    const device = await client(server.url);
    const { run } = await begin(external(server));
    await run.until('it is subscribed', () => {
      if (run.latest('power') === undefined) device.publish('a/state', state(1), { qos: 1 });
      return run.latest('power')?.value === 1;
    });
    run.failDisk();
    await device.publishAsync('a/state', state(2), { qos: 1 });
    await run.until('it is seen', () => run.latest('power')?.value === 2);
    run.mendDisk(new Error('no room'));
    expect(await staysPending(run.until('the run ends', () => run.ending !== undefined, 60_000))).toBe(true);
    await device.publishAsync('a/online', JSON.stringify({ online: true }), { qos: 1 });
    await run.until('it asks for what was lost', () => run.ending !== undefined);
    const again = await begin(external(server));
    await again.run.until('it arrives again', () => again.run.latest('power')?.value === 2);
  });

  test('a retained message is uncertain, the next one good', async () => {
    const server = await started();
    const device = await client(server.url);
    await device.publishAsync('a/state', state(4), { qos: 1, retain: true });
    const { run } = await begin(external(server));
    await run.until('it arrives', () => run.latest('power')?.value === 4);
    expect(run.latest('power')).toMatchObject({ quality: 'uncertain', reason: 'retained' });
    await device.publishAsync('a/state', state(5), { qos: 1, retain: true });
    await run.until('the next arrives', () => run.latest('power')?.value === 5);
    expect(run.latest('power')?.quality).toBe('good');
  });

  test('topics of a former site file are left', async () => {
    const server = await started();
    const former = await client(server.url, { clientId: 'gateway', clean: false });
    await former.subscribeAsync('old/topic', { qos: 1 });
    await new Promise<void>((resolve) => former.end(true, () => resolve()));
    const { run, lines } = await begin(external(server));
    const device = await client(server.url);
    await device.publishAsync('old/topic', 'x', { qos: 1 });
    await run.until('the message is noticed', () => {
      device.publish('a/state', state(6));
      return lines.includes('message under a topic that no point reads');
    });
    await run.abort();
    const again = await client(server.url, { clientId: 'gateway', clean: false });
    const heard: string[] = [];
    again.on('message', (topic) => heard.push(topic));
    await device.publishAsync('old/topic', 'y', { qos: 1 });
    await device.publishAsync('a/state', state(7), { qos: 1 });
    await expect.poll(() => heard).toContain('a/state');
    expect(heard).not.toContain('old/topic');
  });

  test('a broker that answers no ping and sends all the time is not left, nor one that is not read', async () => {
    const server = await started('max_inflight_messages 0\nmax_queued_messages 0');
    const device = await client(server.url);
    let pings = 0;
    const gate = createServer((near) => {
      const far = connectTcp({ port: server.port, host: '127.0.0.1', noDelay: true });
      near.on('data', (bytes: Buffer) => {
        if (!bytes.equals(PINGREQ)) far.write(bytes);
        else pings++;
      });
      far.pipe(near);
      for (const socket of [near, far]) {
        socket.on('error', () => undefined);
        socket.on('close', () => [near, far].forEach((one) => void one.destroy()));
      }
    }).listen(0, '127.0.0.1');
    await once(gate, 'listening');
    onTestFinished(() => void gate.close());
    const endpoint = `mqtt://127.0.0.1:${(gate.address() as AddressInfo).port}`;
    const { run } = await begin({ ...external(server), endpoint });
    let sent = 0;
    const talk = setInterval(() => device.publish('a/state', state(sent++), { qos: 1 }), 100);
    onTestFinished(() => clearInterval(talk));
    const { run: full } = await begin({ ...external(server), clientId: 'full' });
    await full.until('it is subscribed', () => full.latest('power') !== undefined);
    full.closeGate();
    for (let n = 0; n < MORE_THAN_IS_READ; n++) device.publish('a/online', '{"online":true}', { qos: 1 });
    // Without the messages it would be lost before the second one.
    await run.until(
      'it was pinged twice, or is lost',
      () => pings === 2 || run.ending !== undefined,
      3 * KEEPALIVE_S * 1000,
    );
    expect(run.ending).toBeUndefined();
    expect(full.ending).toBeUndefined();
    const before = sent;
    full.openGate();
    await full.until('it goes on', () => Number(full.latest('power')?.value) >= before);
    await run.until('messages still come', () => Number(run.latest('power')?.value) >= before);
  }, 20_000);

  test('a stream of messages is acknowledged in groups, none lost', async () => {
    const server = await started('max_inflight_messages 100\nmax_queued_messages 5000');
    const device = await client(server.url);
    const { run } = await begin(external(server));
    await run.until('it is subscribed', () => {
      if (run.latest('power') === undefined) device.publish('a/state', state(-1), { qos: 1 });
      return run.latest('power') !== undefined;
    });
    const before = run.batches;
    await Promise.all(Array.from({ length: 2000 }, (_, i) => device.publishAsync('a/state', state(i), { qos: 1 })));
    await run.until('the last arrives', () => run.latest('power')?.value === 1999);
    expect(run.batches - before).toBeLessThan(1000);
  });
});
