import { expect, test } from 'vitest';
import type { Activation, AlarmEvent } from '../../model/alarm.ts';
import type { Change } from '../../model/history.ts';
import type { LedgerClass } from '../../model/ledger.ts';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { RunAccount } from './run-account.ts';
import { type SideBySide, sideBySide } from './side-by-side.ts';

const text = { zh: '灯', en: 'lamp' };
const FROM_MS = 1_000_000;
const TO_MS = 1_100_000;

type Times = Partial<Activation> & { readonly sinceMs: number };

function activation(asset: string, times: Times): Activation {
  const { sinceMs } = times;
  const dark = {
    activationId: `${asset}.dark.${sinceMs}`,
    alarm: 'dark',
    priority: 3,
    raisedMs: sinceMs + 2000,
  } as const;
  return raisedAlarm({ ...dark, asset, text, consequence: text, action: text, ...times });
}

function alarm(event: AlarmEvent, asset: string, times: Times): Change {
  return { kind: 'alarm', event, atMs: 0, activation: activation(asset, times) };
}

function ledger(asset: string, fromMs: number, name: LedgerClass): Change {
  return { kind: 'ledger', asset, class: name, fromMs };
}

/** Two lists of changes of one span, in which lamp-1 and lamp-2 were up before. */
function compare(
  recorded: readonly Change[],
  changed: readonly Change[],
  open: readonly Activation[] = [],
): SideBySide {
  const result = (changes: readonly Change[]) => {
    const classes = new Map([
      ['lamp-1', 'up'],
      ['lamp-2', 'up'],
    ] as const);
    const account = new RunAccount(FROM_MS, { classes, activations: open });
    for (const change of changes) account.take([change]);
    return account.result(TO_MS);
  };
  return sideBySide(result(recorded), result(changed));
}

const none = { onlyRecorded: [], onlyChanged: [], different: [], same: 0, classTimes: [] };

test('finds nothing between two lists that are the same', () => {
  const changes = [
    ledger('lamp-1', FROM_MS + 1000, 'down'),
    alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 1000 }),
    alarm('returned', 'lamp-1', { sinceMs: FROM_MS + 1000, returnedMs: FROM_MS + 9000 }),
  ];
  expect(compare(changes, changes)).toEqual({ ...none, same: 1 });
});

test('finds an alarm that only one of them has', () => {
  const one = [alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 1000 })];
  const onlyOne = [expect.objectContaining({ asset: 'lamp-1', alarm: 'dark', raisedMs: FROM_MS + 3000 })];
  expect(compare(one, [])).toEqual({ ...none, onlyRecorded: onlyOne });
  expect(compare([], one)).toEqual({ ...none, onlyChanged: onlyOne });
});

test('takes two activations for the same where their conditions overlap, and shows what differs of them', () => {
  const recorded = [
    alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 1000 }),
    alarm('normal', 'lamp-1', { sinceMs: FROM_MS + 1000, returnedMs: FROM_MS + 20_000 }),
    alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 50_000 }),
  ];
  const changed = [
    alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 1500, raisedMs: FROM_MS + 11_000, returnedMs: FROM_MS + 20_000 }),
    alarm('raised', 'lamp-1', { sinceMs: FROM_MS + 50_000, priority: 2 }),
  ];
  const found = compare(recorded, changed);
  expect(
    found.different.map(({ recorded: a, changed: b }) => [a.raisedMs, b.raisedMs, a.priority, b.priority]),
  ).toEqual([
    [FROM_MS + 3000, FROM_MS + 11_000, 3, 3],
    [FROM_MS + 52_000, FROM_MS + 52_000, 3, 2],
  ]);
  expect([found.onlyRecorded, found.onlyChanged]).toEqual([[], []]);
});

test('does not take an alarm of an hour ago for one of now', () => {
  const early = { sinceMs: FROM_MS + 1000, returnedMs: FROM_MS + 5000 };
  const late = { sinceMs: FROM_MS + 60_000, returnedMs: FROM_MS + 70_000 };
  const found = compare([alarm('normal', 'lamp-1', early)], [alarm('normal', 'lamp-1', late)]);
  expect(found.onlyRecorded).toMatchObject([early]);
  expect(found.onlyChanged).toMatchObject([late]);
  const other = compare([alarm('normal', 'lamp-1', late)], [alarm('normal', 'lamp-1', early)]);
  expect(other).toMatchObject({ onlyRecorded: [late], onlyChanged: [early] });
  const both = compare(
    [alarm('normal', 'lamp-1', early), alarm('normal', 'lamp-1', late)],
    [alarm('normal', 'lamp-1', late)],
  );
  expect(both).toMatchObject({ same: 1, onlyRecorded: [early], onlyChanged: [] });
});

test('knows what stood before the span, however each of them goes on', () => {
  const open = activation('lamp-2', { sinceMs: FROM_MS - 60_000 });
  const found = compare([alarm('returned', 'lamp-2', { ...open, returnedMs: FROM_MS + 4000 })], [], [open]);
  expect(found.different).toMatchObject([{ recorded: { returnedMs: FROM_MS + 4000 }, changed: { returnedMs: null } }]);
});

test('adds up the time of each class and gives the assets in which it differs', () => {
  const found = compare(
    [ledger('lamp-1', FROM_MS + 10_000, 'down'), ledger('lamp-1', FROM_MS + 30_000, 'up')],
    [ledger('lamp-1', FROM_MS + 10_000, 'down'), ledger('lamp-1', FROM_MS + 45_000, 'up')],
  );
  const times = { unknown: 0, planned: 0, notRequired: 0 };
  expect(found.classTimes).toEqual([
    {
      asset: 'lamp-1',
      recorded: { ...times, up: 80_000, down: 20_000 },
      changed: { ...times, up: 65_000, down: 35_000 },
    },
  ]);
});

test('counts a late correction at its place, and leaves what came after as it was', () => {
  const late = (fromMs: number, toMs: number): Change => ({
    kind: 'ledger',
    asset: 'lamp-1',
    class: 'down',
    fromMs,
    correction: { cause: 'late', toMs, after: 'up' },
  });
  const changes = [ledger('lamp-1', FROM_MS + 50_000, 'unknown'), ledger('lamp-1', FROM_MS + 60_000, 'up')];
  const found = compare(changes, [...changes, late(FROM_MS + 20_000, FROM_MS + 25_000)]);
  expect(found.classTimes).toMatchObject([
    { recorded: { up: 90_000, down: 0, unknown: 10_000 }, changed: { up: 85_000, down: 5000, unknown: 10_000 } },
  ]);
  // One that reaches back before the span counts within it only.
  const early = compare([], [late(FROM_MS - 20_000, FROM_MS + 5000)]);
  expect(early.classTimes).toMatchObject([{ changed: { up: 95_000, down: 5000 } }]);
  for (const toMs of [FROM_MS, FROM_MS - 1]) expect(compare([], [late(FROM_MS - 20_000, toMs)])).toEqual(none);
});

test('an asset that only one of the site files knows has times in one run only', () => {
  const account = (keys: readonly string[]) => {
    const classes = new Map(keys.map((key) => [key, 'up' as const]));
    return new RunAccount(FROM_MS, { classes, activations: [] });
  };
  const grown = account(['lamp-1']);
  grown.takeOver(new Map([['lamp-9', 'unknown' as const]]), FROM_MS + 40_000);
  const found = sideBySide(grown.result(TO_MS), account(['lamp-1']).result(TO_MS));
  expect(found.classTimes).toMatchObject([
    { asset: 'lamp-1', recorded: { up: 40_000 }, changed: { up: 100_000 } },
    { asset: 'lamp-9', recorded: { unknown: 60_000 }, changed: null },
  ]);
});
