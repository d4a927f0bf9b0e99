import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPoints, formatRatio, formatTarget, percentDigits } from './ratio.ts';

describe('formatRatio', () => {
  it.each([
    [0.9496, 0.95, '94.96 %'],
    [0.94999, 0.95, '94.999 %'],
    [0.95, 0.95, '95.0 %'],
    [0.9504, 0.95, '95.04 %'],
    [0.9996, 0.95, '99.96 %'],
    [1, 0.95, '100 %'],
    [0, 0.95, '0 %'],
    [0.0002, 0.95, '0.02 %'],
    [0.791, 0.95, '79.1 %'],
    [0.99745, 0.9975, '99.7 %'],
    [0.99749, 0.9974, '99.75 %'],
    // The sum of doubles that is meant to be the target itself.
    [0.1 + 0.2, 0.3, '30.0 %'],
    // Closer to the target than the digits reach: cut to the side on which it lies.
    [0.95 - 1e-9, 0.95, '94.99999 %'],
    [0.95 + 1e-9, 0.95, '95.00001 %'],
  ])('%d at target %d is %s', (ratio, target, text) => {
    expect(formatRatio(ratio, target)).toBe(text);
  });

  it('never shows a figure on the other side of a target, of nothing or of everything', () => {
    const ratio = fc.double({ min: 0, max: 1, noNaN: true });
    const target = fc.integer({ min: 1, max: 9999 }).map((value) => value / 10_000);
    const near = fc.tuple(target, fc.double({ min: -1e-4, max: 1e-4, noNaN: true }));
    const cases = fc.oneof(
      fc.tuple(ratio, target),
      near.map(([at, by]) => [Math.min(1, Math.max(0, at + by)), at] as const),
    );
    fc.assert(
      fc.property(cases, ([value, at]) => {
        const shown = Number(percentDigits(value, [at]));
        // Within the error of a double they are the same number.
        for (const limit of [0, at, 1]) {
          if (Math.abs(value - limit) < 1e-10) continue;
          expect(Math.sign(shown - Number((limit * 100).toFixed(6)))).toBe(Math.sign(value - limit));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('formatPoints', () => {
  it.each([
    [0.0004, '0.04'],
    [-0.16, '16.0'],
    [0.00000001, '0.00000'],
    [0, '0.0'],
  ])('%d is %s', (distance, text) => {
    expect(formatPoints(distance)).toBe(text);
  });
});

describe('formatTarget', () => {
  it.each([
    [0.95, '95 %'],
    [0.9975, '99.75 %'],
    [0.07, '7 %'],
  ])('%d is %s', (target, text) => {
    expect(formatTarget(target)).toBe(text);
  });
});
