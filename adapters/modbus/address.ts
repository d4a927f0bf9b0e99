import type { AddressContext, Problem, Resolved } from '../../model/adapter.ts';
import type { PointKey, ValueKind } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import type { ModbusAssetAddress, ModbusMapPoint, Table, ValueType } from './schema.ts';

export type Order = 'big' | 'little';

/** Where one point lies on its link and how it is read; all that decoding needs besides the link's own orders. */
export interface ModbusAddress {
  readonly unit: number;
  readonly table: Table;
  /** As on the wire, from 0. */
  readonly address: number;
  /** How many registers (or bits, of coils and discrete inputs) the value takes. */
  readonly count: number;
  readonly type: ValueType;
  /** Bit of the register, 0 the lowest; null for a whole value. */
  readonly bit: number | null;
  readonly scale: number;
  readonly add: number;
  /** Raw values, before scaling, that mean that there is none. */
  readonly noValue: readonly number[];
  /** Null: as the link has it. */
  readonly wordOrder: Order | null;
  readonly byteOrder: Order | null;
}

/** Addresses are 16 bits on the wire. */
const LAST_ADDRESS = 65_535;

const wordsOf: Readonly<Record<ValueType, number>> = {
  bool: 1,
  uint16: 1,
  int16: 1,
  uint32: 2,
  int32: 2,
  uint64: 4,
  int64: 4,
  float32: 2,
  float64: 4,
};

const typesOfKind: Readonly<Record<ValueKind, readonly ValueType[]>> = {
  double: ['uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float32', 'float64'],
  bool: ['bool'],
  enum: ['bool', 'uint16', 'uint32'],
  bitset: ['uint16', 'uint32'],
  text: [],
};

/** True for the tables whose entries are single bits. */
export function isBitTable(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

/**
 * Makes the address of one point: the map's address + the asset's offset + index × stride, on the asset's unit. Every
 * mistake that makes it impossible is told, none is mended.
 */
export function resolveAddress(
  map: ModbusMapPoint,
  asset: ModbusAssetAddress,
  context: AddressContext,
): Resolved<ModbusAddress> {
  const problems: Problem[] = [];
  const problem = (path: readonly (string | number)[], zh: string, en: string) =>
    problems.push({ path, text: { zh, en } });

  const place = placeOf(map, problem);
  if (place === undefined) return { ok: false, problems };
  const { table, base } = place;
  const bitTable = isBitTable(table);
  const bit = map.bit ?? null;
  // A bit of a register is read out of a 16-bit word, whatever the map calls that word.
  const type = bitTable || (bit === null && context.kind === 'bool') ? (map.type ?? 'bool') : (map.type ?? 'uint16');

  if (bitTable) {
    if (type !== 'bool') {
      problem(
        ['type'],
        `${table} 表的每一项是一位，类型只能是 bool，不能是 ${type}`,
        `an entry of table ${table} is one bit: its type is bool, not ${type}`,
      );
    }
    if (bit !== null)
      problem(['bit'], `${table} 表没有 bit`, `table ${table} has no bits to choose from: leave out bit`);
  } else if (bit !== null) {
    if (bit > 15)
      problem(['bit'], `寄存器只有 0 到 15 位，没有第 ${bit} 位`, `a register has bits 0 to 15, not ${bit}`);
    if (wordsOf[type] !== 1) {
      problem(
        ['type'],
        `bit 只能取自 16 位寄存器，不能取自 ${type}`,
        `a bit is taken from one register, not from ${type}`,
      );
    }
  }
  checkKind(context.kind, bitTable || bit !== null ? 'bool' : type, bit === null ? 'type' : 'bit', problem);
  checkScaling(map, context.kind, problem);

  const address = base + (asset.offset ?? 0) + context.index * (asset.stride ?? 0);
  const count = bitTable ? 1 : wordsOf[type];
  if (address < 0 || address + count - 1 > LAST_ADDRESS) {
    const span = count === 1 ? `${address}` : `${address}–${address + count - 1}`;
    problem(
      [map.register === undefined ? 'address' : 'register'],
      `地址 ${span} 超出 0 到 ${LAST_ADDRESS}`,
      `address ${span} is outside of 0 to ${LAST_ADDRESS}`,
    );
  }
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      unit: asset.unit,
      table,
      address,
      count,
      type,
      bit,
      scale: map.scale ?? 1,
      add: map.add ?? 0,
      noValue: map.noValue ?? [],
      wordOrder: map.wordOrder ?? null,
      byteOrder: map.byteOrder ?? null,
    },
  };
}

type Tell = (path: readonly (string | number)[], zh: string, en: string) => void;

function placeOf(map: ModbusMapPoint, problem: Tell): { table: Table; base: number } | undefined {
  if (map.register !== undefined) {
    if (map.table !== undefined || map.address !== undefined) {
      problem(
        ['register'],
        'register 与 table、address 只能写一种',
        'write either register, or table and address, not both',
      );
      return undefined;
    }
    const place = parseRegister(map.register);
    if (place === undefined) {
      problem(
        ['register'],
        `没有 ${map.register} 这个寄存器号：4xxxx 保持、3xxxx 输入、1xxxx 离散、0xxxx 线圈，从 1 起`,
        `there is no register ${map.register}: 4xxxx holding, 3xxxx input, 1xxxx discrete, 0xxxx coil, from 1`,
      );
    }
    return place;
  }
  if (map.table === undefined || map.address === undefined) {
    const missing = map.table === undefined ? 'table' : 'address';
    problem([], `缺少 ${missing}（或 register）`, `${missing} is missing (or register in place of both)`);
    return undefined;
  }
  return { table: map.table, base: map.address };
}

/**
 * Reads the notation of manuals, from 1: five digits (`40161` = holding 160), or six where an address is beyond 9998.
 * Undefined where the number names no table.
 */
export function parseRegister(register: number): { table: Table; base: number } | undefined {
  if (register >= 1 && register <= 9999) return { table: 'coil', base: register - 1 };
  const wide = register >= 100_000;
  const table = tableOfDigit[Math.floor(register / (wide ? 100_000 : 10_000))];
  const base = (register % (wide ? 100_000 : 10_000)) - 1;
  return table === undefined || base < 0 || base > LAST_ADDRESS ? undefined : { table, base };
}

const tableOfDigit: readonly (Table | undefined)[] = [undefined, 'discrete', undefined, 'input', 'holding'];

function checkKind(kind: ValueKind, type: ValueType, field: string, problem: Tell): void {
  const fitting = typesOfKind[kind];
  if (fitting.includes(type)) return;
  if (kind === 'text') problem([field], 'Modbus 不支持文本点', 'a text point cannot be read over Modbus');
  else if (kind === 'bool') {
    problem(
      [field],
      `布尔点需要线圈、离散输入或寄存器的 bit，而不是 ${type}`,
      `a bool point is a coil, a discrete input or a bit of a register, not ${type}`,
    );
  } else {
    problem(
      [field],
      `${type} 不适合 ${kind} 点，可用：${fitting.join('、')}`,
      `${type} does not fit a point of kind ${kind}; it takes ${fitting.join(', ')}`,
    );
  }
}

function checkScaling(map: ModbusMapPoint, kind: ValueKind, problem: Tell): void {
  if (kind !== 'double') {
    for (const field of ['scale', 'add'] as const) {
      if (map[field] !== undefined) {
        problem([field], `${kind} 点不能换算`, `a point of kind ${kind} cannot be scaled: leave out ${field}`);
      }
    }
  } else if (map.scale === 0) {
    problem(['scale'], 'scale 不能为 0', 'scale cannot be 0: every value would be the same');
  }
}

/**
 * Finds points at places that cannot both be meant: the same whole value or the same bit twice, or values that overlap
 * without being the same. Several bits of one register, and the register as a whole besides them, are fine.
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
  // Values reach over four registers at most, so that those before which still reach here are few.
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
  return a.bit === b.bit;
}

function conflictText(otherKey: PointKey, mine: ModbusAddress, other: ModbusAddress): Text {
  const bit = mine.bit === null ? '' : ` bit ${mine.bit}`;
  const where = `unit ${mine.unit} ${mine.table} ${mine.address}${bit}`;
  const same = mine.address === other.address && mine.count === other.count;
  return same
    ? { zh: `${where} 已用于 ${otherKey}`, en: `${where} is already ${otherKey}` }
    : { zh: `${where} 与 ${otherKey} 的地址重叠`, en: `${where} overlaps with ${otherKey}` };
}
