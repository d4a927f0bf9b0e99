import { AttributeIds, type ClientSession, type StatusCode } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { type CallSize, inCalls } from '../session/in-calls.ts';
import { isLate, request } from '../session/request.ts';
import { isOfServer } from '../session/service-fault.ts';
import { lastingReason } from './node-status.ts';
import type { Reporter } from './reporter.ts';
import { badText, troubled, type Watched } from './watched.ts';

/** What reading needs of a connection. */
export interface Reading {
  readonly session: ClientSession;
  readonly reporter: Reporter;
  readonly readSize: CallSize;
  readonly wire: Wire;
  /** Aborted when the run is over: what is answered after it is dropped. */
  readonly over: AbortSignal;
}

/**
 * Reads nodes, in calls of the size that the server takes, and reports each with its own source time. A node that the
 * server does not know, does not give, or that makes it refuse a whole call, is in trouble afterwards; the others are
 * read all the same. Resolves when the samples are on disk, or could not be brought there.
 */
export async function readNodes(nodes: readonly Watched[], reading: Reading): Promise<void> {
  const { reporter, readSize, wire } = reading;
  const failed: { readonly entry: Watched; readonly status: StatusCode }[] = [];
  await inCalls(
    nodes,
    readSize,
    (part) => readPart(part, reading),
    (entry, status) => {
      // What the server suffers from is no trouble of the node, which is asked for again with all others.
      if (!isOfServer(status)) troubled(entry, 'bad-status', status.name);
      wire.failed(badText(entry, status.name));
      failed.push({ entry, status });
    },
  );
  for (const { entry, status } of failed) {
    await reporter.room(entry.points.length);
    reporter.bad(entry, 'bad-status', status.name);
  }
  await reporter.settled();
}

async function readPart(part: readonly Watched[], { session, reporter, readSize, wire, over }: Reading): Promise<void> {
  await reporter.room(part.reduce((sum, { points }) => sum + points.length, 0));
  const arrivals = part.map((entry) => entry.arrivals);
  const asked = part.flatMap(({ nodeId }) => (nodeId ? [{ nodeId, attributeId: AttributeIds.Value }] : []));
  const askedMs = performance.now();
  const values = await request(wire, session.read(asked), 'read').catch((error: unknown) => {
    if (isLate(askedMs)) readSize.late(part.length);
    throw error;
  });
  if (over.aborted) return;
  if (values.length !== part.length) throw new Error(`asked for ${part.length} values and got ${values.length}`);
  let refusal: Text | undefined;
  part.forEach((entry, i) => {
    const value = values[i];
    // What was notified meanwhile is newer than this answer.
    if (value === undefined || entry.arrivals !== arrivals[i]) return;
    const { badStatus } = reporter.read(entry, value);
    noteStatus(entry, value.statusCode);
    if (badStatus !== undefined) refusal ??= badText(entry, badStatus);
  });
  // One answer is one failure at most, however many of its values are bad.
  if (refusal !== undefined) wire.failed(refusal);
}

/** Notes what a value's status says of its node: whether it is to be asked for with the others from now on. */
export function noteStatus(entry: Watched, status: { readonly value: number; readonly name: string }): void {
  const reason = lastingReason(status);
  if (reason === undefined) entry.trouble = undefined;
  else troubled(entry, reason, status.name);
}
