import { afterAll, beforeAll, expect, test } from 'vitest';
import { Estate } from '../support/estate.ts';
import { describeWithServer, type RunningServer, startInfluxd } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 45_000;

interface InfluxAnswer {
  readonly results: {
    readonly series?: { readonly name: string; readonly columns: string[]; readonly values: unknown[][] }[];
  }[];
}

await describeWithServer('influxd', 'history of the demo estate in InfluxDB', () => {
  let influxd: RunningServer;
  let estate: Estate;

  beforeAll(async () => {
    influxd = await startInfluxd();
    estate = await Estate.start(10, ['--influx', `${influxd.url}/estate`]);
  });

  afterAll(async () => {
    await estate?.end();
    await influxd?.remove();
  });

  async function ask(query: string): Promise<unknown[][]> {
    const url = `${influxd.url}/query?db=estate&epoch=ms&q=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(url)).json()) as InfluxAnswer;
    return answer.results[0]?.series?.[0]?.values ?? [];
  }

  test('samples, ledger, rates and alarms are there, and the page’s charts come from there', async () => {
    await until('the feeder’s 28 lit lamps are in the samples', WITHIN_MS, async () =>
      (await ask(`SELECT value FROM streetlight WHERE asset = 'feeder-2' AND point = 'power'`)).some(
        ([, kilowatts]) => Number(kilowatts) > 1,
      ),
    );
    const fault = await estate.fault('feeder-trip', 'feeder-2');
    await until('the trip is in the alarms', WITHIN_MS, async () =>
      (await ask('SELECT * FROM alarm')).some((row) => row.includes('feeder-2')),
    );
    await until('the feeder’s power has come down', WITHIN_MS, async () => {
      const rows = await ask(`SELECT value FROM streetlight WHERE asset = 'feeder-2' AND point = 'power'`);
      return rows.some(([, kilowatts]) => kilowatts === 0);
    });
    await until('its lamps are in the ledger as down', WITHIN_MS, async () =>
      (await ask(`SELECT * FROM ledger WHERE asset = 'feeder-2-lamp-01'`)).some((row) => row.includes('down')),
    );
    const rates = await until('the lit rate is among the rates', WITHIN_MS, async () => {
      const rows = await ask(`SELECT value FROM rate WHERE system = 'streetlight' AND rate = 'lit'`);
      return rows.length > 0 && rows;
    });
    expect(rates.some(([, value]) => Math.abs(Number(value) - 53 / 67) < 1e-9 || Number(value) < 0.79)).toBe(true);

    const { nowMs } = await estate.get<{ nowMs: number }>('/api/site');
    const chart = await estate.get<{ last: (number | null)[]; count: number[] }>(
      `/api/history?point=feeder-2/power&from=${nowMs - 120_000}&to=${nowMs}&buckets=60`,
    );
    expect(chart.count).toHaveLength(60);
    expect(chart.last.filter((kilowatts) => kilowatts !== null).at(-1)).toBe(0);
    await estate.mend(fault);
  });

  test('an InfluxDB that goes away costs nothing but time', async () => {
    await influxd.stop();
    const { nowMs } = await estate.get<{ nowMs: number }>('/api/site');
    const during = await until('the gateway goes on without it', WITHIN_MS, async () => {
      const site = await estate.get<{ nowMs: number }>('/api/site');
      return site.nowMs > nowMs + 30_000 && site.nowMs;
    });
    const readyz = await fetch(`${estate.url}/readyz`);
    expect(readyz.status).toBe(200);
    await influxd.start();
    await until('what came meanwhile is there', WITHIN_MS, async () => {
      const rows = await ask(
        `SELECT count(value) FROM streetlight WHERE asset = 'feeder-1' AND point = 'power' AND time > ${nowMs}ms AND time < ${during}ms`,
      );
      return Number(rows[0]?.[1] ?? 0) >= 20;
    });
  });
});
