import type { ModbusAddress, Order } from '../address.ts';

/** Word and byte order of a link, used where an address has none of its own. */
export interface LinkOrder {
  readonly wordOrder: Order;
  readonly byteOrder: Order;
}

/**
 * Where each byte of the big-endian value stands on the wire: entry i is the place, from 0, of byte i, the most
 * significant first. Undefined where they stand in that order already. The characters of a text follow each other from
 * word to word whatever the order of words is for numbers; only the two within a word may be swapped.
 */
export function bytePlaces(address: ModbusAddress, link: LinkOrder): readonly number[] | undefined {
  const { count, type, wire } = address;
  if (wire !== undefined) {
    const places = wire.map((_, byte) => wire.indexOf(byte + 1));
    return isInOrder(places) ? undefined : places;
  }
  const wordOrder = type === 'text' ? 'big' : (address.wordOrder ?? link.wordOrder);
  const byteOrder = address.byteOrder ?? link.byteOrder;
  if (byteOrder === 'big' && (wordOrder === 'big' || count === 1)) return undefined;
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    const word = wordOrder === 'big' ? i : count - 1 - i;
    places.push(...(byteOrder === 'big' ? [word * 2, word * 2 + 1] : [word * 2 + 1, word * 2]));
  }
  return places;
}

function isInOrder(places: readonly number[]): boolean {
  return places.every((place, byte) => place === byte);
}
