/** Inputs of an asset's class that are remembered at most; the older half goes at once. */
const MAX_RECENT = 64;

/** Stands for "a parent's state proves it dead" among the slots. */
export const PARENT_DEAD = -1;
/** Stand for "planned work is in progress", "not handed over yet", and the result of `proven` where windows decide it. */
export const PLANNED = -2;
export const COMMISSIONING = -3;
export const PROVEN = -4;

/**
 * What the inputs of one asset's class were lately: each change with what was before it, so that what was at an earlier
 * time can be told from what is now.
 */
export class RecentInputs {
  /** Three numbers a change: when, which slot, its value before. In order of time. */
  #changes: number[] = [];
  /** Before this time nothing can be told any more. */
  #horizonMs = Number.NEGATIVE_INFINITY;

  /** Epoch ms from which on the past can be told. */
  get horizonMs(): number {
    return this.#horizonMs;
  }

  /** Notes that a slot, of value `before`, changed at `atMs`. */
  note(atMs: number, slot: number, before: number): void {
    const changes = this.#changes;
    if (changes.length >= MAX_RECENT * 3) {
      const dropped = changes.splice(0, (MAX_RECENT / 2) * 3);
      this.#horizonMs = Math.max(this.#horizonMs, dropped.at(-3) as number);
    }
    if (atMs < this.#horizonMs) return;
    let place = changes.length;
    while (place > 0 && (changes[place - 3] as number) > atMs) place -= 3;
    if (place === changes.length) changes.push(atMs, slot, before);
    else changes.splice(place, 0, atMs, slot, before);
  }

  /** The value of a slot at `atMs`, given what it is now. */
  valueAt(slot: number, atMs: number, now: number): number {
    const changes = this.#changes;
    for (let place = 0; place < changes.length; place += 3) {
      if ((changes[place] as number) > atMs && changes[place + 1] === slot) return changes[place + 2] as number;
    }
    return now;
  }

  /** When a slot changed next after `atMs`; undefined where it did not. */
  nextChangeMs(slot: number, atMs: number): number | undefined {
    const changes = this.#changes;
    for (let place = 0; place < changes.length; place += 3) {
      if ((changes[place] as number) > atMs && changes[place + 1] === slot) return changes[place] as number;
    }
    return undefined;
  }

  /** Moments in (fromMs, toMs) at which anything changed, in order. */
  momentsWithin(fromMs: number, toMs: number): number[] {
    const moments: number[] = [];
    for (let place = 0; place < this.#changes.length; place += 3) {
      const ms = this.#changes[place] as number;
      if (ms > fromMs && ms < toMs && moments.at(-1) !== ms) moments.push(ms);
    }
    return moments;
  }

  /** Slots that changed after `atMs`, each once. */
  slotsSince(atMs: number): number[] {
    const slots = new Set<number>();
    for (let place = 0; place < this.#changes.length; place += 3) {
      if ((this.#changes[place] as number) > atMs) slots.add(this.#changes[place + 1] as number);
    }
    return [...slots];
  }

  /** Puts `value` in for a slot in [fromMs, toMs); what it is from `toMs` on stays, given what it is now. */
  insert(slot: number, fromMs: number, toMs: number, value: number, now: number): void {
    const before = this.valueAt(slot, fromMs, now);
    const after = this.valueAt(slot, toMs, now);
    const kept: number[] = [];
    for (let place = 0; place < this.#changes.length; place += 3) {
      const ms = this.#changes[place] as number;
      // What the slot was within the stretch is known better now; what ended it says what it is from there on.
      if (this.#changes[place + 1] === slot && ms >= fromMs && ms <= toMs) continue;
      kept.push(ms, this.#changes[place + 1] as number, this.#changes[place + 2] as number);
    }
    this.#changes = kept;
    if (!Object.is(before, value)) this.note(fromMs, slot, before);
    if (!Object.is(after, value)) this.note(toMs, slot, value);
  }

  /** As plain numbers, for a snapshot: the horizon, then the changes; what is not finite is null. */
  save(): (number | null)[] {
    return [this.#horizonMs, ...this.#changes].map((number) => (Number.isFinite(number) ? number : null));
  }

  /** What {@link save} gave; `renumbered` says which slot each one is now. */
  static restore(saved: readonly (number | null)[], renumbered: ReadonlyMap<number, number>): RecentInputs {
    const recent = new RecentInputs();
    recent.#horizonMs = saved[0] ?? Number.NEGATIVE_INFINITY;
    recent.#changes = saved
      .slice(1)
      .map((number, place) => (place % 3 === 1 ? (renumbered.get(number ?? 0) ?? 0) : (number ?? Number.NaN)));
    return recent;
  }
}
