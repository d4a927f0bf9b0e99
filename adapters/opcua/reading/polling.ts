import type { Clock } from '../../../model/clock.ts';
import { type Reading, readNodes } from './read-nodes.ts';
import type { Watched } from './watched.ts';

/** Groups of nodes that are read at an interval of their own; nodes of further intervals are read with the next faster. */
const MOST_GROUPS = 8;
/** Site ms until it is looked again where there is nothing to poll. */
const IDLE_MS = 1_000;

/**
 * Reads the nodes that nobody reports, each at its own interval, one call after the other, until `over` aborts. A turn
 * that comes due while another is under way is left out and told, so that a slow server is not asked ever more.
 *
 * @param polled the nodes as they are now; what is reported, or in trouble, is not among them
 */
export async function poll(polled: () => readonly Watched[], clock: Clock, reading: Reading): Promise<never> {
  const dueMs = new Map<number, number>();
  for (;;) {
    const now = clock.now();
    const nodes = polled();
    const groups = groupsOf(nodes);
    for (const intervalMs of dueMs.keys()) if (!groups.has(intervalMs)) dueMs.delete(intervalMs);
    for (const [intervalMs, members] of groups) {
      const due = dueMs.get(intervalMs) ?? now;
      if (due > clock.now()) {
        dueMs.set(intervalMs, due);
        continue;
      }
      await readNodes(members, reading);
      const next = due + intervalMs;
      if (next <= clock.now()) reading.wire.overran();
      dueMs.set(intervalMs, next <= clock.now() ? clock.now() + intervalMs : next);
    }
    const nextMs = Math.min(now + IDLE_MS, ...dueMs.values());
    await clock.delay(Math.max(1, nextMs - clock.now()), reading.over);
  }
}

/** Nodes by the interval at which they are read. */
function groupsOf(nodes: readonly Watched[]): Map<number, Watched[]> {
  const wanted = [...new Set(nodes.map((node) => node.wanted.pollMs))].sort((a, b) => a - b).slice(0, MOST_GROUPS);
  const groups = new Map<number, Watched[]>();
  for (const node of nodes) {
    const intervalMs = wanted.findLast((ms) => ms <= node.wanted.pollMs) ?? node.wanted.pollMs;
    const group = groups.get(intervalMs);
    if (group === undefined) groups.set(intervalMs, [node]);
    else group.push(node);
  }
  return groups;
}
