import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LedgerClass } from '../../model/ledger.ts';
import type { Site } from '../../model/site.ts';
import { compileSite } from '../../rules/compile.ts';
import { allocateColumns, createEngineState, type EngineState } from '../../rules/state.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { StateDb } from './state-db.ts';
import { ledgerView, rateViews } from './view.ts';

const text = { zh: '梯', en: 'lift' };
const rate = (key: string, window: 'live' | 'month') => ({
  key,
  name: text,
  window,
  counted: window === 'live',
  target: 0.95,
});
const site: Site = {
  key: 'test',
  name: text,
  timeZone: 'Asia/Shanghai',
  latitude: 23,
  longitude: 113,
  systems: [
    { key: 'lifts', name: text, rates: [rate('in-service', 'live'), rate('availability', 'month')] },
    { key: 'doors', name: text, rates: [rate('in-service', 'live')] },
  ],
  links: [],
  assets: [],
  profiles: {},
  people: [],
  planned: [],
  campaigns: [],
  hash: 'h',
};

let state: EngineState;
let stateDb: StateDb;

beforeEach(() => {
  state = createEngineState();
  allocateColumns(state, compileSite(site, new Map()), 0);
  stateDb = new StateDb(tempFolder());
});
afterEach(() => stateDb.close());

test('rates are found by system, by key, by both, or all of them', () => {
  const found = (wanted: Parameters<typeof rateViews>[1], atMs = 1000) => {
    const rates = rateViews(state, wanted, atMs, 1000);
    return typeof rates === 'string' ? rates : rates.map((detail) => `${detail.system} ${detail.rate.key}`);
  };
  expect(found({})).toEqual(['lifts in-service', 'lifts availability', 'doors in-service']);
  expect(found({ system: 'lifts' })).toEqual(['lifts in-service', 'lifts availability']);
  expect(found({ rate: 'in-service' })).toEqual(['lifts in-service', 'doors in-service']);
  expect(found({ system: 'doors', rate: 'in-service' })).toEqual(['doors in-service']);
  expect(found({ system: 'pumps' })).toBe('unknown-system');
  expect(found({ system: 'doors', rate: 'availability' })).toBe('unknown-rate');
  expect(found({ rate: 'none' })).toBe('unknown-rate');
  // What is counted at this instant cannot be told of another one.
  expect(found({}, 999)).toEqual(['lifts availability']);
  expect(found({ rate: 'in-service' }, 999)).toEqual([]);
});

/** Puts stretches into the ledger of `lift`, each from its time on. */
function ledger(stretches: readonly (readonly [number, LedgerClass])[]): void {
  const changes = stretches.map(([fromMs, name], ordinal) => ({
    logSeq: 1,
    ordinal,
    change: { kind: 'ledger', asset: 'lift', class: name, fromMs } as const,
  }));
  stateDb.commit(1, changes, []);
}

test('a ledger is told in whole stretches, the one in progress without an end', () => {
  ledger([
    [0, 'unknown'],
    [100, 'up'],
    [200, 'down'],
    [200, 'planned'],
    [300, 'up'],
  ]);
  const all = [
    { fromMs: 0, toMs: 100, class: 'unknown' },
    { fromMs: 100, toMs: 200, class: 'up' },
    { fromMs: 200, toMs: 300, class: 'planned' },
    { fromMs: 300, toMs: null, class: 'up' },
  ];
  const told = (fromMs: number, toMs: number) => ledgerView(state, stateDb, 'lift', fromMs, toMs)?.stretches;
  expect(told(0, 1000)).toEqual(all);
  expect(told(150, 300)).toEqual(all.slice(1, 3));
  expect(told(200, 201)).toEqual(all.slice(2, 3));
  expect(told(400, 500)).toEqual(all.slice(3));
  expect(told(-500, 0)).toEqual([]);
  expect(ledgerView(state, stateDb, 'lift', 0, 1000)).toMatchObject({
    asset: 'lift',
    fromMs: 0,
    toMs: 1000,
    nextMs: null,
  });
  expect(ledgerView(state, stateDb, 'door', 0, 1000)).toBeUndefined();
  expect(ledgerView(state, stateDb, 'lift', -1000, -500)?.stretches).toEqual([]);
});

test('a long ledger is told in parts that go on where the one before ended', () => {
  const classes: LedgerClass[] = ['up', 'down'];
  ledger(Array.from({ length: 4500 }, (_, n) => [n * 10, classes[n % 2] as LedgerClass] as const));
  const seen: { fromMs: number; toMs: number | null }[] = [];
  let parts = 0;
  for (let fromMs: number | null = 0; fromMs !== null; parts++) {
    const part = ledgerView(state, stateDb, 'lift', fromMs, 45_000);
    seen.push(...(part?.stretches ?? []));
    fromMs = part?.nextMs ?? null;
  }
  expect(parts).toBe(3);
  expect(seen.map((stretch) => stretch.fromMs)).toEqual(Array.from({ length: 4500 }, (_, n) => n * 10));
  expect(seen.slice(0, -1).every(({ fromMs, toMs }) => toMs === fromMs + 10)).toBe(true);
});
