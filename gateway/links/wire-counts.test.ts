import { expect, test } from 'vitest';
import { ROUND_TRIPS, WIRE_SLOTS, WireCounts } from './wire-counts.ts';

const refused = { zh: '异常 2', en: 'exception 2' };

test('a wire of which nothing is known shows no figure at all', () => {
  const counts = new WireCounts(() => 0);
  expect(counts.facts()).toEqual({
    requests: 0,
    messages: 0,
    timeouts: 0,
    failures: 0,
    overruns: 0,
    errorRatio: null,
    roundTripMs: null,
    revision: null,
    address: null,
    certificates: null,
  });
  expect(counts.lastError).toBeNull();
});

test('requests, messages and faults are counted, and the ratio is that of both', () => {
  const counts = new WireCounts(() => 77);
  for (let i = 0; i < 6; i++) counts.answered(5);
  counts.failed(refused);
  counts.timedOut();
  counts.heard(13);
  counts.overran();
  counts.revised(refused);
  expect(counts.facts()).toMatchObject({ requests: 7, messages: 13, timeouts: 1, failures: 1, overruns: 1 });
  expect(counts.facts()).toMatchObject({ errorRatio: 2 / 20, revision: refused });
  expect(counts.lastError).toMatchObject({ text: { zh: '应答超时', en: 'no answer in time' }, atMs: 77 });
  counts.failed(refused);
  expect(counts.lastError?.text).toBe(refused);
});

test('faults of what nobody counted as heard are no more than all of it', () => {
  const counts = new WireCounts(() => 0);
  counts.failed(refused);
  counts.failed(refused);
  expect(counts.facts().errorRatio).toBe(1);
});

test('the ratio forgets what is older than the window, the counts do not', () => {
  const counts = new WireCounts(() => 0);
  counts.timedOut();
  for (let slot = 0; slot < WIRE_SLOTS - 1; slot++) counts.turn();
  expect(counts.facts().errorRatio, 'still in the window').toBe(1);
  counts.answered(1);
  counts.turn();
  expect(counts.facts()).toMatchObject({ errorRatio: 0, requests: 2, timeouts: 1 });
  for (let slot = 0; slot < WIRE_SLOTS; slot++) counts.turn();
  expect(counts.facts(), 'silent for longer than the window').toMatchObject({ errorRatio: null, roundTripMs: null });
});

test('round trips are of the newest answers: last, median, 95th percentile by nearest rank', () => {
  const counts = new WireCounts(() => 0);
  for (let i = 0; i < 3 * ROUND_TRIPS; i++) counts.answered(9999);
  for (let i = ROUND_TRIPS; i >= 1; i--) counts.answered(i);
  expect(counts.facts().roundTripMs).toEqual({ last: 1, median: 128, p95: 244 });
  for (let slot = 0; slot < WIRE_SLOTS; slot++) counts.turn();
  counts.answered(12.345);
  expect(counts.facts().roundTripMs, 'one answer in the window').toEqual({ last: 12.3, median: 12.3, p95: 12.3 });
});
