import { expect, test } from 'vitest';
import type { Finding } from '../model/probe.ts';
import { findingLines } from './finding-text.ts';

const finding: Finding = {
  outcome: 'refused',
  facts: [
    { key: 'unit', name: { zh: '站号', en: 'unit' }, value: '7' },
    { key: 'register', name: { zh: '手册地址', en: 'register' }, value: { zh: '无', en: 'none' } },
  ],
  tables: [
    {
      key: 't',
      title: { zh: '表', en: 'Table' },
      columns: [
        { key: 'a', title: { zh: '地址', en: 'address' }, right: true },
        { key: 'b', title: 'raw' },
      ],
      rows: [
        ['1', 'x'],
        ['100', { zh: '状态', en: 'state' }],
      ],
    },
  ],
  trouble: { what: { zh: '没有\u001b[31m', en: 'no such place\u001b[31m' }, next: [{ zh: '试 2', en: 'try 2' }] },
};

test('facts and tables stand in columns, in both languages; then what went wrong, and what to try', () => {
  expect(findingLines(finding, 'en')).toEqual([
    'unit      7',
    'register  none',
    '',
    'Table:',
    'address  raw',
    '      1  x',
    '    100  state',
    '',
    '✖ no such place·[31m',
    '  → try 2',
  ]);
  expect(findingLines(finding, 'zh')).toEqual([
    '站号      7',
    '手册地址  无',
    '',
    '表：',
    '地址  raw',
    '   1  x',
    ' 100  状态',
    '',
    '✖ 没有·[31m',
    '  → 试 2',
  ]);
});
