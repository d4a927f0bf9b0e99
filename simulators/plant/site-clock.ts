/** The site's time: what it was at the start, how fast it runs, and what it is. All in epoch ms. */
export interface SiteClock {
  readonly startMs: number;
  /** Seconds of site time per second of real time. */
  readonly rate: number;
  now(): number;
}

/**
 * Reads `START[@RATE][#ORIGIN]`: START is ISO 8601 with offset or epoch ms, RATE a positive number (1), ORIGIN the
 * machine's epoch ms at which START was shown (`nowMs`). Undefined where it cannot be read.
 */
export function readSiteClock(text: string, nowMs = Date.now()): SiteClock | undefined {
  const parts = /^([^@#]+)(?:@([0-9.]+))?(?:#(\d+))?$/.exec(text.trim());
  if (parts?.[1] === undefined) return undefined;
  const startMs = /^\d{10,}$/.test(parts[1]) ? Number(parts[1]) : Date.parse(parts[1]);
  const rate = parts[2] === undefined ? 1 : Number(parts[2]);
  const originMs = parts[3] === undefined ? nowMs : Number(parts[3]);
  if (!Number.isFinite(startMs) || !Number.isFinite(rate) || rate <= 0) return undefined;
  return { startMs, rate, now: () => Math.floor(startMs + (Date.now() - originMs) * rate) };
}
