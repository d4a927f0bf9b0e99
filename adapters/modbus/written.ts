import type { WrittenAddress } from '../../model/adapter.ts';
import { isBitTable, type ModbusAddress } from './address.ts';

/** An address as a register map and an asset would have it; see `Protocol.written`. What is usual is left out. */
export function writtenModbus(at: ModbusAddress): WrittenAddress {
  const { unit, table, address, count, type, scale, add, noValue, reading = {}, ...rest } = at;
  const given = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return {
    address: {
      unit,
      ...(reading.timeoutMs !== undefined && { timeout: writtenDuration(reading.timeoutMs) }),
      ...(reading.maxRegisters !== undefined && { maxRegisters: reading.maxRegisters }),
      ...(reading.maxBits !== undefined && { maxBits: reading.maxBits }),
    },
    mapPoint: {
      table,
      address,
      // A whole register as bool is told from a number by its type alone.
      ...(!isBitTable(table) && { type }),
      ...(type === 'text' && { length: count }),
      ...Object.fromEntries(given),
      ...(scale !== 1 && { scale }),
      ...(add !== 0 && { add }),
      ...(noValue.length > 0 && { noValue }),
      ...(reading.pollMs !== undefined && { poll: writtenDuration(reading.pollMs) }),
    },
  };
}

function writtenDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
