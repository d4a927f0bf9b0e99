import { describe, expect, test } from 'vitest';
import { mustBeNone } from '../support/account.ts';
import { runInfluxFault } from '../support/influx-faults.ts';
import { findServer } from '../support/servers.ts';

const TEST_MS = 120_000;

describe('an InfluxDB that comes back with nothing is filled from the log', () => {
  test('started again with nothing', { timeout: TEST_MS }, async (context) => {
    if ((await findServer('influxd')) === undefined) return context.skip('influxd is missing');
    const { account } = await runInfluxFault('started again with nothing');
    expect(account.acknowledgedSamples).toBeGreaterThan(500);
    const wrong = mustBeNone.filter((what) => account[what] !== 0);
    expect({ wrong, account }).toEqual({ wrong: [], account });
  });
});
