import { expect, test } from 'vitest';
import { FIRST_SLICE_MS, HELD_MEMORY_MS, LinePatience, MAX_FIRST_SLICE_MS, MIN_SLICE_MS } from './line-patience.ts';

/** A line on which answers take so long. */
function heard(roundTripsMs: readonly number[]): LinePatience {
  const patience = new LinePatience();
  for (const ms of roundTripsMs) patience.answered(ms, ms, 0, 0);
  return patience;
}

test('a try is as long as answers take on this line, and one slow unit does not make it long for all', () => {
  expect(heard(Array(50).fill(1)).sliceMs).toBe(MIN_SLICE_MS);
  expect(heard(Array(50).fill(100)).sliceMs).toBeGreaterThan(100);
  expect(heard(Array(50).fill(100)).sliceMs).toBeLessThan(300);
  const slow = heard([...Array(50).fill(2), 300, ...Array(20).fill(2)]);
  expect(slow.sliceMs).toBeLessThan(100);
});

test('while nobody was heard tries grow, up to a bound', () => {
  const patience = new LinePatience();
  expect(patience.sliceMs).toBe(FIRST_SLICE_MS);
  for (let tries = 0; tries < 4; tries++) patience.gaveUp(0);
  expect(patience.sliceMs).toBe(2 * FIRST_SLICE_MS);
  for (let tries = 0; tries < 1000; tries++) patience.gaveUp(0);
  expect(patience.sliceMs).toBe(MAX_FIRST_SLICE_MS);
});

test('after a try in vain somebody is heard first; if that does no harm, twice as many may follow', () => {
  const patience = heard([2]);
  const inVain = (tries: number) => {
    for (let i = 0; i < tries; i++) {
      expect(patience.isProven).toBe(true);
      patience.gaveUp(0);
    }
    expect(patience.isProven).toBe(false);
    patience.answered(2, 2, 100, 0);
  };
  for (const tries of [1, 2, 4, 8, 16, 32, 32]) inVain(tries);
});

test('a gateway that waits for the dead unit is known by the late answer of the next, for a while', () => {
  const patience = heard(Array(20).fill(2));
  patience.gaveUp(1000);
  // Given up after 20 ms, and the next one was answered 980 ms later.
  patience.answered(980, 2, 2000, 5);
  expect(patience.heldMs(5)).toBe(1000);
  patience.gaveUp(3000);
  expect(patience.isProven, 'no trust any more').toBe(false);
  expect(patience.heldMs(5 + HELD_MEMORY_MS - 1)).toBe(1000);
  expect(patience.heldMs(5 + HELD_MEMORY_MS), 'for ten minutes').toBe(0);
  expect(patience.sliceMs, 'the late answer says nothing of the line itself').toBe(MIN_SLICE_MS);
  const laterMs = 2 * HELD_MEMORY_MS;
  patience.held(600, laterMs);
  patience.held(400, laterMs);
  expect(patience.heldMs(laterMs), 'as the gateway said itself').toBe(600);
});
