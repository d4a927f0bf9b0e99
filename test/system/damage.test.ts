import { expect, test } from 'vitest';
import { type LogDamage, runDamages } from '../support/damage-run.ts';

/** A small share of `npm run soak -- damage`: places that hit records and not free space only. */
const damages: readonly LogDamage[] = [
  { file: 'log.db-wal', kind: 'cut', at: 0.4 },
  { file: 'log.db-wal', kind: 'flip', at: 0.6 },
  { file: 'log.db', kind: 'flip', at: 0.5 },
];

const TEST_MS = 150_000;

test('a log that is cut off or bent between a kill and a start costs what was hit, and says so', {
  timeout: TEST_MS,
}, async () => {
  const found = await runDamages(damages);
  expect(found.acknowledgedSamples).toBeGreaterThan(1_000);
  expect(found).toMatchObject({ missingSamples: 0, strangeSamples: 0, untold: 0 });
  // A run in which nothing was hit would prove nothing.
  expect(found.damagedSamples).toBeGreaterThan(0);
  expect(found.damagedSamples).toBeLessThan(found.acknowledgedSamples / 2);
});
