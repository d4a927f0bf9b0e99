import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogProgress, MAX_AHEAD } from './log-progress.ts';

test('goes on without a gap, whatever the order in which stretches are done', () => {
  const progress = new LogProgress(10);
  progress.done(20, 30);
  expect(progress).toMatchObject({ prefix: 10, ahead: [{ afterSeq: 20, throughSeq: 30 }] });
  expect(progress.firstGap(40)).toEqual({ afterSeq: 10, throughSeq: 20 });
  expect(progress.firstGap(15)).toEqual({ afterSeq: 10, throughSeq: 15 });
  progress.done(10, 20);
  expect(progress).toMatchObject({ prefix: 30, ahead: [] });
  expect(progress.firstGap(30)).toBeUndefined();
  progress.done(3, 8);
  expect(progress.prefix).toBe(30);
});

test('never says of a record that it is done which is not, and forgets only where there are too many stretches', () => {
  const stretch = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 6 }));
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 120 }), (stretches) => {
      const progress = new LogProgress(0);
      const done = new Set<number>();
      let forgets = false;
      for (const [after, length] of stretches) {
        progress.done(after, after + length);
        for (let seq = after + 1; seq <= after + length; seq++) done.add(seq);
        forgets ||= progress.ahead.length === MAX_AHEAD;
        const claimed = new Set<number>();
        for (let seq = 1; seq <= progress.prefix; seq++) claimed.add(seq);
        for (const { afterSeq, throughSeq } of progress.ahead) {
          expect(afterSeq).toBeGreaterThan(progress.prefix);
          for (let seq = afterSeq + 1; seq <= throughSeq; seq++) claimed.add(seq);
        }
        expect([...claimed].every((seq) => done.has(seq))).toBe(true);
        if (!forgets) expect(claimed.size).toBe(done.size);
        expect(progress.ahead.length).toBeLessThanOrEqual(MAX_AHEAD);
      }
    }),
  );
});
