import type { BadValue } from './decode.ts';

/** Until when, site time, a place that cannot be read is left alone; its points stay bad with the reason given then. */
export const HOLE_MEMORY_MS = 10_000;
/** Until when, site time, two places that a device does not give in one reply are asked for apart. */
export const CUT_MEMORY_MS = 600_000;
/** Longest time, site time, for which a unit that does not answer is not asked again. */
export const MAX_SKIP_MS = 30_000;

/**
 * What one link has learnt of its devices, each thing for a bounded time: points that cannot be read, boundaries that a
 * request must not cross, units that are silent. Bounded by the number of points.
 */
export class LinkMemory {
  readonly #holes = new Map<number, { readonly untilMs: number; readonly bad: BadValue }>();
  readonly #cuts = new Map<string, number>();
  readonly #silent = new Map<number, { misses: number; skipUntilMs: number; bad: BadValue }>();
  #changed = false;

  addHole(point: number, bad: BadValue, nowMs: number): void {
    this.#holes.set(point, { untilMs: nowMs + HOLE_MEMORY_MS, bad });
    this.#changed = true;
  }

  /** What a point is known to be; undefined where it is worth asking for. */
  hole(point: number): BadValue | undefined {
    return this.#holes.get(point)?.bad;
  }

  /** `forMs` is {@link CUT_MEMORY_MS}, or that of the hole that the cut borders. */
  addCut(key: string, forMs: number, nowMs: number): void {
    this.#cuts.set(key, Math.max(nowMs + forMs, this.#cuts.get(key) ?? 0));
    this.#changed = true;
  }

  get cuts(): ReadonlySet<string> {
    return new Set(this.#cuts.keys());
  }

  /** Forgets what is too old. True if holes or cuts are not what they were at the last call. */
  refresh(nowMs: number): boolean {
    for (const [point, hole] of this.#holes) {
      if (hole.untilMs <= nowMs) this.#changed = this.#holes.delete(point);
    }
    for (const [key, untilMs] of this.#cuts) {
      if (untilMs <= nowMs) this.#changed = this.#cuts.delete(key);
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** How many times in a row the unit was asked and did not answer. */
  misses(unit: number): number {
    return this.#silent.get(unit)?.misses ?? 0;
  }

  /**
   * Notes a unit that did not answer, and by what that was seen: it is left out of the next 0, 1, 3, 7 … polls. True if
   * it answered before.
   */
  unitSilent(unit: number, bad: BadValue, pollMs: number, nowMs: number): boolean {
    const misses = this.misses(unit) + 1;
    const skipMs = Math.min(pollMs * (2 ** Math.min(misses - 1, 20) - 1), MAX_SKIP_MS);
    // Half an interval early, so that a poll that comes a little sooner than planned is not missed.
    this.#silent.set(unit, { misses, bad, skipUntilMs: nowMs + skipMs + (skipMs > 0 ? pollMs / 2 : 0) });
    return misses === 1;
  }

  /** Notes a unit that answered. True if it was silent before. */
  unitAnswered(unit: number): boolean {
    return this.#silent.delete(unit);
  }

  /** By what the unit's silence was last seen; undefined if it answered. */
  silence(unit: number): BadValue | undefined {
    return this.#silent.get(unit)?.bad;
  }

  isSkipped(unit: number, nowMs: number): boolean {
    return (this.#silent.get(unit)?.skipUntilMs ?? 0) > nowMs;
  }
}
