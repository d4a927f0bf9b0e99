import { expect, it } from 'vitest';
import { downtimeText } from './downtime.ts';
import { en } from './en.ts';
import { zhCN } from './zh-cn.ts';

const MINUTE_MS = 60_000;

it.each([
  [0, '3 号电梯本月停运时间已用完', 'Lift 3 has used up its downtime this month'],
  [59_999, '3 号电梯本月还可停运不到 1 分钟', 'Lift 3 may stop less than 1 more minute this month'],
  [MINUTE_MS, '3 号电梯本月还可停运 1 分钟', 'Lift 3 may stop 1 more minute this month'],
  [42 * MINUTE_MS - 1, '3 号电梯本月还可停运 41 分钟', 'Lift 3 may stop 41 more minutes this month'],
  [312 * MINUTE_MS, '3 号电梯本月还可停运 5 小时 12 分', 'Lift 3 may stop 5 h 12 min more this month'],
])('%d ms', (ms, zh, english) => {
  expect(downtimeText('3 号电梯', ms, 'month', zhCN)).toBe(zh);
  expect(downtimeText('Lift 3', ms, 'month', en)).toBe(english);
});

it('names the window that the time belongs to', () => {
  expect(downtimeText('Lift 3', MINUTE_MS, 'campaign', en)).toContain('in this campaign');
  expect(downtimeText('3 号电梯', MINUTE_MS, 'day', zhCN)).toContain('今日');
});
