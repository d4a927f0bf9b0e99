import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Account, accountOf, mustBeNone } from '../support/account.ts';
import { type KillRun, killAtRandom } from '../support/kill-run.ts';
import { ProbeEstate } from '../support/probe-estate.ts';
import { embeddedRows } from '../support/stored-rows.ts';

/** A small share of `npm run soak -- crash`. */
const KILLS = 10;

const WITHIN_MS = 45_000;
const TEST_MS = 150_000;

let estate: ProbeEstate;

beforeAll(async () => {
  estate = await ProbeEstate.open({ probes: 3, messagesPerSecond: 80, rate: 20 });
});

afterAll(() => estate?.end());

test(
  'ten kills at random moments under load lose nothing that was acknowledged, and tell nothing twice',
  async (context) => {
    const kills: KillRun = await killAtRandom(estate, KILLS, () => undefined, context.signal);
    await estate.drain(WITHIN_MS);
    const throughSeq = await estate.historyCaughtUp(WITHIN_MS);
    await estate.gateway?.end();
    const account: Account = await accountOf(estate, embeddedRows(estate.dataDir), throughSeq, kills.taken);

    expect(kills.divergences).toBe(0);
    // A run that saw nothing would prove nothing.
    expect(account.acknowledgedSamples).toBeGreaterThan(1_000);
    expect(account.ledgerChanges).toBeGreaterThan(10);
    expect(account.alarmChanges).toBeGreaterThan(0);
    const wrong = mustBeNone.filter((name) => account[name] !== 0);
    expect({ wrong, account }).toEqual({ wrong: [], account });
  },
  TEST_MS,
);
