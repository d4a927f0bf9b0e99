import type { Wire } from './adapter.ts';

/** For what a person tries besides the link: it counts for nothing in the link's own facts. */
export const untoldWire: Wire = Object.freeze({
  answered: () => undefined,
  timedOut: () => undefined,
  failed: () => undefined,
  heard: () => undefined,
  revised: () => undefined,
  using: () => undefined,
  overran: () => undefined,
  certified: () => undefined,
});
