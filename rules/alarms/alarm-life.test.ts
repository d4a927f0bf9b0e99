import { describe, expect, test } from 'vitest';
import type { AlarmChange } from '../../model/alarm.ts';
import type { AlarmDefinition, Profile, Site } from '../../model/site.ts';
import { alarm, asset, site, Timeline, text } from '../../test/support/timeline.ts';
import { refusalOf } from '../actions.ts';
import { openActivations } from './activation.ts';
import { alarmHealth } from './alarm-health.ts';

const point = (kind: 'bool' | 'double') => ({ kind, name: text('point'), staleAfterMs: 3_600_000 }) as const;

/** A machine with one alarm for each thing that an alarm can be. */
function machine(more: readonly AlarmDefinition[] = []): Profile {
  return {
    key: 'machine',
    name: text('machine'),
    points: { fault: point('bool'), fire: point('bool'), level: point('double'), testing: point('bool') },
    up: '!fault',
    alarms: [
      alarm('fault', { priority: 2, when: 'fault', onDelayMs: 0, offDelayMs: 0 }),
      alarm('fire', { priority: 1, when: 'fire', latching: true, testWhen: 'testing' }),
      alarm('high', { priority: 3, when: 'level > 1.5', returnWhen: 'level < 1.3', suppressWhen: 'testing' }),
      ...more,
    ],
  };
}

function siteOf(more: readonly AlarmDefinition[] = [], changes: Partial<Site> = {}): Site {
  const profile = machine(more);
  return {
    ...site,
    systems: [{ key: 'streetlight', name: text('plant'), rates: [] }],
    assets: [asset('m', profile, 'cabinet'), asset('n', profile, 'cabinet', 'm')],
    profiles: { machine: profile },
    ...changes,
  };
}

function running(of: Site = siteOf()): Timeline {
  const line = new Timeline(of);
  for (const key of ['m', 'n']) {
    line.report({ [`${key}/fault`]: 0, [`${key}/fire`]: 0, [`${key}/level`]: 1, [`${key}/testing`]: 0 });
  }
  line.run(90);
  line.changes = [];
  return line;
}

const open = (line: Timeline) => openActivations(line.state);
const only = (line: Timeline) => {
  const [activation, ...others] = open(line);
  if (!activation || others.length > 0) throw new Error(`${others.length + 1} activations`);
  return activation;
};
const refused = (line: Timeline, action: Parameters<Timeline['act']>[0]) =>
  refusalOf(line.state, { by: 'zhang', ...action } as Parameters<typeof refusalOf>[1], line.nowMs)?.en;
const calls = (line: Timeline) =>
  line.changes.filter(
    (change): change is AlarmChange =>
      change.kind === 'alarm' &&
      (change.event === 'annunciated' || (change.event === 'raised' && change.activation.silence === null)),
  ).length;

describe('latching', () => {
  test('stays until it is acknowledged and reset, in that order', () => {
    const line = running();
    line.report({ 'm/fire': 1 });
    const { activationId } = only(line);
    expect(refused(line, { type: 'reset', activationId })).toMatch(/acknowledge it/);
    line.report({ 'm/fire': 0 });
    expect(only(line)).toMatchObject({ state: 'unacknowledged', returnedMs: line.nowMs });
    line.act({ type: 'reset', activationId });
    expect(only(line).state).toBe('unacknowledged');
    line.act({ type: 'acknowledge', activationId });
    expect(only(line).state).toBe('latched');
    line.act({ type: 'reset', activationId });
    expect(open(line)).toEqual([]);
    expect(line.alarmEvents()).toEqual(['raised m.fire', 'returned m.fire', 'acknowledged m.fire', 'normal m.fire']);
  });

  test('comes back as a new activation, which the old acknowledgement does not touch', () => {
    const line = running();
    line.report({ 'm/fire': 1 });
    const first = only(line).activationId;
    line.act({ type: 'acknowledge', activationId: first });
    line.report({ 'm/fire': 0 });
    expect(only(line).state).toBe('latched');
    line.run(1);
    line.report({ 'm/fire': 1 });
    const second = only(line);
    expect(second).toMatchObject({ state: 'unacknowledged', acknowledgedBy: null });
    expect(second.activationId).not.toBe(first);
    line.act({ type: 'acknowledge', activationId: first });
    expect(only(line).state).toBe('unacknowledged');
  });

  test('an alarm that does not latch has nothing to reset', () => {
    const line = running();
    line.report({ 'm/fault': 1 });
    expect(refused(line, { type: 'reset', activationId: only(line).activationId })).toMatch(/needs no reset/);
  });
});

test('a deadband: raised above 1.5, it returns only below 1.3', () => {
  const line = running();
  line.report({ 'm/level': 1.6 });
  line.report({ 'm/level': 1.4 });
  line.run(60);
  expect(only(line)).toMatchObject({ alarm: 'high', state: 'unacknowledged' });
  line.report({ 'm/level': Number.NaN });
  line.run(1);
  expect(only(line).state).toBe('unacknowledged');
  line.report({ 'm/level': 1.2 });
  expect(only(line).state).toBe('returned-unacknowledged');
});

describe('shelving', () => {
  test('is refused for life safety, for what is not open, for too long, for no time ahead', () => {
    const line = running();
    line.report({ 'm/fire': 1, 'm/fault': 1 });
    const shelve = (alarmKey: string, untilMs: number | null) =>
      refused(line, { type: 'shelve', asset: 'm', alarm: alarmKey, untilMs, reason: 'x' });
    expect(shelve('fire', null)).toMatch(/priority 1/);
    expect(shelve('high', null)).toMatch(/only an open alarm/);
    expect(shelve('fault', line.nowMs + 9 * 3_600_000)).toMatch(/8 hours/);
    expect(shelve('fault', line.nowMs)).toMatch(/8 hours/);
    expect(shelve('none', null)).toMatch(/there is no alarm/);
    expect(shelve('fault', null)).toBeUndefined();
    line.act({ type: 'shelve', asset: 'm', alarm: 'fire', untilMs: null, reason: 'x' });
    expect(open(line).every(({ shelf }) => shelf === null)).toBe(true);
  });

  test('one-shot: silent until inactive, then it calls again', () => {
    const line = running();
    line.report({ 'm/fault': 1 });
    line.act({ type: 'shelve', asset: 'm', alarm: 'fault', untilMs: null, reason: 'part is ordered' });
    expect(only(line)).toMatchObject({
      silence: 'shelved',
      shelf: { untilMs: null, by: 'zhang', reason: 'part is ordered' },
    });
    line.run(3600);
    line.report({ 'm/fault': 0 });
    expect(only(line)).toMatchObject({ state: 'returned-unacknowledged', shelf: null });
    line.run(61);
    line.report({ 'm/fault': 1 });
    expect(only(line).silence).toBeNull();
    expect(calls(line)).toBe(2);
  });

  test('timed: ends by itself, and what stands then is annunciated afresh', () => {
    const line = running();
    line.report({ 'm/fault': 1 });
    const { activationId } = only(line);
    line.act({ type: 'acknowledge', activationId });
    line.act({ type: 'shelve', asset: 'm', alarm: 'fault', untilMs: line.nowMs + 600_000, reason: 'x' });
    line.run(599);
    expect(only(line)).toMatchObject({ silence: 'shelved', state: 'acknowledged' });
    line.run(1);
    expect(only(line)).toMatchObject({ activationId, silence: null, state: 'unacknowledged', annunciations: 2 });
    expect(line.alarmEvents()).toEqual([
      'raised m.fault',
      'acknowledged m.fault',
      'silenced m.fault',
      'annunciated m.fault',
    ]);
  });

  test('what is raised while shelved calls nobody, and is over without anybody’s hand', () => {
    const line = running();
    line.report({ 'm/fault': 1 });
    line.act({ type: 'shelve', asset: 'm', alarm: 'fault', untilMs: line.nowMs + 3_600_000, reason: 'x' });
    line.act({ type: 'acknowledge', activationId: only(line).activationId });
    line.report({ 'm/fault': 0 });
    line.run(120);
    line.changes = [];
    line.report({ 'm/fault': 1 });
    line.run(1);
    line.report({ 'm/fault': 0 });
    expect(line.alarmEvents()).toEqual(['raised m.fault', 'returned m.fault', 'normal m.fault']);
    expect(calls(line)).toBe(0);
    line.act({ type: 'unshelve', asset: 'm', alarm: 'fault' });
    line.report({ 'm/fault': 1 });
    expect(calls(line)).toBe(1);
  });
});

describe('other silences', () => {
  test('suppressed by design: evaluated, silent, and annunciated once the reason is gone', () => {
    const line = running();
    line.report({ 'm/testing': 1, 'm/level': 2 });
    expect(only(line)).toMatchObject({ alarm: 'high', silence: 'suppressed', annunciations: 0 });
    line.report({ 'm/testing': 0 });
    expect(only(line)).toMatchObject({ silence: null, annunciations: 1 });
    expect(calls(line)).toBe(1);
  });

  test('out of service: the asset and what hangs on it are silent, but for life safety', () => {
    const line = running();
    line.act({ type: 'take-out-of-service', asset: 'm', reason: 'work order 17' });
    line.report({ 'm/fault': 1, 'n/fault': 1, 'n/fire': 1 });
    expect(open(line).map(({ asset: key, alarm: name, silence }) => [key, name, silence])).toEqual([
      ['m', 'fault', 'out-of-service'],
      ['n', 'fault', 'out-of-service'],
      ['n', 'fire', null],
    ]);
    expect(refused(line, { type: 'take-out-of-service', asset: 'm', reason: 'x' })).toMatch(/already/);
    line.act({ type: 'return-to-service', asset: 'm' });
    expect(open(line).every(({ silence }) => silence === null)).toBe(true);
    expect(calls(line)).toBe(3);
  });

  test('commissioning pages nobody, not even for life safety, and enters no figure until all points are signed off', () => {
    const base = siteOf();
    const assets = base.assets.map((a) => (a.key === 'm' ? { ...a, commissioning: true } : a));
    const line = running({ ...base, assets });
    line.report({ 'm/fault': 1, 'm/fire': 1 });
    expect(open(line).map(({ silence }) => silence)).toEqual(['commissioning', 'commissioning']);
    expect(line.classOf('m')).toBe('notRequired');
    expect(refused(line, { type: 'sign-off', points: ['n/fault'] })).toMatch(/no point of an asset in commissioning/);
    line.act({ type: 'sign-off', points: ['m/fault', 'm/fire', 'm/level'] });
    expect(line.classOf('m')).toBe('notRequired');
    line.run(10);
    line.act({ type: 'sign-off', points: ['m/testing'] });
    expect(line.classOf('m')).toBe('down');
    expect(line.times('m')).toMatchObject({ down: 0, unknown: 0, up: 0 });
    expect(calls(line)).toBe(2);
  });
});

describe('tests and jobs', () => {
  test('a test labels the alarm, and a test that ends while it stands makes it real', () => {
    const line = running();
    line.report({ 'm/testing': 1, 'm/fire': 1 });
    expect(only(line)).toMatchObject({ test: true, silence: null, annunciations: 1, firstTold: null });
    line.act({ type: 'acknowledge', activationId: only(line).activationId });
    line.report({ 'm/testing': 0 });
    expect(only(line)).toMatchObject({ test: false, state: 'unacknowledged', annunciations: 2 });
  });

  test('whoever opened a job is told first; untaken for a minute, everybody is', () => {
    const line = running();
    expect(refused(line, { type: 'open-job', asset: 'm', untilMs: line.nowMs + 13 * 3_600_000 })).toMatch(/12 hours/);
    line.act({ type: 'open-job', asset: 'm', untilMs: line.nowMs + 3_600_000 });
    line.report({ 'm/fire': 1, 'm/fault': 1 });
    expect(open(line).map(({ test: isTest, firstTold }) => [isTest, firstTold])).toEqual([
      [true, null],
      [true, 'zhang'],
    ]);
    line.run(59);
    expect(line.alarmEvents()).not.toContain('escalated m.fire');
    line.run(1);
    expect(line.alarmEvents()).toContain('escalated m.fire');
    expect(open(line).map(({ firstTold }) => firstTold)).toEqual([null, null]);
  });

  test('taken by the opener, it goes to nobody else; a job ends by its time', () => {
    const line = running();
    line.act({ type: 'open-job', asset: 'm', untilMs: line.nowMs + 120_000 });
    line.report({ 'm/fire': 1 });
    line.act({ type: 'acknowledge', activationId: only(line).activationId });
    line.run(119);
    expect(line.alarmEvents()).not.toContain('escalated m.fire');
    line.run(2);
    // The job is over and it still burns: now it is everybody's.
    expect(only(line)).toMatchObject({ test: false, annunciations: 2, state: 'unacknowledged', firstTold: null });
  });
});

test('a standing alarm calls again after its time, acknowledged or not', () => {
  const line = running(siteOf([alarm('worn', { priority: 3, when: 'level > 5', reAlarmMs: 3_600_000 })]));
  line.report({ 'm/level': 6 });
  const worn = () => open(line).find(({ alarm: key }) => key === 'worn');
  line.act({ type: 'acknowledge', activationId: worn()?.activationId ?? '' });
  line.run(3599);
  expect(worn()).toMatchObject({ state: 'acknowledged', annunciations: 1 });
  line.run(1);
  expect(worn()).toMatchObject({ state: 'unacknowledged', annunciations: 2 });
});

describe('what comes and goes', () => {
  test('the third activation within a minute is held until it has been quiet for a minute', () => {
    const line = running();
    for (let n = 0; n < 10; n++) {
      line.report({ 'm/fault': 1 });
      line.run(2);
      line.report({ 'm/fault': 0 });
      line.run(2);
    }
    expect(calls(line)).toBe(3);
    expect(only(line)).toMatchObject({ chattering: true, state: 'unacknowledged' });
    expect(line.alarmEvents().filter((event) => event.startsWith('chattering'))).toHaveLength(1);
    line.run(56);
    expect(only(line).state).toBe('unacknowledged');
    line.run(3);
    expect(only(line)).toMatchObject({ state: 'returned-unacknowledged', chattering: false });
    expect(alarmHealth(line.state.health, open(line), line.nowMs).fleeting).toBe(2);
  });

  test('a fleeting alarm is not lost: it waits for somebody to take it', () => {
    const line = running();
    line.report({ 'm/fault': 1 });
    line.run(1);
    line.report({ 'm/fault': 0 });
    line.run(3600);
    expect(only(line).state).toBe('returned-unacknowledged');
  });
});

describe('a flood', () => {
  const many = Array.from({ length: 20 }, (_, n) => `m${n}`);
  const flooded = () => {
    const profile = machine();
    const line = new Timeline(siteOf([], { assets: many.map((key) => asset(key, profile, 'cabinet')) }));
    line.report(Object.fromEntries(many.map((key) => [`${key}/fault`, 0])));
    line.run(60);
    line.changes = [];
    return line;
  };
  const floods = (line: Timeline) => line.changes.flatMap((change) => (change.kind === 'flood' ? [change] : []));

  test('begins above ten in ten minutes and ends below five', () => {
    const line = flooded();
    for (const key of many.slice(0, 10)) {
      line.report({ [`${key}/fault`]: 1 });
      line.run(1);
    }
    expect(floods(line)).toEqual([]);
    line.report({ 'm10/fault': 1 });
    line.run(1);
    expect(floods(line)).toMatchObject([{ flood: true }]);
    line.run(589);
    expect(floods(line)).toHaveLength(1);
    line.run(12);
    expect(floods(line)).toMatchObject([{ flood: true }, { flood: false }]);
  });

  test('health: how many an hour, of which priority, who calls most, what stands too long', () => {
    const line = flooded();
    line.report({ 'm0/fault': 1, 'm1/level': 9, 'm2/fire': 1 });
    line.run(1);
    for (let n = 0; n < 3; n++) {
      line.report({ 'm0/fault': 0 });
      line.run(300);
      line.report({ 'm0/fault': 1 });
      line.run(300);
    }
    line.run(86_400);
    const health = alarmHealth(line.state.health, open(line), line.nowMs);
    expect(health).toMatchObject({
      annunciated: 6,
      byPriority: { 1: 1, 2: 4, 3: 1, 4: 0 },
      last10Min: 0,
      flood: false,
      floodShare: 0,
      topTen: [
        { asset: 'm0', alarm: 'fault', count: 4, share: 4 / 6 },
        { asset: 'm1', alarm: 'high', count: 1, share: 1 / 6 },
        { asset: 'm2', alarm: 'fire', count: 1, share: 1 / 6 },
      ],
    });
    expect(health.perHour).toBeCloseTo(6 / ((line.nowMs - health.fromMs) / 3_600_000), 12);
    expect(health.stale).toHaveLength(3);
  });
});
