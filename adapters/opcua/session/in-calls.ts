import type { StatusCode } from 'node-opcua';
import { faultOf, isOfServer, isTooMuch, mayBisect } from './service-fault.ts';

/** Nodes of one call to a server that does not say how many it takes; small controllers refuse more. */
const UNTOLD_PER_CALL = 100;
/** The most nodes of one call, whatever a server says that it takes: an answer stays below a megabyte. */
const MOST_PER_CALL = 1_000;
/** Calls by which the nodes are sought that make a whole call fail; what is not found by then is refused as it stands. */
const MAX_BISECTIONS = 64;

/** Below so many a call is not made smaller because it took too long: then it is the server that is slow. */
const LEAST_LATE = 10;

/** How much goes into one call of one service. What a server turned out not to take is remembered. */
export class CallSize {
  #size: number;

  /** @param allowed what the server says that it takes; null where it says nothing */
  constructor(allowed: number | null) {
    this.#size = allowed === null ? UNTOLD_PER_CALL : Math.min(allowed, MOST_PER_CALL);
  }

  get size(): number {
    return this.#size;
  }

  /** A call of `length` was too much. */
  refused(length: number): void {
    this.#size = Math.max(1, Math.min(this.#size, Math.floor(length / 2)));
  }

  /** A call of `length` was not answered in time. */
  late(length: number): void {
    if (length > LEAST_LATE) this.#size = Math.min(this.#size, Math.max(LEAST_LATE, Math.floor(length / 2)));
  }
}

/**
 * Makes a call for all of `all`, in parts of the size that the server takes. Where it refuses a whole call, the part is
 * halved until the call succeeds or one is left that the server refuses by itself: one bad node costs none of the others.
 *
 * @param call takes one part; where it throws, nothing has come of that part
 * @param refused is told of each for which there was no answer but this status
 * @throws what `call` throws, where that is no refusal, or one of the session
 */
export async function inCalls<T>(
  all: readonly T[],
  size: CallSize,
  call: (part: readonly T[]) => Promise<void>,
  refused: (one: T, status: StatusCode) => void,
): Promise<void> {
  let bisections = 0;
  const waiting: (readonly T[])[] = all.length === 0 ? [] : [all];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part.length > size.size) {
      waiting.push(part.slice(size.size));
      part = part.slice(0, size.size);
    }
    try {
      await call(part);
    } catch (error) {
      const status = faultOf(error);
      if (status === undefined || !mayBisect(status)) throw error;
      if (part.length > 1 && isTooMuch(status)) {
        size.refused(part.length);
        waiting.push(part);
      } else if (part.length > 1 && bisections < MAX_BISECTIONS && !isOfServer(status)) {
        bisections += 1;
        const half = Math.ceil(part.length / 2);
        waiting.push(part.slice(half), part.slice(0, half));
      } else for (const one of part) refused(one, status);
    }
  }
}
