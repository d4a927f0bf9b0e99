/** What the issue promises, real ms: 99 of 100 turns of the event loop that are asked for come no later. */
export const LOOP_DELAY_P99_MS = 20;

const NAME = 'lamplighter_event_loop_delay';

/** How late the event loop of one process was, or of several together, as `/metrics` tells it. */
export interface LoopDelay {
  /** How many looks found a delay of at most so many ms, by that bound, ascending; the last bound is infinite. */
  readonly within: ReadonlyMap<number, number>;
  /** The longest delay of a look, real ms; since the start also where the rest is of a part of the time. */
  readonly worstMs: number;
}

/** Reads the delay from figures of `/metrics`, by name with labels. Throws where they do not tell it. */
export function loopDelayOf(metrics: ReadonlyMap<string, number>): LoopDelay {
  const within = new Map<number, number>();
  for (const [key, count] of metrics) {
    const bound = new RegExp(`^${NAME}_seconds_bucket\\{le="(.+)"\\}$`).exec(key)?.[1];
    if (bound !== undefined) within.set(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound) * 1000, count);
  }
  const worstSeconds = metrics.get(`${NAME}_worst_seconds`);
  if (within.size === 0 || worstSeconds === undefined) throw new Error('the gateway does not tell its delay');
  return { within: new Map([...within].sort(([a], [b]) => a - b)), worstMs: worstSeconds * 1000 };
}

/** The delays of several processes as if they were one. */
export function pooled(delays: readonly LoopDelay[]): LoopDelay {
  const within = new Map<number, number>();
  for (const delay of delays) {
    for (const [bound, count] of delay.within) within.set(bound, (within.get(bound) ?? 0) + count);
  }
  return { within, worstMs: Math.max(0, ...delays.map(({ worstMs }) => worstMs)) };
}

/** What has come since `before` was read of the same process. */
export function loopDelaySince(before: LoopDelay, now: LoopDelay): LoopDelay {
  const counts = [...now.within].map(([bound, count]) => [bound, count - (before.within.get(bound) ?? 0)] as const);
  return { within: new Map(counts), worstMs: now.worstMs };
}

/** How many looks there were, of which each stands for 10 ms. */
export function looksOf({ within }: LoopDelay): number {
  return Math.max(0, ...within.values());
}

/**
 * Real ms that 99 % of the looks were late at most, taken within its bucket as Prometheus's `histogram_quantile` takes
 * it; NaN where nobody has looked.
 */
export function p99Ms(delay: LoopDelay): number {
  const rank = looksOf(delay) * 0.99;
  let [belowMs, below] = [0, 0];
  for (const [boundMs, count] of delay.within) {
    if (count >= rank && count > below) {
      // No look was later than the worst.
      const upToMs = Math.max(belowMs, Math.min(boundMs, delay.worstMs));
      return belowMs + ((upToMs - belowMs) * (rank - below)) / (count - below);
    }
    [belowMs, below] = [boundMs, count];
  }
  return Number.NaN;
}
