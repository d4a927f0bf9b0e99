import { expect, test } from 'vitest';
import { revisionOf } from './revision.ts';

const asked = { publishingMs: 250, samplingMs: 100 };

test('nothing is said where the server grants what was asked for, or is faster', () => {
  expect(revisionOf(asked, asked)).toBeNull();
  expect(revisionOf(asked, { publishingMs: 100, samplingMs: 0 })).toBeNull();
});

test('what is slower is said, beside what was asked for', () => {
  expect(revisionOf(asked, { publishingMs: 1000, samplingMs: 100 })).toEqual({
    zh: '发布间隔 1000 ms（要求 250 ms）',
    en: 'publishing each 1000 ms (250 ms was asked for)',
  });
  expect(revisionOf(asked, { publishingMs: 1000, samplingMs: 500 })?.en).toBe(
    'publishing each 1000 ms (250 ms was asked for); sampling each 500 ms (100 ms was asked for)',
  );
});
