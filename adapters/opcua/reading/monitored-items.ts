import { AttributeIds, ClientMonitoredItemGroup, type ClientSubscription, TimestampsToReturn } from 'node-opcua';
import type { LinkPlan } from '../../../model/adapter.ts';
import { request } from '../session/request.ts';
import type { Reporter } from './reporter.ts';
import { type Intervals, revisionOf } from './revision.ts';
import { badText, chunks, note, type Watched } from './watched.ts';

/** Values that the server keeps for an item between two reports. */
const ITEM_QUEUE = 10;

/** Creates the items of all known nodes that have none; one that the server refuses is read only. */
export async function monitor(
  subscription: ClientSubscription,
  reporter: Reporter,
  watched: readonly Watched[],
  asked: Intervals,
  { wire, log }: Pick<LinkPlan<unknown, unknown>, 'wire' | 'log'>,
): Promise<void> {
  const missing = watched.filter(({ nodeId, known, monitored }) => nodeId !== undefined && known && !monitored);
  let refused = 0;
  let slowestMs = 0;
  for (const some of chunks(missing)) {
    const group = ClientMonitoredItemGroup.create(
      subscription,
      some.map(({ nodeId }) => ({ nodeId: nodeId ?? '', attributeId: AttributeIds.Value })),
      { samplingInterval: asked.samplingMs, queueSize: ITEM_QUEUE, discardOldest: true },
      TimestampsToReturn.Both,
    );
    // Heard from the first moment on: the first report may come together with the answer that there are items.
    group.on('changed', (_item, value, index) => {
      const entry = some[index];
      if (entry === undefined) return;
      const decoded = reporter.notify(entry.point, value);
      note(entry, decoded.unknown);
      wire.heard(1);
      if (decoded.badStatus !== undefined) wire.failed(badText(entry, decoded.badStatus));
    });
    await request(wire, created(group), 'create the monitored items');
    some.forEach((entry, index) => {
      const item = group.monitoredItems[index];
      entry.monitored = item?.statusCode.isGood() ?? false;
      if (!entry.monitored) refused += 1;
      else slowestMs = Math.max(slowestMs, item?.monitoringParameters.samplingInterval ?? 0);
    });
  }
  const granted = { publishingMs: subscription.publishingInterval, samplingMs: slowestMs };
  if (missing.length > 0) wire.revised(revisionOf(asked, granted));
  if (refused > 0) log.warn({ items: refused }, 'server refuses monitored items; they are read only');
}

/** Resolves when the server has answered for all items of the group, with good or bad. */
function created(group: ClientMonitoredItemGroup): Promise<void> {
  return new Promise((resolve, reject) => {
    group.once('initialized', () => resolve());
    group.once('err', (message: string) => reject(new Error(message)));
  });
}
