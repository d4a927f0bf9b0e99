import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIN_KNOWN_SHARE, PANES, type SavedWindow, Window, type WindowKind } from './window.ts';

const unknown = Number.NaN;
const START_MS = Date.parse('2026-06-20T20:00:00+08:00');
const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** Values by the time, in ms after the start, from which they hold. */
type Steps = Readonly<Record<number, number>>;

function windowOf(kind: WindowKind, durationMs: number, steps: Steps): Window {
  const window = new Window(kind, durationMs);
  for (const [afterMs, value] of Object.entries(steps)) window.put(START_MS + Number(afterMs), value);
  return window;
}

function saved(window: Window): SavedWindow {
  return JSON.parse(JSON.stringify(window.save())) as SavedWindow;
}

/** Means may differ in the last digits from those that are worked out in one go; all else is exact anyway. */
function rounded(result: number): number {
  return Math.round(result * 1e9) / 1e9 + 0;
}

describe('results worked out by hand', () => {
  // The panes of a minute are seconds, those of an hour minutes; the start is on a border of both.
  test.each<[string, WindowKind, Steps, number, number]>([
    ['20 s of 3, 40 s of 6', 'avg', { 0: 3, 20000: 6 }, MINUTE, 5],
    ['the same half a pane later', 'avg', { 0: 3, 20000: 6 }, 60_500, (20 * 3 + 40.5 * 6) / 60.5],
    ['the same a pane later', 'avg', { 0: 3, 20000: 6 }, 61_000, (19 * 3 + 41 * 6) / 60],
    ['unknown has no weight', 'avg', { 0: 3, 20000: unknown, 40000: 6 }, MINUTE, 4.5],
    ['the lowest still covered', 'min', { 0: 3, 1000: 6 }, 60_999, 3],
    ['the lowest no longer covered', 'min', { 0: 3, 1000: 6 }, 61_000, 6],
    ['the value that holds only now', 'max', { 0: 3, [MINUTE]: 9 }, MINUTE, 9],
    ['pressure falls by half', 'delta', { 0: 1.5, 70000: 1 }, 80_000, -0.5],
    ['a fall before the start is none', 'delta', { 0: 1.5, 10000: 1 }, 80_000, 0],
    ['a fall at the start is none', 'delta', { 0: 1.5, 10000: 1 }, 70_000, 0],
    ['unknown at the start', 'delta', { 1: 1.5 }, MINUTE, unknown],
    ['unknown now', 'delta', { 0: 1.5, [MINUTE]: unknown }, MINUTE, unknown],
    ['a jockey pump starts thrice', 'count', { 0: 0, 10000: 1, 15000: 0, 20000: 1, 25000: 0, 60000: 1 }, MINUTE, 3],
    ['becoming true at the start is before it', 'count', { 0: 0, 10000: 1, 20000: 0 }, 70_000, 0],
    ['becoming true after the start', 'count', { 0: 0, 10000: 1, 20000: 0 }, 69_999, 1],
    ['becoming true within a gap', 'count', { 0: 0, 10000: unknown, 20000: 1 }, MINUTE, 1],
    ['true again after a gap', 'count', { 0: 1, 10000: unknown, 20000: 1 }, MINUTE, 0],
    ['a gap that began before the start', 'count', { 0: 0, 10000: unknown, 20000: 1 }, 71_000, 0],
    ['a gap longer than the window', 'count', { 0: 0, 10000: unknown, 75000: 1, 90000: 0 }, 105_000, 0],
    ['the first known value is no change', 'changes', { 0: 5 }, MINUTE, 0],
    ['there and back', 'changes', { 0: 5, 10000: 6, 20000: 5 }, MINUTE, 2],
    ['an energy meter', 'increase', { 0: 100, 10000: 130, 20000: 150 }, MINUTE, 50],
    ['an energy meter that is reset', 'increase', { 0: 100, 10000: 130, 20000: 20 }, MINUTE, 50],
    ['an energy meter unheard for a while', 'increase', { 0: 100, 10000: unknown, 20000: 150 }, MINUTE, 50],
  ])('%s: %s of a minute', (_title, kind, steps, afterMs, expected) => {
    const result = windowOf(kind, MINUTE, steps).result(START_MS + afterMs);
    expect(rounded(result)).toBe(rounded(expected));
  });

  test.each<[string, Steps, number, number]>([
    ['never put', {}, 0, unknown],
    ['false', { 0: 0 }, 0, 0],
    ['unknown after true for long', { 0: 1, [HOUR]: unknown }, HOUR, unknown],
    ['true for a ms less than a minute after false', { 0: 0, 1: 1 }, MINUTE, 0],
    ['true for a minute after false', { 0: 0, 1: 1 }, MINUTE + 1, 1],
    ['true for a ms less than a minute after unknown', { 1: 1 }, MINUTE, unknown],
    ['true for a minute after unknown', { 1: 1 }, MINUTE + 1, 1],
    ['true after unknown after false', { 0: 0, 1: unknown, 2: 1 }, 3, unknown],
  ])('%s: held for a minute', (_title, steps, afterMs, expected) => {
    expect(windowOf('held', MINUTE, steps).result(START_MS + afterMs)).toBe(expected);
  });

  test.each<[string, Steps, number, number]>([
    ['never put', {}, 0, unknown],
    ['false from the first on', { 0: 0 }, DAY, unknown],
    ['true', { 0: 1 }, DAY, 0],
    ['true until 1.5 s ago', { 0: 1, 500: 0 }, 2000, 1.5],
    ['true, then nobody knows', { 0: 1, 500: unknown }, 2000, 1.5],
    ['true, then nobody knew, now false', { 0: 1, 500: unknown, 700: 0 }, 2000, 1.5],
    ['a year without a proof test', { 0: 1, 1000: 0 }, 365 * DAY + 1000, 365 * 86_400],
  ])('%s: since', (_title, steps, afterMs, expected) => {
    expect(windowOf('since', 0, steps).result(START_MS + afterMs)).toBe(expected);
  });

  test.each(['avg', 'min', 'max', 'count', 'changes', 'increase'] as const)(
    '%s is unknown until half of the window is known',
    (kind) => {
      const window = windowOf(kind, MINUTE, { 0: 0 });
      expect(window.result(START_MS + MINUTE * MIN_KNOWN_SHARE - 1)).toBeNaN();
      expect(window.result(START_MS + MINUTE * MIN_KNOWN_SHARE)).toBe(0);
    },
  );

  test('a window longer than the time since the epoch is no exception', () => {
    const window = new Window('avg', DAY);
    window.put(1000, 3);
    expect(window.result(DAY / 2)).toBeNaN();
    expect(window.result(DAY / 2 + 1000)).toBe(3);
    window.put(DAY / 2 + 1000, 4);
    window.put(DAY / 2 + 2000, 3);
    expect(rounded(window.result(DAY / 2 + 2000))).toBe(rounded(3 + 1000 / (DAY / 2 + 1000)));
  });

  test('an infinite value is unknown', () => {
    const window = windowOf('max', MINUTE, { 0: 1, 50000: Number.POSITIVE_INFINITY });
    expect(window.result(START_MS + MINUTE)).toBe(1);
    expect(window.result(START_MS + 2 * MINUTE)).toBeNaN();
  });

  test('the mean of a constant is that constant, to the digit, wherever the panes begin', () => {
    const window = windowOf('avg', 61_007, { 0: 0.1 + 0.2, 70001: unknown, 71003: 0.1 + 0.2 });
    for (let afterMs = 31_000; afterMs < 200_000; afterMs += 997) {
      expect(window.result(START_MS + afterMs)).toBe(0.1 + 0.2);
    }
  });

  test('a value that is replaced within its millisecond never was', () => {
    const running = windowOf('held', MINUTE, { 0: 1, [MINUTE]: 0 });
    running.put(START_MS + MINUTE, 1);
    expect(running.result(START_MS + MINUTE)).toBe(1);
    const restarted = windowOf('held', MINUTE, { 0: 0, 1: unknown, 2: 1, 3: 0 });
    restarted.put(START_MS + 3, 1);
    expect(restarted.result(START_MS + 4)).toBeNaN();
    const tested = windowOf('since', 0, { 0: 0, 500: 1 });
    tested.put(START_MS + 500, 0);
    expect(tested.result(START_MS + 2000)).toBeNaN();
  });

  test('a value from before the last change holds from that change on', () => {
    const window = windowOf('avg', MINUTE, { 0: 3, 30000: 5 });
    window.put(START_MS + 10_000, 7);
    expect(window.result(START_MS + MINUTE)).toBe(5);
  });

  test('a change can be dated back to before an equal value that was put since', () => {
    const window = windowOf('avg', MINUTE, { 0: 3, 50000: 3 });
    expect(window.result(START_MS + 55_000)).toBe(3);
    window.put(START_MS + 30_000, 9);
    expect(window.result(START_MS + MINUTE)).toBe(6);
  });
});

/** The same windows worked out from the whole list of steps each time, in the words of the docstring. */
class Oracle {
  readonly #puts: { readonly ms: number; readonly value: number }[] = [{ ms: 0, value: unknown }];

  put(atMs: number, value: number): void {
    const last = this.#puts.at(-1);
    if (last && !Object.is(last.value, value)) this.#puts.push({ ms: Math.max(last.ms, atMs), value });
  }

  #steps(nowMs: number): History {
    const lasting = this.#puts.filter(({ ms }, index) => this.#puts[index + 1]?.ms !== ms);
    const changing = lasting.filter(({ value }, index) => !Object.is(lasting[index - 1]?.value, value));
    return changing.map(({ ms, value }, index) => ({
      from: BigInt(ms) * 60n,
      to: BigInt(changing[index + 1]?.ms ?? nowMs) * 60n,
      value,
    }));
  }

  result(kind: WindowKind, durationMs: number, askedMs: number): number {
    const nowMs = Math.max(askedMs, this.#puts.at(-1)?.ms ?? 0);
    const steps = this.#steps(nowMs);
    if (kind === 'held') return held(steps, BigInt(durationMs) * 60n);
    if (kind === 'since') return since(steps);
    const now = BigInt(nowMs) * 60n;
    const d = BigInt(durationMs);
    const start = ((now - d * 60n) / d) * d;
    const covered = steps
      .filter(({ value }) => !Number.isNaN(value))
      .flatMap(({ from, to, value }) => {
        const time = Number(to - (from > start ? from : start));
        return time > 0 || to === now ? [{ value, time }] : [];
      });
    const time = covered.reduce((all, part) => all + part.time, 0);
    if (time < durationMs * 30) return unknown;
    const values = covered.map(({ value }) => value);
    switch (kind) {
      case 'avg':
        return covered.reduce((all, part) => all + part.value * part.time, 0) / time;
      case 'min':
        return Math.min(...values);
      case 'max':
        return Math.max(...values);
      case 'delta':
        return (steps.at(-1)?.value ?? unknown) - (steps.findLast(({ from }) => from <= start)?.value ?? unknown);
      default:
        return changes(steps, start, kind);
    }
  }
}

type History = readonly { readonly from: bigint; readonly to: bigint; readonly value: number }[];

function held(steps: History, duration: bigint): number {
  const [before, last] = steps.length > 1 ? steps.slice(-2) : [undefined, ...steps];
  if (last?.value !== 1) return last?.value ?? unknown;
  if (last.to - last.from >= duration) return 1;
  return before?.value === 0 ? 0 : unknown;
}

function since(steps: History): number {
  const last = steps.findLast(({ value }) => value === 1);
  return last ? Number((steps.at(-1)?.to ?? 0n) - last.to) / 60_000 : unknown;
}

function changes(steps: History, start: bigint, kind: 'count' | 'changes' | 'increase'): number {
  const known = steps.filter(({ value }) => !Number.isNaN(value));
  let figure = 0;
  known.forEach(({ value }, index) => {
    const before = known[index - 1];
    if (before === undefined || before.to <= start || before.value === value) return;
    if (kind === 'increase') figure += value > before.value ? value - before.value : value;
    else if (kind === 'changes' || value === 1) figure += 1;
  });
  return figure;
}

const valuesOf: Readonly<Record<WindowKind, readonly number[]>> = {
  avg: [-3, 0, 1, 2, 700, unknown],
  min: [-3, 0, 1, 2, 700, unknown],
  max: [-3, 0, 1, 2, 700, unknown],
  delta: [-3, 0, 1, 2, 700, unknown],
  increase: [0, 1, 5, 100, 101, unknown],
  count: [0, 1, 0, 1, unknown],
  changes: [0, 1, 2, unknown],
  held: [0, 1, 1, unknown],
  since: [0, 1, 0, unknown],
};
const kinds = Object.keys(valuesOf) as WindowKind[];

/** What happens to a window: time passes, and then a value is put, late perhaps, or the result is looked at. */
interface Happening {
  readonly passMs: number;
  readonly lateMs: number;
  readonly value: number | null;
}

/** Times that are of interest to a window: within a ms, about borders of panes and the window's end, far beyond. */
function passing(durationMs: number): fc.Arbitrary<number> {
  return fc.oneof(
    fc.constantFrom(0, 0, 1, durationMs - 1, durationMs, durationMs + 1, 7 * DAY),
    fc.nat({ max: 20 }),
    fc.nat({ max: 130 }).map((panes) => Math.round((panes * durationMs) / PANES)),
    fc.nat({ max: Math.ceil(durationMs / 20) }),
    fc.nat({ max: Math.ceil(durationMs * 1.5) }),
  );
}

const runs = fc
  .record({
    kind: fc.constantFrom(...kinds),
    durationMs: fc.constantFrom(SECOND, 1500, 1501, MINUTE, 61_007, HOUR, 35 * DAY),
    startMs: fc.oneof(fc.constantFrom(START_MS), fc.integer({ min: START_MS, max: START_MS + 2 * HOUR })),
  })
  .chain(({ kind, durationMs, startMs }) =>
    fc.record({
      kind: fc.constant(kind),
      durationMs: fc.constant(durationMs),
      startMs: fc.constant(startMs),
      happenings: fc.array<Happening>(
        fc.record({
          passMs: passing(durationMs),
          lateMs: fc.oneof(fc.constant(0), fc.nat({ max: durationMs })),
          value: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...valuesOf[kind]) }, fc.constant(null)),
        }),
        { maxLength: 60 },
      ),
    }),
  );

const RUNS = { numRuns: 1500 };

test('every window gives what its whole history says, whatever happened', () => {
  fc.assert(
    fc.property(runs, ({ kind, durationMs, startMs, happenings }) => {
      const window = new Window(kind, durationMs);
      const oracle = new Oracle();
      let nowMs = startMs;
      for (const { passMs, lateMs, value } of happenings) {
        nowMs += passMs;
        if (value === null) {
          const askedMs = nowMs - lateMs;
          expect(rounded(window.result(askedMs))).toBe(rounded(oracle.result(kind, durationMs, askedMs)));
        } else {
          window.put(nowMs - lateMs, value);
          oracle.put(nowMs - lateMs, value);
        }
      }
      for (const afterMs of [0, 1, durationMs, 3 * durationMs]) {
        const askedMs = nowMs + afterMs;
        expect(rounded(window.result(askedMs))).toBe(rounded(oracle.result(kind, durationMs, askedMs)));
      }
    }),
    RUNS,
  );
});

test('a window saved as JSON and restored at any moment goes on as the one that was not, in the same memory', () => {
  fc.assert(
    fc.property(runs, fc.nat({ max: 60 }), fc.double({ noNaN: true, min: 0.1, max: 10 }), (run, cut, factor) => {
      const { kind, durationMs, startMs, happenings } = run;
      const live = new Window(kind, durationMs);
      let resumed = new Window(kind, durationMs);
      const size = live.save().length;
      let nowMs = startMs;
      happenings.forEach(({ passMs, lateMs, value }, index) => {
        nowMs += passMs;
        if (index === cut) resumed = new Window(kind, durationMs, saved(resumed));
        // Fractions, whose sums depend on their order: they have to be the same to the digit. The one looks at more
        // results than the other, which may not matter either.
        const fraction = kind === 'held' || kind === 'count' || kind === 'since' ? value : value && value * factor;
        if (fraction !== null) {
          live.put(nowMs - lateMs, fraction);
          resumed.put(nowMs - lateMs, fraction);
        } else if (index % 3 > 0) expect(resumed.result(nowMs)).toBe(live.result(nowMs));
        live.result(nowMs + lateMs);
      });
      expect(resumed.result(nowMs)).toBe(live.result(nowMs));
      expect(saved(resumed)).toEqual(live.save());
      expect(live.save().length).toBe(size);
    }),
    RUNS,
  );
});

test.each(kinds)('%s: a jump of 35 days over panes of 17 ms costs no more than its panes', (kind) => {
  const window = new Window(kind, SECOND);
  // A loop over 180 million panes a jump would not end within the test's time.
  for (let jump = 0; jump < 5000; jump++) {
    window.put(START_MS + jump * 35 * DAY, jump % 2);
    window.result(START_MS + jump * 35 * DAY + 20 * DAY);
  }
  expect(window.save().length).toBeLessThan(200);
});

test('refuses what was not saved by a window of its kind', () => {
  expect(() => new Window('avg', MINUTE, new Window('held', MINUTE).save())).toThrow(/no saved window avg/);
});
