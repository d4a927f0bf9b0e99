import type { ModbusMapPoint } from '../schema.ts';
import { registersOf } from './value-type.ts';

/** Bits of a register, over which an array of single bits runs on. */
const BITS_PER_REGISTER = 16;

/**
 * The points that an entry of a map stands for: `cell` with `count: 8` is `cell1` to `cell8`, one behind the other, or
 * `step` apart. Single bits follow each other from `bit` on into the next register, unless `step` says that it is the
 * same bit of another one. An entry without `count` is itself.
 */
export function expandArray(name: string, entry: ModbusMapPoint): readonly (readonly [string, ModbusMapPoint])[] {
  const { count, step, ...point } = entry;
  if (count === undefined) return [[name, entry]];
  return Array.from({ length: count }, (_, i) => [`${name}${i + 1}`, element(point, i, step)] as const);
}

function element(point: ModbusMapPoint, index: number, step: number | undefined): ModbusMapPoint {
  if (point.bit !== undefined && step === undefined) {
    const bit = point.bit + index;
    const moved = moveBy(point, Math.floor(bit / BITS_PER_REGISTER));
    return { ...moved, bit: bit % BITS_PER_REGISTER };
  }
  return moveBy(point, index * (step ?? width(point)));
}

function width({ type, length }: ModbusMapPoint): number {
  if (length !== undefined) return length;
  return type === undefined || type === 'text' ? 1 : registersOf[type];
}

function moveBy(point: ModbusMapPoint, places: number): ModbusMapPoint {
  return {
    ...point,
    ...(point.address !== undefined && { address: point.address + places }),
    ...(point.register !== undefined && { register: point.register + places }),
  };
}
