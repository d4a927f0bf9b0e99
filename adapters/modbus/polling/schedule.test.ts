import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextOnGrid, phaseOf } from './schedule.ts';

const interval = fc.integer({ min: 10, max: 86_400_000 });
const moment = fc.integer({ min: 0, max: 4_000_000_000_000 });

test('a poll is due within one interval of any moment, on a grid that does not wander', () => {
  fc.assert(
    fc.property(fc.string(), interval, moment, (link, intervalMs, nowMs) => {
      const grid = { intervalMs, phaseMs: phaseOf(link, intervalMs) };
      expect(grid.phaseMs).toBeGreaterThanOrEqual(0);
      expect(grid.phaseMs).toBeLessThan(intervalMs);
      const dueMs = nextOnGrid(grid, nowMs);
      expect(dueMs - nowMs).toBeGreaterThan(0);
      expect(dueMs - nowMs).toBeLessThanOrEqual(intervalMs);
      expect(nextOnGrid(grid, dueMs)).toBe(dueMs + intervalMs);
      // However late a poll begins, the next one is on the grid of the first.
      expect((nextOnGrid(grid, dueMs + Math.floor(intervalMs / 3)) - dueMs) % intervalMs).toBe(0);
    }),
  );
});

test('two hundred links that start together are spread over their interval, each always at its own place', () => {
  const phases = Array.from({ length: 200 }, (_, i) => phaseOf(`link-${i}`, 1000));
  expect(phases).toEqual(Array.from({ length: 200 }, (_, i) => phaseOf(`link-${i}`, 1000)));
  const tenths = Map.groupBy(phases, (phaseMs) => Math.floor(phaseMs / 100));
  expect(tenths.size).toBe(10);
  for (const inTenth of tenths.values()) expect(inTenth.length).toBeLessThanOrEqual(40);
});
