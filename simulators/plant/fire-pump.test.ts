import { expect, test } from 'vitest';
import { FirePump, JOCKEY_START_MPA, MAIN_START_MPA } from './fire-pump.ts';
import { randomStream } from './random.ts';

const START_MS = Date.parse('2026-06-15T20:30+08:00');

/** Runs the pump in steps of 100 ms until the fact holds, and tells after how long; throws after `boundMs`. */
function runUntil(pump: FirePump, fromMs: number, boundMs: number, holds: () => boolean): number {
  for (let ms = fromMs + 100; ms <= fromMs + boundMs; ms += 100) {
    pump.step(ms, 100);
    if (holds()) return ms;
  }
  throw new Error('the fact did not come about');
}

const newPump = (seed = 1) => new FirePump('fire-pump-1', randomStream(seed, 'fire-pump-1'), START_MS);

test('the pump starts when the pressure falls to its start, and stops when the hydrant is shut', () => {
  const pump = newPump();
  pump.openHydrant();
  const demandMs = runUntil(pump, START_MS, 20_000, () => pump.demand);
  expect(pump.pressureMpa).toBeLessThan(MAIN_START_MPA);
  expect(pump.pressureMpa).toBeGreaterThan(MAIN_START_MPA - 0.01);
  const runningMs = runUntil(pump, demandMs, 3000, () => pump.running);
  const laterMs = runUntil(pump, runningMs, 60_000, () => pump.pressureMpa > 0.8);
  expect(pump.failToStart).toBe(false);
  expect(pump.motorCurrentA).toBeCloseTo(84.9);
  pump.restore();
  runUntil(pump, laterMs, 60_000, () => !pump.running);
  expect(pump.demand).toBe(false);
  expect(pump.pressureMpa).toBeGreaterThan(JOCKEY_START_MPA);
});

test('a pump that does not follow the demand is reported after 15 s, and recovers when it is mended', () => {
  const pump = newPump();
  pump.refuseStart();
  const demandMs = runUntil(pump, START_MS, 20_000, () => pump.demand);
  const reportedMs = runUntil(pump, demandMs, 20_000, () => pump.failToStart);
  expect(reportedMs - demandMs).toBe(15_000);
  expect(pump.running).toBe(false);
  const heldMs = runUntil(pump, reportedMs, 600_000, () => pump.pressureMpa < 0.5);
  expect(pump.underpressure).toBe(false);
  pump.restore();
  expect(pump.failToStart).toBe(false);
  const backMs = runUntil(pump, heldMs, 30_000, () => pump.pressureMpa > JOCKEY_START_MPA);
  expect(pump.failToStart).toBe(false);
  runUntil(pump, backMs, 30_000, () => !pump.running && !pump.demand);
});

test('the jockey keeps a healthy leak at bay with about two starts an hour', () => {
  const pump = newPump(3);
  let starts = 0;
  let wasRunning = false;
  for (let ms = START_MS; ms < START_MS + 24 * 3_600_000; ms += 100) {
    pump.step(ms, 100);
    if (pump.jockeyRunning && !wasRunning) starts += 1;
    wasRunning = pump.jockeyRunning;
    if (pump.demand) throw new Error('the main pump was asked for');
  }
  expect(starts / 24).toBeGreaterThan(1.2);
  expect(starts / 24).toBeLessThan(2.5);
  expect([1, 2]).toContain(pump.jockeyStartsLastHour);
});

test('the weekly test runs for ten minutes and is remembered', () => {
  const pump = newPump();
  pump.secondsSinceTest = 7 * 86_400 - 1;
  const beginMs = runUntil(pump, START_MS, 5000, () => pump.running && pump.testing);
  expect(pump.secondsSinceTest).toBeLessThan(2);
  const endMs = runUntil(pump, beginMs, 700_000, () => !pump.running);
  expect((endMs - beginMs) / 60_000).toBeCloseTo(10, 0);
});
