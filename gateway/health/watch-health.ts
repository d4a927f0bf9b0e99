import type { AdapterLog } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import type { HealthFigures, HealthPoint } from '../../model/gateway-health.ts';
import type { Log } from '../../model/log.ts';
import { type FolderFacts, lookAtFolder } from './data-folder.ts';
import { healthFigures, type PathFacts } from './path-facts.ts';

/** Site ms between two looks, and the real ms that this comes to at least and at most. */
const LOOK_EVERY_MS = 5000;
const SHORTEST_MS = 1000;

/** Site ms after which the figures are told again whatever they are, so that the rules know that somebody looks. */
const TELL_EVERY_MS = 60_000;

/** What is told as soon as it is another than before; everything else waits for its minute. */
const TOLD_AT_ONCE: readonly HealthPoint[] = [
  'logFailing',
  'stateFailing',
  'clockUntrusted',
  'clockLeapt',
  'damagedFiles',
  'certificatesExpiring',
  'certificatesExpired',
];

export interface HealthOptions {
  readonly dataDir: string;
  readonly log: Pick<Log, 'hand'>;
  readonly clock: Clock;
  /** What the parts tell of themselves; the disk is looked at here. */
  readonly parts: () => Omit<PathFacts, 'disk' | 'damagedFiles'>;
  readonly logger: AdapterLog;
}

/** The gateway's own health: looked at, and told to the rules through the log. */
export interface HealthWatch {
  /** As of now; what the disk says is of the last look. */
  facts(): PathFacts;
  stop(): void;
}

/**
 * Begins to look at the gateway's health. What it finds goes into the log: at once where a fault begins or ends, and
 * once a minute of site time. One entry is on its way at a time, and nobody waits for it, since the disk may be what
 * fails.
 */
export function watchHealth(options: HealthOptions): HealthWatch {
  return new Watch(options);
}

class Watch implements HealthWatch {
  readonly #options: HealthOptions;
  readonly #timer: NodeJS.Timeout;
  #folder: FolderFacts | undefined;
  #isLooking = false;
  #isTelling = false;
  #told: HealthFigures | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isTold = { disk: false, log: false };

  constructor(options: HealthOptions) {
    this.#options = options;
    const everyMs = Math.max(SHORTEST_MS, LOOK_EVERY_MS / Math.max(1, options.clock.rate));
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#look();
  }

  facts(): PathFacts {
    return {
      ...this.#options.parts(),
      disk: this.#folder?.disk ?? null,
      damagedFiles: this.#folder?.damagedFiles ?? null,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A disk that hangs answers no look, and holds up none of what else there is to tell. */
  #look(): void {
    this.#tell();
    if (this.#isLooking) return;
    this.#isLooking = true;
    lookAtFolder(this.#options.dataDir).then(
      (folder) => {
        this.#isLooking = false;
        this.#isTold.disk = false;
        this.#folder = folder;
        this.#tell();
      },
      (error: unknown) => {
        this.#isLooking = false;
        this.#folder = undefined;
        if (!this.#isTold.disk)
          this.#options.logger.warn({ err: error }, 'the disk of the data folder cannot be looked at');
        this.#isTold.disk = true;
      },
    );
  }

  #tell(): void {
    const { clock, log, logger } = this.#options;
    const figures = healthFigures(this.facts());
    const nowMs = clock.now();
    const isDue = nowMs - this.#toldMs >= TELL_EVERY_MS;
    const isNew = TOLD_AT_ONCE.some((point) => figures[point] !== this.#told?.[point]);
    if (this.#isTelling || !(isDue || isNew)) return;
    this.#isTelling = true;
    this.#told = figures;
    this.#toldMs = nowMs;
    // Whether it reaches the disk does not matter: a minute later there is another one.
    log.hand({ kind: 'health', figures: defined(figures) }).taken.then(
      () => {
        this.#isTelling = false;
        this.#isTold.log = false;
      },
      (error: unknown) => {
        this.#isTelling = false;
        this.#told = undefined;
        if (!this.#isTold.log) logger.warn({ err: error }, 'the log does not take how the gateway is');
        this.#isTold.log = true;
      },
    );
  }
}

function defined(figures: HealthFigures): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}
