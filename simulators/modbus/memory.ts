/** The four tables of a Modbus device. */
export type Table = 'coil' | 'discrete' | 'holding' | 'input';

/** What one unit on a bus answers. */
export interface UnitMemory {
  /** The bit (0, 1) or word (0 to 65535) at a wire address; undefined where the device has none. */
  cell(table: Table, address: number): number | undefined;
  /** Exception code with which this device refuses the read although it has the cells; undefined where it does not. */
  refuses?(table: Table, address: number, count: number): number | undefined;
}

/** True if a read of `count` cells from `address` covers any of `size` cells from `first`. */
export function covers(address: number, count: number, first: number, size: number): boolean {
  return address < first + size && first < address + count;
}

/** A number as a word: rounded, and held within what 16 bits can show. */
export function word(value: number): number {
  return Math.min(0xffff, Math.max(0, Math.round(value)));
}

/** High (0) or low (1) word of a number as u32, high word first. */
export function wordOfU32(value: number, index: 0 | 1): number {
  const whole = Math.min(0xffff_ffff, Math.max(0, Math.round(value)));
  return index === 0 ? Math.floor(whole / 0x1_0000) : whole % 0x1_0000;
}

/** Booleans as a word, the first as bit 0. */
export function bits(flags: readonly boolean[]): number {
  return flags.reduce((sum, flag, bit) => (flag ? sum | (1 << bit) : sum), 0);
}
