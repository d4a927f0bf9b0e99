import { expect, test } from 'vitest';
import { BatchBuilder } from '../model/sample.ts';
import { lampKeys, numberOf, plan, START_MS, Timeline } from '../test/support/timeline.ts';
import { dataAgeMs } from './rates/figures.ts';

/** The timeline's lamps are stale 45 s after their last reply. */
const STALE_S = 45;
const LAMP = 'lamp-1';

type Sign = (builder: BatchBuilder, number: number, nowMs: number) => void;

/** What may come of a lamp again and again, and whether it proves that the lamp is there. */
const signs: readonly (readonly [what: string, proves: boolean, sign: Sign])[] = [
  ['a value of now', true, (builder, number, nowMs) => builder.good(number, nowMs, nowMs, 60)],
  [
    'an answer that it has not changed since',
    true,
    (builder, number, nowMs) => builder.good(number, START_MS, nowMs, 60),
  ],
  ['a stored value of before', false, (builder, number, nowMs) => builder.good(number, START_MS - 1, nowMs, 60)],
  [
    'a message that the broker kept',
    false,
    (builder, number, nowMs) => builder.uncertain(number, nowMs, nowMs, 60, 'retained'),
  ],
  ['no answer in time', false, (builder, number, nowMs) => builder.bad(number, nowMs, nowMs, 'timeout')],
];

/** Seconds of nothing but such signs of one lamp, each fifth second; all others go on. */
function after(seconds: number, sign: Sign): Timeline {
  const line = new Timeline();
  line.lamps(60);
  for (let s = 1; s <= seconds; s++) {
    line.nowMs += 1000;
    line.report({ 'feeder/closed': 1 });
    line.lamps(60, lampKeys.slice(1));
    if (s % 5 === 0) {
      const builder = new BatchBuilder();
      sign(builder, numberOf.get(`${LAMP}/power`) as number, line.nowMs);
      line.put({ kind: 'samples', link: 'bus', batch: builder.take() });
    }
    line.put({ kind: 'tick' });
  }
  return line;
}

test.each(signs)('%s: proof of life %s', (_what, proves, sign) => {
  const line = after(STALE_S + 5, sign);
  expect(line.classOf(LAMP)).toBe(proves ? 'up' : 'unknown');
  expect(line.classOf('lamp-2')).toBe('up');
  const ageMs = dataAgeMs(line.state, plan(line.state), 'streetlight', line.nowMs);
  expect(ageMs).toBe(proves ? 0 : (STALE_S + 5) * 1000);
});

test('what it is not is unknown from the last reply on, not from when that was noticed', () => {
  const stored = signs[2]?.[2] as Sign;
  const { unknown, up } = after(STALE_S + 15, stored).times(LAMP);
  expect({ unknown, up }).toEqual({ unknown: (STALE_S + 15) * 1000, up: 0 });
});
