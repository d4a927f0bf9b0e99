import { describe, expect, test } from 'vitest';
import { BatchBuilder } from '../model/sample.ts';
import {
  asset,
  healthy,
  lamp,
  lampKeys,
  numberOf,
  plan,
  START_MS,
  site,
  Timeline,
  text,
} from '../test/support/timeline.ts';
import { openActivations } from './alarms/activation.ts';
import { step } from './engine.ts';
import { systemFigures } from './rates/figures.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from './snapshot.ts';
import type { EngineState } from './state.ts';

function lit(line: Timeline) {
  const figure = systemFigures(line.state, plan(line.state), 0, line.nowMs)[0];
  if (!figure) throw new Error('no figure');
  return figure;
}

describe('lighting rate', () => {
  test('nothing is claimed before the first answer', () => {
    const line = new Timeline();
    expect(line.counts()).toMatchObject({ up: 0, unknown: 21 });
    expect(lit(line)).toMatchObject({ value: null, low: 0, high: 1, coverage: 0, verdict: 'undetermined' });
  });

  test('counts lamps, judges on the lower bound, and says how many are short', () => {
    const line = healthy();
    line.lamps(0, lampKeys.slice(0, 3));
    line.report({ 'lamp-4/power': Number.NaN });
    expect(lit(line)).toMatchObject({
      value: 16 / 19,
      low: 16 / 20,
      high: 17 / 20,
      coverage: 19 / 20,
      verdict: 'missed',
      due: 20,
      short: 3,
      allowed: 0,
      missed: ['lamp-1', 'lamp-2', 'lamp-3'],
    });
  });

  test('a rate with expressions of its own uses the same mechanism', () => {
    const line = healthy();
    line.lamps(20, lampKeys.slice(0, 11));
    expect(systemFigures(line.state, plan(line.state), 0, line.nowMs)[2]).toMatchObject({
      value: 9 / 20,
      verdict: 'missed',
    });
    expect(lit(line).value).toBe(1);
  });

  test('weighs a night by lamp-seconds', () => {
    const line = healthy();
    line.pass(80);
    line.lamps(0, lampKeys.slice(0, 10));
    for (let s = 0; s < 100; s++) {
      line.nowMs += 1000;
      line.report({ 'feeder/closed': 1 });
      if (s % 10 === 0) {
        line.lamps(0, lampKeys.slice(0, 10));
        line.lamps(60, lampKeys.slice(10));
      }
      line.put({ kind: 'tick' });
    }
    const night = systemFigures(line.state, plan(line.state), 0, line.nowMs)[1];
    // 1 s unknown at the start, then 20 lamps × 99 s up, then 10 × 100 s up and 10 × 100 s down.
    expect(night?.value).toBeCloseTo((20 * 99 + 1000) / (20 * 99 + 2000), 12);
    expect(night?.coverage).toBeCloseTo((20 * 99 + 2000) / (20 * 200), 12);
  });

  test('by day no lamp is due and a dark one is no failure', () => {
    const line = healthy();
    line.nowMs = Date.parse('2026-06-16T12:00:00+08:00');
    line.lamps(0);
    line.report({ 'feeder/closed': 1 });
    line.put({ kind: 'tick' });
    expect(line.counts()).toMatchObject({ notRequired: 20, up: 1 });
    expect(lit(line)).toMatchObject({ value: null, verdict: 'none', due: 0 });
    expect(line.alarmEvents()).toEqual([]);
  });
});

describe('ledger', () => {
  test('down starts at the event’s own time, before any delay', () => {
    const line = healthy();
    line.report({ 'lamp-1/power': 0 }, line.nowMs - 300);
    expect(line.changes.at(-1)).toEqual({ kind: 'ledger', asset: 'lamp-1', class: 'down', fromMs: line.nowMs - 300 });
  });

  test('a silent point is unknown since its last good reply, never up', () => {
    const line = healthy();
    const lastReplyMs = line.nowMs - 9000;
    line.pass(60, { feeder: 1 });
    expect(line.changes.find((change) => change.kind === 'ledger')).toEqual({
      kind: 'ledger',
      asset: 'lamp-1',
      class: 'unknown',
      fromMs: lastReplyMs,
    });
    expect(line.counts()).toMatchObject({ up: 1, unknown: 20 });
  });

  test('a repeated value is proof of life, a bad one is not good', () => {
    const line = healthy();
    line.pass(120);
    expect(line.counts()).toMatchObject({ up: 21 });
    line.report({ 'lamp-1/power': Number.NaN });
    expect(line.counts()).toMatchObject({ up: 20, unknown: 1 });
  });

  test('the gateway’s own outage is unknown from the last good reply on', () => {
    const line = healthy();
    const before = line.nowMs;
    line.nowMs += 600_000;
    line.put({ kind: 'start', version: 'test' });
    expect(line.counts()).toMatchObject({ unknown: 21 });
    line.report({ 'feeder/closed': 1 });
    const feederChanges = line.changes.filter((change) => change.kind === 'ledger' && change.asset === 'feeder');
    expect(feederChanges).toEqual([
      { kind: 'ledger', asset: 'feeder', class: 'unknown', fromMs: before },
      { kind: 'ledger', asset: 'feeder', class: 'up', fromMs: line.nowMs },
    ]);
  });

  test('an old stamp on the first answer after a gap does not make the gap up, but a fault counts from its own time', () => {
    const line = healthy();
    const before = line.nowMs;
    line.nowMs += 600_000;
    line.put({ kind: 'start', version: 'test' });
    line.report({ 'feeder/closed': 1 }, before);
    line.report({ 'lamp-1/power': 60 }, before + 300_000);
    line.report({ 'lamp-2/power': 0 }, before + 400_000);
    const changesOf = (asset: string) =>
      line.changes.filter((change) => change.kind === 'ledger' && change.asset === asset);
    expect(changesOf('feeder').at(-1)).toMatchObject({ class: 'up', fromMs: line.nowMs });
    expect(changesOf('lamp-1').at(-1)).toMatchObject({ class: 'up', fromMs: line.nowMs });
    expect(changesOf('lamp-2').at(-1)).toMatchObject({ class: 'down', fromMs: before + 400_000 });
  });

  test('the classes of an asset add up to the time that has passed', () => {
    const line = healthy();
    line.pass(30, { feeder: 0 });
    line.pass(100, {});
    line.pass(30);
    const half = plan(line.state).calendar.halfDay(line.nowMs).index;
    const times = line.state.ledger.times;
    const total = times.total(2, half - 2, half, new Float64Array(5)).reduce((sum, ms) => sum + ms, 0);
    expect(total + (line.nowMs - (line.state.ledger.sinceMs[2] as number))).toBe(line.nowMs - START_MS);
  });

  test('an older sample than the one known changes no state', () => {
    const line = healthy();
    line.report({ 'lamp-1/power': 0 }, line.nowMs - 60_000);
    expect(line.counts()).toMatchObject({ up: 21 });
    expect(line.state.counters.late).toBe(1);
  });

  test('a stamp from the future is not believed', () => {
    const line = healthy();
    line.report({ 'lamp-1/power': 0 }, line.nowMs + 3_600_000);
    line.nowMs += 1000;
    line.report({ 'lamp-1/power': 60 });
    expect(line.counts()).toMatchObject({ up: 21 });
  });
});

describe('what proves nothing', () => {
  const night = (line: Timeline) => {
    const figure = systemFigures(line.state, plan(line.state), 0, line.nowMs)[1];
    if (!figure) throw new Error('no figure');
    return figure;
  };
  const ledgerOf = (line: Timeline, key: string) =>
    line.changes.flatMap((change) => (change.kind === 'ledger' && change.asset === key ? [change] : []));

  test('a lamp that spoke before its feeder tripped is not up when the feeder’s controller is cut as well', () => {
    const line = healthy();
    line.pass(3, { feeder: 0 });
    line.put({ kind: 'link', link: 'cabinet', up: false, atMs: line.nowMs, reason: text('cut') });
    expect(line.counts()).toMatchObject({ up: 0, unknown: 21 });
  });

  test('the dark hour under a tripped feeder stays down when the feeder comes back before its lamps', () => {
    const line = healthy();
    line.pass(3600, { feeder: 0 });
    const during = night(line);
    line.report({ 'feeder/closed': 1 });
    expect(ledgerOf(line, 'lamp-1').at(-1)).toMatchObject({ class: 'unknown', fromMs: line.nowMs });
    expect(night(line).value).toBe(during.value);
    expect(night(line).verdict).toBe('missed');
  });

  test('the same across a restart: down until the gateway ended, unknown from there', () => {
    const line = healthy();
    line.pass(3600, { feeder: 0 });
    const endedMs = line.nowMs;
    line.nowMs += 60_000;
    line.put({ kind: 'start', version: 'test' });
    expect(ledgerOf(line, 'lamp-1').at(-1)).toMatchObject({ class: 'unknown', fromMs: endedMs });
    expect(night(line).high).toBeLessThan(0.1);
  });

  test('a lamp that is silent by day is unknown from dusk, not from its last word', () => {
    const line = healthy();
    line.nowMs = Date.parse('2026-06-16T12:30:00+08:00');
    line.lamps(0);
    line.put({ kind: 'tick' });
    line.nowMs = Date.parse('2026-06-16T18:00:00+08:00');
    line.put({ kind: 'tick' });
    line.nowMs = Date.parse('2026-06-16T19:30:00+08:00');
    line.put({ kind: 'tick' });
    const last = ledgerOf(line, 'lamp-1').at(-1);
    expect(last?.class).toBe('unknown');
    expect(new Date((last?.fromMs ?? 0) + 8 * 3_600_000).toISOString()).toMatch(/T19:1[345]/);
  });

  test('an outage of months is told as well, in whole milliseconds', () => {
    const line = healthy();
    line.nowMs += 200 * 24 * 3_600_000 + 12_345;
    line.put({ kind: 'start', version: 'test' });
    expect(ledgerOf(line, 'lamp-1').every(({ fromMs }) => Number.isInteger(fromMs))).toBe(true);
    expect(line.times('lamp-1').up).toBeLessThan(30_000);
  });

  test('an outage across sunrise is unknown until sunrise, and across sunset from sunset', () => {
    const line = healthy();
    const goneMs = line.nowMs;
    line.nowMs = Date.parse('2026-06-16T21:00:00+08:00');
    line.put({ kind: 'start', version: 'test' });
    const stretches = ledgerOf(line, 'lamp-1').slice(-3);
    expect(stretches.map((change) => change.class)).toEqual(['unknown', 'notRequired', 'unknown']);
    const [gone, sunrise, sunset] = stretches.map((change) => change.fromMs);
    expect(gone).toBeGreaterThanOrEqual(goneMs - 10_000);
    expect(new Date((sunrise ?? 0) + 8 * 3_600_000).toISOString()).toMatch(/T05:4/);
    expect(new Date((sunset ?? 0) + 8 * 3_600_000).toISOString()).toMatch(/T19:1/);
  });

  test('a link that answered until the gateway ended was up until then', () => {
    const line = healthy();
    line.pass(100);
    const endedMs = line.nowMs;
    line.nowMs += 60_000;
    line.put({ kind: 'start', version: 'test' });
    expect(ledgerOf(line, 'link:bus').at(-1)).toMatchObject({ class: 'unknown', fromMs: endedMs });
  });

  test('a change is dated by the newest stamp of its batch, not by an older one beside it', () => {
    const line = healthy();
    const oldMs = line.nowMs - 3_000_000;
    const builder = new BatchBuilder();
    builder.good(numberOf.get('pump/failed') as number, line.nowMs, line.nowMs, 1);
    builder.good(numberOf.get('pump/powerLost') as number, oldMs, line.nowMs, 0);
    line.put({ kind: 'samples', link: 'cabinet', batch: builder.take() });
    expect(ledgerOf(line, 'pump').at(-1)).toMatchObject({ class: 'down', fromMs: line.nowMs });
  });
});

describe('alarms', () => {
  test('a delay is waited for, both ways', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(1, { feeder: 1 });
    expect(line.alarmEvents()).toEqual([]);
    line.pass(2, { feeder: 1 });
    expect(line.alarmEvents()).toEqual(['raised lamp-1.lamp-out']);
    line.lamps(60, ['lamp-1']);
    line.pass(2, { feeder: 1 });
    expect(line.alarmEvents()).toEqual(['raised lamp-1.lamp-out', 'returned lamp-1.lamp-out']);
    expect(openActivations(line.state)).toMatchObject([{ state: 'returned-unacknowledged' }]);
  });

  test('acknowledged, then normal', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(3, { feeder: 1 });
    const id = openActivations(line.state)[0]?.activationId ?? '';
    line.put({ kind: 'action', action: { type: 'acknowledge', activationId: id, by: 'zhang' } });
    line.put({ kind: 'action', action: { type: 'acknowledge', activationId: id, by: 'li' } });
    expect(openActivations(line.state)).toMatchObject([{ state: 'acknowledged', acknowledgedBy: 'zhang' }]);
    line.lamps(60, ['lamp-1']);
    line.pass(2, { feeder: 1 });
    expect(openActivations(line.state)).toEqual([]);
    expect(line.alarmEvents()).toEqual([
      'raised lamp-1.lamp-out',
      'acknowledged lamp-1.lamp-out',
      'returned lamp-1.lamp-out',
      'normal lamp-1.lamp-out',
    ]);
  });

  test('an acknowledgement of an earlier activation does not touch the next one', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(3, { feeder: 1 });
    const id = openActivations(line.state)[0]?.activationId ?? '';
    line.lamps(60, ['lamp-1']);
    line.pass(2, { feeder: 1 });
    line.lamps(0, ['lamp-1']);
    line.pass(3, { feeder: 1 });
    line.put({ kind: 'action', action: { type: 'acknowledge', activationId: id, by: 'zhang' } });
    expect(openActivations(line.state)).toMatchObject([{ state: 'unacknowledged', acknowledgedBy: null }]);
    expect(line.alarmEvents()).toContain('normal lamp-1.lamp-out');
  });

  test('a tripped feeder is one alarm that names its children; they are down, not unknown', () => {
    const line = healthy();
    line.report({ 'feeder/closed': 0 });
    line.pass(90, { feeder: 0 });
    expect(line.alarmEvents()).toEqual(['raised feeder.trip']);
    expect(openActivations(line.state)[0]?.children).toEqual(lampKeys);
    expect(line.counts()).toMatchObject({ down: 21, unknown: 0 });
    line.pass(60);
    expect(line.alarmEvents()).toEqual(['raised feeder.trip', 'returned feeder.trip']);
    expect(line.counts()).toMatchObject({ up: 21 });
  });

  test('a child that fails first waits for its parent’s answer', () => {
    const line = healthy();
    line.lamps(0);
    // The feeder is slow to answer, and then says that it has tripped.
    line.pass(4, {});
    expect(line.alarmEvents()).toEqual([]);
    line.pass(10, { feeder: 0 });
    expect(line.alarmEvents()).toEqual(['raised feeder.trip']);
  });

  test('a lost controller is one alarm; what is behind it is unknown', () => {
    const line = healthy();
    line.put({ kind: 'link', link: 'bus', up: false, atMs: line.nowMs, reason: text('gone') });
    line.pass(120, { feeder: 1 });
    expect(line.alarmEvents()).toEqual(['raised link:bus.controller-lost']);
    expect(openActivations(line.state)[0]?.children).toEqual(lampKeys);
    expect(line.counts()).toMatchObject({ up: 1, unknown: 20 });
    line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
    line.pass(20);
    expect(line.alarmEvents()).toEqual(['raised link:bus.controller-lost', 'returned link:bus.controller-lost']);
  });

  test('while a link is still being connected, nobody behind it cries for lack of data', () => {
    const line = healthy();
    line.put({ kind: 'start', version: 'test' });
    line.pass(60, {});
    expect(line.alarmEvents()).toEqual([]);
    line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
    // A lamp reports every 15 s: 45 s of silence and the delay of 5 s must have passed since the link came up.
    line.pass(48, { feeder: 1 });
    expect(line.alarmEvents()).toEqual([]);
    line.pass(2, { feeder: 1 });
    expect(line.alarmEvents()).toContain('raised lamp-1.data-lost');
  });

  test('records that never reached the disk make what equipment said unknown, and no link that answers a lost one', () => {
    const line = healthy();
    line.nowMs += 30_000;
    const fromSeq = line.seq + 1;
    line.seq += 40;
    line.changes.push(
      ...step(line.state, { kind: 'lost', fromSeq, samples: 300, logSeq: line.seq, logMs: line.nowMs }),
    );
    expect([line.classOf('lamp-1'), line.classOf('link:bus')]).toEqual(['unknown', 'up']);
    // Nobody tells the log again that a link is up which has never been down.
    line.pass(60, { feeder: 0, lamps: undefined });
    expect(line.alarmEvents()).toEqual(['raised feeder.trip']);
    line.pass(60, { feeder: 1, lamps: undefined });
    expect(line.alarmEvents()).toContain('raised lamp-1.data-lost');
  });

  test('a silent asset on a live link says that its data are lost', () => {
    const line = healthy();
    line.pass(60, { feeder: 1, lamps: undefined });
    expect(line.alarmEvents()).toContain('raised lamp-1.data-lost');
  });

  test('a mask that flickers, or that is never raised itself, does not hold life safety back', () => {
    const flickering = healthy();
    for (let s = 0; s < 20; s++) {
      flickering.report({ 'pump/failed': 1, 'pump/powerLost': s % 10 === 0 ? 1 : 0 });
      flickering.pass(1);
    }
    expect(flickering.alarmEvents()).toContain('raised pump.fail-to-start');
    const vanished = healthy();
    vanished.report({ 'pump/failed': 1, 'pump/powerLost': 1 });
    vanished.report({ 'pump/powerLost': Number.NaN });
    for (let s = 0; s < 5; s++) {
      vanished.report({ 'pump/failed': 1 });
      vanished.pass(1);
    }
    expect(vanished.alarmEvents()).toContain('raised pump.fail-to-start');
  });

  test('a parent that was about to be the cause and then fell silent does not hold its children for ever', () => {
    const line = healthy();
    line.report({ 'feeder/closed': 0 });
    line.lamps(0, ['lamp-1']);
    line.report({ 'feeder/closed': Number.NaN });
    for (let s = 0; s < 30; s++) {
      line.lamps(0, ['lamp-1']);
      line.pass(1, {});
    }
    expect(line.alarmEvents()).toContain('raised lamp-1.lamp-out');
  });

  test('the on-delay asks for the condition without a break', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(1, { feeder: 1 });
    line.report({ 'lamp-1/power': Number.NaN });
    line.pass(60, { feeder: 1 });
    line.lamps(0, ['lamp-1']);
    line.pass(1, { feeder: 1 });
    expect(line.alarmEvents()).not.toContain('raised lamp-1.lamp-out');
    line.pass(2, { feeder: 1 });
    expect(line.alarmEvents()).toContain('raised lamp-1.lamp-out');
  });

  test('what was over before anyone heard of it calls nobody', () => {
    const line = healthy();
    const builder = new BatchBuilder();
    const number = numberOf.get('pump/failed') as number;
    builder.good(number, line.nowMs + 100, line.nowMs + 30_000, 1);
    builder.good(number, line.nowMs + 300, line.nowMs + 30_000, 0);
    line.nowMs += 30_000;
    line.put({ kind: 'samples', link: 'cabinet', batch: builder.take() });
    expect(line.alarmEvents()).toEqual([]);
  });

  test('unknown freezes an alarm', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(3, { feeder: 1 });
    line.report({ 'lamp-1/power': Number.NaN });
    line.pass(3, { feeder: 1 });
    expect(line.alarmEvents()).toEqual(['raised lamp-1.lamp-out']);
  });
});

describe('snapshot', () => {
  test('a restored state goes on as if nothing had happened', () => {
    const live = healthy();
    live.lamps(0, ['lamp-1', 'lamp-2']);
    live.pass(5, { feeder: 1 });
    const resumed = new Timeline();
    resumed.state = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(live.state))) as Snapshot) as EngineState;
    resumed.nowMs = live.nowMs;
    resumed.seq = live.seq;
    live.changes = [];
    resumed.changes = [];
    for (const line of [live, resumed]) {
      line.pass(70, { feeder: 0, lamps: 0 });
      line.pass(90);
    }
    expect(resumed.changes).toEqual(live.changes);
    expect(live.changes.length).toBeGreaterThan(20);
    expect(lit(resumed)).toEqual(lit(live));
  });

  test('a snapshot of a tripped feeder goes on as the live run does', () => {
    const live = healthy();
    live.pass(5, { feeder: 0 });
    const resumed = new Timeline();
    resumed.state = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(live.state))) as Snapshot) as EngineState;
    resumed.nowMs = live.nowMs;
    resumed.seq = live.seq;
    for (const line of [live, resumed]) {
      line.changes = [];
      line.report({ 'lamp-1/power': Number.NaN });
      line.pass(30);
    }
    expect(resumed.changes).toEqual(live.changes);
  });

  test('an asset that is renamed keeps its ledger, its open alarm and its number, there and back', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1']);
    line.pass(5, { feeder: 1 });
    const openBefore = openActivations(line.state).map(({ activationId }) => activationId);
    const sinceBefore = line.state.ledger.sinceMs[plan(line.state).assetIndex.get('lamp-1') ?? -1];
    const rename = (from: string, to: string) => {
      const renamed = site.assets.map((a) =>
        a.key === 'lamp-1' ? { ...asset(to, lamp, 'bus', 'feeder'), formerly: from } : a,
      );
      line.put({ kind: 'points', numbers: [[`${to}/power`, numberOf.get('lamp-1/power') as number]] });
      line.put({ kind: 'site', site: { ...site, assets: renamed, hash: to } });
    };
    rename('lamp-1', 'lamp-x');
    expect(openActivations(line.state).map(({ activationId }) => activationId)).toEqual(openBefore);
    expect(openActivations(line.state)).toMatchObject([{ asset: 'lamp-x' }]);
    expect(line.state.ledger.sinceMs[plan(line.state).assetIndex.get('lamp-x') ?? -1]).toBe(sinceBefore);
    rename('lamp-x', 'lamp-1');
    line.lamps(60, ['lamp-1']);
    expect(line.state.counters.unknownPoint).toBe(0);
    expect(line.counts()).toMatchObject({ up: 21 });
  });

  test('a changed site keeps what it still knows and closes what it does not', () => {
    const line = healthy();
    line.lamps(0, ['lamp-1', 'lamp-2']);
    line.pass(5, { feeder: 1 });
    const smaller = { ...site, assets: site.assets.filter((a) => a.key !== 'lamp-1'), hash: 'y' };
    line.changes = [];
    line.put({ kind: 'site', site: smaller });
    expect(line.alarmEvents()).toEqual(['returned lamp-1.lamp-out', 'normal lamp-1.lamp-out']);
    expect(line.counts()).toMatchObject({ up: 19, down: 1 });
    expect(openActivations(line.state)).toMatchObject([{ asset: 'lamp-2' }]);
  });
});
