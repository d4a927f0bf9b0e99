import type { Text } from '../../../model/text.ts';
import { isBitTable, type ModbusAddress } from '../address.ts';
import type { ValueType } from '../schema.ts';
import { toBcd } from './bcd.ts';
import { type DecoderForm, noValueOf, scaler } from './decode.ts';
import { textWriter } from './text-bytes.ts';
import { isFloat, rangeOf } from './value-type.ts';
import { bytePlaces } from './wire-order.ts';

/** What stands in a point's registers (or 0 or 1 in its coil) for a value, or why no such value can stand there. */
export type Encoded =
  | { readonly ok: true; readonly values: readonly number[] }
  | { readonly ok: false; readonly why: Text };

/** Makes registers of a point's value: the inverse of its `Decoder`. */
export type Encoder = (value: number | string) => Encoded;

/** Makes the encoder of one point. Single bits and fields of a register have none: their neighbours are not known. */
export function encoder(form: DecoderForm): Encoder {
  const { address } = form;
  if (address.bit !== null || address.bits !== undefined) return () => partOfRegister;
  if (address.type === 'text') return textEncoder(form);
  const raw = rawOf(form);
  const noValue = noValueOf(address);
  return (value) => {
    if (typeof value !== 'number') return refuse('应为数值', 'a number is needed');
    if (!Number.isFinite(value)) return refuse('应为有限数', 'a finite number is needed');
    const found = raw(value);
    if (typeof found !== 'number') return found;
    const inRegisters = address.type === 'bcd16' || address.type === 'bcd32' ? toBcd(found) : found;
    if (noValue.has(isFloat(address.type) ? nearestFloat(address.type, inRegisters) : inRegisters)) {
      return refuse(`${value} 在设备里表示“无值”`, `${value} is how the device says that it has no value`);
    }
    return { ok: true, values: isBitTable(address.table) ? [inRegisters] : registers(inRegisters, form) };
  };
}

const partOfRegister: Encoded = {
  ok: false,
  why: {
    zh: '只占寄存器的一部分，写入会连同其他位一起改写',
    en: 'it is a part of a register; writing it would write its other bits too',
  },
};

function refuse(zh: string, en: string): Encoded {
  return { ok: false, why: { zh, en } };
}

/** The raw number of a value, before it is put into registers. */
function rawOf({ address, kind, states }: DecoderForm): (value: number) => number | Encoded {
  const range = rangeOf[address.type];
  if (kind !== 'double') {
    return (value) => {
      if (kind === 'bool' && value !== 0 && value !== 1) return refuse('应为 0 或 1', 'it is 0 or 1');
      if (kind === 'enum' && states?.[value] === undefined) {
        const known = Object.keys(states ?? {}).join(', ');
        return refuse(`没有状态 ${value}，可用：${known}`, `there is no state ${value}; there are ${known}`);
      }
      return inRange(value, range, (raw) => raw);
    };
  }
  const { scale, add } = address;
  const scaled = scaler(address);
  if (isFloat(address.type)) {
    return (value) => {
      const raw = (value - add) / scale + 0;
      if (Number.isFinite(nearestFloat(address.type, raw))) return raw;
      return refuse(`${value} 超出 ${address.type} 的范围`, `${value} is beyond what ${address.type} holds`);
    };
  }
  return (value) => {
    const exact = (value - add) / scale;
    const raw = Math.round(exact) + 0;
    if (Math.abs(exact - raw) > Math.max(1e-6, Math.abs(exact) * 4 * Number.EPSILON)) {
      const [low, high] = [scaled(Math.floor(exact)), scaled(Math.ceil(exact))];
      return refuse(`设备只能存 ${low} 或 ${high}`, `the device can hold ${low} or ${high}, nothing between`);
    }
    return inRange(raw, range, scaled);
  };
}

function inRange(
  raw: number,
  range: readonly [number, number] | undefined,
  shown: (raw: number) => number,
): number | Encoded {
  if (!Number.isInteger(raw)) return refuse('应为整数', 'a whole number is needed');
  if (range === undefined || (raw >= range[0] && raw <= range[1])) return raw;
  const [least, greatest] = [shown(range[0]), shown(range[1])].sort((a, b) => a - b);
  return refuse(`应在 ${least} 到 ${greatest} 之间`, `it must be from ${least} to ${greatest}`);
}

function nearestFloat(type: ValueType, value: number): number {
  return type === 'float32' ? Math.fround(value) : type === 'float16' ? Math.f16round(value) : value;
}

function registers(raw: number, form: DecoderForm): number[] {
  const { address } = form;
  const big = Buffer.alloc(address.count * 2);
  if (address.type !== 'text') wordWriters[address.type](big, raw);
  return toWords(big, address, form);
}

/** Puts the bytes of a big-endian value to their places on the wire. */
function toWords(big: Buffer, address: ModbusAddress, form: DecoderForm): number[] {
  const places = bytePlaces(address, form);
  const wire = Buffer.alloc(big.length);
  big.forEach((byte, i) => {
    wire[places?.[i] ?? i] = byte;
  });
  return Array.from({ length: address.count }, (_, word) => wire.readUInt16BE(word * 2));
}

function textEncoder(form: DecoderForm): Encoder {
  const { address } = form;
  const { encoding = 'ascii', count } = address;
  const write = textWriter(encoding);
  return (value) => {
    if (typeof value !== 'string') return refuse('应为文本', 'a text is needed');
    const bytes = write(value);
    if (bytes === undefined) {
      return refuse(`文本含有 ${encoding} 不能表示的字符`, `the text has characters that ${encoding} has not`);
    }
    if (bytes.length > count * 2) {
      return refuse(
        `文本有 ${bytes.length} 字节，最多 ${count * 2}`,
        `the text has ${bytes.length} bytes, ${count * 2} is the most`,
      );
    }
    const filled = Buffer.alloc(count * 2);
    bytes.copy(filled);
    return { ok: true, values: toWords(filled, address, form) };
  };
}

const wordWriters: Readonly<Record<Exclude<ValueType, 'text'>, (bytes: Buffer, value: number) => unknown>> = {
  bool: (bytes, value) => bytes.writeUInt16BE(value),
  uint16: (bytes, value) => bytes.writeUInt16BE(value),
  int16: (bytes, value) => bytes.writeInt16BE(value),
  uint32: (bytes, value) => bytes.writeUInt32BE(value),
  int32: (bytes, value) => bytes.writeInt32BE(value),
  uint64: (bytes, value) => bytes.writeBigUInt64BE(BigInt(value)),
  int64: (bytes, value) => bytes.writeBigInt64BE(BigInt(value)),
  float16: (bytes, value) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setFloat16(0, value),
  float32: (bytes, value) => bytes.writeFloatBE(value),
  float64: (bytes, value) => bytes.writeDoubleBE(value),
  bcd16: (bytes, value) => bytes.writeUInt16BE(value),
  bcd32: (bytes, value) => bytes.writeUInt32BE(value),
};
