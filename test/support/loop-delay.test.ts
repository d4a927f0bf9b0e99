import { expect, test } from 'vitest';
import { looksOf, loopDelayOf, loopDelaySince, p99Ms, pooled } from './loop-delay.ts';

/** Figures as `/metrics` gives them, of so many looks within each bound in seconds. */
function figures(within: Readonly<Record<string, number>>, worstSeconds: number): ReadonlyMap<string, number> {
  const buckets = Object.entries(within).map(
    ([bound, count]) => [`lamplighter_event_loop_delay_seconds_bucket{le="${bound}"}`, count] as const,
  );
  return new Map([...buckets, ['lamplighter_event_loop_delay_worst_seconds', worstSeconds]]);
}

const calm = loopDelayOf(figures({ '0.01': 990, '0.02': 1_000, '0.05': 1_000, '+Inf': 1_000 }, 0.015));
const late = loopDelayOf(figures({ '0.01': 0, '0.02': 0, '0.05': 15, '+Inf': 20 }, 0.3));

test('the p99 lies within the bucket that holds it, and never beyond the longest look', () => {
  expect(p99Ms(calm)).toBe(10);
  expect(p99Ms(loopDelayOf(figures({ '0.01': 980, '0.02': 1_000, '+Inf': 1_000 }, 0.02)))).toBe(15);
  expect(p99Ms(loopDelayOf(figures({ '0.01': 0, '0.02': 100, '+Inf': 100 }, 0.012)))).toBeCloseTo(11.98);
  // What is beyond the last bound is as late as the longest at most.
  expect(p99Ms(late)).toBeCloseTo(50 + 250 * 0.96);
});

test('a few late looks of a short life weigh as much as they are among all', () => {
  const all = pooled([calm, late]);
  expect(looksOf(all)).toBe(1_020);
  expect(all.worstMs).toBe(300);
  // 990 of 1,020 looks came within 10 ms and 1,000 within 20: the 1,009.8th is one of the next fifteen.
  expect(p99Ms(all)).toBeCloseTo(20 + 30 * (9.8 / 15));
});

test('what was before does not count', () => {
  expect(looksOf(loopDelaySince(calm, pooled([calm, late])))).toBe(20);
  expect(p99Ms(loopDelaySince(calm, calm))).toBeNaN();
});

test('a gateway that tells nothing is an error, and one that has not looked has no figure', () => {
  expect(() => loopDelayOf(new Map())).toThrow('does not tell');
  expect(p99Ms(loopDelayOf(figures({ '0.02': 0, '+Inf': 0 }, 0)))).toBeNaN();
  expect(p99Ms(pooled([]))).toBeNaN();
});
