import { describe, expect, test } from 'vitest';
import { type Clock, parseClock, steadyClock } from './clock.ts';

describe('a clock of the command line', () => {
  test.each([
    ['2026-06-15T20:30+08:00', 1],
    ['2026-06-15T20:30+08:00@60', 60],
    ['1781526600000@0.5#1000', 0.5],
  ])('%s', (text, rate) => {
    expect(parseClock(text, 1000)).toMatchObject({ rate, simulated: true });
  });

  test('three numbers agree on the time in every process', () => {
    const originMs = Date.now() - 1000;
    const [one, two] = [parseClock(`1000000000000@10#${originMs}`), parseClock(`1000000000000@10#${originMs}`)];
    const shownMs = one?.now() ?? 0;
    expect(Math.abs(shownMs - (two?.now() ?? 0))).toBeLessThan(1000);
    expect(shownMs).toBeGreaterThanOrEqual(1000000010000);
  });

  test.each(['', 'tomorrow', '2026-06-15@0', '2026-06-15@-1', '2026-06-15@x', '@5'])('%j is none', (text) => {
    expect(parseClock(text)).toBeUndefined();
  });
});

describe('a steady clock', () => {
  class Source implements Clock {
    ms = 1_000_000;
    readonly rate = 1000;
    readonly simulated = false;
    now = () => this.ms;
    delay = () => Promise.resolve();
  }
  /** Lets a few real milliseconds pass, which are a few seconds at the source's rate. */
  const passSome = () => {
    const startMs = performance.now();
    while (performance.now() - startMs < 3);
  };

  test('follows its source, and stands while that is a little behind', () => {
    const source = new Source();
    const clock = steadyClock(source, 0);
    expect(clock.now()).toBe(1_000_000);
    source.ms += 500;
    expect(clock.now()).toBe(1_000_500);
    source.ms -= 400;
    expect(clock.now()).toBe(1_000_500);
    source.ms += 1000;
    expect(clock.now()).toBe(1_001_100);
    expect(clock.behindMs()).toBe(0);
  });

  test('goes on at its own pace where the source was set back, and says how far', () => {
    const source = new Source();
    const clock = steadyClock(source, 0);
    clock.now();
    source.ms -= 3_600_000;
    passSome();
    const first = clock.now();
    passSome();
    const second = clock.now();
    expect(first).toBeGreaterThan(1_000_000);
    expect(second).toBeGreaterThan(first);
    expect(clock.behindMs()).toBeGreaterThanOrEqual(3_600_000);
    source.ms = second + 60_000;
    expect(clock.now()).toBe(second + 60_000);
    expect(clock.behindMs()).toBe(0);
  });

  test('never shows less than the newest record of the log', () => {
    const source = new Source();
    expect(steadyClock(source, 2_000_000).now()).toBeGreaterThanOrEqual(2_000_000);
  });
});
