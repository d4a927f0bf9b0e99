import type { Refusal } from './held.ts';

/** 1601-01-01, by which a server says that it has no time, and 9999-12-31T23:59:59, that it has no end (Part 6, 5.2.2.5). */
export const NO_TIME_MS = -11_644_473_600_000;
const LAST_TIME_MS = 253_402_300_799_000;

/** Epoch ms of a DateTime; the first and the last that there are mean that there is none. */
export function timeOf(value: unknown): number | Refusal {
  const ms = value instanceof Date ? value.getTime() : Number.NaN;
  if (Number.isNaN(ms)) return { reason: 'malformed-reply' };
  return ms <= NO_TIME_MS || ms >= LAST_TIME_MS ? { reason: 'no-value' } : ms;
}
