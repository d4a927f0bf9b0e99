import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LinkLost } from '../../../model/adapter.ts';
import { fakeTime, PolledUnits, type Units, UnitsLine, type Way } from '../../../test/support/units-on-a-line.ts';
import { MAX_SKIP_MS } from './breaker.ts';
import { MAX_LATE_SHARE } from './probe-times.ts';

beforeEach(() => fakeTime(START_MS));
afterEach(() => void vi.useRealTimers());

const START_MS = 1_800_000_000_000;
const POLL = { pollMs: 1000, timeoutMs: 1000 };
/** No interval of a unit that answers is longer, ms: its own, and what a try of another may take from it. */
const LONGEST_MS = POLL.pollMs * (1 + MAX_LATE_SHARE);
const ANSWER_MS = 2;
const TCP: Way = { tellsLate: true, holdsMs: 0 };
const RTU: Way = { tellsLate: false, holdsMs: 0 };

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const unitsOf = (alive: readonly number[], dead: readonly number[]): Units =>
  new Map<number, number | 'dead'>([
    ...alive.map((unit) => [unit, ANSWER_MS] as const),
    ...dead.map((unit) => [unit, 'dead'] as const),
  ]);
const longest = (polled: PolledUnits, units: readonly number[]) =>
  Math.max(...units.flatMap((unit) => polled.intervalsMs(unit)));

test.each([TCP, RTU])('a dead unit among twenty costs no other any interval, from the first on (%o)', async (way) => {
  const alive = numbers(1, 20).filter((unit) => unit !== 7);
  const polled = new PolledUnits(numbers(1, 20), POLL);
  const startMs = Date.now();
  const line = new UnitsLine(unitsOf(alive, [7]), way);
  await polled.run(line, 60_000);
  expect(polled.untilHeardMs(alive, startMs)).toBeLessThan(200);
  expect(longest(polled, alive)).toBeLessThanOrEqual(LONGEST_MS);
  expect(polled.intervalsMs(1).length, 'every poll').toBeGreaterThanOrEqual(59);
  expect(polled.logged).toEqual(['unit does not answer: 7']);
  expect(line.asked.filter(({ unit }) => unit === 7).length).toBeGreaterThanOrEqual(6);
});

test.each([300, 1000])('a gateway that waits %i ms for a dead unit is found out by one try', async (holdsMs) => {
  const alive = numbers(1, 20).filter((unit) => unit !== 7);
  const polled = new PolledUnits(numbers(1, 20), POLL);
  const startMs = Date.now();
  await polled.run(new UnitsLine(unitsOf(alive, [7]), { tellsLate: true, holdsMs }), 60_000);
  const late = alive.flatMap((unit) => polled.intervalsMs(unit)).filter((ms) => ms > LONGEST_MS);
  expect(late.length, 'at most one poll').toBeLessThanOrEqual(alive.length);
  expect(Math.max(0, ...late)).toBeLessThanOrEqual(POLL.pollMs + holdsMs);
  expect(polled.untilHeardMs(alive, startMs)).toBeLessThan(holdsMs + POLL.pollMs / 2);
  expect(polled.logged).toEqual(['unit does not answer: 7']);
});

test('200 dead units of 247: the living are heard within seconds, at once on a new connection, and keep their interval', async () => {
  const [dead, alive] = [numbers(1, 200), numbers(201, 247)];
  const polled = new PolledUnits(numbers(1, 247), POLL);
  let startMs = Date.now();
  await polled.run(new UnitsLine(unitsOf(alive, dead), TCP), 90_000);
  expect(polled.untilHeardMs(alive, startMs)).toBeLessThan(6000);
  expect(longest(polled, alive)).toBeLessThanOrEqual(LONGEST_MS);
  expect(polled.logged.length, 'each is told').toBe(200);
  const again = new UnitsLine(unitsOf(alive, dead), TCP);
  startMs = Date.now();
  const revived = unitsOf([3, ...alive], dead.slice(3));
  await polled.run(again, 3000);
  expect(polled.untilHeardMs(alive, startMs)).toBeLessThan(200);
  startMs = Date.now();
  await polled.run(new UnitsLine(revived, TCP), MAX_SKIP_MS + 3000);
  expect(polled.untilHeardMs([3], startMs), 'no longer than it would have waited').toBeLessThan(MAX_SKIP_MS + 2000);
  expect(polled.logged.slice(200)).toEqual(['unit answers again: 3']);
});

test.each([TCP, RTU])(
  'a unit that takes 700 of its 1000 ms is found, and the others wait for it as for any other (%o)',
  async (way) => {
    const alive = numbers(1, 10);
    const units = unitsOf(alive, [11, 12]).set(13, 700);
    const polled = new PolledUnits(units.keys(), { pollMs: 2000, timeoutMs: 1000 });
    const startMs = Date.now();
    await polled.run(new UnitsLine(units, way), 60_000);
    expect(polled.untilHeardMs([13], startMs)).toBeLessThan(way.tellsLate ? 3000 : 8000);
    expect(longest(polled, [...alive, 13])).toBeLessThanOrEqual(2000 * (1 + MAX_LATE_SHARE));
  },
);

test('nobody answers: the link is lost without a whole time-out for each of hundreds', async () => {
  const polled = new PolledUnits(numbers(1, 247), POLL);
  const startMs = Date.now();
  await expect(polled.run(new UnitsLine(unitsOf([], numbers(1, 247)), TCP), 300_000)).rejects.toThrow(LinkLost);
  expect(Date.now() - startMs).toBeLessThanOrEqual(300_000);
  expect(polled.lostAfterMs).toBeLessThan(120_000);
});

test('whoever is dead, alive or slow: no interval is longer than the bound, and the slow are found', async () => {
  const one = fc.oneof(
    { weight: 3, arbitrary: fc.constant('dead' as const) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 8 }) },
    { weight: 1, arbitrary: fc.integer({ min: 30, max: 250 }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(one, { minLength: 2, maxLength: 30 }),
      fc.constantFrom(TCP, RTU),
      fc.nat(999),
      async (takes, way, phaseMs) => {
        vi.setSystemTime(START_MS + phaseMs);
        const units: Units = new Map(takes.map((ms, i) => [i + 1, ms]));
        const answering = [...units].filter(([, ms]) => ms !== 'dead');
        const sumMs = answering.reduce((sum, [, ms]) => sum + Number(ms), 0);
        const slowestMs = Math.max(0, ...answering.map(([, ms]) => Number(ms)));
        // What cannot be polled in its interval by itself is no matter of dead units.
        fc.pre(answering.length > 0 && sumMs < POLL.pollMs / 2);
        const polled = new PolledUnits(units.keys(), POLL);
        const startMs = Date.now();
        await polled.run(new UnitsLine(units, way), 40_000);
        const alive = answering.map(([unit]) => unit);
        for (const [unit, ms] of answering) {
          const [first = 0, ...later] = polled.intervalsMs(unit);
          // Its own first reading, or that of another who answers, may be under way when the first poll is due.
          expect(first).toBeLessThanOrEqual(LONGEST_MS + Number(ms) + slowestMs);
          expect(Math.max(0, ...later)).toBeLessThanOrEqual(LONGEST_MS);
        }
        expect(polled.untilHeardMs(alive, startMs)).toBeLessThan(30_000);
      },
    ),
    { numRuns: 40 },
  );
});
