import type { AlarmEvent } from '../model/alarm.ts';
import type { Change } from '../model/history.ts';
import { activationOf, alarmChange } from './alarms/activation.ts';
import type { AlarmMemory } from './alarms/alarm.ts';
import { type AssetPlan, GOOD, type Plan, REPLY, SETTLE_BIT, STRIDE, VALUE } from './compile.ts';
import { RecentInputs } from './ledger/recent-inputs.ts';
import { type EngineState, STALE_CHUNK } from './state.ts';

/**
 * The work of one record: what it changes in the state, what it has to say, and which assets have to be looked at
 * again. Everything that happens to a slot or an asset goes through here.
 */
export class Work {
  readonly changes: Change[] = [];
  readonly state: EngineState;
  readonly plan: Plan;
  /** Time that nobody watched is told: classes only, alarms are looked at once it is over. */
  inGap = false;
  /** Assets with something in the state's dirty columns; one that was done meanwhile may still be in here. */
  #marked: number[] = [];

  constructor(state: EngineState, plan: Plan) {
    this.state = state;
    this.plan = plan;
  }

  /** The asset has to be looked at, because of what happened at `eventMs`; `mask` says at which of its expressions. */
  mark(asset: number, eventMs: number, mask: number): void {
    const { dirtyMask, dirtyMs } = this.state;
    const pending = dirtyMask[asset] as number;
    if (pending === 0) {
      this.#marked.push(asset);
      dirtyMs[asset] = eventMs;
    } else if (eventMs > (dirtyMs[asset] as number)) {
      dirtyMs[asset] = eventMs;
    }
    dirtyMask[asset] = pending | mask;
  }

  /** Gives what was marked, parents before children, until nothing is. */
  *passes(): Generator<Int32Array> {
    while (this.#marked.length > 0) {
      const pass = Int32Array.from(this.#marked).sort();
      this.#marked = [];
      yield pass;
    }
  }

  /**
   * Sets a slot's value because of what happened at `eventMs`, and marks whoever reads it; `fromMs` is since when it has
   * been so, where that is another time.
   */
  change(slot: number, value: number, eventMs: number, fromMs = eventMs): void {
    const { plan } = this;
    const { points, staleFromMs, recent } = this.state;
    const at = slot * STRIDE;
    const before = points[at + VALUE] as number;
    points[at + VALUE] = value;
    if (Number.isNaN(before)) {
      // It is known again: its staleness counts.
      const chunk = Math.floor(slot / STALE_CHUNK);
      const dueMs = (points[at + REPLY] as number) + (plan.staleAfterMs[slot] as number);
      if (dueMs < (staleFromMs[chunk] as number)) staleFromMs[chunk] = dueMs;
    }
    const owner = plan.owner[slot] as number;
    const mask = plan.ownMask[slot] as number;
    if (mask !== 0) {
      if ((mask & (plan.assets[owner] as AssetPlan).classMask) !== 0) {
        let inputs = recent[owner];
        if (!inputs) {
          inputs = new RecentInputs();
          recent[owner] = inputs;
        }
        inputs.note(fromMs, slot, before);
      }
      this.mark(owner, eventMs, mask);
    }
    const readers = plan.otherReaders.get(slot);
    if (readers) for (const reader of readers) this.mark(reader.asset, eventMs, reader.mask);
  }

  /** The slot is not known any more; it has not been since its last good sample. */
  forget(slot: number, eventMs: number): void {
    const at = slot * STRIDE;
    const value = this.state.points[at + VALUE] as number;
    if (!Number.isNaN(value)) this.change(slot, Number.NaN, eventMs, this.state.points[at + GOOD] as number);
  }

  /** The asset is settled anew, though no input of its expressions changed. */
  settle(asset: number, eventMs: number): void {
    this.mark(asset, eventMs, SETTLE_BIT);
  }

  /** Says what happened to an alarm. */
  emit(event: AlarmEvent, asset: AssetPlan, no: number, memory: AlarmMemory): void {
    this.changes.push(alarmChange(event, this.state.logMs, activationOf(asset, no, memory)));
  }
}
