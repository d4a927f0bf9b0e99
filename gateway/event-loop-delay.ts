/** Real ms between two looks at the event loop, each of which asks it for a turn. */
const LOOK_EVERY_MS = 10;

/** Real ms that a timer may come early, for it counts whole ones. */
const TIMER_GRAIN_MS = 1;

/** Looks that one long turn counts as at most: a process that was stopped for hours does not count for as long. */
const MAX_LOOKS = 1_000;

/** Real ms between two looks at whether the start is over, and after which it counts as over whatever it does. */
const START_LOOK_EVERY_MS = 50;
const START_WITHIN_MS = 30_000;

/** How late the event loop is: what asks for a turn at some time gets it so much later. */
export interface EventLoopDelay {
  /** Hears the delay of each look, real ms, from `begin` on. */
  onLook(listener: (delayMs: number) => void): void;
  /** Counts what is due by now, so that whoever asks in a turn that comes late hears of that one too. */
  look(): void;
  /** Measures from now on. */
  begin(): void;
  end(): void;
}

/**
 * Begins to measure once the start is over, for loading the program makes everything late that a start does, and nobody
 * is served by then; gives a function that ends looking and measuring.
 */
export function measureOnceStarted(
  delay: Pick<EventLoopDelay, 'begin' | 'end'>,
  isStarting: () => boolean,
): () => void {
  const untilMs = performance.now() + START_WITHIN_MS;
  const timer = setInterval(() => {
    if (isStarting() && performance.now() < untilMs) return;
    clearInterval(timer);
    delay.begin();
  }, START_LOOK_EVERY_MS);
  return () => {
    clearInterval(timer);
    delay.end();
  };
}

/**
 * Delays, real ms, of looks that were to come at their interval and came after `elapsedMs` all at once. A long turn counts
 * for each that would have come while it lasted, not for the first alone: else the longer a turn is, the less of the time
 * it stands for (coordinated omission; corrected as by `recordValueWithExpectedInterval` of HdrHistogram).
 */
export function delaysOfLooks(elapsedMs: number): readonly number[] {
  const looks = Math.min(Math.max(1, Math.floor(elapsedMs / LOOK_EVERY_MS)), MAX_LOOKS);
  return Array.from({ length: looks }, (_, n) => Math.max(0, elapsedMs - (n + 1) * LOOK_EVERY_MS));
}

/** Measures from `begin` on. `now` is in real ms. */
export function measureEventLoopDelay(now: () => number = () => performance.now()): EventLoopDelay {
  const listeners: ((delayMs: number) => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let lastMs = 0;
  const look = () => {
    const elapsedMs = now() - lastMs;
    if (timer === undefined || elapsedMs < LOOK_EVERY_MS - TIMER_GRAIN_MS) return;
    lastMs += elapsedMs;
    for (const delayMs of delaysOfLooks(elapsedMs)) for (const listener of listeners) listener(delayMs);
  };
  return {
    onLook: (listener) => void listeners.push(listener),
    look,
    begin() {
      lastMs = now();
      timer ??= setInterval(look, LOOK_EVERY_MS).unref();
    },
    end() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
