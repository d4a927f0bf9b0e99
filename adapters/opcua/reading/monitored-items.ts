import type { LinkPlan } from '../../../model/adapter.ts';
import type { Publishing, Subscription } from './publishing.ts';
import { type Intervals, revisionOf } from './revision.ts';
import { chunks, type Watched } from './watched.ts';

/** Values that the server keeps for an item between two reports. */
const ITEM_QUEUE = 10;

/** Creates the items of all known nodes that have none; one that the server refuses is read only. */
export async function monitor(
  publishing: Publishing<Watched>,
  subscription: Subscription,
  watched: readonly Watched[],
  asked: Intervals,
  { wire, log }: Pick<LinkPlan<unknown, unknown>, 'wire' | 'log'>,
): Promise<void> {
  const missing = watched.filter(({ nodeId, known, monitored }) => nodeId !== undefined && known && !monitored);
  const parameters = { samplingInterval: asked.samplingMs, queueSize: ITEM_QUEUE, discardOldest: true };
  let refused = 0;
  let slowestMs = 0;
  for (const some of chunks(missing)) {
    const results = await publishing.monitor(
      subscription,
      some.map((owner) => ({ owner, nodeId: owner.nodeId ?? '', parameters })),
    );
    some.forEach((entry, index) => {
      const result = results[index];
      entry.monitored = result?.statusCode.isGood() ?? false;
      if (!entry.monitored) refused += 1;
      else slowestMs = Math.max(slowestMs, result?.revisedSamplingInterval ?? 0);
    });
  }
  const granted = { publishingMs: subscription.publishingMs, samplingMs: slowestMs };
  if (missing.length > 0) wire.revised(revisionOf(asked, granted));
  if (refused > 0) log.warn({ items: refused }, 'server refuses monitored items; they are read only');
}
