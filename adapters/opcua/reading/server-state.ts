import { AttributeIds, type ClientSession, type DataValue, VariableIds } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import type { Clock } from '../../../model/clock.ts';
import { type CallSize, inCalls } from '../session/in-calls.ts';
import { request } from '../session/request.ts';

/** What a server says of itself. */
export interface ServerState {
  /** By index; null where the server did not say. */
  readonly namespaces: readonly string[] | null;
  /** By how much its clock is ahead of ours, ms, behind if negative; null where it did not say. */
  readonly clockAheadMs: number | null;
}

/** Reads what a server says of itself. The library's own look at the namespaces answers from memory after the first. */
export async function readServerState(
  session: ClientSession,
  { wire, clock, size }: { readonly wire: Wire; readonly clock: Clock; readonly size: CallSize },
): Promise<ServerState> {
  const found = new Map<number, { readonly value: DataValue; readonly askedMs: number; readonly answeredMs: number }>();
  const read = async (ids: readonly number[]) => {
    const askedMs = clock.now();
    const nodes = ids.map((id) => ({ nodeId: `ns=0;i=${id}`, attributeId: AttributeIds.Value }));
    const values = await request(wire, session.read(nodes), 'read the namespaces');
    ids.forEach((id, i) => {
      const value = values[i];
      if (value?.statusCode.isGood()) found.set(id, { value, askedMs, answeredMs: clock.now() });
    });
  };
  const { Server_NamespaceArray: names, Server_ServerStatus_CurrentTime: time } = VariableIds;
  await inCalls([names, time], size, read, () => undefined);
  const namespaces: unknown = found.get(names)?.value.value.value;
  const told = found.get(time);
  const there: unknown = told?.value.value.value;
  return {
    namespaces: Array.isArray(namespaces) ? namespaces.map(String) : null,
    clockAheadMs:
      told !== undefined && there instanceof Date ? aheadMs(there.getTime(), told.askedMs, told.answeredMs) : null,
  };
}

/** The server looked at its clock at some moment between question and answer: what it says then is no difference. */
function aheadMs(thereMs: number, askedMs: number, answeredMs: number): number {
  if (thereMs > answeredMs) return thereMs - answeredMs;
  return thereMs < askedMs ? thereMs - askedMs : 0;
}
