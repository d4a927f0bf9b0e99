import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Delivery } from '../../model/adapter.ts';
import type { Batch } from '../../model/sample.ts';
import { Collector } from './collector.ts';

/** An emit whose commits are ended by hand. */
function heldEmit() {
  const batches: Batch[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const emit = (batch: Batch): Delivery => {
    batches.push(batch);
    const kept = new Promise<void>((resolve, reject) => {
      ends.push((error) => (error ? reject(error) : resolve()));
    });
    return { taken: kept.then(() => ({ kept: true })), kept };
  };
  return { emit, batches, end: (error?: Error) => ends.shift()?.(error) };
}

function adder(collector: Collector) {
  const settled: string[] = [];
  const add = (name: string, samples = 1) =>
    collector.add(
      samples,
      (into) => {
        for (let i = 0; i < samples; i++) into.good(1, 1, 1, i);
      },
      { kept: (error) => settled.push(error ? `${name}: ${error.message}` : name) },
    );
  return { add, settled };
}

test('messages of one turn share a commit; those during a commit share the next', async () => {
  const held = heldEmit();
  const { add, settled } = adder(new Collector(held.emit));
  add('a');
  add('b');
  await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([2]);
  add('c');
  await turn();
  add('d');
  await turn();
  expect(held.batches).toHaveLength(1);
  expect(settled).toEqual([]);
  held.end();
  await turn();
  await turn();
  expect(settled).toEqual(['a', 'b']);
  expect(held.batches.map((batch) => batch.length)).toEqual([2, 2]);
});

test('a message that finds no room waits, and keeps its place', async () => {
  const held = heldEmit();
  const { add, settled } = adder(new Collector(held.emit, 4));
  expect(add('a', 3)).toBe(true);
  expect(add('b', 2)).toBe(false);
  expect(add('c', 1)).toBe(false);
  expect(add('d', 2)).toBe(false);
  await turn();
  held.end();
  await turn();
  await turn();
  held.end();
  await turn();
  await turn();
  held.end();
  await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([3, 3, 2]);
  expect(settled).toEqual(['a', 'b', 'c', 'd']);
});

test('a full batch does not wait for the one before it; four are under way at most, and what is not full waits', async () => {
  const held = heldEmit();
  const { add, settled } = adder(new Collector(held.emit, 2));
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'];
  expect(names.map((name) => add(name))).toEqual([true, true, ...names.slice(2).map(() => false)]);
  for (let n = 0; n < names.length; n++) await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2]);
  held.end();
  await turn();
  await turn();
  expect(held.batches).toHaveLength(5);
  // The last message is in a batch that is not full.
  for (let n = 0; n < 3; n++) held.end();
  await turn();
  await turn();
  expect(held.batches).toHaveLength(5);
  held.end();
  await turn();
  await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2, 1]);
  held.end();
  await turn();
  expect(settled).toEqual(names);
});

test('a message with more points than a batch holds goes alone', async () => {
  const held = heldEmit();
  const { add } = adder(new Collector(held.emit, 4));
  add('a', 1);
  expect(add('b', 9)).toBe(false);
  await turn();
  held.end();
  await turn();
  await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([1, 9]);
});

test('a failed commit is told to its messages only', async () => {
  const held = heldEmit();
  const { add, settled } = adder(new Collector(held.emit));
  add('a');
  await turn();
  add('b');
  held.end(new Error('disk full'));
  await turn();
  await turn();
  held.end();
  await turn();
  expect(settled).toEqual(['a: disk full', 'b']);
});

test('nobody is told after the end', async () => {
  const held = heldEmit();
  const collector = new Collector(held.emit);
  const { add, settled } = adder(collector);
  add('a');
  await turn();
  collector.close();
  held.end();
  await turn();
  expect(settled).toEqual([]);
});

/** A connection that reads on, one sample after the other, until it finds no room. */
function reader(collector: Collector, name: string, samples: number, told: string[]) {
  let next = 1;
  const receiver = {
    taken: () => undefined,
    kept: (ids: readonly number[], _late: boolean, error?: Error) =>
      void told.push(`${name} ${error?.message ?? 'stored'} ${ids.join(' ')}`),
    hasRoom: () => read(),
  };
  const read = () => {
    while (next <= samples) {
      const into = collector.place(1, receiver, next);
      if (into === undefined) return;
      into.good(1, 1, 1, next++);
    }
  };
  return read;
}

test('connections that find no room go on in turn, and each hears of its own messages', async () => {
  const held = heldEmit();
  const collector = new Collector(held.emit, 3);
  const told: string[] = [];
  reader(collector, 'a', 5, told)();
  reader(collector, 'b', 2, told)();
  for (const failure of [undefined, new Error('disk full'), undefined]) {
    await turn();
    held.end(failure);
    await turn();
  }
  await turn();
  expect(held.batches.map((batch) => batch.length)).toEqual([3, 3, 1]);
  expect(told).toEqual(['a stored 1 2 3', 'a disk full 4 5', 'b disk full 1', 'b stored 2']);
});

test('a message that wants no acknowledgement hears that it is taken, and no more', async () => {
  const held = heldEmit();
  const collector = new Collector(held.emit);
  const told: string[] = [];
  const receiver = {
    taken: (kept: boolean) => void told.push(`taken, kept ${kept}`),
    kept: () => void told.push('kept'),
    hasRoom: () => undefined,
  };
  collector.place(1, receiver, 0)?.good(1, 1, 1, 1);
  await turn();
  held.end();
  await turn();
  expect(told).toEqual(['taken, kept true']);
});

test('while the disk fails the rules go on, and who waits for the disk hears of it late', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const collector = new Collector(() => ({ taken: Promise.resolve({ kept: false }), kept: promise }));
  const told: string[] = [];
  const receiver = {
    taken: (kept: boolean) => void told.push(`taken, kept ${kept}`),
    kept: (ids: readonly number[], late: boolean) => void told.push(`kept ${ids.join(' ')}, late ${late}`),
    hasRoom: () => undefined,
  };
  collector.place(1, receiver, 5)?.good(1, 1, 1, 1);
  await turn();
  expect(told).toEqual(['taken, kept false']);
  resolve();
  await turn();
  expect(told).toEqual(['taken, kept false', 'kept 5, late true']);
});
