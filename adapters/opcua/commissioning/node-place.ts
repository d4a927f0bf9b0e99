import { NodeId, resolveNodeId } from 'node-opcua';
import type { LinkPoint } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaAddress } from '../schema.ts';

/** A node as a person named it: its namespace by index or by URI. */
export interface NodePlace {
  readonly namespace: number | string;
  /** Node id without its namespace, e.g. `s=lift-1.CarPosition`. */
  readonly node: string;
}

export type ParsedNode = { readonly ok: true; readonly place: NodePlace } | { readonly ok: false; readonly text: Text };

/**
 * Reads a node id as clients show it, `ns=2;s=Lift1` or `i=2258`, with the namespace's URI, `nsu=urn:plant;s=Lift1`, or
 * the key of one of the link's points.
 */
export function parseNode(text: string, points: readonly LinkPoint<OpcuaAddress>[]): ParsedNode {
  const point = points.find(({ key }) => key === text);
  if (point !== undefined) return { ok: true, place: point.address };
  const match = /^(?:ns=(?<index>\d{1,5});|nsu=(?<uri>[^;]+);)?(?<node>[isgb]=.+)$/.exec(text.trim());
  const { index, uri, node } = match?.groups ?? {};
  if (node !== undefined && isNodeId(node)) return { ok: true, place: { namespace: uri ?? Number(index ?? 0), node } };
  return {
    ok: false,
    text: {
      zh: `节点“${text}”无法识别；请写 ns=2;s=Lift1.Position、nsu=命名空间URI;s=…、i=2258，或点的键`,
      en: `cannot read the node "${text}"; write ns=2;s=Lift1.Position, nsu=URI;s=…, i=2258, or the key of a point`,
    },
  };
}

/** The node id with the index that its namespace has on this server; undefined where it has none. */
export function nodeIdOf({ namespace, node }: NodePlace, namespaces: readonly string[]): NodeId | undefined {
  const index = typeof namespace === 'number' ? namespace : namespaces.indexOf(namespace);
  return index < 0 ? undefined : resolveNodeId(`ns=${index};${node}`);
}

/** Gives a function that finds the points of the site file which read a node. */
export function pointIndex(
  points: readonly LinkPoint<OpcuaAddress>[],
): (nodeId: NodeId, namespaces: readonly string[]) => readonly LinkPoint<OpcuaAddress>[] {
  const byNode = Map.groupBy(points, ({ address }) => keyOf(address.namespace, resolveNodeId(address.node)));
  return (nodeId, namespaces) => byNode.get(keyOf(namespaces[nodeId.namespace], nodeId)) ?? [];
}

/** A node under the URI of its namespace; the same node can be written in several ways. */
function keyOf(uri: string | undefined, { identifierType, value }: NodeId): string {
  return `${uri} ${new NodeId(identifierType, value, 0).toString()}`;
}

function isNodeId(node: string): boolean {
  try {
    resolveNodeId(node);
    return true;
  } catch {
    // The library throws for what is no node id.
    return false;
  }
}
