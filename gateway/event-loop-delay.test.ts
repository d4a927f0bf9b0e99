import { expect, onTestFinished, test } from 'vitest';
import { until } from '../test/support/until.ts';
import { measureEventLoopDelay, measureOnceStarted } from './event-loop-delay.ts';

const WITHIN_MS = 10_000;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('a loop that is blocked is late, until two minutes have passed', async () => {
  let nowMs = 0;
  const delay = measureEventLoopDelay(() => nowMs);
  delay.begin();
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

test('what makes the loop late while it starts does not count, what does so afterwards does', async () => {
  const delay = measureEventLoopDelay();
  let starting = true;
  let looks = 0;
  let begun = 0;
  const begin = () => {
    begun++;
    delay.begin();
  };
  const isStarting = () => {
    looks++;
    block(30);
    return starting;
  };
  onTestFinished(measureOnceStarted({ begin }, isStarting));
  await until('the start was looked at', WITHIN_MS, () => looks >= 3);
  expect(begun).toBe(0);
  expect(delay.p99Ms()).toBe(0);
  starting = false;
  await until('the start is over', WITHIN_MS, () => begun === 1);
  await until('a blocked loop is late', WITHIN_MS, () => {
    block(60);
    return delay.p99Ms() >= 40;
  });
  expect(begun).toBe(1);
});
