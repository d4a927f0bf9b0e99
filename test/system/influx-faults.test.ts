import { expect, test } from 'vitest';
import { mustBeNone } from '../support/account.ts';
import { type InfluxFaultName, runInfluxFault } from '../support/influx-faults.ts';
import { describeWithServer } from '../support/servers.ts';

/** A small share of `npm run soak -- influx`. */
const names: readonly InfluxFaultName[] = [
  'killed, and the gateway with it',
  'answering 503',
  'storing and not answering',
];

const TEST_MS = 120_000;

await describeWithServer('influxd', 'an InfluxDB that fails costs no row, and gets none twice', () => {
  test.each(names)(
    '%s',
    async (name) => {
      const { account } = await runInfluxFault(name);
      expect(account.acknowledgedSamples).toBeGreaterThan(500);
      expect(account.alarmChanges).toBeGreaterThan(0);
      expect(account.ledgerChanges).toBeGreaterThan(0);
      const wrong = mustBeNone.filter((what) => account[what] !== 0);
      expect({ wrong, account }).toEqual({ wrong: [], account });
    },
    TEST_MS,
  );
});
