import { describe, expect, test } from 'vitest';
import type { LedgerChange } from '../../model/ledger.ts';
import { asset, healthy, lamp, lampKeys, plan, site, Timeline, text } from '../../test/support/timeline.ts';
import { openActivations } from '../alarms/activation.ts';
import { systemFigures } from '../rates/figures.ts';
import { LATENESS_MS } from './late.ts';

const ledgerOf = (line: Timeline, key = 'lamp-1') =>
  line.changes.filter((change): change is LedgerChange => change.kind === 'ledger' && change.asset === key);

const night = (line: Timeline) => {
  const figure = systemFigures(line.state, plan(line.state), 0, line.nowMs)[1];
  if (!figure) throw new Error('no figure');
  return figure;
};

describe('out of order', () => {
  test('a late sample corrects the ledger from its stamp to the next sample of that point, and rings no phone', () => {
    const line = healthy();
    line.pass(60);
    const stampMs = line.nowMs - 25_000;
    const newestMs = line.nowMs - 9000;
    const before = line.times('lamp-1');
    line.report({ 'lamp-1/power': 0 }, stampMs);
    expect(ledgerOf(line)).toEqual([
      {
        kind: 'ledger',
        asset: 'lamp-1',
        class: 'down',
        fromMs: stampMs,
        correction: { cause: 'late', toMs: newestMs, after: 'up' },
      },
    ]);
    const after = line.times('lamp-1');
    expect(after).toEqual({ ...before, down: 16_000, up: before.up - 16_000 });
    line.pass(60);
    expect(openActivations(line.state)).toEqual([]);
    expect(line.classOf('lamp-1')).toBe('up');
    expect(line.state.counters).toMatchObject({ late: 1, tooLate: 0 });
  });

  test('it counts in the figures as if it had come in time', () => {
    const late = healthy();
    const timely = healthy();
    for (const line of [late, timely]) line.pass(30);
    const stampMs = late.nowMs + 3000;
    for (const line of [late, timely]) line.pass(2);
    timely.nowMs += 1000;
    timely.report({ 'lamp-1/power': 0 });
    timely.put({ kind: 'tick' });
    late.nowMs += 1000;
    late.put({ kind: 'tick' });
    for (const line of [late, timely]) line.pass(18, { feeder: 1 });
    for (const line of [late, timely]) line.lamps(60);
    late.report({ 'lamp-1/power': 0 }, stampMs);
    expect(late.times('lamp-1')).toEqual(timely.times('lamp-1'));
    expect(night(late)).toEqual(night(timely));
  });

  test('the same late sample twice corrects once', () => {
    const line = healthy();
    line.pass(60);
    const stampMs = line.nowMs - 25_000;
    line.report({ 'lamp-1/power': 0 }, stampMs);
    const once = line.times('lamp-1');
    line.report({ 'lamp-1/power': 0 }, stampMs);
    expect(line.times('lamp-1')).toEqual(once);
    expect(ledgerOf(line)).toHaveLength(1);
  });

  test('later than ten minutes it changes no figure, and is counted', () => {
    const line = healthy();
    line.pass(700);
    const before = night(line);
    line.report({ 'lamp-1/power': 0 }, line.nowMs - LATENESS_MS - 1);
    expect(night(line)).toEqual(before);
    expect(ledgerOf(line)).toEqual([]);
    expect(line.state.counters).toMatchObject({ late: 0, tooLate: 1 });
  });

  test('what came in between is known better: a late sample ends at the next change', () => {
    const line = healthy();
    line.pass(10);
    line.report({ 'lamp-1/power': 0 });
    const downMs = line.nowMs;
    line.pass(10, { feeder: 1 });
    line.report({ 'lamp-1/power': 60 });
    const before = line.times('lamp-1');
    line.report({ 'lamp-1/power': 0 }, downMs - 4000);
    expect(line.times('lamp-1')).toEqual({ ...before, down: before.down + 4000, up: before.up - 4000 });
  });

  test('a sample that another point explains corrects nothing', () => {
    const line = healthy();
    line.pass(60);
    line.report({ 'pump/powerLost': 1 }, line.nowMs - 5000);
    line.report({ 'pump/powerLost': 0 });
    line.report({ 'pump/powerLost': 1 }, line.nowMs - 3000);
    expect(ledgerOf(line, 'pump').filter(({ correction }) => correction)).toEqual([]);
  });
});

describe('what a device stored while nobody heard it', () => {
  test('fills the gap as far as its samples reach, and the rest stays unknown', () => {
    const line = healthy();
    line.put({ kind: 'link', link: 'bus', up: false, atMs: line.nowMs, reason: text('cut') });
    const goneMs = line.nowMs;
    line.pass(300, { feeder: 1 });
    line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
    const unknownBefore = line.times('lamp-1').unknown;
    // Every 15 s of the last two minutes, dark for one of them.
    for (let ms = goneMs + 180_000; ms <= line.nowMs; ms += 15_000) {
      const dark = ms >= goneMs + 210_000 && ms < goneMs + 270_000;
      line.report({ 'lamp-1/power': dark ? 0 : 60 }, ms);
    }
    const times = line.times('lamp-1');
    expect(times.down).toBe(60_000);
    // Unknown from the last reply before the cut to the first stored sample.
    expect(times.unknown).toBe(unknownBefore - 120_000);
    expect(line.classOf('lamp-1')).toBe('up');
  });

  test('one old stamp by itself proves nothing of the gap', () => {
    const line = healthy();
    line.put({ kind: 'link', link: 'bus', up: false, atMs: line.nowMs, reason: text('cut') });
    const goneMs = line.nowMs;
    line.pass(400, { feeder: 1 });
    line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null });
    const before = line.times('lamp-1');
    line.report({ 'lamp-1/power': 60 }, goneMs + 100_000);
    line.report({ 'lamp-1/power': 60 });
    expect(line.times('lamp-1')).toEqual(before);
  });
});

describe('bad input', () => {
  test('a duplicate changes nothing, is counted, and is a sign of life', () => {
    const line = healthy();
    const stampMs = line.nowMs;
    line.lamps(60);
    line.changes = [];
    for (let n = 0; n < 20; n++) {
      line.nowMs += 10_000;
      line.report({ 'feeder/closed': 1 });
      line.report(Object.fromEntries(lampKeys.map((key) => [`${key}/power`, 60])), stampMs);
      line.put({ kind: 'tick' });
    }
    expect(line.changes.filter(({ kind }) => kind !== 'rate')).toEqual([]);
    expect(line.counts()).toMatchObject({ up: 21 });
    expect(line.state.counters.duplicate).toBe(20 * lampKeys.length);
  });

  test('a stamp from the future counts as of its receipt; one that goes on is an alarm of the link', () => {
    const line = healthy();
    line.report({ 'lamp-1/power': 0 }, line.nowMs + 3_600_000);
    expect(ledgerOf(line).at(-1)).toMatchObject({ class: 'down', fromMs: line.nowMs });
    line.pass(300);
    expect(line.alarmEvents()).not.toContain('raised link:bus.clock-off');
    for (let n = 0; n < 20; n++) {
      line.report({ 'lamp-1/power': 60 }, line.nowMs + 3_600_000);
      line.pass(10);
    }
    expect(line.alarmEvents()).toContain('raised link:bus.clock-off');
    line.pass(76);
    expect(line.alarmEvents()).toContain('returned link:bus.clock-off');
    expect(line.state.counters.futureStamp).toBe(21);
  });

  test('a clock of which the link says that it is off is an alarm, until it says so no more', () => {
    const line = healthy();
    const tell = () =>
      line.put({ kind: 'link', link: 'bus', up: true, atMs: line.nowMs, reason: null, clockOff: true });
    for (let n = 0; n < 20; n++) {
      tell();
      line.report({ 'lamp-1/power': 60 });
      line.pass(10);
    }
    expect(line.alarmEvents()).toContain('raised link:bus.clock-off');
    expect(line.alarmEvents()).not.toContain('raised link:bus.controller-lost');
    expect(line.classOf('lamp-1')).toBe('up');
    line.pass(76);
    expect(line.alarmEvents()).toContain('returned link:bus.clock-off');
  });

  test('a device clock that is set back an hour: unknown, not wrong, and an alarm that says why', () => {
    const line = healthy();
    for (let n = 0; n < 30; n++) {
      line.report({ 'lamp-1/power': 0 }, line.nowMs - 3_600_000);
      line.pass(10, { feeder: 1, lamps: undefined });
      line.lamps(60, lampKeys.slice(1));
    }
    expect(line.classOf('lamp-1')).toBe('unknown');
    expect(line.times('lamp-1').down).toBe(0);
    expect(line.alarmEvents()).toContain('raised link:bus.clock-off');
    // Once its stamps have passed the newest one, it is believed again.
    line.report({ 'lamp-1/power': 60 });
    expect(line.classOf('lamp-1')).toBe('up');
  });

  test('a value that is no number is unknown, though it is called good', () => {
    const line = healthy();
    const batch = {
      length: 1,
      point: Uint32Array.of(2),
      sourceMs: Float64Array.of(line.nowMs),
      receivedMs: Float64Array.of(line.nowMs),
      quality: Uint8Array.of(0),
      value: Float64Array.of(Number.NaN),
      reason: Uint16Array.of(0),
      texts: new Map(),
      details: new Map(),
    };
    line.put({ kind: 'samples', link: 'bus', batch });
    expect(line.classOf('lamp-1')).toBe('unknown');
  });

  test('points that the site does not use, numbers that never were, stamps that are none', () => {
    const line = healthy();
    const batch = {
      length: 3,
      point: Uint32Array.of(4_000_000_000, 0, 2),
      sourceMs: Float64Array.of(0, 0, Number.NaN),
      receivedMs: Float64Array.of(line.nowMs, line.nowMs, line.nowMs),
      quality: Uint8Array.of(0, 0, 0),
      value: Float64Array.of(1, 1, 60),
      reason: Uint16Array.of(0, 0, 0),
      texts: new Map(),
      details: new Map(),
    };
    line.put({ kind: 'samples', link: 'bus', batch });
    expect(line.state.counters).toMatchObject({ unknownPoint: 2, futureStamp: 1 });
    expect(line.counts()).toMatchObject({ up: 21 });
  });

  test('a clock that jumps ahead, and a sample is the first to tell: the gap is unknown all the same', () => {
    const line = healthy();
    const before = line.times('lamp-1');
    line.nowMs += 4 * 3_600_000;
    line.lamps(60);
    expect(line.times('lamp-1').unknown - before.unknown).toBeGreaterThan(4 * 3_600_000 - 1);
    expect(line.classOf('lamp-1')).toBe('up');
  });

  test('a clock that jumps ahead: everything is unknown since its last word, and no alarm but of lost data', () => {
    const line = healthy();
    const lastMs = line.nowMs - 9000;
    line.nowMs += 4 * 3_600_000;
    line.put({ kind: 'tick' });
    expect(ledgerOf(line)).toEqual([{ kind: 'ledger', asset: 'lamp-1', class: 'unknown', fromMs: lastMs }]);
    line.pass(30);
    expect(openActivations(line.state)).toEqual([]);
  });

  test('summer time: a lamp that is due from 22:00 to 6:00 by the clock is due for 7 or 9 hours', () => {
    const hours = (iso: string): number => {
      const profile = { ...lamp, required: 'site.hour >= 22 || site.hour < 6', alarms: [] };
      const berlin = {
        ...site,
        timeZone: 'Europe/Berlin',
        latitude: 52.5,
        longitude: 13.4,
        systems: [],
        profiles: { lamp: profile },
        assets: [asset('l', profile, 'bus')],
      };
      const line = new Timeline(berlin, Date.parse(iso));
      for (let half = 0; half < 2880; half++) {
        line.nowMs += 30_000;
        line.report({ 'l/power': 60 });
        line.put({ kind: 'tick' });
      }
      return (line.nowMs - Date.parse(iso) - line.times('l').notRequired) / 3_600_000;
    };
    expect(hours('2026-06-15T12:00:00+02:00')).toBeCloseTo(8, 1);
    expect(hours('2026-03-28T12:00:00+01:00')).toBeCloseTo(7, 1);
    expect(hours('2026-10-24T12:00:00+02:00')).toBeCloseTo(9, 1);
  });
});
