import { expect, onTestFinished, test } from 'vitest';
import { until } from '../test/support/until.ts';
import { delaysOfLooks, measureEventLoopDelay, measureOnceStarted } from './event-loop-delay.ts';

const WITHIN_MS = 10_000;

/** Real ms between two looks. */
const LOOK_MS = 10;

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('a long turn counts for each that would have asked while it lasted', () => {
  expect(delaysOfLooks(10)).toEqual([0]);
  // A timer that comes early is no delay.
  expect(delaysOfLooks(9.4)).toEqual([0]);
  expect(delaysOfLooks(37)).toEqual([27, 17, 7]);
  // The share of the time in which whoever asked had to wait for more than 20 ms is that of the looks which say so.
  expect(delaysOfLooks(1_000).filter((delayMs) => delayMs > 20)).toHaveLength(97);
});

test('a process that was stopped for a day counts as a bounded number of looks, the latest first', () => {
  const delays = delaysOfLooks(86_400_000);
  expect(delays).toHaveLength(1_000);
  expect(delays[0]).toBe(86_400_000 - LOOK_MS);
});

test('a loop that is blocked is late from the beginning on, until the end', async () => {
  const delay = measureEventLoopDelay();
  onTestFinished(() => delay.end());
  const delays: number[] = [];
  delay.onLook((delayMs) => delays.push(delayMs));
  delay.look();
  expect(delays).toEqual([]);
  delay.begin();
  await until('it is looked at', WITHIN_MS, () => delays.length > 0);
  await until('a blocked loop is late', WITHIN_MS, () => {
    block(60);
    return Math.max(...delays) >= 40;
  });
  delay.end();
  const before = delays.length;
  block(60);
  delay.look();
  expect(delays).toHaveLength(before);
});

test('who asks in a late turn hears of that turn, and nobody hears of it twice', () => {
  let nowMs = 1_000;
  const delay = measureEventLoopDelay(() => nowMs);
  onTestFinished(() => delay.end());
  const delays: number[] = [];
  delay.onLook((delayMs) => delays.push(delayMs));
  delay.begin();
  nowMs += 45;
  delay.look();
  expect(delays).toEqual([35, 25, 15, 5]);
  nowMs += 2;
  delay.look();
  expect(delays).toHaveLength(4);
});

test('what makes the loop late while it starts does not count, what does so afterwards does', async () => {
  const delay = measureEventLoopDelay();
  const delays: number[] = [];
  delay.onLook((delayMs) => delays.push(delayMs));
  let starting = true;
  let looks = 0;
  const isStarting = () => {
    looks++;
    block(30);
    return starting;
  };
  onTestFinished(measureOnceStarted(delay, isStarting));
  await until('the start was looked at', WITHIN_MS, () => looks >= 3);
  expect(delays).toEqual([]);
  starting = false;
  await until('the start is over', WITHIN_MS, () => delays.length > 0);
  const seen = looks;
  await until('a blocked loop is late', WITHIN_MS, () => {
    block(60);
    return Math.max(...delays) >= 40;
  });
  expect(looks).toBe(seen);
});
