import type { WrittenAddress } from '../../model/adapter.ts';
import type { ModbusAddress } from './address.ts';
import { isBitTable } from './address.ts';

/** An address as a register map and an asset would have it; see `Protocol.written`. What is usual is left out. */
export function writtenModbus(at: ModbusAddress): WrittenAddress {
  const { unit, table, address, type, bit, scale, add, noValue, wordOrder, byteOrder } = at;
  return {
    address: { unit },
    mapPoint: {
      table,
      address,
      // A whole register as bool is told from a number by its type alone.
      ...(!isBitTable(table) && { type }),
      ...(bit !== null && { bit }),
      ...(scale !== 1 && { scale }),
      ...(add !== 0 && { add }),
      ...(noValue.length > 0 && { noValue }),
      ...(wordOrder !== null && { wordOrder }),
      ...(byteOrder !== null && { byteOrder }),
    },
  };
}
