import { AttributeIds, type ClientSession } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import { request } from '../session/request.ts';
import type { Reporter } from './reporter.ts';
import { badText, chunks, note, type Watched } from './watched.ts';

/**
 * Reads all nodes, in bounded calls, and reports each with its own source time: a value that does not change is never
 * notified, and only an answer proves that it is still so. Also finds what a lost item did not tell.
 *
 * @param how `retry` asks for nodes too that the server did not know last time
 */
export async function refresh(
  session: ClientSession,
  reporter: Reporter,
  watched: readonly Watched[],
  { over, wire, retry }: { readonly over: AbortSignal; readonly wire: Wire; readonly retry: boolean },
): Promise<void> {
  const asked: Watched[] = [];
  for (const entry of watched) {
    if (entry.nodeId !== undefined && (entry.known || retry)) asked.push(entry);
    else {
      await reporter.room(1);
      const { namespace, node } = entry.point.address;
      reporter.unknown(entry.point, entry.nodeId === undefined ? namespace : node);
    }
  }
  for (const some of chunks(asked)) {
    await reporter.room(some.length);
    const arrivals = some.map(({ point }) => reporter.arrivals(point));
    const values = await request(
      wire,
      session.read(some.map(({ nodeId }) => ({ nodeId: nodeId ?? '', attributeId: AttributeIds.Value }))),
      'read',
    );
    if (over.aborted) return;
    if (values.length !== some.length) throw new Error(`asked for ${some.length} values and got ${values.length}`);
    let refusal: Text | undefined;
    some.forEach((entry, i) => {
      const value = values[i];
      // What was notified meanwhile is newer than this answer.
      if (value === undefined || reporter.arrivals(entry.point) !== arrivals[i]) return;
      const { unknown, badStatus } = reporter.read(entry.point, value);
      note(entry, unknown);
      if (badStatus !== undefined) refusal ??= badText(entry, badStatus);
    });
    // One answer is one failure at most, however many of its values are bad.
    if (refusal !== undefined) wire.failed(refusal);
  }
  await reporter.settled();
}
