import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_GAP_BYTES, MAX_GAP_BYTES, RoundTripCost } from './round-trip-cost.ts';

/** Gap after answers of these sizes, at so many ms a request and a byte. */
function gapAt(requestMs: number, byteMs: number, sizes: readonly number[]): number {
  const cost = new RoundTripCost();
  for (let i = 0; i < 200; i++) {
    const bytes = sizes[i % sizes.length] ?? 0;
    cost.note(bytes, requestMs + bytes * byteMs);
  }
  return cost.gapBytes();
}

describe('the gap that is worth reading along', () => {
  test('is as many bytes as cost what a request costs', () => {
    // 9600 baud: a byte takes 1.04 ms; a device that needs 15 ms is asked twice rather than for 16 registers more.
    expect(gapAt(15, 1.04, [2, 20, 100])).toBe(16);
    expect(gapAt(70, 1.04, [2, 20, 100])).toBe(64);
    expect(gapAt(2, 0.0001, [2, 20, 250]), 'on a network').toBe(MAX_GAP_BYTES);
    expect(gapAt(1, 1, [2, 20, 100]), 'never so little that neighbours are asked apart').toBe(8);
  });

  test('is a usual one where sizes are too alike, or too few, to measure by', () => {
    expect(gapAt(20, 1.04, [20])).toBe(DEFAULT_GAP_BYTES);
    const cost = new RoundTripCost();
    cost.note(2, 10);
    cost.note(200, 1000);
    expect(cost.gapBytes()).toBe(DEFAULT_GAP_BYTES);
  });

  test('does not change with small changes of what is measured', () => {
    const cost = new RoundTripCost();
    for (let i = 0; i < 400; i++) {
      cost.note(i % 2 === 0 ? 4 : 100, 40 + (i % 2 === 0 ? 4 : 100) * (i < 200 ? 1 : 1.3));
    }
    expect(cost.gapBytes()).toBe(DEFAULT_GAP_BYTES);
  });

  test('is bounded, whatever is measured', () => {
    const round = fc.tuple(fc.nat(250), fc.double({ min: 0, max: 60_000, noNaN: true }));
    fc.assert(
      fc.property(fc.array(round, { maxLength: 200 }), (rounds) => {
        const cost = new RoundTripCost();
        for (const [bytes, ms] of rounds) {
          cost.note(bytes, ms);
          expect(cost.gapBytes()).toBeGreaterThanOrEqual(8);
          expect(cost.gapBytes()).toBeLessThanOrEqual(MAX_GAP_BYTES);
          expect(Number.isInteger(Math.log2(cost.gapBytes()))).toBe(true);
        }
      }),
    );
  });
});
