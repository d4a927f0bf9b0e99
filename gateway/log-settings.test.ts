import { expect, test } from 'vitest';
import { DEFAULT_LOG_BOUNDS } from './log/log-bounds.ts';
import { logBounds } from './log-settings.ts';

test('what is not set is as by default, and empty is not set', () => {
  expect(logBounds({ LAMPLIGHTER_LOG_GIB: '' })).toEqual(DEFAULT_LOG_BOUNDS);
});

test('takes GiB and days', () => {
  const env = {
    LAMPLIGHTER_LOG_GIB: '0.0625',
    LAMPLIGHTER_LOG_DAYS: '1.5',
    LAMPLIGHTER_ARCHIVE_GIB: '2',
    LAMPLIGHTER_ARCHIVE_DAYS: '30',
  };
  expect(logBounds(env)).toEqual({
    logBytes: 64 * 1024 ** 2,
    logAgeMs: 129_600_000,
    archiveBytes: 2 * 1024 ** 3,
    archiveAgeMs: 2_592_000_000,
    segmentBytes: 8 * 1024 ** 2,
  });
});

test.each(['much', '0', '-1', 'NaN', 'Infinity'])('refuses %s', (text) => {
  expect(() => logBounds({ LAMPLIGHTER_ARCHIVE_GIB: text })).toThrow(
    `not a value for LAMPLIGHTER_ARCHIVE_GIB: ${text}`,
  );
});
