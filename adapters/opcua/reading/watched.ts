import type { ClientSession } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { request } from '../session/request.ts';
import type { NodePoint } from '../values/decode.ts';

/** Nodes of one read or of one call that creates monitored items; small controllers refuse more. */
export const MAX_NODES_PER_CALL = 100;

/** A point with what this connection knows of its node. */
export interface Watched {
  readonly point: NodePoint;
  /** Undefined where the server does not have the namespace. */
  nodeId: string | undefined;
  known: boolean;
  monitored: boolean;
}

/** Looks up the namespaces and with them the nodes: an index may be another after each restart of the server. */
export async function locate(session: ClientSession, watched: readonly Watched[], wire: Wire): Promise<void> {
  const namespaces = await request(wire, session.readNamespaceArray(), 'read the namespaces');
  for (const entry of watched) {
    const { namespace, node } = entry.point.address;
    const index = namespaces.indexOf(namespace);
    entry.nodeId = index < 0 ? undefined : `ns=${index};${node}`;
    if (index < 0) entry.known = false;
  }
}

/** An item may not outlive its node: it is created anew when the node is back. */
export function note(entry: Watched, unknown: boolean): void {
  entry.known = !unknown;
  if (unknown) entry.monitored = false;
}

/** What is told of a value that the server marks as bad. */
export function badText({ point }: Watched, status: string): Text {
  return { zh: `${point.address.node} 的状态为 ${status}`, en: `${point.address.node} has the status ${status}` };
}

/** Parts of what goes into one call each. */
export function chunks<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += MAX_NODES_PER_CALL) parts.push(all.slice(at, at + MAX_NODES_PER_CALL));
  return parts;
}
