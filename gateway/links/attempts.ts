/** Links that may be trying to connect at once, in the whole program. */
export const MAX_ATTEMPTS = 32;
/** Real ms between the beginnings of two attempts, at least. */
export const ATTEMPT_SPACING_MS = 10;
/**
 * Real ms after which an attempt that neither came up nor failed no longer counts: longer than any adapter takes to have
 * a connection or none. What is connected and says nothing may take its polls' time to be found silent.
 */
export const ATTEMPT_COUNTS_MS = 10_000;

/** One that waits; who has the least `turnMs` is next. */
interface Waiting {
  readonly turnMs: number;
  readonly begin: () => void;
}

/**
 * Lets links try to connect a few at a time, so that two hundred that one switch took down do not come back in one
 * moment: neither the switch nor this program has to bear them all at once.
 *
 * The queue is fair by time: each link has its turn by when it came plus the pause that its failures have earned it. One
 * that was well a moment ago overtakes those which fail for long, but nobody who came later than its pause afterwards
 * overtakes it, so that everybody's turn comes.
 */
export class Attempts {
  readonly #waiting = new Set<Waiting>();
  #underWay = 0;
  #nextBeginMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** How many attempts are under way, and how many links wait for theirs. */
  get counts(): { readonly underWay: number; readonly waiting: number } {
    return { underWay: this.#underWay, waiting: this.#waiting.size };
  }

  /**
   * Resolves when the attempt may begin, with the function that tells that it is over, one way or the other; undefined
   * where `signal` aborts before that. Whoever never tells is counted for {@link ATTEMPT_COUNTS_MS}.
   *
   * @param pauseMs real ms by which others may come later and yet have their turn before
   */
  begin(pauseMs: number, signal: AbortSignal): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const leave = () => {
        this.#waiting.delete(waiting);
        resolve(undefined);
      };
      const waiting: Waiting = {
        turnMs: performance.now() + pauseMs,
        begin: () => {
          signal.removeEventListener('abort', leave);
          resolve(this.#count());
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiting);
      this.#admit();
    });
  }

  #count(): () => void {
    this.#underWay += 1;
    let counted = true;
    const over = () => {
      if (!counted) return;
      counted = false;
      clearTimeout(timer);
      this.#underWay -= 1;
      this.#admit();
    };
    const timer = setTimeout(over, ATTEMPT_COUNTS_MS);
    return over;
  }

  #admit(): void {
    while (this.#underWay < MAX_ATTEMPTS && this.#waiting.size > 0) {
      const inMs = this.#nextBeginMs - performance.now();
      if (inMs > 0) return this.#admitIn(inMs);
      const next = earliest(this.#waiting);
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#nextBeginMs = performance.now() + ATTEMPT_SPACING_MS;
      next.begin();
    }
  }

  #admitIn(inMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#admit();
    }, Math.ceil(inMs));
  }
}

/** The first of those with the least turn; a set has them in the order in which they came. */
function earliest(all: Iterable<Waiting>): Waiting | undefined {
  let found: Waiting | undefined;
  for (const one of all) if (found === undefined || one.turnMs < found.turnMs) found = one;
  return found;
}
