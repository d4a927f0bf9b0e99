import { expect, test } from 'vitest';
import { fuzzModbus } from '../support/modbus-fuzz.ts';

/** A share of `npm run soak -- modbus`, over Modbus TCP and RTU. */
const REPLIES = 6000;
const SEEDS = [1, Date.now() % 2 ** 31];

test.each(SEEDS)('replies spoilt in every way give no wrong value that could be found (seed %i)', async (seed) => {
  const { wrong, replies, good, malformed, timeouts, reconnections } = await fuzzModbus(
    REPLIES,
    seed,
    AbortSignal.timeout(60_000),
  );
  expect(wrong).toEqual([]);
  expect(replies).toBeGreaterThanOrEqual(REPLIES);
  expect(good, 'many come through').toBeGreaterThan(REPLIES / 5);
  expect(Math.min(malformed, timeouts, reconnections), 'and the others were spoilt').toBeGreaterThan(50);
});
