import { expect, test } from 'vitest';
import { halfPace } from './pace.ts';

test('each rest is as long as the work before it, within its bound', () => {
  let nowMs = 1000;
  const pace = halfPace(() => nowMs);
  nowMs += 40;
  expect(pace()).toBe(40);
  // It rested for 40 ms and worked for 10 ms.
  nowMs += 50;
  expect(pace()).toBe(10);
  nowMs += 10 + 5000;
  expect(pace()).toBe(250);
});

test('who does not rest as long as asked has not worked for less than nothing', () => {
  let nowMs = 0;
  const pace = halfPace(() => nowMs);
  nowMs += 100;
  expect(pace()).toBe(100);
  nowMs += 10;
  expect(pace()).toBe(0);
});
