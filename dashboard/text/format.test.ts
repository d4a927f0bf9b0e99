import { describe, expect, it } from 'vitest';
import { en } from './en.ts';
import { formatDuration, makeFormat } from './format.ts';
import { preferredLanguage } from './language.ts';
import { zhCN } from './zh-cn.ts';

const zh = makeFormat('zh', 'Asia/Shanghai', zhCN);
const english = makeFormat('en', 'Asia/Shanghai', en);
const EVENING_MS = Date.UTC(2026, 5, 15, 16, 5, 9);

describe('makeFormat', () => {
  it('shows the site’s time of day, not the browser’s, on a 24-hour clock that starts at 00', () => {
    expect(zh.time(EVENING_MS)).toBe('00:05:09');
    expect(english.time(EVENING_MS)).toBe('00:05:09');
  });

  it('puts the date in front of a moment of another site day', () => {
    expect(zh.moment(EVENING_MS, EVENING_MS + 60_000)).toBe('00:05:09');
    // The day before in Shanghai, the same day in UTC.
    expect(zh.moment(EVENING_MS - 600_000, EVENING_MS)).toBe('6月15日 23:55');
    expect(english.moment(EVENING_MS - 600_000, EVENING_MS)).toBe('15 Jun 23:55');
  });

  it('puts the year too in front of a moment of another year', () => {
    const yearLaterMs = EVENING_MS + 365 * 86_400_000;
    expect(zh.moment(EVENING_MS - 600_000, yearLaterMs)).toBe('2026年6月15日 23:55');
    expect(english.moment(EVENING_MS - 600_000, yearLaterMs)).toBe('15 Jun 2026 23:55');
  });

  it('says when something is fresh instead of counting', () => {
    expect(english.ago(EVENING_MS, EVENING_MS + 1_999)).toBe('just now');
    expect(english.ago(EVENING_MS, EVENING_MS + 2_000)).toBe('2 s ago');
    // A device clock that is ahead.
    expect(zh.ago(EVENING_MS + 5_000, EVENING_MS)).toBe('刚刚');
  });

  it.each([
    [396.44, '396.4'],
    [7.904, '7.9'],
    [0.125, '0.13'],
    [12_345.6, '12,346'],
    [-3, '-3'],
  ])('writes %d as %s', (value, text) => {
    expect(english.number(value)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [-5, '0 s', '0 秒'],
    [59_999, '59 s', '59 秒'],
    [60_000, '1 min 0 s', '1 分 0 秒'],
    [600_000, '10 min', '10 分钟'],
    [3_600_000, '1 h 0 min', '1 小时 0 分'],
    [90_000_000, '1 d 1 h', '1 天 1 小时'],
  ])('%d ms', (ms, inEnglish, inChinese) => {
    expect(formatDuration(ms, en)).toBe(inEnglish);
    expect(formatDuration(ms, zhCN)).toBe(inChinese);
  });
});

describe('preferredLanguage', () => {
  it.each([
    [['zh-TW', 'en'], 'zh'],
    [['de-DE', 'zh-CN', 'en'], 'zh'],
    [['en-US', 'zh'], 'en'],
    [['fr'], 'en'],
    [[], 'en'],
  ] as const)('%o is %s', (languages, language) => {
    expect(preferredLanguage(languages)).toBe(language);
  });
});
