import { expect, test } from 'vitest';
import { nameOfKey } from '../../model/asset-key.ts';
import type { Site } from '../../model/site.ts';
import { lampKeys, plan, START_MS, site, Timeline, text } from '../../test/support/timeline.ts';
import { refusalOf } from '../actions.ts';
import { openActivations } from '../alarms/activation.ts';
import { nameOf, systemOfKey } from '../asset-names.ts';
import { restoreSnapshot, takeSnapshot } from '../snapshot.ts';
import { rateProfile } from './rate-profile.ts';

const LIT = 'rate:streetlight:lit';

/** 20 lamps of which two are dark, so that 95 % is missed; 31 minutes on. */
function belowTarget(): Timeline {
  const line = new Timeline();
  line.pass(60);
  // Two lamps more than may fail.
  for (let s = 0; s < 31 * 60; s += 10) {
    line.nowMs += 10_000;
    line.report({ 'feeder/closed': 1 });
    line.lamps(60, lampKeys.slice(2));
    line.lamps(0, lampKeys.slice(0, 2));
    line.put({ kind: 'tick' });
  }
  return line;
}

const open = (line: Timeline, asset: string) => openActivations(line.state).find((found) => found.asset === asset);

test('a missed rate is an alarm that names what missed, and has the name and the system of its rate', () => {
  const line = belowTarget();
  expect(open(line, LIT)).toMatchObject({
    alarm: 'below-target',
    priority: 3,
    children: ['lamp-1', 'lamp-2'],
    text: { zh: '低于目标 95%', en: 'Below its target of 95%' },
  });
  expect(nameOf(plan(line.state), LIT)).toEqual({ zh: 'street lights·lit', en: 'street lights: lit' });
  expect(systemOfKey(plan(line.state), LIT)).toBe('streetlight');
  // A rate of the night calls only where the site file asks for it.
  expect(plan(line.state).assetIndex.has('rate:streetlight:lit-night')).toBe(false);
});

test('it is acknowledged and shelved like any other, and refuses what is for equipment', () => {
  const line = belowTarget();
  const { activationId } = open(line, LIT) as { activationId: string };
  line.act({ type: 'acknowledge', activationId });
  expect(open(line, LIT)?.state).toBe('acknowledged');
  line.act({ type: 'shelve', asset: LIT, alarm: 'below-target', untilMs: line.nowMs + 60_000, reason: 'tomorrow' });
  expect(open(line, LIT)?.silence).toBe('shelved');
  const before = takeSnapshot(line.state).decisions;
  const span = { fromMs: line.nowMs + 60_000, toMs: line.nowMs + 120_000, reason: 'x' };
  line.act({ type: 'take-out-of-service', asset: LIT, reason: 'x' });
  line.act({ type: 'plan', asset: LIT, ...span });
  line.act({ type: 'open-job', asset: LIT, untilMs: line.nowMs + 60_000 });
  expect(takeSnapshot(line.state).decisions).toEqual(before);
  expect(refusalOf(line.state, { by: 'z', type: 'plan', asset: LIT, ...span }, line.nowMs)?.en).toBe(
    `there is no asset ${LIT}`,
  );
});

test('while the gateway is away nobody knows whether it was met, and the alarm stays as it is', () => {
  const line = belowTarget();
  // Rates are told at whole minutes; it was there for some seconds more.
  line.run(7);
  const endedMs = line.nowMs;
  line.nowMs += 3_600_000;
  line.put({ kind: 'start', version: 'test' });
  expect(line.classOf(LIT)).toBe('unknown');
  const unknownFromMs = line.changes.findLast((change) => change.kind === 'ledger' && change.asset === LIT);
  expect(unknownFromMs).toMatchObject({ class: 'unknown', fromMs: endedMs });
  expect(open(line, LIT)?.state).toBe('unacknowledged');
});

test('a snapshot carries a rate’s alarm, and a changed order of the rates does not mix them up', () => {
  const line = belowTarget();
  const restored = restoreSnapshot(JSON.parse(JSON.stringify(takeSnapshot(line.state))));
  if (!restored) throw new Error('no state');
  line.state = restored;
  const [system] = site.systems;
  if (!system) throw new Error('no system');
  line.put({ kind: 'site', site: { ...site, hash: 'y', systems: [{ ...system, rates: system.rates.toReversed() }] } });
  expect(open(line, LIT)).toMatchObject({ state: 'unacknowledged', children: ['lamp-1', 'lamp-2'] });
  line.put({ kind: 'site', site: { ...site, hash: 'z', systems: [{ ...system, rates: [] }] } });
  expect(open(line, LIT)).toBeUndefined();
  expect(line.alarmEvents().slice(-2)).toEqual([`returned ${LIT}.below-target`, `normal ${LIT}.below-target`]);
});

test('a group that surely misses is told, though of another nobody knows, which comes first', () => {
  const rate = { key: 'lit', name: text('lit'), window: 'live', counted: true, target: 0.5 } as const;
  const [system] = site.systems;
  if (!system) throw new Error('no system');
  const line = new Timeline({
    ...site,
    systems: [{ ...system, rates: [{ ...rate, profile: 'lamp', per: 'group' }] }],
    assets: site.assets.map((asset, n) => ({ ...asset, group: n <= 10 ? 'north' : 'south' })),
  });
  for (let s = 0; s < 32 * 60; s += 10) {
    line.nowMs += 10_000;
    line.report({ 'feeder/closed': 1 });
    // The north is silent; of ten in the south three are lit.
    line.lamps(60, lampKeys.slice(10, 13));
    line.lamps(0, lampKeys.slice(13));
    line.put({ kind: 'tick' });
  }
  expect(open(line, LIT)).toMatchObject({ alarm: 'below-target', children: ['south'] });
});

test('the text of a rate says whether it is a whole or its parts that miss', () => {
  const rate = { key: 'r', name: text('Lit'), window: 'live', counted: true, target: 0.999 } as const;
  const texts = [rate, { ...rate, per: 'floor' as const }, { ...rate, window: 'month' as const }].map(
    (of) => rateProfile(of).alarms[0]?.text.en,
  );
  expect(texts).toEqual([
    'Below its target of 99.9%',
    'Some floors below their target of 99.9%',
    '99.9% can no longer be met in this window',
  ]);
});

test('keys with dots do not make two rates one', () => {
  const systems = ['a.b', 'a'].map((key) => ({
    key,
    name: text(key),
    rates: ['c', 'b.c'].map((rate) => ({
      key: rate,
      name: text(rate),
      window: 'month' as const,
      counted: false,
      target: 0.9,
    })),
  }));
  const line = new Timeline({ ...site, systems });
  const keys = plan(line.state).assets.flatMap(({ subject, key }) => (subject.kind === 'rate' ? [key] : []));
  expect(new Set(keys).size).toBe(4);
  expect(nameOfKey({ ...site, systems }, 'rate:a:b.c').en).toBe('a: b.c');
});

/** The estate of the tests with a warranty on its pump. */
function withWarranty(warrantyUntil: string): Site {
  const assets = site.assets.map((asset) => (asset.key === 'pump' ? { ...asset, warrantyUntil } : asset));
  return { ...site, hash: warrantyUntil, assets };
}

test('a warranty that is due when the site file brings it is told at once, and is over when its date is moved', () => {
  const line = new Timeline(withWarranty('2026-07-01'));
  expect(open(line, 'pump')).toMatchObject({ alarm: 'warranty-due', priority: 4, raisedMs: START_MS });
  // A restart forgets what was observed; a date is no observation.
  line.nowMs += 60_000;
  line.put({ kind: 'start', version: 'test' });
  line.put({ kind: 'tick' });
  expect(open(line, 'pump')?.state).toBe('unacknowledged');
  line.put({ kind: 'site', site: withWarranty('2027-07-01') });
  expect(open(line, 'pump')?.state).toBe('returned-unacknowledged');
  expect(line.alarmEvents()).toEqual(['raised pump.warranty-due', 'returned pump.warranty-due']);
});

test('a warranty that is over already, or that the site file drops, is told to nobody', () => {
  const line = new Timeline(withWarranty('2026-06-14'));
  line.run(5);
  expect(line.alarmEvents()).toEqual([]);
  line.put({ kind: 'site', site: withWarranty('2026-07-01') });
  expect(line.alarmEvents()).toEqual(['raised pump.warranty-due']);
  line.put({ kind: 'site', site });
  expect(open(line, 'pump')).toBeUndefined();
});
