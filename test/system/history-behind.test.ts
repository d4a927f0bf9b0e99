import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HealthReply } from '../../gateway/http/contract.ts';
import { Estate } from '../support/estate.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 60_000;

/** Site seconds per real second: ten minutes of site time are ten seconds. */
const RATE = 60;

await describeWithServer('influxd', 'an InfluxDB that is killed', () => {
  let influxd: RunningServer;
  let estate: Estate;

  beforeAll(async () => {
    influxd = await startInfluxd();
    estate = await Estate.start(RATE, ['--influx', `${influxd.url}/estate`]);
  });

  afterAll(async () => {
    await estate?.end();
    await influxd?.remove();
  });

  const behind = async () =>
    (await estate.alarms()).find(({ asset, alarm }) => asset === 'gateway:self' && alarm === 'history-behind');
  const health = () => estate.get<HealthReply>('/api/health');

  test('is an alarm once history is ten minutes behind, which ends after it is back', async () => {
    await until('history is written', WITHIN_MS, async () => (await health()).history.writtenSamples > 0);
    const well = await health();
    expect(well.notReady).toEqual([]);
    expect(well.disk?.freeBytes).toBeGreaterThan(0);
    expect(await behind()).toBeUndefined();

    await influxd.kill();
    const killed = await health();
    const alarm = await until('the alarm stands', WITHIN_MS, behind);
    expect(alarm).toMatchObject({ priority: 3, system: null, state: 'unacknowledged', assetName: { en: 'Gateway' } });
    expect(alarm.raisedMs - killed.nowMs).toBeGreaterThan(5 * 60_000);
    const during = await health();
    expect(during.history.behindMs).toBeGreaterThanOrEqual(9 * 60_000);
    expect(during.history.lastError).not.toBeNull();
    // History holds up nobody: the site is watched all the while.
    expect((await fetch(`${estate.url}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${estate.url}/metrics`)).text();
    expect(metrics).toMatch(/^lamplighter_history_failing 1$/m);
    expect(metrics).toMatch(/^lamplighter_disk_free_bytes [1-9]/m);

    await influxd.start();
    await until('the alarm has returned', WITHIN_MS, async () => (await behind())?.returnedMs !== null);
    await until('history has caught up', WITHIN_MS, async () => {
      const { history } = await health();
      return history.lastError === null && history.behindMs < 2 * 60_000;
    });
  });
});
