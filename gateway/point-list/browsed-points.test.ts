import { expect, test } from 'vitest';
import { harmless } from '../finding-text.ts';
import { BrowsedPoints } from './browsed-points.ts';

test('what a controller calls things is shown, and not obeyed by the terminal or workbook that it comes into', () => {
  const cells = {
    ...{ asset: 'pump-1', assetName: '一号泵\u001b[2J', address: '{}', point: 'mode', pointName: 'mode\u0007' },
    ...{ kind: 'enum', engineeringUnit: 'b\u0000r', low: '', high: '', states: '{"1":"on\u005cn!"}' },
    ...{ mapPoint: '{"node":"s=x"}', value: '1\r' },
  };
  const columns = Object.keys(cells).map((key) => ({ key, title: key }));
  const found = new BrowsedPoints(harmless);
  found.take({ kind: 'table', table: { key: 'points', title: { zh: '点', en: 'points' }, columns } });
  found.take({ kind: 'row', table: 'points', key: 'pump-1/mode', cells: Object.values(cells) });
  expect(found.points).toMatchObject([
    { assetName: '一号泵·[2J', pointName: 'mode·', engineeringUnit: 'b·r', states: { 1: 'on·!' }, value: '1·' },
  ]);
});
