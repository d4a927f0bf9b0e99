/**
 * Site time. Ticks, stamps, staleness, polling, duty and simulators go by it; socket time-outs and back-off go by
 * real monotonic time and do not use it.
 */
export interface Clock {
  /** Epoch milliseconds of site time, an integer. */
  now(): number;
  /** Seconds of site time per second of real time; 1 on a real site. */
  readonly rate: number;
  /** True where time is made up (`--clock`); such a site is watermarked. */
  readonly simulated: boolean;
  /** Resolves after `delayMs` of site time; rejects with the signal's reason when it aborts. */
  delay(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export function systemClock(): Clock {
  return { now: Date.now, rate: 1, simulated: false, delay: abortableDelay };
}

/**
 * A clock that showed `startMs` when the machine's clock showed `originMs`, and runs at `rate`. Processes that are
 * given the same three numbers agree on the time.
 */
export function simulatedClock(startMs: number, rate: number, originMs: number): Clock {
  return {
    now: () => Math.floor(startMs + (Date.now() - originMs) * rate),
    rate,
    simulated: true,
    delay: (delayMs, signal) => abortableDelay(delayMs / rate, signal),
  };
}

/** How far, ms, a clock may be behind before it counts as set back; less is only waited for. */
const MAX_BEHIND_MS = 10_000;

/** A clock that does not go back, and how far behind it its source is. */
export interface SteadyClock extends Clock {
  /** Ms by which the source is behind what is shown; 0 where it can be trusted. */
  behindMs(): number;
}

/**
 * Makes of a clock one that never shows less than `notBeforeMs` (the newest record of the log), nor less than it showed
 * before. A source that was set back by more than 10 s is not followed: time goes on at its own pace from where it was,
 * so that delays and staleness still run, until the source has caught up.
 */
export function steadyClock(source: Clock, notBeforeMs: number): SteadyClock {
  let shownMs = notBeforeMs;
  // Where the source was last followed: what is carried on from while it is set back.
  let anchorMs = notBeforeMs;
  let anchorAt = performance.now();
  const now = () => {
    const sourceMs = source.now();
    const at = performance.now();
    const carriedMs = Math.floor(anchorMs + (at - anchorAt) * source.rate);
    if (carriedMs - sourceMs > MAX_BEHIND_MS) {
      shownMs = Math.max(shownMs, carriedMs);
      return shownMs;
    }
    shownMs = Math.max(shownMs, sourceMs);
    anchorMs = shownMs;
    anchorAt = at;
    return shownMs;
  };
  return {
    now,
    rate: source.rate,
    simulated: source.simulated,
    delay: (delayMs, signal) => source.delay(delayMs, signal),
    behindMs: () => {
      const behindMs = now() - source.now();
      return behindMs > MAX_BEHIND_MS ? behindMs : 0;
    },
  };
}

function abortableDelay(realMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.max(0, realMs),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Reads `START[@RATE][#ORIGIN]` of the command line: START is ISO 8601 with offset (`2026-06-15T20:30+08:00`) or epoch
 * ms, RATE a positive number (1), ORIGIN the machine's epoch ms at which START was shown (now). Returns undefined
 * where it cannot be read.
 */
export function parseClock(text: string, nowMs = Date.now()): Clock | undefined {
  const match = /^(?<start>[^@#]+)(?:@(?<rate>\d+(?:\.\d+)?))?(?:#(?<origin>\d+))?$/.exec(text.trim());
  const start = match?.groups?.start;
  if (start === undefined) return undefined;
  const startMs = /^\d{10,}$/.test(start) ? Number(start) : Date.parse(start);
  const rate = Number(match?.groups?.rate ?? '1');
  const originMs = Number(match?.groups?.origin ?? nowMs);
  if (!Number.isFinite(startMs) || !(rate > 0) || !Number.isFinite(originMs)) return undefined;
  return simulatedClock(startMs, rate, originMs);
}
