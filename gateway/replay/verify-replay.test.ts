import { expect, test } from 'vitest';
import type { Change } from '../../model/history.ts';
import { differencesOf } from './verify-replay.ts';

const stamp = { logSeq: 7, logMs: 8 };
const down: Change = { kind: 'ledger', asset: 'lamp-1', class: 'down', fromMs: 5 };
const up: Change = { ...down, class: 'up' };
const rate: Change = { kind: 'rate', system: 's', rate: 'r', atMs: 1, value: null, low: 0, high: 1, coverage: 0.1 };

test('changes that are stored as they were made do not differ', () => {
  expect(differencesOf(stamp, [down, rate], [down, rate])).toEqual([]);
  // As JSON they are the same: a time that does not hold is null, and keys have no order.
  const stored = { fromMs: 5, class: 'down', asset: 'lamp-1', kind: 'ledger' } as const;
  expect(differencesOf(stamp, [stored], [{ ...down, correction: undefined } as unknown as Change])).toEqual([]);
});

test('says what is stored and what was made where they differ, down to the last digit', () => {
  expect(differencesOf(stamp, [down, rate], [up, { ...rate, coverage: 0.1 + Number.EPSILON / 8 }])).toEqual([
    { ...stamp, ordinal: 0, stored: down, replayed: up },
    { ...stamp, ordinal: 1, stored: rate, replayed: { ...rate, coverage: 0.1 + Number.EPSILON / 8 } },
  ]);
});

test('a change that only one of them has differs', () => {
  expect(differencesOf(stamp, [], [down])).toEqual([{ ...stamp, ordinal: 0, stored: undefined, replayed: down }]);
  expect(differencesOf(stamp, [down], [])).toEqual([{ ...stamp, ordinal: 0, stored: down, replayed: undefined }]);
});
