import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Real ms between two looks at the event loop. */
const RESOLUTION_MS = 10;

/** Real ms that one span of measuring takes at least. */
const SPAN_MS = 60_000;

/** Real ms between two looks at whether the start is over, and after which it counts as over whatever it does. */
const LOOK_EVERY_MS = 50;
const START_WITHIN_MS = 30_000;

/** How late the event loop is: what asks for a turn at some time gets it so much later. */
export interface EventLoopDelay {
  /** Real ms that 99 % of the turns were late at most, in the worse of the running minute and the one before; 0 at first. */
  p99Ms(): number;
}

/** One that does not measure yet. */
export interface StartingDelay extends EventLoopDelay {
  /** Measures from now on. */
  begin(): void;
}

/**
 * Begins to measure once the start is over, for loading the program makes everything late that a start does, and nobody
 * is served by then; gives a function that ends the looking.
 */
export function measureOnceStarted(delay: Pick<StartingDelay, 'begin'>, isStarting: () => boolean): () => void {
  const untilMs = performance.now() + START_WITHIN_MS;
  const timer = setInterval(() => {
    if (isStarting() && performance.now() < untilMs) return;
    clearInterval(timer);
    delay.begin();
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/**
 * Measures from `begin` on. Spans end when they are asked for, so that no timer is needed; who asks less often than once a
 * minute hears of the time since they asked last. `now` is in ms.
 */
export function measureEventLoopDelay(now: () => number = () => performance.now()): StartingDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let startedMs = now();
  let beforeMs = 0;
  return {
    begin() {
      startedMs = now();
      histogram.enable();
    },
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
