import { expect, test } from 'vitest';
import { untoldWire } from '../../../model/untold-wire.ts';
import { LinkCondition } from './link-condition.ts';
import { MAX_TOLD, TOLD_WINDOW_MS, ToldChanges } from './told-changes.ts';

function condition() {
  let nowMs = 1_000_000;
  const lines: { fields: object; message: string }[] = [];
  const log = (fields: object, message: string) => void lines.push({ fields, message });
  const clock = { now: () => nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
  const told = new ToldChanges(clock);
  const make = () => new LinkCondition({ key: 'bus', log: { info: log, warn: log }, wire: untoldWire }, told);
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { make, lines, pass };
}

test('a unit that comes and goes with each poll has a few lines, then one in ten minutes that counts the others', () => {
  const { make, lines, pass } = condition();
  const one = make();
  for (let poll = 0; poll < 100; poll++, pass(1000)) {
    one.unitSilent(7);
    one.unitAnswers(7);
  }
  expect(lines).toHaveLength(MAX_TOLD);
  expect(lines.at(-1)?.message).toBe('unit answers again: it comes and goes, and is not told of for a while');
  one.unitSilent(8);
  expect(lines.at(-1), 'another unit is told of').toEqual({
    fields: { link: 'bus', unit: 8 },
    message: 'unit does not answer',
  });
  pass(TOLD_WINDOW_MS);
  one.unitSilent(7);
  expect(lines.at(-1)?.fields).toEqual({ link: 'bus', unit: 7, leftOut: 200 - MAX_TOLD });
});

test('a unit that dies for good while it is not told of is told when that time is over', () => {
  const { make, lines, pass } = condition();
  const one = make();
  for (let change = 0; change < 4; change++, pass(1000)) {
    one.unitSilent(7);
    one.unitAnswers(7);
  }
  one.unitSilent(7);
  const before = lines.length;
  pass(TOLD_WINDOW_MS - 4001);
  one.tellOverdue();
  expect(lines.length).toBe(before);
  pass(1);
  // The link was made anew meanwhile.
  const other = make();
  other.tellOverdue();
  other.tellOverdue();
  expect(lines.slice(before)).toEqual([
    { fields: { link: 'bus', unit: 7, leftOut: 9 - MAX_TOLD }, message: 'unit does not answer' },
  ]);
  pass(TOLD_WINDOW_MS);
  other.tellOverdue();
  expect(lines.length, 'and that was all').toBe(before + 1);
});

test('a link that comes and goes does not tell of the same silent unit at each connection', () => {
  const { make, lines } = condition();
  for (let run = 0; run < 50; run++) make().unitSilent(7);
  expect(lines).toHaveLength(MAX_TOLD);
});

test('a fast interval that is now kept and now not is told of a few times', () => {
  const { make, lines } = condition();
  const one = make();
  for (let times = 0; times < 50; times++) {
    for (let poll = 0; poll < 3; poll++) one.overran(10);
    for (let poll = 0; poll < 10; poll++) one.kept(10);
  }
  expect(lines).toHaveLength(MAX_TOLD);
});
