import { describe, expect, test } from 'vitest';
import type { LedgerChange } from '../../model/ledger.ts';
import type { Site } from '../../model/site.ts';
import { healthy, lampKeys, plan, START_MS, site, Timeline, text } from '../../test/support/timeline.ts';
import { refusalOf } from '../actions.ts';
import { openActivations } from '../alarms/activation.ts';
import { systemFigures } from '../rates/figures.ts';

const HOUR_MS = 3_600_000;

const withPlan = (start: string, rule?: string): Site => ({
  ...site,
  planned: [
    {
      key: 'maintenance',
      name: text('maintenance'),
      assets: ['feeder'],
      start,
      durationMs: HOUR_MS,
      ...(rule !== undefined && { rule }),
    },
  ],
});

function running(of: Site): Timeline {
  const line = new Timeline(of);
  line.pass(20);
  line.changes = [];
  return line;
}

const refused = (line: Timeline, action: Parameters<Timeline['act']>[0]) =>
  refusalOf(line.state, { by: 'zhang', ...action } as Parameters<typeof refusalOf>[1], line.nowMs)?.en;

const corrections = (line: Timeline) =>
  line.changes.filter((change): change is LedgerChange => change.kind === 'ledger' && change.correction !== undefined);

describe('planned in the site file', () => {
  test('covers the asset and its children, from its own minute to its own minute', () => {
    const line = running(withPlan('2026-06-15T21:05'));
    line.nowMs = START_MS + 4 * 60_000;
    line.pass(30);
    line.pass(4000, { feeder: 0 });
    // Down from 21:04:31 on: what began before the work is not excused by it, though it goes on into it.
    expect(line.classOf('feeder')).toBe('down');
    expect(line.times('feeder').planned).toBe(0);
    // The lamps were down before it, too.
    expect(line.times('lamp-1').planned).toBe(0);
  });

  test('excuses what goes down within it, until it ends', () => {
    const line = running(withPlan('2026-06-15T21:05'));
    line.pass(341);
    expect(line.classOf('feeder')).toBe('up');
    line.pass(HOUR_MS / 1000, { feeder: 0 });
    expect(line.times('feeder').planned).toBe(HOUR_MS - 61_000 - 1000);
    expect(line.times('lamp-1').planned).toBe(HOUR_MS - 61_000 - 1000);
    expect(line.classOf('feeder')).toBe('down');
    expect(line.times('feeder').down).toBe(61_000);
  });

  test('takes no time away from what works, and what is silent in it is planned, not unknown', () => {
    const line = running(withPlan('2026-06-15T21:05'));
    line.pass(20 * 60);
    expect(line.times('feeder').planned).toBe(0);
    line.pass(600, { feeder: 1 });
    expect(line.times('lamp-1').planned).toBeGreaterThan(500_000);
    expect(line.times('lamp-1').unknown).toBeLessThan(2000);
  });

  test('comes again by its rule', () => {
    const line = running(withPlan('2026-06-01T23:00', 'FREQ=DAILY'));
    line.nowMs = Date.parse('2026-06-15T23:30:00+08:00');
    line.pass(10, { feeder: 0 });
    expect(line.classOf('feeder')).toBe('planned');
    line.nowMs = Date.parse('2026-06-16T00:30:00+08:00');
    line.pass(10, { feeder: 0 });
    expect(line.classOf('feeder')).toBe('down');
  });

  test('its alarms are silent until it ends, and are annunciated if they stand then', () => {
    const line = running(withPlan('2026-06-15T21:05'));
    line.nowMs = START_MS + 6 * 60_000;
    line.pass(1);
    line.pass(10, { feeder: 0 });
    expect(openActivations(line.state)).toMatchObject([{ alarm: 'trip', silence: 'planned', annunciations: 0 }]);
    line.pass(HOUR_MS / 1000, { feeder: 0 });
    expect(openActivations(line.state)).toMatchObject([{ alarm: 'trip', silence: null, annunciations: 1 }]);
    expect(line.alarmEvents()).toEqual(['raised feeder.trip', 'annunciated feeder.trip']);
  });

  test('an outage of the gateway across it is unknown, but for the planned hour', () => {
    const line = running(withPlan('2026-06-15T22:00'));
    line.nowMs = Date.parse('2026-06-16T00:00:00+08:00');
    line.put({ kind: 'start', version: 'test' });
    expect(line.times('feeder').planned).toBe(HOUR_MS);
    expect(line.times('feeder').unknown).toBeGreaterThan(HOUR_MS);
  });
});

describe('planned by somebody', () => {
  test('only beforehand, for an asset that is there, for a bounded time', () => {
    const line = healthy();
    const asked = (fromMs: number, toMs: number, asset = 'feeder') =>
      refused(line, { type: 'plan', asset, fromMs, toMs, reason: 'x' });
    expect(asked(line.nowMs - 1, line.nowMs + HOUR_MS)).toMatch(/before it begins/);
    expect(asked(line.nowMs + 2, line.nowMs + 1)).toMatch(/after it begins/);
    expect(asked(line.nowMs + 1, line.nowMs + 15 * 24 * HOUR_MS)).toMatch(/14 days/);
    expect(asked(line.nowMs + 1, line.nowMs + HOUR_MS, 'none')).toMatch(/no asset none/);
    expect(asked(line.nowMs + 1, line.nowMs + HOUR_MS)).toBeUndefined();
  });

  test('counts like that of the site file, and what is cancelled ends now', () => {
    const line = healthy();
    const fromMs = line.nowMs + 60_000;
    line.act({ type: 'plan', asset: 'feeder', fromMs, toMs: fromMs + HOUR_MS, reason: 'new contactor' });
    line.pass(61);
    line.pass(600, { feeder: 0 });
    expect(line.classOf('lamp-1')).toBe('planned');
    line.act({ type: 'cancel-plan', asset: 'feeder', fromMs });
    expect(line.classOf('feeder')).toBe('down');
    expect(line.times('feeder')).toMatchObject({ planned: 599_000, down: 0 });
    line.pass(10, { feeder: 0 });
    expect(line.times('feeder')).toMatchObject({ planned: 599_000, down: 10_000 });
    expect(refused(line, { type: 'cancel-plan', asset: 'feeder', fromMs })).toMatch(/no such plan/);
  });
});

describe('excluded afterwards', () => {
  test('what was down or unknown is planned, with name and reason, and shows as a correction', () => {
    const line = healthy();
    const fromMs = line.nowMs;
    line.pass(120, { feeder: 0 });
    line.pass(60);
    const before = systemFigures(line.state, plan(line.state), 0, line.nowMs)[1];
    const toMs = line.nowMs;
    expect(refused(line, { type: 'exclude', asset: 'lamp-1', fromMs, toMs: toMs + 1, reason: 'x' })).toMatch(/past/);
    expect(refused(line, { type: 'exclude', asset: 'lamp-1', fromMs: 0, toMs: 1, reason: 'x' })).toMatch(/known/);
    line.changes = [];
    line.act({ type: 'exclude', asset: 'lamp-1', fromMs, toMs, reason: 'cable cut by the city' });
    expect(corrections(line)).toMatchObject([
      { asset: 'lamp-1', class: 'planned', correction: { cause: 'excluded' } },
      ...(corrections(line).length > 1 ? [{ asset: 'lamp-1', class: 'planned' }] : []),
    ]);
    expect(line.times('lamp-1')).toMatchObject({
      down: 0,
      planned: line.times('lamp-2').down + line.times('lamp-2').unknown - line.times('lamp-1').unknown,
    });
    const [exclusion] = line.state.decisions.exclusions;
    expect(exclusion).toMatchObject({ asset: 'lamp-1', by: 'zhang', reason: 'cable cut by the city', fromMs, toMs });
    expect(exclusion?.excludedMs).toBe(line.times('lamp-1').planned);
    const after = systemFigures(line.state, plan(line.state), 0, line.nowMs)[1];
    expect(after?.value).toBeGreaterThan(before?.value ?? 1);
    // What is excluded still shows in the strict figure.
    expect(after?.strict).toBeLessThan(after?.value ?? 0);
    expect(lampKeys.length).toBe(20);
  });

  test('a late sample does not undo it, unless it proves that it was up', () => {
    const line = healthy();
    line.pass(10);
    const fromMs = line.nowMs;
    line.lamps(0, ['lamp-1']);
    line.pass(30, { feeder: 1 });
    line.lamps(60);
    line.pass(30);
    line.act({ type: 'exclude', asset: 'lamp-1', fromMs, toMs: line.nowMs, reason: 'x' });
    const excluded = line.times('lamp-1');
    line.report({ 'lamp-1/power': 3 }, fromMs + 5000);
    expect(line.times('lamp-1')).toEqual(excluded);
    line.report({ 'lamp-1/power': 60 }, fromMs + 10_000);
    expect(line.times('lamp-1').planned).toBeLessThan(excluded.planned);
  });
});
