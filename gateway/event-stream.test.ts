import { expect, test } from 'vitest';
import { readEvents, type StreamEvent } from './event-stream.ts';

const TEXT =
  'event: snapshot\ndata: {"名":1}\n\nevent: delta\ndata: a\ndata: b\n\n: nothing\ndata:c\n\nevent: cut\ndata: never';

async function eventsOf(pieces: readonly Uint8Array[]): Promise<StreamEvent[]> {
  async function* stream() {
    yield* pieces;
  }
  const events: StreamEvent[] = [];
  for await (const event of readEvents(stream())) events.push(event);
  return events;
}

test.each([1, 2, 3, 7, 1000])('reads the same events out of pieces of %i bytes', async (size) => {
  const bytes = Buffer.from(TEXT);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  expect(await eventsOf(pieces)).toEqual([
    { event: 'snapshot', data: '{"名":1}' },
    { event: 'delta', data: 'a\nb' },
    { event: 'message', data: 'c' },
  ]);
});
