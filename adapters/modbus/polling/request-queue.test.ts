import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PERSON, RequestQueue, type Waiting } from './request-queue.ts';

const entry = (unit: number, urgency: number) => ({ unit, urgency });

test('the most urgent goes first, among equals the one that came first, and no unit has two under way', () => {
  const queue = new RequestQueue(2);
  const [slow, fast, other, same] = [entry(1, 2), entry(2, 1), entry(3, 2), entry(2, 1)];
  for (const one of [slow, fast, other, same]) queue.add(one);
  expect(queue.next()).toBe(fast);
  expect(queue.next(), 'unit 2 is under way').toBe(slow);
  expect(queue.next(), 'two are under way').toBeUndefined();
  queue.done(1);
  expect(queue.next()).toBe(other);
  queue.done(2);
  expect(queue.next()).toBe(same);
});

test('a person goes before the polls, yet not twice in a row while a poll could go', () => {
  const queue = new RequestQueue(1);
  const gone: number[] = [];
  for (const unit of [1, 2]) queue.add(entry(unit, 1));
  for (const unit of [7, 8, 9]) queue.add(entry(unit, PERSON));
  for (let one = queue.next(); one !== undefined; one = queue.next()) {
    gone.push(one.unit);
    queue.done(one.unit);
  }
  expect(gone).toEqual([7, 1, 8, 2, 9]);
});

test('whatever comes and ends: nothing is lost, doubled, over the bounds, or kept waiting beside a free place', () => {
  const step = fc.oneof(
    fc.record({ add: fc.record({ unit: fc.nat(4), urgency: fc.nat(3) }) }),
    fc.record({ done: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (parallel, steps) => {
      const queue = new RequestQueue<Waiting>(parallel);
      const waiting = new Set<Waiting>();
      const underWay = new Set<number>();
      for (const one of steps) {
        if ('add' in one) {
          waiting.add(one.add);
          queue.add(one.add);
        } else {
          underWay.delete(one.done);
          queue.done(one.done);
        }
        for (let taken = queue.next(); taken !== undefined; taken = queue.next()) {
          expect(waiting.delete(taken)).toBe(true);
          expect(underWay.has(taken.unit)).toBe(false);
          underWay.add(taken.unit);
        }
        expect(underWay.size).toBeLessThanOrEqual(parallel);
        expect(queue.waiting).toBe(waiting.size);
        const couldGo = [...waiting].some(({ unit }) => !underWay.has(unit)) && underWay.size < parallel;
        expect(couldGo).toBe(false);
      }
    }),
  );
});
