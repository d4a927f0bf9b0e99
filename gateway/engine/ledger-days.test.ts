import { beforeEach, expect, test } from 'vitest';
import { compileSite } from '../../rules/compile.ts';
import { classNumber } from '../../rules/ledger/ledger.ts';
import { allocateColumns, createEngineState, type EngineState } from '../../rules/state.ts';
import { richSite } from '../../test/support/rich-site.ts';
import { ledgerDays } from './ledger-days.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Midnight of 2026-06-01 at the site. */
let startMs: number;
let state: EngineState;
let keys: string[];

beforeEach(() => {
  state = createEngineState();
  const plan = compileSite(richSite, new Map());
  startMs = plan.calendar.half(Math.floor(Date.UTC(2026, 5, 1) / DAY_MS) * 2).startMs;
  allocateColumns(state, plan, startMs);
  keys = richSite.assets.slice(0, 2).map(({ key }) => key);
});

function set(asset: string, name: keyof typeof classNumber, atMs: number): void {
  const { plan, ledger } = state;
  if (!plan) throw new Error('no site');
  ledger.set(plan.assetIndex.get(asset) as number, classNumber[name], atMs, plan.calendar);
}

test('every ms of every day is of one class, the stretch in progress up to now', () => {
  const [first = '', second = ''] = keys;
  set(first, 'up', startMs + 6 * HOUR_MS);
  set(first, 'down', startMs + 30 * HOUR_MS);
  set(first, 'up', startMs + 31 * HOUR_MS);
  set(second, 'up', startMs);
  set(second, 'planned', startMs + 2 * DAY_MS + HOUR_MS);
  const nowMs = startMs + 2 * DAY_MS + 5 * HOUR_MS;
  const days = ledgerDays(state, [second, first], { lastMs: nowMs, count: 4, nowMs });
  if (typeof days !== 'object') throw new Error(String(days));
  expect(days.days.map(({ date }) => date)).toEqual(['2026-05-31', '2026-06-01', '2026-06-02', '2026-06-03']);
  expect(days.days[1]).toMatchObject({ fromMs: startMs, toMs: startMs + DAY_MS });
  const hours = (list: readonly number[] | undefined) => list?.map((ms) => ms / HOUR_MS);
  const [of2, of1] = days.assets;
  expect([of2?.asset, of1?.asset]).toEqual([second, first]);
  expect(hours(of1?.unknown)).toEqual([0, 6, 0, 0]);
  expect(hours(of1?.up)).toEqual([0, 18, 23, 5]);
  expect(hours(of1?.down)).toEqual([0, 0, 1, 0]);
  expect(hours(of2?.up)).toEqual([0, 24, 24, 1]);
  expect(hours(of2?.planned)).toEqual([0, 0, 0, 4]);
  expect(hours(of2?.notRequired)).toEqual([0, 0, 0, 0]);
});

test('names an asset that is not there, and knows nothing before there is a site', () => {
  const span = { lastMs: startMs, count: 1, nowMs: startMs };
  expect(ledgerDays(state, [...keys, 'nobody'], span)).toBe('nobody');
  expect(ledgerDays(createEngineState(), keys, span)).toBeUndefined();
});
