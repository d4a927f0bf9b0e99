import { expect, test } from 'vitest';
import { Promised } from './promised.ts';

test('who asks before and who asks afterwards hear the same', async () => {
  const one = new Promised<number>();
  const early = one.promise;
  one.resolve(1);
  one.resolve(2);
  one.reject(new Error('too late'));
  expect([await early, await one.promise]).toEqual([1, 1]);
  expect(one.promise).toBe(early);
});

test('what is rejected is told to those who ask, and need not be heard', async () => {
  const one = new Promised<number>();
  const unheard = new Promised<number>();
  void unheard.promise;
  one.reject(new Error('gone'));
  unheard.reject(new Error('gone'));
  await expect(one.promise).rejects.toThrow('gone');
});
