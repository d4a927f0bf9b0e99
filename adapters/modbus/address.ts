import type { AddressContext, Problem, Resolved } from '../../model/adapter.ts';
import type { ValueKind } from '../../model/point.ts';
import { type Reading, readingOf } from './polling/reading.ts';
import type { ModbusAssetAddress, ModbusMapPoint, Table, TextEncoding, ValueType } from './schema.ts';
import { registersOf, typesOfKind } from './values/value-type.ts';

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
  /** Lowest and highest bit of a number within the register. */
  readonly bits?: readonly [number, number];
  /** What the bytes of a text mean; ascii if absent. */
  readonly encoding?: TextEncoding;
  readonly scale: number;
  readonly add: number;
  /** Raw values, before scaling, that mean that there is none. */
  readonly noValue: readonly number[];
  /** Null: as the link has it. */
  readonly wordOrder: Order | null;
  readonly byteOrder: Order | null;
  /** In place of both orders: the bytes of the value, 1 the most significant, as they come on the wire. */
  readonly wire?: readonly number[];
  /** The map says that the controller takes a value here. */
  readonly writable?: true;
  /** Where it is not to be read as the link's other points are. */
  readonly reading?: Reading;
}

/** Addresses are 16 bits on the wire. */
const LAST_ADDRESS = 65_535;
/** Most that one request may write, by the protocol. */
const MAX_WRITE_REGISTERS = 123;

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

  const place = placeOf(map, context.kind, problem);
  if (place === undefined) return { ok: false, problems };
  const { table, base } = place;
  const type = typeOf(map, table, context.kind);
  checkForm(map, table, type, problem);
  checkKind(context.kind, isBitTable(table) || map.bit !== undefined ? 'bool' : type, map, problem);
  checkScaling(map, context.kind, problem);
  const count = isBitTable(table) ? 1 : type === 'text' ? (map.length ?? 1) : registersOf[type];
  checkOrder(map, type, count, problem);
  if (map.writable === true) checkWritable(map, asset.unit, table, count, problem);

  const address = base + (asset.offset ?? 0) + context.index * (asset.stride ?? 0);
  if (address < 0 || address + count - 1 > LAST_ADDRESS) {
    const span = count === 1 ? `${address}` : `${address}–${address + count - 1}`;
    problem(
      [map.register === undefined ? 'address' : 'register'],
      `地址 ${span} 超出 0 到 ${LAST_ADDRESS}`,
      `address ${span} is outside of 0 to ${LAST_ADDRESS}`,
    );
  }
  const reading = readingOf(map, asset, problem);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      unit: asset.unit,
      table,
      address,
      count,
      type,
      bit: map.bit ?? null,
      ...(map.bits !== undefined && { bits: map.bits }),
      ...(type === 'text' && { encoding: map.encoding ?? 'ascii' }),
      scale: map.scale ?? 1,
      add: map.add ?? 0,
      noValue: map.noValue ?? [],
      wordOrder: map.wordOrder ?? null,
      byteOrder: map.byteOrder ?? null,
      ...(map.wire !== undefined && { wire: map.wire }),
      ...(map.writable === true && { writable: true }),
      ...(reading !== undefined && { reading }),
    },
  };
}

/**
 * An address as people look for it: as on the wire, from 0, and in brackets as manuals count, from 1. Ends with the bits
 * where it is a part of a register.
 */
export function describeAddress({ unit, table, address, bit, bits }: ModbusAddress): string {
  const part = bit !== null ? ` bit ${bit}` : bits !== undefined ? ` bits ${bits[0]}–${bits[1]}` : '';
  return `unit ${unit} ${table} ${address} (${registerOf(table, address)})${part}`;
}

/** The number that manuals give an address: the inverse of {@link parseRegister}. */
export function registerOf(table: Table, address: number): string {
  const digit = tableOfDigit.indexOf(table);
  const width = address > 9998 ? 5 : 4;
  const number = String(address + 1).padStart(width, '0');
  return `${table === 'coil' ? 0 : digit}${number}`;
}

function typeOf(map: ModbusMapPoint, table: Table, kind: ValueKind): ValueType {
  if (map.type !== undefined) return map.type;
  if (isBitTable(table)) return 'bool';
  // A bit of a register is read out of a 16-bit word, whatever the map calls that word.
  if (map.bit !== undefined || map.bits !== undefined) return 'uint16';
  return kind === 'bool' ? 'bool' : kind === 'text' ? 'text' : 'uint16';
}

type Tell = (path: readonly (string | number)[], zh: string, en: string) => void;

/** What the keys of a map's point say together that cannot be. */
function checkForm(map: ModbusMapPoint, table: Table, type: ValueType, problem: Tell): void {
  if (map.step !== undefined) {
    problem(
      ['step'],
      'step 只与 count 一起使用',
      'step goes with count: leave it out, or say how many points these are',
    );
  }
  if (isBitTable(table)) checkBitTable(map, table, type, problem);
  else {
    checkBit(map, type, problem);
    checkBits(map, type, problem);
  }
  if (type === 'text') {
    if (map.length === undefined) {
      problem([], '文本缺少 length（占几个寄存器）', 'length is missing: how many registers the text takes');
    }
    if (map.noValue !== undefined) {
      problem(['noValue'], '文本没有 noValue', 'a text has no noValue: leave it out');
    }
    return;
  }
  for (const field of ['length', 'encoding'] as const) {
    if (map[field] !== undefined) {
      problem([field], `${field} 只用于文本（type: text）`, `${field} is for texts (type: text): leave it out`);
    }
  }
}

function checkBitTable(map: ModbusMapPoint, table: Table, type: ValueType, problem: Tell): void {
  if (type !== 'bool') {
    problem(
      ['type'],
      `${table} 表的每一项是一位，类型只能是 bool，不能是 ${type}`,
      `an entry of table ${table} is one bit: its type is bool, not ${type}`,
    );
  }
  for (const field of ['bit', 'bits'] as const) {
    if (map[field] === undefined) continue;
    problem([field], `${table} 表没有 ${field}`, `table ${table} has no bits to choose from: leave out ${field}`);
  }
}

function checkBit({ bit, bits }: ModbusMapPoint, type: ValueType, problem: Tell): void {
  if (bit === undefined) return;
  if (bits !== undefined) return problem(['bits'], 'bit 与 bits 只能写一种', 'write either bit or bits, not both');
  if (bit > 15) problem(['bit'], `寄存器只有 0 到 15 位，没有第 ${bit} 位`, `a register has bits 0 to 15, not ${bit}`);
  if (type === 'text' || registersOf[type] !== 1) {
    problem(
      ['type'],
      `bit 只能取自 16 位寄存器，不能取自 ${type}`,
      `a bit is taken from one register, not from ${type}`,
    );
  }
}

function checkBits({ bits }: ModbusMapPoint, type: ValueType, problem: Tell): void {
  if (bits === undefined) return;
  if (type !== 'uint16' && type !== 'uint32') {
    return problem(
      ['type'],
      `bits 只能取自 uint16 或 uint32，不能取自 ${type}`,
      `bits are taken from uint16 or uint32, not from ${type}`,
    );
  }
  const highest = registersOf[type] * 16 - 1;
  if (bits[0] > bits[1]) {
    problem(['bits'], 'bits 先写低位，后写高位，例如 [4, 7]', 'bits are written with the lowest first: [4, 7]');
  } else if (bits[1] > highest) {
    problem(['bits'], `${type} 只有 0 到 ${highest} 位`, `${type} has bits 0 to ${highest}`);
  }
}

/** `wire` names every byte once, and stands in place of the two orders; a text has no order of words. */
function checkOrder(map: ModbusMapPoint, type: ValueType, count: number, problem: Tell): void {
  if (type === 'text' && map.wordOrder !== undefined) {
    problem(['wordOrder'], '文本没有字序，只有 byteOrder', 'a text has no order of words, only byteOrder');
  }
  if (map.wire === undefined) return;
  if (type === 'text') return problem(['wire'], '文本不用 wire，只用 byteOrder', 'a text takes byteOrder, not wire');
  for (const field of ['wordOrder', 'byteOrder'] as const) {
    if (map[field] === undefined) continue;
    problem([field], `${field} 与 wire 只能写一种`, `write either wire, or wordOrder and byteOrder, not both`);
  }
  const wanted = Array.from({ length: count * 2 }, (_, i) => i + 1);
  const sorted = [...map.wire].sort((a, b) => a - b);
  if (sorted.length === wanted.length && sorted.every((byte, i) => byte === wanted[i])) return;
  problem(
    ['wire'],
    `wire 应把 ${type} 的字节 ${wanted.join('、')} 各写一次`,
    `wire names each byte of ${type} once: ${wanted.join(', ')}`,
  );
}

function checkWritable(map: ModbusMapPoint, unit: number, table: Table, count: number, problem: Tell): void {
  if (unit === 0) {
    problem(
      ['unit'],
      '站号 0 是广播，会写到线上所有设备；请用设备自己的站号',
      'unit 0 is a broadcast, and would write to every device on the line: give the unit that the device has',
    );
  }
  if (table === 'input' || table === 'discrete') {
    problem(
      ['writable'],
      `${table} 表只能读，不能写`,
      `table ${table} can only be read: a writable point is in holding or coil`,
    );
  } else if (map.bit !== undefined || map.bits !== undefined) {
    problem(
      ['writable'],
      '只占寄存器的一部分，写入会连同其他位一起改写；请改为整个寄存器',
      'it is a part of a register, and writing it would write its other bits too: make a point of the whole register',
    );
  } else if (count > MAX_WRITE_REGISTERS) {
    problem(
      ['writable'],
      `一次最多写 ${MAX_WRITE_REGISTERS} 个寄存器，这里有 ${count} 个`,
      `a request writes ${MAX_WRITE_REGISTERS} registers at most, this has ${count}`,
    );
  }
}

function placeOf(map: ModbusMapPoint, kind: ValueKind, problem: Tell): { table: Table; base: number } | undefined {
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
    } else if (place.table === 'coil' && kind !== 'bool') {
      // What is meant is nearly always a holding register whose manual leaves the 4 out, or counts from 0.
      problem(
        ['register'],
        `寄存器号 ${map.register} 是线圈 ${place.base}，线圈放不下 ${kind} 值；保持寄存器写 4xxxx，或写 table 与 address`,
        `register ${map.register} is coil ${place.base}, which holds no ${kind}; write 4xxxx for a holding register, or table and address`,
      );
      return undefined;
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

function checkKind(kind: ValueKind, type: ValueType, map: ModbusMapPoint, problem: Tell): void {
  const fitting = typesOfKind[kind];
  if (fitting.includes(type)) return;
  const field = map.bit !== undefined ? 'bit' : kind === 'bool' && map.bits !== undefined ? 'bits' : 'type';
  if (kind === 'bool') {
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
