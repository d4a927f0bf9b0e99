import { expect, test } from 'vitest';
import { until } from '../test/support/until.ts';
import { measureEventLoopDelay } from './event-loop-delay.ts';

const WITHIN_MS = 10_000;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('a loop that is blocked is late, until two minutes have passed', async () => {
  let nowMs = 0;
  const delay = measureEventLoopDelay(() => nowMs);
  await until('a blocked loop is late', WITHIN_MS, () => {
    block(60);
    return delay.p99Ms() >= 40;
  });
  nowMs = 60_000;
  expect(delay.p99Ms()).toBeGreaterThanOrEqual(40);
  // The minute that ended then is still told of.
  expect(delay.p99Ms()).toBeGreaterThanOrEqual(40);
  nowMs = 120_000;
  delay.p99Ms();
  await until('a free loop is not', WITHIN_MS, () => delay.p99Ms() < 40);
});
