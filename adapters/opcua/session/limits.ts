import { AttributeIds, type ClientSession, VariableIds } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import { CallSize, inCalls } from './in-calls.ts';
import { request } from './request.ts';

/**
 * What a server says that it takes at most (OPC UA Part 5, 6.3.2 and 6.3.11); null where it says nothing, or that it
 * has no limit (0). `sessions` and `items` are of the whole server, so other clients have their share of them.
 */
export interface ServerLimits {
  readonly nodesPerRead: number | null;
  readonly nodesPerBrowse: number | null;
  readonly itemsPerCall: number | null;
  readonly sessions: number | null;
  readonly subscriptionsPerSession: number | null;
  readonly itemsPerSubscription: number | null;
  readonly items: number | null;
  readonly queueSize: number | null;
}

const variables: Readonly<Record<keyof ServerLimits, number>> = {
  nodesPerRead: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
  nodesPerBrowse: VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
  itemsPerCall: VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
  sessions: VariableIds.Server_ServerCapabilities_MaxSessions,
  subscriptionsPerSession: VariableIds.Server_ServerCapabilities_MaxSubscriptionsPerSession,
  itemsPerSubscription: VariableIds.Server_ServerCapabilities_MaxMonitoredItemsPerSubscription,
  items: VariableIds.Server_ServerCapabilities_MaxMonitoredItems,
  queueSize: VariableIds.Server_ServerCapabilities_MaxMonitoredItemsQueueSize,
};

/** Reads the limits; one that cannot be read is none. Throws where the session is lost. */
export async function readLimits(session: ClientSession, wire: Wire): Promise<ServerLimits> {
  const found = new Map<string, number>();
  const read = async (names: readonly (keyof ServerLimits)[]) => {
    const nodes = names.map((name) => ({ nodeId: `ns=0;i=${variables[name]}`, attributeId: AttributeIds.Value }));
    const values = await request(wire, session.read(nodes), 'read the limits');
    names.forEach((name, i) => {
      const limit = values[i]?.statusCode.isGood() ? values[i]?.value.value : undefined;
      if (typeof limit === 'number' && Number.isFinite(limit) && limit > 0) found.set(name, limit);
    });
  };
  const limit = (name: keyof ServerLimits) => found.get(name) ?? null;
  const { nodesPerRead: _, ...others } = variables;
  const first: (keyof ServerLimits)[] = ['nodesPerRead'];
  // By itself, so that the others are already asked for within it.
  await inCalls(first, new CallSize(null), read, () => undefined);
  const size = new CallSize(limit('nodesPerRead'));
  await inCalls(Object.keys(others) as (keyof ServerLimits)[], size, read, () => undefined);
  return {
    nodesPerRead: limit('nodesPerRead'),
    nodesPerBrowse: limit('nodesPerBrowse'),
    itemsPerCall: limit('itemsPerCall'),
    sessions: limit('sessions'),
    subscriptionsPerSession: limit('subscriptionsPerSession'),
    itemsPerSubscription: limit('itemsPerSubscription'),
    items: limit('items'),
    queueSize: limit('queueSize'),
  };
}
