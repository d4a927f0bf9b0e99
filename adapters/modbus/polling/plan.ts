import { isBitTable, type ModbusAddress } from '../address.ts';
import type { Table } from '../schema.ts';
import type { ReadRequest } from '../transport/connection.ts';

/** Most that one request may read, by the protocol. */
export const MAX_REGISTERS = 125;
export const MAX_BITS = 2000;

/** What bounds the requests to one unit. */
export interface Limits {
  /** Most that it gives at once. */
  readonly maxRegisters: number;
  readonly maxBits: number;
  /** Unasked-for entries that are read along between two points rather than sending a second request. */
  readonly gapRegisters: number;
  readonly gapBits: number;
}

/** One request; `members` are the points in it, by index, by address. */
export interface Block extends ReadRequest {
  readonly members: readonly number[];
}

/** A set of places in a unit's tables; see {@link cutKey}. */
export type Cuts = ReadonlySet<string>;

/** Names the boundary before `address`, over which no block may reach. */
export function cutKey(unit: number, table: Table, address: number): string {
  return `${unit} ${table} ${address}`;
}

/**
 * Gathers points into as few requests as the limits, gap caps and cuts allow. `members` chooses the points by index. A value
 * that is wider than the limits has a block of its own. The blocks come by unit, table and address.
 */
export function planReads(
  addresses: readonly ModbusAddress[],
  members: readonly number[],
  cuts: Cuts,
  limits: Limits,
): Block[] {
  const blocks: Block[] = [];
  let open: number[] = [];
  let from = 0;
  let to = 0;
  let last: ModbusAddress | undefined;
  for (const [index, next] of sortedByPlace(addresses, members)) {
    const end = Math.max(to, next.address + next.count);
    if (last !== undefined && fits(last, next, { from, to, end }, cuts, limits)) {
      open.push(index);
      to = end;
    } else {
      if (last !== undefined)
        blocks.push({ unit: last.unit, table: last.table, address: from, count: to - from, members: open });
      open = [index];
      from = next.address;
      to = next.address + next.count;
    }
    last = next;
  }
  if (last !== undefined)
    blocks.push({ unit: last.unit, table: last.table, address: from, count: to - from, members: open });
  return blocks;
}

/** Whether a block [from, to) of `last`'s table may be widened to `end` for `next`. */
function fits(
  last: ModbusAddress,
  next: ModbusAddress,
  { from, to, end }: { readonly from: number; readonly to: number; readonly end: number },
  cuts: Cuts,
  limits: Limits,
): boolean {
  if (last.unit !== next.unit || last.table !== next.table) return false;
  const bits = isBitTable(next.table);
  if (end - from > (bits ? limits.maxBits : limits.maxRegisters)) return false;
  if (next.address - to > (bits ? limits.gapBits : limits.gapRegisters)) return false;
  if (cuts.size === 0) return true;
  // From the last point's own end to the end of the new one: boundaries before that were looked at with the points before.
  for (let address = Math.max(from + 1, last.address + 1); address < end; address++) {
    if (cuts.has(cutKey(next.unit, next.table, address))) return false;
  }
  return true;
}

/**
 * The two halves of a block whose reading the device refused, split between two places as near to the middle as can
 * be; undefined where all members lie at one place (or overlap), so that it cannot be split.
 */
export function bisect(block: Block, addresses: readonly ModbusAddress[]): readonly [Block, Block] | undefined {
  const middle = block.address + block.count / 2;
  let best: { first: number; distance: number } | undefined;
  let end = 0;
  for (const [i, member] of block.members.entries()) {
    const { address, count } = addresses[member] ?? raise(member);
    if (i > 0 && address >= end) {
      const distance = Math.abs(address - middle);
      if (best === undefined || distance < best.distance) best = { first: i, distance };
    }
    end = Math.max(end, address + count);
  }
  if (best === undefined) return undefined;
  return [
    blockOf(block, block.members.slice(0, best.first), addresses),
    blockOf(block, block.members.slice(best.first), addresses),
  ];
}

/** The smallest block of the same table that holds these members of another. */
export function blockOf(whole: Block, members: readonly number[], addresses: readonly ModbusAddress[]): Block {
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const member of members) {
    const { address, count } = addresses[member] ?? raise(member);
    from = Math.min(from, address);
    to = Math.max(to, address + count);
  }
  return { unit: whole.unit, table: whole.table, address: from, count: to - from, members };
}

function sortedByPlace(addresses: readonly ModbusAddress[], members: readonly number[]): [number, ModbusAddress][] {
  return members
    .map((index): [number, ModbusAddress] => [index, addresses[index] ?? raise(index)])
    .sort(([i, a], [j, b]) => {
      const byTable = a.unit - b.unit || (a.table < b.table ? -1 : a.table > b.table ? 1 : 0);
      return byTable || a.address - b.address || i - j;
    });
}

function raise(index: number): never {
  throw new RangeError(`there is no point ${index}`);
}
