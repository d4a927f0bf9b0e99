import type { ModbusAddress } from '../address.ts';
import type { Table } from '../schema.ts';
import type { BadValue } from '../values/decode.ts';
import { type Block, bisect, type Cuts, cutKey } from './plan.ts';

/** For so long, site time, is a place that cannot be read left alone at first; each further failure doubles it. */
export const HOLE_MEMORY_MS = 10_000;
export const MAX_HOLE_MEMORY_MS = 120_000;
/** Until when, site time, two places that a device does not give in one reply are asked for apart. */
export const CUT_MEMORY_MS = 600_000;
/** For so long, site time, is a table left alone of which the device says that it has no function to read it. */
export const TABLE_MEMORY_MS = 60_000;
export const MAX_TABLE_MEMORY_MS = 600_000;

/** Points that cannot be read for now, at one place or at places that are not told apart yet. */
export interface Hole {
  readonly block: Block;
  readonly bad: BadValue;
  /** The unit keeps silent here, so that trying again costs a time-out; else it refuses, which costs nothing. */
  readonly silent: boolean;
  readonly failures: number;
  /** Site time from which on it is tried again. */
  readonly retryMs: number;
}

/**
 * What one link has learnt of one unit, each thing for a bounded time: places that cannot be read, boundaries that a
 * request must not cross, tables that it has no function for. Bounded by the number of the unit's points.
 */
export class UnitMemory {
  readonly #holes = new Map<number, Hole>();
  readonly #cuts = new Map<string, number>();
  readonly #tables = new Map<Table, { readonly bad: BadValue; readonly forMs: number; readonly retryMs: number }>();
  #version = 0;
  /** Looked up with each request of the link, so that it is not searched for among thousands of places each time. */
  #nextSilent: { readonly version: number; readonly ms: number } | undefined;

  /** Counts what changes plans: plans of an older version are to be made anew. */
  get version(): number {
    return this.#version;
  }

  /** Leaves the block's points alone for a while, and lets no other request reach over their place. */
  refused(block: Block, bad: BadValue, nowMs: number): void {
    this.#leaveAlone(block, bad, false, nowMs);
  }

  /**
   * The unit kept silent on this block, and answers others. Tried once more as it is; after that it is halved until the
   * silent place is found: `addresses` says where it can be.
   */
  keptSilent(block: Block, bad: BadValue, addresses: readonly ModbusAddress[], nowMs: number): void {
    const known = this.#holes.get(block.members[0] ?? -1);
    const again = known?.silent === true && sameMembers(known.block, block);
    const parts = bisect(block, addresses);
    if (parts === undefined) return this.#leaveAlone(block, bad, true, nowMs);
    if (!again && known?.silent !== true) return this.#add({ block, bad, silent: true, failures: 0, retryMs: nowMs });
    for (const part of parts) this.#add({ block: part, bad, silent: true, failures: 0, retryMs: nowMs });
    this.cut(parts[1], nowMs);
  }

  /** These points can be read. */
  readable(members: readonly number[]): void {
    if (this.#holes.size === 0) return;
    for (const member of members) if (this.#holes.delete(member)) this.#version += 1;
  }

  /** What a point is known to be; undefined where it is worth asking for. */
  hole(point: number): Hole | undefined {
    return this.#holes.get(point);
  }

  /** Those that may be tried again now. */
  dueHoles(silent: boolean, nowMs: number): readonly Hole[] {
    if (this.#holes.size === 0) return [];
    return [...new Set(this.#holes.values())].filter((hole) => hole.silent === silent && hole.retryMs <= nowMs);
  }

  /** When the first silent hole may be tried again; infinite where there is none. */
  get nextSilentMs(): number {
    if (this.#nextSilent?.version === this.#version) return this.#nextSilent.ms;
    let ms = Number.POSITIVE_INFINITY;
    for (const { silent, retryMs } of this.#holes.values()) if (silent && retryMs < ms) ms = retryMs;
    this.#nextSilent = { version: this.#version, ms };
    return ms;
  }

  /** Lets no request reach over the beginning of this block for a while. */
  cut({ unit, table, address }: Block, nowMs: number): void {
    this.#cuts.set(cutKey(unit, table, address), nowMs + CUT_MEMORY_MS);
    this.#version += 1;
  }

  /** The unit has no function for this table. True if that is news. */
  lacksTable(table: Table, bad: BadValue, nowMs: number): boolean {
    const known = this.#tables.get(table);
    if (known !== undefined && nowMs < known.retryMs) return false;
    const forMs = known === undefined ? TABLE_MEMORY_MS : Math.min(known.forMs * 2, MAX_TABLE_MEMORY_MS);
    this.#tables.set(table, { bad, forMs, retryMs: nowMs + forMs });
    return known === undefined;
  }

  hasTable(table: Table): void {
    this.#tables.delete(table);
  }

  /** Why a table is not asked for now; undefined where it is. */
  lackingTable(table: Table, nowMs: number): BadValue | undefined {
    const known = this.#tables.get(table);
    return known !== undefined && nowMs < known.retryMs ? known.bad : undefined;
  }

  /** Boundaries that no request may cross: the cuts, and both ends of each hole. */
  boundaries(): Cuts {
    const keys = new Set(this.#cuts.keys());
    for (const { block } of this.#holes.values()) {
      keys.add(cutKey(block.unit, block.table, block.address));
      keys.add(cutKey(block.unit, block.table, block.address + block.count));
    }
    return keys;
  }

  /** Forgets cuts that are too old. */
  forgetOld(nowMs: number): void {
    for (const [key, untilMs] of this.#cuts) if (untilMs <= nowMs && this.#cuts.delete(key)) this.#version += 1;
  }

  #leaveAlone(block: Block, bad: BadValue, silent: boolean, nowMs: number): void {
    const known = this.#holes.get(block.members[0] ?? -1);
    const failures = (known !== undefined && sameMembers(known.block, block) ? known.failures : 0) + 1;
    const forMs = Math.min(HOLE_MEMORY_MS * 2 ** Math.min(failures - 1, 20), MAX_HOLE_MEMORY_MS);
    this.#add({ block, bad, silent, failures, retryMs: nowMs + forMs });
  }

  #add(hole: Hole): void {
    for (const member of hole.block.members) this.#holes.set(member, hole);
    this.#version += 1;
  }
}

function sameMembers(a: Block, b: Block): boolean {
  return a.members.length === b.members.length && a.members[0] === b.members[0];
}
