import { describe, expect, test } from 'vitest';
import { BatchBuilder } from '../model/sample.ts';
import type { AlarmDefinition, Asset, Profile, Site } from '../model/site.ts';
import { alarm, asset, healthy, lampKeys, plan, site, Timeline, text } from '../test/support/timeline.ts';
import { MAX_WRITES } from './actions.ts';
import { openActivations } from './alarms/activation.ts';
import { className } from './ledger/ledger.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from './snapshot.ts';

const MINUTE_MS = 60_000;

const point = (staleAfterMs = 5000) => ({ kind: 'bool', name: text('point'), staleAfterMs }) as const;

function machine(failed: Partial<AlarmDefinition> = {}): Profile {
  return {
    key: 'machine',
    name: text('machine'),
    points: { failed: point(30_000) },
    up: '!failed',
    alarms: [alarm('failed', { priority: 2, when: 'failed', onDelayMs: 1000, ...failed })],
  };
}

/** Standby equipment whose proof is a point, and which may hold what hangs on it. */
function standby(dataLost: Partial<AlarmDefinition> = {}): Profile {
  return {
    key: 'standby',
    name: text('standby'),
    points: { failed: point(), tested: point() },
    up: '!failed',
    proven: 'tested',
    alarms: [
      alarm('failed', { priority: 2, when: 'failed', onDelayMs: 1000 }),
      alarm('test-missed', { priority: 3, when: '!tested' }),
      alarm('data-lost', { priority: 2, onDelayMs: 60_000, ...dataLost }),
    ],
  };
}

function siteOf(profiles: readonly Profile[], assets?: readonly Asset[], more: Partial<Site> = {}): Site {
  const [first] = profiles as [Profile];
  return {
    ...site,
    systems: [{ key: 'streetlight', name: text('plant'), rates: [] }],
    assets: assets ?? [asset('a', first, 'bus')],
    profiles: Object.fromEntries(profiles.map((profile) => [profile.key, profile])),
    ...more,
  };
}

/** Registers planned work of asset `a`. */
function planned(line: Timeline, inMs: number, lastsMs: number, key = 'a'): number {
  const fromMs = line.nowMs + inMs;
  line.act({ type: 'plan', asset: key, fromMs, toMs: fromMs + lastsMs, reason: 'work' });
  return fromMs;
}

describe('planned work', () => {
  test('a late fault after its end is down, not planned', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    planned(line, MINUTE_MS, MINUTE_MS);
    line.run(600, { 'a/failed': 0 });
    line.report({ 'a/failed': 1 }, line.nowMs - 60_500);
    expect(line.times('a')).toMatchObject({ planned: 0 });
    expect(line.times('a').down).toBeGreaterThan(0);
  });

  test('what a new site file plans after it began excuses nothing', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    line.run(600, { 'a/failed': 1 });
    const { down } = line.times('a');
    const start = new Date(line.nowMs - 15 * MINUTE_MS + 8 * 60 * MINUTE_MS).toISOString().slice(0, 16);
    const work = { key: 'w', name: text('w'), assets: ['a'], start, durationMs: 120 * MINUTE_MS };
    line.put({ kind: 'site', site: siteOf([machine()], undefined, { planned: [work], hash: 'planned' }) });
    line.run(5, { 'a/failed': 1 });
    expect(line.times('a').down).toBe(down + 5000);
  });

  test('what was down before it stays down across a restart within it', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    line.run(60, { 'a/failed': 1 });
    planned(line, 5000, 60 * MINUTE_MS);
    line.run(60, { 'a/failed': 1 });
    line.put({ kind: 'start', version: 'test' });
    line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
    line.run(60, { 'a/failed': 1 });
    expect(line.classOf('a')).toBe('down');
    expect(line.times('a').planned).toBe(0);
  });

  test('a rate of its own that was bad before it stays bad, though the ledger says up', () => {
    const line = healthy();
    line.pass(60, { feeder: 1, lamps: 10 });
    const { assets, assetIndex, rateTracks } = plan(line.state);
    const bright = assets.length + rateTracks.findIndex((of) => of.asset === assetIndex.get('lamp-1'));
    const classOf = () => className(line.state.ledger.classes[bright] ?? -1);
    expect(classOf()).toBe('down');
    planned(line, 5000, 60 * MINUTE_MS, 'feeder');
    line.pass(60, { feeder: 1, lamps: 10 });
    expect(classOf()).toBe('down');
  });

  test('silence in it stays planned when an old stamp ends it', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    const stampMs = line.nowMs;
    planned(line, 5000, 60 * MINUTE_MS);
    line.run(30 * 60);
    line.report({ 'a/failed': 0 }, stampMs);
    expect(line.times('a').planned).toBeGreaterThan(29 * MINUTE_MS);
  });

  test('ends at its own time, between two ticks, also where an alarm waits', () => {
    const line = new Timeline(siteOf([machine({ reAlarmMs: 60 * MINUTE_MS })]));
    line.run(5, { 'a/failed': 0 });
    const fromMs = planned(line, 2500, MINUTE_MS);
    line.run(4, { 'a/failed': 0 });
    line.run(100, { 'a/failed': 1 });
    expect(line.state.ledger.sinceMs[plan(line.state).assetIndex.get('a') ?? -1]).toBe(fromMs + MINUTE_MS);
  });

  test('a snapshot in the middle of it goes on as the live run does', () => {
    const live = healthy();
    const resumed = healthy();
    for (const line of [live, resumed]) {
      planned(line, 5000, MINUTE_MS, 'feeder');
      line.pass(10);
      line.pass(10, { feeder: 0 });
    }
    const restored = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(resumed.state))) as Snapshot);
    if (!restored) throw new Error('no state');
    resumed.state = restored;
    for (const line of [live, resumed]) {
      line.changes = [];
      line.report({ 'lamp-1/power': 0 }, line.nowMs - 100_000);
      line.pass(200);
    }
    expect(resumed.changes).toEqual(live.changes);
  });
});

describe('a leap of the clock', () => {
  test('over the end of planned work: only the work is planned', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    planned(line, 5000, 10 * MINUTE_MS);
    line.run(6, { 'a/failed': 0 });
    line.run(60, { 'a/failed': 1 });
    expect(line.classOf('a')).toBe('planned');
    line.nowMs += 60 * MINUTE_MS;
    line.put({ kind: 'tick' });
    expect(line.times('a').planned).toBeLessThanOrEqual(10 * MINUTE_MS);
  });

  test('over planned work as a whole: all of it is', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(10, { 'a/failed': 0 });
    planned(line, 5 * MINUTE_MS, 10 * MINUTE_MS);
    line.run(10, { 'a/failed': 0 });
    line.nowMs += 60 * MINUTE_MS;
    line.put({ kind: 'tick' });
    expect(line.times('a').planned).toBe(10 * MINUTE_MS);
  });

  test('over sunset: the lamps are due from then on, and unknown', () => {
    const line = new Timeline(site, Date.parse('2026-06-15T17:00:00+08:00'));
    line.pass(20);
    expect(line.classOf('lamp-1')).toBe('notRequired');
    line.nowMs = Date.parse('2026-06-15T23:00:00+08:00');
    line.put({ kind: 'tick' });
    // The sun sets at 19:14.
    expect(line.times('lamp-1').notRequired / MINUTE_MS).toBeCloseTo(134, -1);
    expect(line.classOf('lamp-1')).toBe('unknown');
  });
});

describe('late samples', () => {
  test('of the time before the sign-off enter no figure', () => {
    const line = new Timeline(siteOf([machine()], [{ ...asset('a', machine(), 'bus'), commissioning: true }]));
    line.run(300, { 'a/failed': 0 });
    line.act({ type: 'sign-off', points: ['a/failed'] });
    line.run(10, { 'a/failed': 0 });
    line.report({ 'a/failed': 1 }, line.nowMs - 120_500);
    expect(line.times('a').down).toBe(0);
  });

  test('do not prove what a window proved only later', () => {
    const profile: Profile = {
      ...machine(),
      points: { failed: point(MINUTE_MS), tested: point(MINUTE_MS) },
      proven: 'since(tested) < 691200',
    };
    const line = new Timeline(siteOf([profile]));
    line.run(120, { 'a/failed': 0, 'a/tested': 0 });
    line.run(5, { 'a/failed': 0, 'a/tested': 1 });
    line.run(60, { 'a/failed': 0, 'a/tested': 0 });
    const { up } = line.times('a');
    line.report({ 'a/failed': 1 }, line.nowMs - 100_500);
    line.report({ 'a/failed': 0 }, line.nowMs - 80_500);
    expect(line.times('a').up).toBeLessThanOrEqual(up);
  });

  test('a stored event that is over when it is read rings no phone', () => {
    const line = new Timeline(siteOf([machine({ priority: 1, latching: true })]));
    line.run(10, { 'a/failed': 0 });
    const startMs = line.nowMs;
    line.run(3600);
    line.changes = [];
    const stored = new BatchBuilder();
    const number = line.state.numbers.get('a/failed') ?? 0;
    stored.good(number, startMs + 10 * MINUTE_MS, line.nowMs, 1);
    stored.good(number, startMs + 20 * MINUTE_MS, line.nowMs, 0);
    stored.good(number, line.nowMs, line.nowMs, 0);
    line.put({ kind: 'samples', link: 'bus', batch: stored.take() });
    line.run(5, { 'a/failed': 0 });
    expect(line.alarmEvents()).toEqual([]);
  });
});

describe('who is told', () => {
  test('of a link that flaps faster than its devices report', () => {
    const line = new Timeline();
    line.pass(20);
    line.changes = [];
    for (let n = 0; n < 30; n++) {
      line.put({ kind: 'link', link: 'bus', up: false, atMs: line.nowMs, reason: text('cut') });
      line.pass(3, { feeder: 1 });
      line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
      line.pass(30, { feeder: 1 });
    }
    expect(line.alarmEvents()).toContain('raised link:bus.controller-lost');
  });

  test('of what fails below a parent that is not handed over', () => {
    const assets = site.assets.map((a) => (a.key === 'feeder' ? { ...a, commissioning: true } : a));
    const line = new Timeline({ ...site, assets });
    line.pass(20);
    line.pass(60, { feeder: 0, lamps: 0 });
    const called = openActivations(line.state).filter(({ silence }) => silence === null);
    expect(called.map((activation) => activation.asset)).toEqual(expect.arrayContaining([...lampKeys]));
  });

  test('of what fails below a standby whose proof is overdue, though that is unknown', () => {
    const parent = standby({ causesChildren: true });
    const assets = [asset('a', parent, 'bus'), asset('b', machine(), 'bus', 'a')];
    const line = new Timeline(siteOf([parent, machine()], assets));
    const well = { 'a/failed': 0, 'a/tested': 0 };
    line.run(100, { ...well, 'b/failed': 0 });
    line.run(120, { ...well, 'b/failed': 1 });
    expect(line.alarmEvents()).toContain('raised b.failed');
  });

  test('everybody of a latched fire that went out within the minute of a job', () => {
    const line = new Timeline(siteOf([machine({ priority: 1, latching: true })]));
    line.run(5, { 'a/failed': 0 });
    line.act({ type: 'open-job', asset: 'a', untilMs: line.nowMs + 60 * MINUTE_MS });
    line.run(30, { 'a/failed': 1 });
    line.run(120, { 'a/failed': 0 });
    expect(line.alarmEvents()).toContain('escalated a.failed');
  });

  test('data that are lost of an unproven standby: only after the on-delay', () => {
    const line = new Timeline(siteOf([standby()]));
    line.run(300, { 'a/failed': 0, 'a/tested': 0 });
    line.run(59);
    expect(line.alarmEvents()).not.toContain('raised a.data-lost');
    line.run(2);
    expect(line.alarmEvents()).toContain('raised a.data-lost');
  });
});

describe('decisions', () => {
  test('end with the asset that they were made of', () => {
    const of = siteOf([machine()], [{ ...asset('a', machine(), 'bus'), commissioning: true }]);
    const line = new Timeline(of);
    line.act({ type: 'take-out-of-service', asset: 'a', reason: 'gone' });
    line.act({ type: 'sign-off', points: ['a/failed'] });
    line.put({ kind: 'site', site: { ...of, assets: [], hash: 'without' } });
    line.put({ kind: 'site', site: of });
    line.run(5, { 'a/failed': 1 });
    expect([...line.state.decisions.outOfService.keys()]).toEqual([]);
    expect(line.classOf('a')).toBe('notRequired');
  });

  test('writes to controllers are shown with what became of them, and outlive a restart and a renaming', () => {
    const of = siteOf([machine()]);
    const line = new Timeline(of);
    const write = (value: number) => {
      line.act({ type: 'write', asset: 'a', point: 'a/failed', value, reason: 'test' });
      return line.state.logSeq;
    };
    const [first, second] = [write(1), write(2)];
    const why = text('read back differs');
    const outcome = { outcome: 'failed', before: 0, after: 5, why } as const;
    line.act({ type: 'written', asset: 'a', writeSeq: first, ...outcome });
    // Of an asset that there is not, nothing is noted.
    line.act({ type: 'write', asset: 'none', point: 'none/failed', value: 1, reason: 'test' });
    const noted = [
      { asset: 'a', point: 'a/failed', value: 1, logSeq: first, ...outcome },
      { asset: 'a', point: 'a/failed', value: 2, logSeq: second, outcome: null, before: null, after: null, why: null },
    ];
    expect(line.state.decisions.writes).toMatchObject(noted);

    const saved = JSON.parse(JSON.stringify(takeSnapshot(line.state))) as Snapshot;
    expect(restoreSnapshot(saved)?.decisions.writes).toEqual(line.state.decisions.writes);
    const { writes: _, ...before } = saved.decisions;
    expect(restoreSnapshot({ ...saved, decisions: before })?.decisions.writes).toEqual([]);
    const renamed = of.assets.map((one) => ({ ...one, key: 'b', formerly: 'a', points: [] }));
    line.put({ kind: 'site', site: { ...of, assets: renamed, hash: 'renamed' } });
    expect(line.state.decisions.writes).toMatchObject(noted.map((one) => ({ ...one, asset: 'b', point: 'b/failed' })));
  });

  test('of the writes the newest are shown', () => {
    const line = new Timeline(siteOf([machine()]));
    for (let value = 0; value < MAX_WRITES + 2; value++) {
      line.act({ type: 'write', asset: 'a', point: 'a/failed', value, reason: 'test' });
    }
    expect(line.state.decisions.writes).toHaveLength(MAX_WRITES);
    expect(line.state.decisions.writes[0]).toMatchObject({ value: 2 });
  });

  test('a thousand exclusions make room once the sums that they changed are gone', () => {
    const line = new Timeline(siteOf([machine()]));
    line.run(100, { 'a/failed': 1 });
    const exclude = (fromMs: number) =>
      line.act({ type: 'exclude', asset: 'a', fromMs, toMs: fromMs + 1000, reason: 'x' });
    for (let n = 0; n < 1001; n++) exclude(line.nowMs - 50_000);
    expect(line.state.decisions.exclusions).toHaveLength(1000);
    line.nowMs += 410 * 24 * 60 * MINUTE_MS;
    line.run(5, { 'a/failed': 1 });
    exclude(line.nowMs - 4000);
    expect(line.state.decisions.exclusions).toHaveLength(1);
  });
});
