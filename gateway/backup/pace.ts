/** Real ms of rest at a time at most, so that whoever ends the command is heard. */
const MAX_REST_MS = 250;

/** Says after each piece of work how long to rest, real ms. */
export type Pace = () => number;

/**
 * Half of the time at work at most, whatever the disk can do: each rest is as long as the work before it, so that a
 * gateway on the same disk gets its turn. `now` gives real ms.
 */
export function halfPace(now: () => number): Pace {
  let workingSinceMs = now();
  return () => {
    const atMs = now();
    const restMs = Math.min(MAX_REST_MS, Math.max(0, atMs - workingSinceMs));
    workingSinceMs = atMs + restMs;
    return restMs;
  };
}

/** Never rests: where nobody else needs the disk. */
export const fullPace: Pace = () => 0;
