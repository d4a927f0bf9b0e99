import { coerceNodeId, type NodeId, type StatusCode } from 'node-opcua';
import type { LinkPlan } from '../../../model/adapter.ts';
import type { ReasonKey } from '../../../model/reason.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaAddress, OpcuaSettings } from '../schema.ts';
import type { NodePoint } from '../values/decode.ts';
import { type ItemRequest, itemRequestOf } from './item-request.ts';

/** Reads of all nodes after which a node in trouble is asked for again; doubled each time that it still is. */
const FIRST_RETRY_READS = 2;
/** The most: five minutes, where all nodes are read each 5 s. */
const MOST_RETRY_READS = 60;

/** Why a node is not asked for with the others, and when it is again. */
export interface Trouble {
  readonly reason: ReasonKey;
  readonly detail: string;
  /** Reads of all nodes between two tries, and until the next. */
  readonly everyReads: number;
  readsLeft: number;
}

/** The item of a subscription that reports a node. */
export interface Item {
  readonly subscriptionId: number;
  readonly itemId: number;
  readonly samplingMs: number;
  readonly queueSize: number;
}

/** A node with what this connection knows of it, and the points that are made of its value. */
export interface Watched {
  readonly points: readonly NodePoint[];
  readonly namespace: string;
  /** Node id without its namespace. */
  readonly node: string;
  readonly wanted: ItemRequest;
  /** Undefined where the server does not have the namespace. */
  nodeId: NodeId | undefined;
  /** Undefined where the node is not reported: nobody asked yet, or the server refuses. */
  item: Item | undefined;
  /** Undefined where the node is asked for with all others. */
  trouble: Trouble | undefined;
  /** Values that came, so that one which was asked for can be told from newer ones that came meanwhile. */
  arrivals: number;
  /** Why there is no item, for people; undefined where there is one or nobody asked. */
  refusal: StatusCode | undefined;
}

/** The nodes of a link's points; points of one node that want the same of it share an item and a read. */
export function watchedOf({
  points,
  settings,
}: Pick<LinkPlan<OpcuaSettings, OpcuaAddress>, 'points' | 'settings'>): Watched[] {
  const nodes = new Map<string, Watched & { readonly points: NodePoint[] }>();
  for (const point of points) {
    const { namespace, node } = point.address;
    const wanted = itemRequestOf(point.kind, point.address, settings);
    const key = JSON.stringify([namespace, node, wanted]);
    const known = nodes.get(key);
    if (known !== undefined) known.points.push(point);
    else {
      nodes.set(key, {
        points: [point],
        namespace,
        node,
        wanted,
        nodeId: undefined,
        item: undefined,
        trouble: undefined,
        arrivals: 0,
        refusal: undefined,
      });
    }
  }
  return [...nodes.values()];
}

/**
 * Gives each node its id by the namespaces as the server has them now: an index may be another after a restart. Returns
 * the nodes whose id is another than before; what was known of them was known of other nodes.
 */
export function locate(watched: readonly Watched[], namespaces: readonly string[]): Watched[] {
  const moved: Watched[] = [];
  for (const entry of watched) {
    const index = namespaces.indexOf(entry.namespace);
    const nodeId = index < 0 ? undefined : coerceNodeId(entry.node, index);
    const isMoved = nodeId?.namespace !== entry.nodeId?.namespace;
    if (isMoved) {
      moved.push(entry);
      entry.nodeId = nodeId;
      entry.trouble = undefined;
    }
    if (nodeId === undefined && entry.trouble === undefined) troubled(entry, 'unknown-node', entry.namespace);
  }
  return moved;
}

/** Asks for a node less often from now on. */
export function troubled(entry: Watched, reason: ReasonKey, detail: string): void {
  const everyReads = Math.min(MOST_RETRY_READS, entry.trouble ? 2 * entry.trouble.everyReads : FIRST_RETRY_READS);
  entry.trouble = { reason, detail, everyReads, readsLeft: everyReads };
}

/** Counts one read of all nodes; true where the node is to be asked for in it. */
export function isDue(entry: Watched): boolean {
  if (entry.nodeId === undefined) return false;
  if (entry.trouble === undefined) return true;
  entry.trouble.readsLeft -= 1;
  return entry.trouble.readsLeft <= 0;
}

/** What is told of a value that the server marks as bad. */
export function badText({ node }: Watched, status: string): Text {
  return { zh: `${node} 的状态为 ${status}`, en: `${node} has the status ${status}` };
}
