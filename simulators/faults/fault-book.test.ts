import { beforeEach, expect, test } from 'vitest';
import { Plant } from '../plant/plant.ts';
import { FaultBook } from './fault-book.ts';
import { faultKinds } from './fault-kinds.ts';
import { WireFaults } from './wire-faults.ts';

const START_MS = Date.parse('2026-06-15T20:30+08:00');

let plant: Plant;
let wires: WireFaults;
let book: FaultBook;

beforeEach(() => {
  plant = new Plant(1, START_MS);
  wires = new WireFaults();
  book = new FaultBook(faultKinds(plant, wires));
});

function inject(name: string, asset?: string, forMs?: number) {
  const injection = book.inject(name, asset, forMs, plant.nowMs, {});
  if (injection.outcome !== 'standing') throw new Error(injection.outcome);
  return injection.fault;
}

const advance = (byMs: number) => plant.advanceTo(plant.nowMs + byMs, (nowMs) => book.expire(nowMs));

test.each([
  ['trapped-passenger', 'lift-1'],
  ['feeder-trip', 'feeder-1'],
  ['lamp-out', 'feeder-1-lamp-01'],
  ['camera-lost', 'camera-01'],
  ['door-forced', 'door-1'],
  ['fire-pump-fail-to-start', 'fire-pump-1'],
  ['intercom-lost', 'intercom-1'],
  ['controller-unplugged', 'fire-pump-1'],
  ['lift-out-of-service', 'lift-1'],
  ['camera-recording-stopped', 'nvr-1'],
  ['frozen-value', 'lift-1'],
  ['bad-quality', 'lift-1'],
  ['modbus-exception', 'fire-pump-1'],
  ['garbage-payload', 'nvr-1'],
])('%s takes %s if no asset is named', (name, asset) => {
  expect(inject(name).asset).toBe(asset);
  expect(book.kinds.map((kind) => kind.name)).toContain(name);
});

test('a fault ends by itself at its site time', () => {
  const fault = inject('intercom-lost', 'intercom-3', 60_000);
  expect(fault.untilMs).toBe(START_MS + 60_000);
  advance(59_900);
  expect(plant.intercoms[2]?.status).toBe('Unreachable');
  advance(100);
  expect(plant.intercoms[2]?.status).toBe('Reachable');
  expect(book.list()).toEqual([]);
});

test('a fault that stands is renewed, not doubled; the next one without a name takes the next asset', () => {
  const first = inject('door-forced', 'door-1', 1000);
  const renewed = inject('door-forced', 'door-1');
  expect(renewed).toEqual({ ...first, untilMs: null });
  expect(inject('door-forced').asset).toBe('door-2');
  expect(book.list()).toHaveLength(2);
  advance(2000);
  expect(book.endAll()).toHaveLength(2);
  expect(plant.doors.every(({ alarm }) => alarm === 0)).toBe(true);
});

test('what does not exist or does not fit is refused with what would', () => {
  expect(book.inject('x', undefined, undefined, 0, {})).toMatchObject({ outcome: 'unknown-fault' });
  expect(book.inject('door-forced', 'lift-1', undefined, 0, {})).toEqual({
    outcome: 'unknown-asset',
    assets: plant.doors.map(({ key }) => key),
  });
  const dark = plant.feeders[0]?.lamps.find(({ lit }) => !lit)?.key ?? '';
  const refusal = book.inject('lamp-out', dark, undefined, 0, {});
  expect(refusal.outcome).toBe('unknown-asset');
  expect(refusal.outcome === 'unknown-asset' && refusal.assets).toHaveLength(53);
  expect(book.end('fault-1')).toBeUndefined();
});

test('an unplugged asset takes its link with it', () => {
  const links = [
    'feeder-2',
    'b3-f1-lamp-2',
    'door-4',
    'camera-07',
    'feeder-1-lamp-09',
    'intercom-2',
    'lifts',
    'field-bus',
  ];
  expect(links.map((asset) => inject('controller-unplugged', asset).asset)).toEqual([
    'street-cabinet',
    'floor-light',
    'doors',
    'cctv',
    'streetlight',
    'intercom',
    'lifts',
    'field-bus',
  ]);
  expect(wires.unplugged.size).toBe(8);
  book.endAll();
  expect(wires.unplugged.size).toBe(0);
});

test('a frozen value stays as it was first seen, until it thaws', () => {
  inject('frozen-value', 'lift-2');
  expect([5, 6, 7].map((floor) => wires.firstValue('lift-2', floor))).toEqual([5, 5, 5]);
  expect(wires.firstValue('lift-3', 8)).toBe(8);
  book.endAll();
  expect(wires.firstValue('lift-2', 9)).toBe(9);
});
