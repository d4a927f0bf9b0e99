/** Gives the next number of a stream, 0 ≤ x < 1. */
export type Random = () => number;

/**
 * A reproducible stream of numbers for one device. Every device has a stream of its own, named by its key, so that
 * what happens to one does not shift what the others do.
 */
export function randomStream(seed: number, name: string): Random {
  // FNV-1a spreads seed and name over 32 bits; the stream itself is a Weyl sequence passed through a mixing function,
  // which has a period of 2^32: far more than a device draws in years.
  let state = 0x811c9dc5;
  for (const char of `${seed}/${name}`) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A number from `low` to `high`, evenly spread. */
export function between(random: Random, low: number, high: number): number {
  return low + random() * (high - low);
}

/** A waiting time of a Poisson process with the given mean, in the mean's unit. */
export function waitingTime(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/** `count` different whole numbers of 0 … size − 1. */
export function pick(random: Random, size: number, count: number): ReadonlySet<number> {
  const order = Array.from({ length: size }, (_, i) => i);
  for (let i = 0; i < count; i += 1) {
    const j = i + Math.floor(random() * (size - i));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return new Set(order.slice(0, count));
}
