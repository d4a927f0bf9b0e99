import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { ProbeEstate } from '../support/probe-estate.ts';
import { probeKey, probeTopic } from '../support/probe-site.ts';
import { findServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { embeddedRows, influxRows, type StoredRows } from '../support/stored-rows.ts';
import { until } from '../support/until.ts';

const MESSAGES = 60;
const WITHIN_MS = 45_000;
const TEST_MS = 120_000;

let estate: ProbeEstate | undefined;
let influxd: RunningServer | undefined;

afterEach(async () => {
  await estate?.end();
  await influxd?.remove();
  estate = influxd = undefined;
});

describe('a sample that a device sends again is one row', () => {
  test('embedded', { timeout: TEST_MS }, async () => {
    estate = await ProbeEstate.open({ probes: 1, messagesPerSecond: 0, rate: 1 });
    await sendTwice(estate, embeddedRows(estate.dataDir));
  });

  test('InfluxDB', { timeout: TEST_MS }, async (context) => {
    if ((await findServer('influxd')) === undefined) return context.skip('influxd is missing');
    influxd = await startInfluxd();
    const gatewayOptions = ['--influx', `${influxd.url}/probes`];
    estate = await ProbeEstate.open({ probes: 1, messagesPerSecond: 0, rate: 1, gatewayOptions });
    await sendTwice(estate, influxRows(influxd.url, 'probes', 'probe'));
  });
});

/** Sends the same messages before a kill and after it, the second time with another one that has a time in common. */
async function sendTwice(gateway: ProbeEstate, store: StoredRows): Promise<void> {
  const baseMs = gateway.now();
  await gateway.start();
  await publish(gateway, baseMs, 0);
  await gateway.historyCaughtUp(WITHIN_MS);
  await gateway.gateway?.end('SIGKILL');
  await gateway.start();
  await publish(gateway, baseMs, 0);
  // Another value at the same time is another sample.
  await publish(gateway, baseMs, 1_000_000);
  await gateway.historyCaughtUp(WITHIN_MS);
  await gateway.gateway?.end();
  const rows = await store.rows(probeKey(1), 'count', baseMs, baseMs + MESSAGES);
  const expected = Array.from({ length: MESSAGES }, (_, n) =>
    [n, n + 1_000_000].map((value) => `${baseMs + n} ${value}`),
  );
  expect(rows.map(({ ms, value }) => `${ms} ${value}`).sort()).toEqual(expected.flat().sort());
}

async function publish(gateway: ProbeEstate, baseMs: number, more: number): Promise<void> {
  const client = await until('the broker listens', WITHIN_MS, () =>
    mqtt.connectAsync(gateway.brokerUrl, { reconnectPeriod: 0 }).catch(() => undefined),
  );
  for (let n = 0; n < MESSAGES; n++) {
    const payload = JSON.stringify({ ts: baseMs + n, n: n + more, fault: false });
    await client.publishAsync(probeTopic(1), payload, { qos: 1 });
  }
  await client.endAsync();
}
