import { expect, test } from 'vitest';
import { textTable, textWidth } from './text-table.ts';

test.each([
  ['', 0],
  ['lamp', 4],
  ['路灯', 4],
  ['1 号灯', 6],
  ['（近似）', 8],
  ['未恢复，', 8],
  ['é', 1],
  ['é', 1],
  ['カタ', 4],
])('%j takes %i cells', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

test('columns stand below each other whatever language their cells are in', () => {
  const columns = [{ title: '资产' }, { title: 'ms', right: true }, { title: '状态' }];
  expect(
    textTable(columns, [
      ['1 号灯', '7', '正常'],
      ['x', '12345', 'up'],
    ]),
  ).toEqual([
    '资产       ms  状态', //
    '1 号灯      7  正常',
    'x       12345  up',
  ]);
});
