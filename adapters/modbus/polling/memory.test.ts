import { describe, expect, test } from 'vitest';
import type { ModbusAddress } from '../address.ts';
import { HOLE_MEMORY_MS, MAX_HOLE_MEMORY_MS, TABLE_MEMORY_MS, UnitMemory } from './memory.ts';
import { type Block, cutKey } from './plan.ts';

const addresses = Array.from(
  { length: 8 },
  (_, address): ModbusAddress => ({
    unit: 1,
    table: 'holding',
    address,
    count: 1,
    type: 'uint16',
    bit: null,
    scale: 1,
    add: 0,
    noValue: [],
    wordOrder: null,
    byteOrder: null,
  }),
);
const block = (from: number, to: number): Block => ({
  unit: 1,
  table: 'holding',
  address: from,
  count: to - from,
  members: Array.from({ length: to - from }, (_, i) => from + i),
});
const REFUSED = { reason: 'modbus-exception', detail: 'exception 2' } as const;
const TIMEOUT = { reason: 'timeout' } as const;

describe('places that a unit refuses', () => {
  test('are tried again ever more rarely, and are no more once they can be read', () => {
    const memory = new UnitMemory();
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 6; i++) {
      memory.refused(block(3, 4), REFUSED, nowMs);
      const retryMs = memory.hole(3)?.retryMs ?? 0;
      expect(memory.dueHoles(false, retryMs - 1)).toEqual([]);
      expect(memory.dueHoles(false, retryMs)).toHaveLength(1);
      waits.push((retryMs - nowMs) / HOLE_MEMORY_MS);
      nowMs = retryMs;
    }
    const most = MAX_HOLE_MEMORY_MS / HOLE_MEMORY_MS;
    expect(waits).toEqual([1, 2, 4, 8, most, most]);
    expect([...memory.boundaries()]).toEqual([cutKey(1, 'holding', 3), cutKey(1, 'holding', 4)]);
    const { version } = memory;
    memory.readable([3]);
    expect(memory.hole(3)).toBeUndefined();
    expect(memory.boundaries().size).toBe(0);
    expect(memory.version, 'plans are made anew').toBeGreaterThan(version);
  });
});

describe('places on which a unit keeps silent', () => {
  test('are tried whole once more, then halved until one is left, which is then left alone', () => {
    const memory = new UnitMemory();
    memory.keptSilent(block(0, 8), TIMEOUT, addresses, 0);
    expect(memory.dueHoles(true, 0).map((hole) => hole.block)).toEqual([block(0, 8)]);
    let tries = 0;
    for (let [hole] = memory.dueHoles(true, 0); hole !== undefined; [hole] = memory.dueHoles(true, 0)) {
      tries += 1;
      if (hole.block.members.includes(5)) memory.keptSilent(hole.block, TIMEOUT, addresses, 0);
      else memory.readable(hole.block.members);
    }
    expect(tries).toBeLessThanOrEqual(8);
    expect(addresses.map((_, member) => memory.hole(member) !== undefined).indexOf(true)).toBe(5);
    expect(memory.nextSilentMs).toBe(HOLE_MEMORY_MS);
    for (const member of [0, 4, 6, 7]) expect(memory.hole(member)).toBeUndefined();
  });
});

test('a table for which a unit has no function is told once, and tried again after twice the time', () => {
  const memory = new UnitMemory();
  expect(memory.lacksTable('input', REFUSED, 0)).toBe(true);
  expect(memory.lackingTable('input', TABLE_MEMORY_MS - 1)).toEqual(REFUSED);
  expect(memory.lackingTable('holding', 0)).toBeUndefined();
  expect(memory.lackingTable('input', TABLE_MEMORY_MS)).toBeUndefined();
  expect(memory.lacksTable('input', REFUSED, TABLE_MEMORY_MS)).toBe(false);
  expect(memory.lackingTable('input', 3 * TABLE_MEMORY_MS - 1)).toEqual(REFUSED);
  memory.hasTable('input');
  expect(memory.lackingTable('input', TABLE_MEMORY_MS + 1)).toBeUndefined();
});
