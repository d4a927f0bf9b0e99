import { expect, test } from 'vitest';
import { stampFormat } from '../../model/stamp-format.ts';
import { momentFormat, momentMs, parseMoment } from './moment.ts';

const read = (text: string, timeZone: string) => {
  const moment = parseMoment(text);
  return moment && new Date(momentMs(moment, timeZone)).toISOString();
};

test.each([
  ['2026-06-15T20:30+08:00', '2026-06-15T12:30:00.000Z'],
  ['2026-06-15T20:30:15.25Z', '2026-06-15T20:30:15.250Z'],
  ['1781526600000', '2026-06-15T12:30:00.000Z'],
  ['2026-06-15T20:30', '2026-06-15T12:30:00.000Z'],
  ['2026-06-15 20:30:01.007', '2026-06-15T12:30:01.007Z'],
  ['2026-06-15', '2026-06-14T16:00:00.000Z'],
])('reads %s as %s in Shanghai', (text, iso) => {
  expect(read(text, 'Asia/Shanghai')).toBe(iso);
});

test('reads a local time as the clocks show it on that date', () => {
  expect(read('2026-07-01T12:00', 'Europe/Berlin')).toBe('2026-07-01T10:00:00.000Z');
  expect(read('2026-01-01T12:00', 'Europe/Berlin')).toBe('2026-01-01T11:00:00.000Z');
  // 02:30 is left out on the night on which the clocks are put forward.
  expect(read('2026-03-29T02:30', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
  expect(read('2026-06-15T23:59', 'Pacific/Auckland')).toBe('2026-06-15T11:59:00.000Z');
  expect(read('2026-06-15T00:01', 'America/Los_Angeles')).toBe('2026-06-15T07:01:00.000Z');
});

test.each(['', 'now', '2026-02-30', '2026-02-30T10:00Z', '2026-06-15T25:00', '2026-06-15T20', '123', '15.06.2026'])(
  'does not read %j',
  (text) => expect(parseMoment(text)).toBeUndefined(),
);

test('writes a time so that it can be read again', () => {
  const ms = Date.parse('2026-06-15T12:30:01.007Z');
  const text = momentFormat('Asia/Shanghai')(ms);
  expect(text).toBe('2026-06-15T20:30:01.007');
  expect(read(text, 'Asia/Shanghai')).toBe('2026-06-15T12:30:01.007Z');
  expect(momentFormat('Asia/Shanghai')(Date.parse('2026-06-14T16:00Z'))).toBe('2026-06-15T00:00:00.000');
});

test.each([
  ['Asia/Shanghai', '2026-06-15T12:30:00.007Z', '2026-06-15T20:30:00.007+08:00'],
  ['Asia/Kathmandu', '2026-06-15T12:30:00Z', '2026-06-15T18:15:00.000+05:45'],
  ['America/St_Johns', '2026-01-01T00:00:00Z', '2025-12-31T20:30:00.000-03:30'],
  ['UTC', '2026-06-15T12:30:00Z', '2026-06-15T12:30:00.000+00:00'],
])('a stamp of %s has its offset', (timeZone, iso, stamp) => {
  expect(stampFormat(timeZone)(Date.parse(iso))).toBe(stamp);
  expect(Date.parse(stamp)).toBe(Date.parse(iso));
});

test('a stamp has the offset of its own moment, where summer time ends', () => {
  const stamp = stampFormat('Europe/Berlin');
  const endMs = Date.parse('2026-10-25T01:00:00Z');
  const stamps = [-1, 0, 1].map((ms) => stamp(endMs + ms));
  expect(stamps).toEqual([
    '2026-10-25T02:59:59.999+02:00',
    '2026-10-25T02:00:00.000+01:00',
    '2026-10-25T02:00:00.001+01:00',
  ]);
  expect(stamps.map((text) => parseMoment(text))).toEqual([{ ms: endMs - 1 }, { ms: endMs }, { ms: endMs + 1 }]);
});

test.each([
  [8.64e15, '8640000000000000'],
  [-8.64e15, '-8640000000000000'],
])('a stamp of a time that no date holds with an offset is the number: %d', (ms, stamp) => {
  expect(stampFormat('Asia/Shanghai')(ms)).toBe(stamp);
});
