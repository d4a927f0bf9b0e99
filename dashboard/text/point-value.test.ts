import { describe, expect, it } from 'vitest';
import type { PointReply } from '../../gateway/http/contract.ts';
import { en } from './en.ts';
import { makeFormat } from './format.ts';
import { pointValueText } from './point-value.ts';

const format = makeFormat('en', 'UTC', en);

function text(more: Partial<PointReply>): string | undefined {
  const point: PointReply = {
    key: 'a/p',
    asset: 'a',
    point: 'p',
    name: { zh: '点', en: 'point' },
    kind: 'double',
    unit: null,
    states: null,
    value: null,
    quality: 'good',
    reason: null,
    sourceMs: null,
    receivedMs: null,
    ...more,
  };
  return pointValueText(point, format, 'en', en);
}

describe('pointValueText', () => {
  it('has nothing to show where there is no value', () => {
    expect(text({ value: null, quality: 'stale' })).toBeUndefined();
    expect(text({ value: null, kind: 'bitset' })).toBeUndefined();
  });

  it('names states', () => {
    const states = { 1: { zh: '正常', en: 'normal' }, 0: { zh: '停', en: 'stopped' } };
    expect(text({ kind: 'enum', value: 1, states })).toBe('normal');
    expect(text({ kind: 'bool', value: false, states })).toBe('stopped');
    expect(text({ kind: 'enum', value: 7, states })).toBe('7');
    expect(text({ kind: 'bool', value: 1 })).toBe('Yes');
  });

  it('lists the bits that are set, the highest too', () => {
    const states = { 5: { zh: '启动失败', en: 'fail to start' } };
    expect(text({ kind: 'bitset', value: 0, states })).toBe('none');
    expect(text({ kind: 'bitset', value: 2 ** 31 + 2 ** 5, states })).toBe('fail to start, bit 31');
  });
});
