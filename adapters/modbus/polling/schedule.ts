/** FNV-1a over the UTF-16 units of a text, as a number from 0 to below 1. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}

/**
 * Where within its interval a link begins a poll: always the same of one link, and different ones of different links,
 * so that two hundred links which start together do not all ask in the same millisecond.
 */
export function phaseOf(link: string, intervalMs: number): number {
  return Math.floor(fractionOf(`${link} ${intervalMs}`) * intervalMs);
}

/** The times at which a group of points is due: `phaseMs` after each whole multiple of the interval. */
export interface Grid {
  readonly intervalMs: number;
  readonly phaseMs: number;
}

/** The first time of the grid after `ms`. */
export function nextOnGrid({ intervalMs, phaseMs }: Grid, ms: number): number {
  return (Math.floor((ms - phaseMs) / intervalMs) + 1) * intervalMs + phaseMs;
}
