import type { Table, UnitMemory } from './memory.ts';

/** MBAP header: transaction (2 bytes), protocol (2), length of what follows (2), unit (1). */
export const HEADER_BYTES = 7;
/** Longest frame of Modbus TCP: header and a PDU of 253 bytes. */
export const MAX_FRAME_BYTES = HEADER_BYTES + 253;
const MAX_BITS = 2000;
const MAX_WORDS = 125;

export const Exception = { illegalFunction: 1, illegalAddress: 2, illegalValue: 3, unitSilent: 11 } as const;

/** One request as it came over the wire. */
export interface Frame {
  readonly transaction: number;
  readonly unit: number;
  readonly pdu: Buffer;
}

/**
 * Takes the first whole frame off the bytes. `more`: not there yet. `rubbish`: this is not Modbus TCP, and nothing that
 * follows can be made out either.
 */
export function takeFrame(bytes: Buffer): { readonly frame: Frame; readonly size: number } | 'more' | 'rubbish' {
  if (bytes.length >= 4 && bytes.readUInt16BE(2) !== 0) return 'rubbish';
  if (bytes.length < 6) return 'more';
  const length = bytes.readUInt16BE(4);
  // The length counts the unit and a PDU of at least the function code.
  if (length < 2 || 6 + length > MAX_FRAME_BYTES) return 'rubbish';
  if (bytes.length < 6 + length) return 'more';
  const pdu = bytes.subarray(HEADER_BYTES, 6 + length);
  return { frame: { transaction: bytes.readUInt16BE(0), unit: bytes.readUInt8(6), pdu }, size: 6 + length };
}

/** The whole answer to a request, header included. */
export function answer(frame: Frame, units: ReadonlyMap<number, UnitMemory>): Buffer {
  const unit = units.get(frame.unit);
  const pdu = unit === undefined ? refusal(frame.pdu, Exception.unitSilent) : answerPdu(frame.pdu, unit);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(frame.transaction, 0);
  header.writeUInt16BE(pdu.length + 1, 4);
  header.writeUInt8(frame.unit, 6);
  return Buffer.concat([header, pdu]);
}

const tables: Readonly<Record<number, Table>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };

function answerPdu(pdu: Buffer, unit: UnitMemory): Buffer {
  const table = tables[pdu.readUInt8(0)];
  if (table === undefined) return refusal(pdu, Exception.illegalFunction);
  if (pdu.length !== 5) return refusal(pdu, Exception.illegalValue);
  const address = pdu.readUInt16BE(1);
  const count = pdu.readUInt16BE(3);
  const isBits = table === 'coil' || table === 'discrete';
  if (count < 1 || count > (isBits ? MAX_BITS : MAX_WORDS)) return refusal(pdu, Exception.illegalValue);
  const refused = unit.refuses?.(table, address, count);
  if (refused !== undefined) return refusal(pdu, refused);
  const cells: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const cell = unit.cell(table, address + i);
    if (cell === undefined) return refusal(pdu, Exception.illegalAddress);
    cells.push(cell);
  }
  return isBits ? bitReply(pdu, cells) : wordReply(pdu, cells);
}

function refusal(pdu: Buffer, code: number): Buffer {
  return Buffer.from([pdu.readUInt8(0) | 0x80, code]);
}

function bitReply(pdu: Buffer, cells: readonly number[]): Buffer {
  const bytes = Math.ceil(cells.length / 8);
  const reply = Buffer.alloc(2 + bytes);
  reply.writeUInt8(pdu.readUInt8(0), 0);
  reply.writeUInt8(bytes, 1);
  for (const [i, cell] of cells.entries()) {
    if (cell !== 0) reply[2 + (i >> 3)] = (reply[2 + (i >> 3)] ?? 0) | (1 << (i & 7));
  }
  return reply;
}

function wordReply(pdu: Buffer, cells: readonly number[]): Buffer {
  const reply = Buffer.alloc(2 + cells.length * 2);
  reply.writeUInt8(pdu.readUInt8(0), 0);
  reply.writeUInt8(cells.length * 2, 1);
  for (const [i, cell] of cells.entries()) reply.writeUInt16BE(cell, 2 + i * 2);
  return reply;
}
