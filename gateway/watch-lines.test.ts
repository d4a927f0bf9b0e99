import { describe, expect, test } from 'vitest';
import type { PointReply } from './http/contract.ts';
import { jsonLine, type LineForm, markOf, textLine } from './watch-lines.ts';

const point: PointReply = {
  key: 'meter-1/voltage',
  asset: 'meter-1',
  point: 'voltage',
  name: { zh: '电压', en: 'voltage' },
  kind: 'double',
  unit: 'V',
  states: null,
  value: 230.5,
  quality: 'good',
  reason: null,
  sourceMs: 1000,
  receivedMs: 1200,
};
const bad: PointReply = {
  ...point,
  value: null,
  quality: 'bad',
  reason: { code: 'modbus-exception', text: { zh: '异常', en: 'exception' }, detail: 'exception 2' },
};
const stamp = (ms: number) => `${new Date(ms).toISOString().slice(0, -1)}+00:00`;
const en: LineForm = { language: 'en', stamp, keyWidth: 18 };
const zh: LineForm = { ...en, language: 'zh' };

describe('a line for people', () => {
  test('has time, point, value with its unit, and quality', () => {
    expect(textLine(point, 9000, en)).toBe('1970-01-01 00:00:01.000  meter-1/voltage     230.5 V         good');
  });

  test('says why a value is bad, in the reader’s language and in the same columns', () => {
    expect(textLine(bad, 9000, en)).toBe(
      '1970-01-01 00:00:01.000  meter-1/voltage     —               bad          exception (exception 2)',
    );
    expect(textLine(bad, 9000, zh)).toBe(
      '1970-01-01 00:00:01.000  meter-1/voltage     —               坏      异常 (exception 2)',
    );
  });

  test('has the site’s time where the change is that nothing came', () => {
    const stale: PointReply = {
      ...bad,
      quality: 'stale',
      reason: { code: 'stale', text: { zh: '久', en: 'old' }, detail: null },
    };
    expect(textLine(stale, 9000, en)).toContain('00:00:09.000');
    expect(textLine({ ...stale, quality: 'none', reason: null, sourceMs: null }, 9000, en)).toContain('00:00:09.000');
  });

  test.each([
    [{ kind: 'bool', value: true, unit: null, states: { 1: { zh: '合', en: 'closed' } } }, 'true closed'],
    [{ value: 16_084.790_039_062_5, unit: 'kWh' }, '16084.79004 kWh'],
    [{ value: 123_456_789_012, unit: null }, '123456789012'],
    [{ kind: 'enum', value: 2, unit: null, states: { 1: { zh: '合', en: 'closed' } } }, '2'],
    [
      { kind: 'bitset', value: 5, unit: null, states: { 0: { zh: '甲', en: 'A' }, 2: { zh: '丙', en: 'C' } } },
      '5 A; C',
    ],
  ] as const)('names states, units and no more digits than there are: %j', (part, text) => {
    expect(textLine({ ...point, ...part }, 0, en)).toContain(`  ${text}  `);
  });
});

test('what a device sent is never obeyed by the terminal', () => {
  const text: PointReply = { ...point, kind: 'text', unit: null, value: 'a\u001b[2Jb\nc\u009bd' };
  expect(textLine(text, 0, en)).toContain('a·[2Jb·c·d');
});

test('a line for machines has keys in English and the reason’s code', () => {
  expect(JSON.parse(jsonLine(bad, 9000, 'change', stamp))).toEqual({
    event: 'change',
    time: '1970-01-01T00:00:01.000+00:00',
    key: 'meter-1/voltage',
    value: null,
    unit: 'V',
    quality: 'bad',
    reason: 'modbus-exception',
    detail: 'exception 2',
    sourceMs: 1000,
    receivedMs: 1200,
  });
});

test('a further reply with the same value is no change; another reason is one', () => {
  expect(markOf({ ...point, sourceMs: 5, receivedMs: 6 })).toBe(markOf(point));
  const other = { code: 'modbus-exception', text: { zh: '', en: '' }, detail: 'exception 3' };
  expect(markOf({ ...bad, reason: other })).not.toBe(markOf(bad));
  expect(markOf({ ...point, quality: 'uncertain' })).not.toBe(markOf(point));
});
