import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { caughtUp } from './catch-up.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('tells each ten seconds how far the rules are and how long it will take, until they are through', async () => {
  const told: object[] = [];
  const reached = Promise.withResolvers<void>();
  const state = { logSeq: 1000, logMs: Date.parse('2026-06-01T00:00:00Z') };
  const done = caughtUp({
    engine: { state, reached: () => reached.promise },
    throughSeq: 5000,
    logger: { warn: (fields) => told.push(fields) },
    now: () => Date.now(),
  });
  vi.advanceTimersByTime(9_999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1);
  state.logSeq = 2000;
  vi.advanceTimersByTime(10_000);
  const at = '2026-06-01T00:00:00.000Z';
  expect(told).toEqual([
    { logSeq: 1000, ofSeq: 5000, at, percent: 0, leftS: null },
    { logSeq: 2000, ofSeq: 5000, at, percent: 25, leftS: 60 },
  ]);
  reached.resolve();
  await done;
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveLength(2);
});

test('says nothing afterwards where the engine fails on the way', async () => {
  const told: object[] = [];
  const engine = { state: { logSeq: 0, logMs: 0 }, reached: () => Promise.reject(new Error('a bug')) };
  const waited = caughtUp({ engine, throughSeq: 10, logger: { warn: (fields) => told.push(fields) }, now: Date.now });
  await expect(waited).rejects.toThrow('a bug');
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
});
