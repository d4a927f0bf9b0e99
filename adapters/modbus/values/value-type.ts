import type { ValueKind } from '../../../model/point.ts';
import type { ValueType } from '../schema.ts';

/** Registers that a value of each type takes; a text takes as many as its map says. */
export const registersOf: Readonly<Record<Exclude<ValueType, 'text'>, number>> = {
  bool: 1,
  uint16: 1,
  int16: 1,
  uint32: 2,
  int32: 2,
  uint64: 4,
  int64: 4,
  float16: 1,
  float32: 2,
  float64: 4,
  bcd16: 1,
  bcd32: 2,
};

/** What a point of each kind may be read from. */
export const typesOfKind: Readonly<Record<ValueKind, readonly ValueType[]>> = {
  double: ['uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float16', 'float32', 'float64', 'bcd16', 'bcd32'],
  bool: ['bool'],
  enum: ['bool', 'uint16', 'uint32'],
  bitset: ['uint16', 'uint32'],
  text: ['text'],
};

/** True for the types whose raw value may be any number, not only a whole one. */
export function isFloat(type: ValueType): boolean {
  return type === 'float16' || type === 'float32' || type === 'float64';
}

/** The least and the greatest raw value of a type of whole numbers; of 64 bits those that a double holds exactly. */
export const rangeOf: Readonly<Partial<Record<ValueType, readonly [number, number]>>> = {
  bool: [0, 1],
  uint16: [0, 0xffff],
  int16: [-0x8000, 0x7fff],
  uint32: [0, 0xffff_ffff],
  int32: [-0x8000_0000, 0x7fff_ffff],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  bcd16: [0, 9999],
  bcd32: [0, 99_999_999],
};
