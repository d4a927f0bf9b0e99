/** Real ms before the first retry of a lost link, and at most. */
export const FIRST_RETRY_MS = 250;
export const LONGEST_RETRY_MS = 30_000;

/**
 * Real ms to wait before the next try after `failures` in a row (from 1): doubling from {@link FIRST_RETRY_MS} to
 * {@link LONGEST_RETRY_MS}, of which between half and all is waited, so that a hundred links which one switch took
 * down do not come back in step. `random` is 0 to 1.
 */
export function retryDelayMs(failures: number, random: number): number {
  const fullMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30), LONGEST_RETRY_MS);
  return Math.round(fullMs * (0.5 + random / 2));
}
