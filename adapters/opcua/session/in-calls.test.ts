import { expect, test } from 'vitest';
import { CallSize } from './in-calls.ts';

test('a call that takes too long is made smaller, down to a bound: below it the server is slow, not the call', () => {
  const size = new CallSize(1_000);
  const sizes = Array.from({ length: 9 }, () => {
    size.late(size.size);
    return size.size;
  });
  expect(sizes).toEqual([500, 250, 125, 62, 31, 15, 10, 10, 10]);
  size.late(4);
  expect(size.size).toBe(10);
});
