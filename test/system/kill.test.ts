import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayAssetKey } from '../../model/asset-key.ts';
import { Estate } from '../support/estate.ts';
import { until } from '../support/until.ts';

const RATE = 10;
const WITHIN_MS = 45_000;

/** Real ms between the last look at the clock and the end of the killed process. */
const DYING_MS = 500;

/** Bound on the samples that are published: what one question to history can tell apart. */
const MAX_PUBLISHED = 1900;

let estate: Estate;

beforeAll(async () => {
  estate = await Estate.start(RATE);
  await until('all is known', WITHIN_MS, async () =>
    (await estate.systems()).every(({ counts }) => counts.unknown === 0),
  );
});

afterAll(() => estate.end());

interface Stretch {
  readonly asset: string;
  readonly class: string;
  readonly fromMs: number;
}

/** The ledger as stored, oldest first. */
function ledger(): Stretch[] {
  const database = new DatabaseSync(join(estate.dataDir, 'state.db'), { readOnly: true });
  try {
    return database
      .prepare('SELECT asset, class, from_ms AS fromMs FROM ledger ORDER BY asset, from_ms, seq, ordinal')
      .all()
      .map((row) => ({ asset: String(row.asset), class: String(row.class), fromMs: Number(row.fromMs) }));
  } finally {
    database.close();
  }
}

/** Assets of which a device told afterwards, with its own stamps, what it had been while nobody heard it. */
function toldLate(): ReadonlySet<string> {
  const database = new DatabaseSync(join(estate.dataDir, 'state.db'), { readOnly: true });
  try {
    return new Set(
      database
        .prepare(`SELECT DISTINCT body ->> 'asset' AS asset FROM changes WHERE body ->> '$.correction.cause' = 'late'`)
        .all()
        .map((row) => String(row.asset)),
    );
  } finally {
    database.close();
  }
}

function samplesInLog(): number {
  const database = new DatabaseSync(join(estate.dataDir, 'log', 'log.db'), { readOnly: true });
  try {
    return Number(database.prepare('SELECT max(ordinal + count) AS n FROM records').get()?.n);
  } finally {
    database.close();
  }
}

test('a kill in the middle loses no alarm, no notice and no acknowledged sample, and leaves an honest gap', async () => {
  const trip = await estate.fault('feeder-trip', 'feeder-1');
  await estate.fault('door-forced', 'door-2');
  const isOpen = async (asset: string) => (await estate.alarms()).find((alarm) => alarm.asset === asset);
  const tripped = await until('the trip is an alarm', WITHIN_MS, () => isOpen('feeder-1'));
  await until('the door is an alarm', WITHIN_MS, () => isOpen('door-2'));
  await estate.acknowledge(tripped.activationId, 'zhang-san');
  await until('the phone has both', WITHIN_MS, async () => {
    const assets = (await estate.notices()).map(({ asset }) => asset.key);
    return assets.includes('feeder-1') && assets.includes('door-2');
  });
  const open = async () =>
    (await estate.alarms())
      // How the gateway itself does is another matter after a kill.
      .filter(({ asset }) => asset !== gatewayAssetKey)
      .map(({ activationId, state, acknowledgedBy, sinceMs, raisedMs, children }) =>
        JSON.stringify({ activationId, state, acknowledgedBy, sinceMs, raisedMs, children }),
      )
      .sort();
  const before = await open();
  const noticesBefore = (await estate.notices()).map(({ id }) => id).sort();

  const killedMs = (await estate.get<{ nowMs: number }>('/api/site')).nowMs;
  expect(await estate.gateway.end('SIGKILL')).toBe('SIGKILL');
  const samplesBefore = samplesInLog();
  const restartedMs = (await estate.truth<{ nowMs: number }>()).nowMs;
  await estate.startGateway();

  // The dark lamps may have become alarms between the look and the kill, or come now; what was open is as it was.
  const after = await open();
  for (const activation of before) expect(after).toContain(activation);
  expect(samplesInLog()).toBeGreaterThanOrEqual(samplesBefore);
  await until('all is known again', WITHIN_MS, async () =>
    (await estate.systems()).every(({ counts }) => counts.unknown === 0),
  );
  const noticesAfter = (await estate.notices()).map(({ id }) => id);
  for (const id of noticesBefore) expect(noticesAfter.filter((other) => other === id)).toHaveLength(1);

  // Every asset that was required and not proven dead by its parent was unknown over the gap; nobody was up, but for MQTT
  // devices, which keep what they could not send and stamp it themselves.
  const stretches = ledger();
  const late = toldLate();
  for (const { key, link } of await estate.assets()) {
    if (key.startsWith('feeder-1') || (link === 'field-bus' && late.has(key))) continue;
    const own = stretches.filter(({ asset }) => asset === key);
    const gap = own.findIndex(({ class: name, fromMs }, n) => {
      const next = own[n + 1];
      // A dark lamp may say afterwards that it was dark already in the gap: down counts from its own stamp.
      const lasts = next === undefined || next.fromMs >= restartedMs || next.class === 'down';
      return name === 'unknown' && fromMs <= killedMs + DYING_MS * RATE && lasts;
    });
    expect({ key, gap: own[gap]?.class }).toEqual({ key, gap: 'unknown' });
  }
  await estate.mend(trip);
  // A slow restart may have lost the feeder's data for a moment: that alarm waits for somebody to take it.
  const isTripped = async () =>
    (await estate.alarms()).some(({ activationId }) => activationId === tripped.activationId);
  await until('the feeder is back', WITHIN_MS, async () => !(await isTripped()));
});

test('what a publisher has had acknowledged is there after a kill', async () => {
  const client = await mqtt.connectAsync(estate.brokerUrl, { reconnectPeriod: 0, clientId: 'publisher-of-the-test' });
  client.on('error', () => undefined);
  const acknowledged: number[] = [];
  const base = (await estate.get<{ nowMs: number }>('/api/site')).nowMs;
  let publishing = true;
  const publisher = (async () => {
    for (let n = 0; publishing && n < MAX_PUBLISHED; n++) {
      const payload = {
        ts: base + n,
        status: 'Reachable',
        roundtripUsec: n,
        regExpire: 3600,
        lastTestCall: base,
        batteryOk: true,
      };
      await client.publishAsync('intercom/intercom-6/state', JSON.stringify(payload), { qos: 1 });
      acknowledged.push(n);
    }
  })().catch(() => undefined);
  await until('a good many are acknowledged', WITHIN_MS, () => acknowledged.length >= 300);
  await estate.gateway.end('SIGKILL');
  publishing = false;
  client.end(true);
  await publisher;
  await estate.startGateway();

  // A bucket of one millisecond holds one published sample; the simulated intercom itself may add one or two of its own.
  const last = acknowledged.at(-1) ?? 0;
  const buckets = `from=${base}&to=${base + last + 1}&buckets=${last + 1}`;
  const counts = await until('history has caught up', WITHIN_MS, async () => {
    const { count } = await estate.get<{ count: number[] }>(`/api/history?point=intercom-6/roundTrip&${buckets}`);
    return acknowledged.every((n) => (count[n] ?? 0) > 0) && count;
  });
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(last + 3);
});

test('it ends in order when it is told to, and takes its address away', async () => {
  expect(await estate.gateway.end('SIGTERM')).toBe(0);
  await estate.startGateway();
  expect(await estate.gateway.end('SIGINT')).toBe(0);
  await estate.startGateway();
});
