import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RateFigure } from '../model/rate.ts';
import { healthy, lampKeys, plan, START_MS, Timeline, text } from '../test/support/timeline.ts';
import { openActivations } from './alarms/activation.ts';
import { systemFigures } from './rates/figures.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from './snapshot.ts';

/** Something that can happen at a site, in any order. */
type Event =
  | { readonly kind: 'lamp'; readonly lamp: number; readonly value: number; readonly lateMs: number }
  | { readonly kind: 'feeder'; readonly value: number }
  | { readonly kind: 'pump'; readonly failed: number; readonly powerLost: number }
  | { readonly kind: 'link'; readonly link: 'bus' | 'cabinet'; readonly up: boolean }
  | { readonly kind: 'pass'; readonly seconds: number; readonly feeder: boolean; readonly lamps: boolean }
  | { readonly kind: 'jump'; readonly seconds: number }
  | { readonly kind: 'restart'; readonly seconds: number }
  | { readonly kind: 'acknowledge' };

const bool = fc.constantFrom(0, 1, Number.NaN);
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('lamp' as const),
      lamp: fc.nat({ max: lampKeys.length - 1 }),
      value: fc.constantFrom(0, 3, 60, Number.NaN),
      lateMs: fc.integer({ min: -20_000, max: 900_000 }),
    }),
    fc.record({ kind: fc.constant('feeder' as const), value: bool }),
    fc.record({ kind: fc.constant('pump' as const), failed: bool, powerLost: bool }),
    fc.record({
      kind: fc.constant('link' as const),
      link: fc.constantFrom('bus' as const, 'cabinet' as const),
      up: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('pass' as const),
      seconds: fc.integer({ min: 1, max: 70 }),
      feeder: fc.boolean(),
      lamps: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('jump' as const), seconds: fc.integer({ min: 1, max: 30_000 }) }),
    fc.record({ kind: fc.constant('restart' as const), seconds: fc.integer({ min: 1, max: 60_000 }) }),
    fc.record({ kind: fc.constant('acknowledge' as const) }),
  ),
  { maxLength: 25 },
);

function happen(line: Timeline, event: Event): void {
  switch (event.kind) {
    case 'lamp':
      line.report({ [`${lampKeys[event.lamp]}/power`]: event.value }, line.nowMs - event.lateMs);
      break;
    case 'feeder':
      line.report({ 'feeder/closed': event.value });
      break;
    case 'pump':
      line.report({ 'pump/failed': event.failed, 'pump/powerLost': event.powerLost });
      break;
    case 'link':
      line.put({
        kind: 'link',
        link: event.link,
        up: event.up,
        atMs: line.nowMs,
        reason: event.up ? null : text('cut'),
      });
      break;
    case 'pass':
      line.pass(event.seconds, { feeder: event.feeder ? 1 : undefined, lamps: event.lamps ? 60 : undefined });
      break;
    case 'jump':
      line.nowMs += event.seconds * 1000;
      line.put({ kind: 'tick' });
      break;
    case 'restart':
      line.nowMs += event.seconds * 1000;
      line.put({ kind: 'start', version: 'test' });
      break;
    case 'acknowledge': {
      const [oldest] = openActivations(line.state);
      if (oldest)
        line.put({ kind: 'action', action: { type: 'acknowledge', activationId: oldest.activationId, by: 'x' } });
    }
  }
}

function figures(line: Timeline): RateFigure[] {
  return systemFigures(line.state, plan(line.state), 0, line.nowMs);
}

const RUNS = { numRuns: 150 };

test('the five classes of every asset add up to the time that has passed, whatever happens', () => {
  fc.assert(
    fc.property(events, (happenings) => {
      const line = new Timeline();
      for (const event of happenings) happen(line, event);
      const { state } = line;
      const { calendar, assets } = plan(state);
      const first = calendar.halfDay(START_MS).index;
      const last = calendar.halfDay(line.nowMs).index;
      for (let track = 0; track < assets.length; track++) {
        const closed = state.ledger.times
          .total(track, first, last, new Float64Array(5))
          .reduce((sum, ms) => sum + ms, 0);
        expect(closed + line.nowMs - (state.ledger.sinceMs[track] as number)).toBe(line.nowMs - START_MS);
      }
    }),
    RUNS,
  );
});

test('low ≤ value ≤ high, and coverage within 0 and 1, whatever happens', () => {
  fc.assert(
    fc.property(events, (happenings) => {
      const line = new Timeline();
      for (const event of happenings) happen(line, event);
      for (const { value, low, high, coverage } of figures(line)) {
        if (value !== null) expect((low ?? 0) <= value && value <= (high ?? 1)).toBe(true);
        if (coverage !== null) expect(coverage >= 0 && coverage <= 1).toBe(true);
      }
    }),
    RUNS,
  );
});

test('a snapshot at any record, and the tail after it, give the same changes and figures as the live run', () => {
  fc.assert(
    fc.property(events, fc.nat({ max: 24 }), (happenings, cut) => {
      const live = new Timeline();
      for (const event of happenings.slice(0, cut)) happen(live, event);
      const resumed = new Timeline();
      const restored = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(live.state))) as Snapshot);
      if (!restored) throw new Error('no state');
      resumed.state = restored;
      resumed.nowMs = live.nowMs;
      resumed.seq = live.seq;
      live.changes = [];
      resumed.changes = [];
      for (const event of happenings.slice(cut)) {
        happen(live, event);
        happen(resumed, event);
      }
      expect(resumed.changes).toEqual(live.changes);
      expect(figures(resumed)).toEqual(figures(live));
    }),
    RUNS,
  );
});

test('no alarm stays once its condition is gone and its delays are over, whatever happened before', () => {
  fc.assert(
    fc.property(events, (happenings) => {
      const line = healthy();
      for (const event of happenings) happen(line, event);
      for (const link of ['bus', 'cabinet']) line.put({ kind: 'link', link, up: true, atMs: line.nowMs, reason: null });
      for (let s = 0; s < 100; s++) {
        line.report({ 'pump/failed': 0, 'pump/powerLost': 0 });
        line.pass(1);
      }
      const standing = openActivations(line.state).filter(({ state }) => state !== 'returned-unacknowledged');
      expect(standing).toEqual([]);
    }),
    RUNS,
  );
});

test('what stands and is not explained by a cause is raised within its delays, whatever happened before', () => {
  fc.assert(
    fc.property(events, (happenings) => {
      const line = healthy();
      for (const event of happenings) happen(line, event);
      line.nowMs = Date.parse('2026-06-20T22:00:00+08:00');
      line.put({ kind: 'tick' });
      for (const link of ['bus', 'cabinet']) line.put({ kind: 'link', link, up: true, atMs: line.nowMs, reason: null });
      for (let s = 0; s < 90; s++) {
        line.report({ 'pump/failed': 1, 'pump/powerLost': 0, 'lamp-3/power': 0 });
        line.pass(1, { feeder: 1 });
      }
      const raised = openActivations(line.state).map(({ asset, alarm }) => `${asset}.${alarm}`);
      expect(raised).toEqual(expect.arrayContaining(['pump.fail-to-start', 'lamp-3.lamp-out']));
    }),
    RUNS,
  );
});
