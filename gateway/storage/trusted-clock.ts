import { open, readFile, rename } from 'node:fs/promises';
import type { AdapterLog } from '../../model/adapter.ts';
import type { SteadyClock } from '../../model/clock.ts';
import { firstTrust, type Leap, passTime, type TimeTrust } from '../../model/leaps.ts';

/** Name of the file in the data folder that keeps how far the clock is believed. */
export const TIME_TRUST_FILE = 'time-trust.json';
/** Real ms between two looks at the clock that nobody else asks, and between two tries of a file that was not written. */
const LOOK_EVERY_MS = 60_000;
/** Site ms between two writes of the file at least. */
const SAVE_EVERY_MS = 3_600_000;
/** Site ms that what the clock shows may differ from what a clock that cannot leap has seen, before that is looked at. */
const MAX_DRIFT_MS = 60_000;
/** Site ms after which the difference is looked at however small it is. */
const LOOK_AFTER_MS = 3_600_000;

export interface TrustedClockOptions {
  readonly clock: SteadyClock;
  /** Keeps what is known over a restart; its folder exists. */
  readonly path: string;
  /** Time of the newest record of the log, epoch ms; 0 where there is none. */
  readonly newestMs: number;
  readonly logger: AdapterLog;
}

/** A clock that knows when it leapt, so that nothing is thrown away for being old that is not. */
export interface TrustedClock extends SteadyClock {
  /** The leaps up to now, see `keptFromMs`; what a record of later time follows from is in here before it is stamped. */
  leaps(): readonly Leap[];
  /** Begins to keep the file, once its folder is this process's own; gives a function that keeps it once more and ends. */
  keep(): () => Promise<void>;
}

/**
 * Makes of a clock one that is watched for leaps ahead, from what `path` says of the time before on. A file that cannot
 * be read counts as none: then the newest record's time is believed.
 */
export async function openTrustedClock(options: TrustedClockOptions): Promise<TrustedClock> {
  const stored = await readTrust(options);
  const { newestMs, clock } = options;
  // Nothing is known of an empty folder but what the clock says.
  return new Watched(options, stored ?? firstTrust(newestMs > 0 ? newestMs : clock.now()));
}

class Watched implements TrustedClock {
  readonly rate: number;
  readonly simulated: boolean;
  readonly #options: TrustedClockOptions;
  #trust: TimeTrust;
  /** When `#trust` was true, real ms of a clock that cannot leap. */
  #seenAt = performance.now();
  /** What is in the file. */
  #savedMs = Number.NEGATIVE_INFINITY;
  #savedLeaps: readonly Leap[] | undefined;
  #saving: Promise<void> | undefined;
  #isKept = false;
  #isTold = false;

  constructor(options: TrustedClockOptions, trust: TimeTrust) {
    this.#options = options;
    this.#trust = trust;
    this.rate = options.clock.rate;
    this.simulated = options.clock.simulated;
    // Whatever passed until this start was seen by nobody.
    this.#see(options.clock.now(), 0);
  }

  now(): number {
    const nowMs = this.#options.clock.now();
    const ranMs = (performance.now() - this.#seenAt) * this.rate;
    if (ranMs >= LOOK_AFTER_MS || nowMs - this.#trust.seenMs - ranMs > MAX_DRIFT_MS) this.#see(nowMs, ranMs);
    return nowMs;
  }

  delay(delayMs: number, signal?: AbortSignal): Promise<void> {
    return this.#options.clock.delay(delayMs, signal);
  }

  behindMs(): number {
    return this.#options.clock.behindMs();
  }

  leaps(): readonly Leap[] {
    this.now();
    return this.#trust.leaps;
  }

  keep(): () => Promise<void> {
    this.#isKept = true;
    const timer = setInterval(() => this.#saveIfDue(this.now()), LOOK_EVERY_MS);
    this.#saveIfDue(this.now());
    return async () => {
      clearInterval(timer);
      this.#see(this.now(), (performance.now() - this.#seenAt) * this.rate);
      this.#isKept = false;
      await this.#saving;
      await this.#save();
    };
  }

  #see(nowMs: number, ranMs: number): void {
    const { leaps } = this.#trust;
    this.#trust = passTime(this.#trust, nowMs, Math.floor(ranMs));
    this.#seenAt = performance.now();
    if (this.#trust.leaps === leaps) return;
    const leap = this.#trust.leaps.at(-1);
    const fields = leap && {
      from: timeOf(leap.fromMs),
      to: timeOf(leap.toMs),
      days: (leap.toMs - leap.fromMs) / DAY_MS,
    };
    this.#options.logger.warn(
      { ...fields },
      'the clock leapt ahead, or the gateway was away for long: nothing is thrown away for the age that this gives it',
    );
    this.#saveIfDue(nowMs);
  }

  #saveIfDue(nowMs: number): void {
    if (!this.#isKept) return;
    const isDue = nowMs - this.#savedMs >= SAVE_EVERY_MS || this.#trust.leaps !== this.#savedLeaps;
    if (isDue) this.#saving ??= this.#save();
  }

  /** A disk that does not take it is tried again; until then, a restart asks the same question anew. */
  async #save(): Promise<void> {
    const { path, logger } = this.#options;
    const ranMs = (performance.now() - this.#seenAt) * this.rate;
    const trust = { ...this.#trust, seenMs: Math.floor(this.#trust.seenMs + ranMs) };
    try {
      await writeTrust(path, trust);
      this.#savedMs = trust.seenMs;
      this.#savedLeaps = trust.leaps;
      this.#isTold = false;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (!this.#isTold) logger.warn({ reason: error.message }, 'how far the clock is believed cannot be saved');
      this.#isTold = true;
    } finally {
      this.#saving = undefined;
    }
  }
}

const DAY_MS = 24 * 3_600_000;

/** For the log's reader; a time that is none by its number. */
function timeOf(ms: number): string | number {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms;
}

async function readTrust({ path, logger }: TrustedClockOptions): Promise<TimeTrust | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isTrust(stored)) return stored;
    logger.warn({ path }, 'how far the clock is believed cannot be read; the newest record is believed');
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof Error && 'code' in error)) throw error;
    if ('code' in error && error.code === 'ENOENT') return undefined;
    logger.warn(
      { reason: error.message },
      'how far the clock is believed cannot be read; the newest record is believed',
    );
  }
  return undefined;
}

/** Replaces the file; a crash leaves the old one or the new one. */
async function writeTrust(path: string, trust: TimeTrust): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w');
  try {
    await file.writeFile(`${JSON.stringify(trust)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}

function isTrust(value: unknown): value is TimeTrust {
  if (typeof value !== 'object' || value === null) return false;
  const { seenMs, slackMs, leaps } = value as Record<string, unknown>;
  return Number.isSafeInteger(seenMs) && Number.isFinite(slackMs) && Array.isArray(leaps) && leaps.every(isLeap);
}

function isLeap(value: unknown): value is Leap {
  if (typeof value !== 'object' || value === null) return false;
  const { fromMs, toMs } = value as Record<string, unknown>;
  return Number.isSafeInteger(fromMs) && Number.isSafeInteger(toMs);
}
