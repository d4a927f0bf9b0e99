import { describe, expect, it } from 'vitest';
import type { RateReply } from '../../gateway/http/contract.ts';
import { en } from './en.ts';
import { gapText } from './gap.ts';
import { unitOf } from './unit.ts';
import { zhCN } from './zh-cn.ts';

function rate(more: Partial<RateReply>): RateReply {
  return {
    key: 'lit',
    name: { zh: '亮灯率', en: 'Lit rate' },
    window: 'live',
    counted: true,
    value: 0.9,
    low: 0.9,
    high: 0.9,
    strict: 0.9,
    coverage: 1,
    target: 0.95,
    coverageTarget: null,
    fromMs: null,
    toMs: null,
    verdict: 'missed',
    provisional: false,
    due: 10,
    short: null,
    allowed: null,
    worst: null,
    missed: [],
    downtimeLeft: null,
    ...more,
  };
}

describe('gapText', () => {
  it.each<[Partial<RateReply>, string, string]>([
    [{ short: 3 }, '差 3 盏', '3 lamps short'],
    [{ short: 1 }, '差 1 盏', '1 lamp short'],
    [{ short: 2, verdict: 'undetermined' }, '未知按坏计，差 2 盏', '2 lamps short if unknown are bad'],
    [{ short: 0, allowed: 0, verdict: 'met' }, '可再坏 0', '0 allowed to fail'],
    [{ verdict: 'missed', value: 0.9496 }, '低于目标 0.04 个百分点', '0.04 points below target'],
    [{ verdict: 'met', value: 0.9982 }, '高于目标 4.8 个百分点', '4.8 points above target'],
    [{ verdict: 'undetermined' }, '未知时间过多，尚不能判定', 'too much unknown time to tell'],
    [
      { verdict: 'undetermined', coverage: 0.8996, coverageTarget: 0.9, allowed: 3, short: 0 },
      '数据覆盖 89.96 %，要求 90 %',
      'only 89.96 % of data known, 90 % needed',
    ],
    [
      { verdict: 'undetermined', coverage: 0.9, coverageTarget: 0.9, allowed: 3, short: 0 },
      '可再坏 3',
      '3 allowed to fail',
    ],
    [{ verdict: 'undetermined', value: null }, '没有已知数据', 'nothing known'],
    [{ verdict: 'none', value: null }, '此时没有应计设备', 'nothing due at present'],
  ])('%o', (more, zh, english) => {
    expect(gapText(rate(more), unitOf(zhCN, 'streetlight'), zhCN)).toBe(zh);
    expect(gapText(rate(more), unitOf(en, 'streetlight'), en)).toBe(english);
  });

  it('counts in assets where a site has a system of its own', () => {
    expect(gapText(rate({ short: 2 }), unitOf(en, 'fountain'), en)).toBe('2 assets short');
  });
});
