import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mqttProtocol } from '../../adapters/mqtt/protocol.ts';
import type { MqttAddress, MqttSettings } from '../../adapters/mqtt/schema.ts';
import type { Adapter, LinkPoint } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import type { Finding, ScanEvent, ScanOptions } from '../../model/probe.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { describeWithServer, freePort, type RunningServer, startMosquitto } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 5000;

const points: readonly LinkPoint<MqttAddress>[] = [
  { number: 1, key: 'a/power', kind: 'double', address: { topic: 'a/state', path: ['power'] } },
];

/** The link as the supervisor holds it; `emitted` counts the samples that reached it. */
async function hold(settings: MqttSettings): Promise<{ adapter: Adapter; emitted: () => number }> {
  const adapter = adapterOf(settings);
  const stop = new AbortController();
  let [emitted, isUp] = [0, false];
  const emit: Parameters<Adapter['run']>[0] = (batch) => {
    emitted += batch.length;
    return { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };
  };
  const over = adapter.run(emit, stop.signal, () => {
    isUp = true;
  });
  onTestFinished(async () => {
    stop.abort();
    await over;
  });
  await until('the link is up', WITHIN_MS, () => isUp);
  return { adapter, emitted: () => emitted };
}

function adapterOf(settings: MqttSettings): Adapter {
  const log = { info: () => undefined, warn: () => undefined };
  return mqttProtocol.create({ key: 'field-bus', settings, points, clock: systemClock(), log, wire: untoldWire });
}

async function client(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const connected = await connectAsync(url, { reconnectPeriod: 0, ...options });
  onTestFinished(() => new Promise<void>((resolve) => connected.end(true, () => resolve())));
  return connected;
}

async function read(adapter: Adapter, where: string, waitMs = WITHIN_MS): Promise<Finding> {
  const answer = await adapter.probe?.({ where, waitMs }, new AbortController().signal);
  if (!answer?.ok) throw new Error(answer?.text.en ?? 'the adapter cannot read');
  return answer.finding;
}

async function scan(adapter: Adapter, options: ScanOptions) {
  const rows = new Map<string, readonly unknown[]>();
  const take = (event: ScanEvent) => {
    if (event.kind === 'row') rows.set(event.key, event.cells);
  };
  const answer = await adapter.scan?.(options, new AbortController().signal, take);
  return { answer, rows };
}

/** Publishes again and again, as devices do, until the test is over. */
function publishing(device: MqttClient, topic: string, payload: string, retain = false): void {
  const timer = setInterval(() => device.publish(topic, payload, { retain }), 50);
  onTestFinished(() => clearInterval(timer));
}

const factOf = ({ facts }: Finding, key: string) => facts.find((fact) => fact.key === key)?.value;
const pointRow = ({ tables }: Finding) => tables.find(({ key }) => key === 'points')?.rows[0];

describe('where the gateway is the broker', () => {
  async function embedded(): Promise<{ url: string; settings: MqttSettings }> {
    const port = await freePort();
    return { url: `mqtt://127.0.0.1:${port}`, settings: { broker: 'embedded', listen: `tcp://127.0.0.1:${port}` } };
  }

  test('a read waits for the next message, and takes nothing from the link', async () => {
    const { url, settings } = await embedded();
    const { adapter, emitted } = await hold({ ...settings, username: 'u', password: 'p' });
    publishing(await client(url, { username: 'u', password: 'p' }), 'a/state', '{"power":5.5,"more":{"x":1}}');
    const finding = await read(adapter, 'a/power');
    expect(finding).toMatchObject({ outcome: 'answered', trouble: null });
    expect(pointRow(finding)?.slice(0, 3)).toEqual(['a/power', 'power', '5.5']);
    expect(finding.tables.find(({ key }) => key === 'paths')?.rows.map(([path]) => path)).toEqual(['power', 'more.x']);
    const before = emitted();
    await until('samples still come', WITHIN_MS, () => emitted() > before + 3);
  });

  test('a scan lists the topics that were heard, also those that no point reads', async () => {
    const { url, settings } = await embedded();
    const { adapter } = await hold(settings);
    const device = await client(url);
    publishing(device, 'a/state', '{"power":1}');
    publishing(device, 'b/unknown', 'text');
    const { answer, rows } = await scan(adapter, { for: '1s' });
    expect(answer).toMatchObject({ ok: true, end: { complete: true, outcome: 'answered', trouble: null } });
    expect([...rows.keys()].sort()).toEqual(['a/state', 'b/unknown']);
    expect(rows.get('b/unknown')?.slice(2)).toEqual(['', '4', '0', 'text']);
    expect(rows.get('a/state')?.[4]).toBe('1');
    expect(Number(rows.get('a/state')?.[1])).toBeGreaterThan(3);
  });

  test('where no gateway runs it says that the broker is the gateway', async () => {
    const { settings } = await embedded();
    const finding = await read(adapterOf(settings), 'a/state');
    expect(finding.outcome).toBe('unreachable');
    expect(finding.trouble?.next[0]?.en).toContain('start the gateway first');
    const { answer } = await scan(adapterOf(settings), { for: '1s' });
    expect(answer).toMatchObject({ end: { complete: false, outcome: 'unreachable' } });
  });

  test('silence is told in time; whoever is gone is not waited for', async () => {
    const { settings } = await embedded();
    const { adapter } = await hold(settings);
    const finding = await read(adapter, 'a/state', 300);
    expect(finding.outcome).toBe('silent');
    expect(finding.trouble?.what.en).toBe('no message in 0.3 s');
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    const startMs = performance.now();
    await adapter.probe?.({ where: 'a/state', waitMs: 60_000 }, stop.signal);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });

  test.each(['', 'a/#/b', 'a/b+', 'a#'])('a topic that is none is refused: %j', async (where) => {
    const { settings } = await embedded();
    const answer = await adapterOf(settings).probe?.({ where }, new AbortController().signal);
    expect(answer).toMatchObject({ ok: false });
  });
});

await describeWithServer('mosquitto', 'where there is another broker', () => {
  async function broker(settings = ''): Promise<RunningServer> {
    const server = await startMosquitto(settings);
    onTestFinished(async () => {
      await server.kill();
      await server.remove();
    });
    return server;
  }

  test('a retained message is shown as such, and only where nothing new comes', async () => {
    const { url } = await broker();
    const device = await client(url);
    await device.publishAsync('a/state', '{"power":1}', { retain: true, qos: 1 });
    const adapter = adapterOf({ broker: 'external', endpoint: url, clientId: 'gateway' });
    const kept = await read(adapter, 'a/power', 500);
    expect(factOf(kept, 'retained')).toMatchObject({ en: expect.stringContaining('kept by the broker') });
    publishing(device, 'a/state', '{"power":2}');
    const live = await read(adapter, 'a/power');
    expect(factOf(live, 'retained')).toMatchObject({ en: 'no' });
    expect(pointRow(live)?.[2]).toBe('2');
  });

  test('what the broker keeps for the gateway while it is away stays the gateway’s', async () => {
    const { url } = await broker();
    const settings: MqttSettings = { broker: 'external', endpoint: url, clientId: 'gateway' };
    const session = await client(url, { clientId: 'gateway', clean: false });
    await session.subscribeAsync('a/state', { qos: 1 });
    await session.endAsync();
    const device = await client(url);
    await device.publishAsync('a/state', '{"power":7}', { qos: 1 });
    expect((await read(adapterOf(settings), 'a/state', 300)).outcome).toBe('silent');
    const { emitted } = await hold(settings);
    await until('the message that was kept arrives', WITHIN_MS, () => emitted() > 0);
  });

  test('a broker that turns us away is told as such', async () => {
    const { url } = await broker('allow_anonymous false');
    const finding = await read(adapterOf({ broker: 'external', endpoint: url }), 'a/state');
    expect(finding.outcome).toBe('unreachable');
    expect(finding.trouble?.what.en).toMatch(/authorize|user name/);
  });
});
