import { describe, expect, test } from 'vitest';
import type { Asset, Profile, RateDefinition, Site } from '../../model/site.ts';
import { asset, plan, site, Timeline, text } from '../../test/support/timeline.ts';
import { rateDetail } from './figures.ts';
import { judge } from './rate.ts';

const HOUR_MS = 3_600_000;

const lift: Profile = {
  key: 'lift',
  name: text('lift'),
  points: { fault: { kind: 'bool', name: text('fault'), staleAfterMs: 400 * 24 * HOUR_MS } },
  up: '!fault',
  alarms: [],
};

function siteOf(rate: Partial<RateDefinition> & Pick<RateDefinition, 'window'>, assets: readonly Asset[]): Site {
  const profiles = { lift };
  const definition = { key: 'r', name: text('r'), counted: false, target: 0.95, ...rate };
  return {
    ...site,
    systems: [{ key: 'streetlight', name: text('lifts'), rates: [definition] }],
    assets,
    profiles,
    campaigns: [{ key: 'june', name: text('June'), from: '2026-06-11', to: '2026-06-30' }],
  };
}

const lifts = (...keys: string[]) => keys.map((key) => asset(key, lift, 'cabinet'));
const at = (local: string) => Date.parse(`${local}+08:00`);

/** Lets something be true of an asset from one local time to another. */
function stretch(line: Timeline, key: string, value: number, from: string, to: string): void {
  line.nowMs = at(from);
  line.report({ [`${key}/fault`]: value });
  line.nowMs = at(to);
  line.report({ [`${key}/fault`]: 0 });
}

function ask(line: Timeline, nowMs = line.nowMs) {
  const detail = rateDetail(line.state, plan(line.state), 0, 0, nowMs);
  if (!detail) throw new Error('no rate');
  return detail;
}

describe('downtime left', () => {
  test('Lift 3 may stop 41 more minutes this month: 720 h of June, 20 h down, 15 h 19 min not known', () => {
    const line = new Timeline(siteOf({ window: 'month' }, lifts('lift-3')), at('2026-06-01T00:00'));
    line.report({ 'lift-3/fault': 0 });
    stretch(line, 'lift-3', 1, '2026-06-05T00:00', '2026-06-05T20:00');
    line.nowMs = at('2026-06-10T00:00');
    line.report({ 'lift-3/fault': 0 });
    line.nowMs = at('2026-06-10T15:19');
    line.put({ kind: 'start', version: 'test' });
    line.report({ 'lift-3/fault': 0 });
    expect(line.times('lift-3').unknown).toBe((15 * 60 + 19) * 60_000);
    expect(ask(line).rate.downtimeLeft).toEqual({ group: 'lift-3', ms: 41 * 60_000 });
    // Time that passes while it is up changes nothing: it was counted on.
    line.nowMs = at('2026-06-11T12:34');
    expect(ask(line).rate.downtimeLeft).toEqual({ group: 'lift-3', ms: 41 * 60_000 });
    stretch(line, 'lift-3', 1, '2026-06-12T00:00', '2026-06-12T01:00');
    expect(ask(line).rate.downtimeLeft).toEqual({ group: 'lift-3', ms: 0 });
  });

  test('is told of lamps by the sun, and of nobody whose requirement cannot be foreseen', () => {
    const night = (required: string) => {
      const of = siteOf({ window: 'night', target: 0.9 }, lifts('l'));
      const line = new Timeline({ ...of, profiles: { lift: { ...lift, required } } }, at('2026-06-15T21:00'));
      line.report({ 'l/fault': 0 });
      line.put({ kind: 'tick' });
      return ask(line).rate.downtimeLeft;
    };
    // From 21:00 until 6:00, nine hours, of which a tenth may be dark.
    expect(night('site.hour >= 19 || site.hour < 6')).toEqual({ group: 'l', ms: 0.1 * 9 * HOUR_MS });
    const bySun = night('site.dark')?.ms ?? 0;
    expect(bySun).toBeGreaterThan(0.1 * 8.5 * HOUR_MS);
    expect(bySun).toBeLessThan(0.1 * 9 * HOUR_MS);
    expect(night('site.dark || fault')).toBeNull();
  });
});

describe('groups', () => {
  const assets = lifts('a', 'b', 'c').map((a, n) => ({
    ...a,
    contractor: n === 0 ? 'han' : 'sheng',
    group: n === 2 ? 'tower' : 'court',
    location: { building: `${n + 1}`, floor: '1' },
  }));
  const measured = (per: RateDefinition['per']) => {
    const line = new Timeline(siteOf({ window: 'day', ...(per && { per }) }, assets), at('2026-06-15T00:00'));
    line.report({ 'a/fault': 0, 'b/fault': 0, 'c/fault': 0 });
    stretch(line, 'b', 1, '2026-06-15T01:00', '2026-06-15T03:00');
    line.nowMs = at('2026-06-15T10:00');
    return ask(line);
  };

  test.each([
    ['contractor', ['sheng', 'han'], 18 / 20],
    ['group', ['court', 'tower'], 18 / 20],
    ['building', ['2', '1', '3'], 8 / 10],
    ['floor', ['2/1', '1/1', '3/1'], 8 / 10],
    ['asset', ['b', 'a', 'c'], 8 / 10],
    ['system', ['streetlight'], 28 / 30],
  ] as const)('per %s: the worst first, and the figure is its own', (per, groups, value) => {
    const { rate, groups: found } = measured(per);
    expect(found.map(({ group }) => group)).toEqual(groups);
    expect(rate.value).toBeCloseTo(value, 12);
    expect(rate.worst).toEqual({ group: groups[0], value: rate.low });
    expect(rate.missed).toEqual(value < 0.95 ? [groups[0]] : []);
  });

  test('judged on the whole, it still names who missed', () => {
    const { rate } = measured(undefined);
    expect(rate.value).toBeCloseTo(28 / 30, 12);
    expect(rate.missed).toEqual(['b']);
  });
});

describe('windows', () => {
  test('a campaign counts its own dates, and is final ten minutes after the last of them', () => {
    const of = siteOf({ window: 'campaign', campaign: 'june' }, lifts('a'));
    const line = new Timeline(of, at('2026-06-01T00:00'));
    line.report({ 'a/fault': 0 });
    stretch(line, 'a', 1, '2026-06-10T00:00', '2026-06-11T02:00');
    line.nowMs = at('2026-06-30T23:00');
    // Of 20 days two hours down; the day before the campaign is none of its.
    expect(ask(line).rate).toMatchObject({
      provisional: true,
      fromMs: at('2026-06-11T00:00'),
      toMs: at('2026-07-01T00:00'),
    });
    line.nowMs = at('2026-07-01T00:09');
    expect(ask(line).rate.provisional).toBe(true);
    line.nowMs = at('2026-07-02T00:00');
    stretch(line, 'a', 1, '2026-07-02T00:00', '2026-07-05T00:00');
    const { rate } = ask(line);
    expect(rate).toMatchObject({ provisional: false, verdict: 'met', downtimeLeft: null });
    expect(rate.value).toBeCloseTo(478 / 480, 12);
  });

  test('what a month came to is asked for afterwards', () => {
    const line = new Timeline(siteOf({ window: 'month' }, lifts('a')), at('2026-06-01T00:00'));
    line.report({ 'a/fault': 0 });
    stretch(line, 'a', 1, '2026-06-15T00:00', '2026-06-18T00:00');
    line.nowMs = at('2026-08-20T00:00');
    line.report({ 'a/fault': 0 });
    const { rate } = ask(line, at('2026-06-20T12:00'));
    expect(rate).toMatchObject({ provisional: false, toMs: at('2026-07-01T00:00') });
    expect(rate.value).toBeCloseTo(27 / 30, 12);
    expect(ask(line).rate.value).toBe(1);
  });
});

test('with too little known a rate is not met, however good the rest', () => {
  const sums = { up: 96, down: 0, unknown: 4, planned: 0 };
  expect(judge(sums, 0.95).verdict).toBe('met');
  expect(judge(sums, 0.95, 0.96).verdict).toBe('met');
  expect(judge(sums, 0.95, 0.97).verdict).toBe('undetermined');
  expect(judge({ ...sums, down: 90 }, 0.95, 0.99).verdict).toBe('missed');
});
