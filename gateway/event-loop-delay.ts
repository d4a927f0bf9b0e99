import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Real ms between two looks at the event loop. */
const RESOLUTION_MS = 10;

/** Real ms that one span of measuring takes at least. */
const SPAN_MS = 60_000;

/** How late the event loop is: what asks for a turn at some time gets it so much later. */
export interface EventLoopDelay {
  /** Real ms that 99 % of the turns were late at most, in the worse of the running minute and the one before. */
  p99Ms(): number;
}

/**
 * Measures from now on. Spans end when they are asked for, so that no timer is needed; who asks less often than once a
 * minute hears of the time since they asked last. `now` is in ms.
 */
export function measureEventLoopDelay(now: () => number = () => performance.now()): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let startedMs = now();
  let beforeMs = 0;
  return {
    p99Ms() {
      // The histogram holds the time between two looks, of which the resolution is no delay. It is empty at first.
      const late = histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
      const worse = Math.max(late, beforeMs);
      if (now() - startedMs >= SPAN_MS) {
        beforeMs = late;
        startedMs = now();
        histogram.reset();
      }
      return worse;
    },
  };
}
