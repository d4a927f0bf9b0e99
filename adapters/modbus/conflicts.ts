import type { Problem } from '../../model/adapter.ts';
import type { PointKey } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import { describeAddress, type ModbusAddress } from './address.ts';

/**
 * Finds points at places that cannot both be meant: the same whole value or the same bit twice, or values that overlap
 * without being the same. Several bits of one register, and a field or the whole register around them, are fine.
 */
export function findConflicts(
  points: readonly { readonly key: PointKey; readonly address: ModbusAddress }[],
): readonly Problem[] {
  const order = points
    .map((point, index) => ({ ...point, index }))
    .sort((a, b) => {
      const byTable = a.address.unit - b.address.unit || a.address.table.localeCompare(b.address.table);
      return byTable || a.address.address - b.address.address || a.index - b.index;
    });
  const problems: Problem[] = [];
  // A number reaches over four registers at most, a text over 125: those before which still reach here are few.
  let open: typeof order = [];
  for (const point of order) {
    const { unit, table, address } = point.address;
    open = open.filter(
      (other) =>
        other.address.unit === unit &&
        other.address.table === table &&
        other.address.address + other.address.count > address,
    );
    const other = open.find((candidate) => excludeEachOther(candidate.address, point.address));
    if (other !== undefined) {
      const [first, second] = other.index < point.index ? [other, point] : [point, other];
      problems.push({ path: [second.index], text: conflictText(first.key, second.address, first.address) });
    }
    open.push(point);
  }
  return problems.sort((a, b) => Number(a.path[0]) - Number(b.path[0]));
}

/** For two that overlap. */
function excludeEachOther(a: ModbusAddress, b: ModbusAddress): boolean {
  if (a.address !== b.address || a.count !== b.count) return true;
  const [lowA, highA] = bitsOf(a);
  const [lowB, highB] = bitsOf(b);
  if (highA < lowB || highB < lowA) return false;
  const same = lowA === lowB && highA === highB;
  const nested = (lowA <= lowB && highB <= highA) || (lowB <= lowA && highA <= highB);
  return same || !nested;
}

/** The lowest and the highest bit that a value takes. */
function bitsOf({ bit, bits, count }: ModbusAddress): readonly [number, number] {
  if (bit !== null) return [bit, bit];
  return bits ?? [0, count * 16 - 1];
}

function conflictText(otherKey: PointKey, mine: ModbusAddress, other: ModbusAddress): Text {
  const where = describeAddress(mine);
  const same = mine.address === other.address && mine.count === other.count;
  return same
    ? { zh: `${where} 已用于 ${otherKey}`, en: `${where} is already ${otherKey}` }
    : { zh: `${where} 与 ${otherKey} 的地址重叠`, en: `${where} overlaps with ${otherKey}` };
}
