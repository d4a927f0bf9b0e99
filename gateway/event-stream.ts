/** Characters of one event at most; a snapshot of 100,000 points has some tens of millions. */
const MAX_EVENT_CHARACTERS = 256 * 1024 * 1024;

/** One event of a stream of server-sent events, `text/event-stream`. */
export interface StreamEvent {
  /** `message` where the stream names none. */
  readonly event: string;
  readonly data: string;
}

/**
 * Reads a stream of server-sent events, piece by piece as they come, cut anywhere. Lines end with LF, as ours do. What
 * the stream ends in the middle of is no event. Throws a RangeError where one is longer than anything that we send.
 */
export async function* readEvents(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let waiting = '';
  for await (const piece of pieces) {
    // What was looked through before need not be again, but for a line end at its very end.
    let from = Math.max(0, waiting.length - 1);
    waiting += decoder.decode(piece, { stream: true });
    for (;;) {
      const end = waiting.indexOf('\n\n', from);
      if (end < 0) break;
      yield eventOf(waiting.slice(0, end));
      waiting = waiting.slice(end + 2);
      from = 0;
    }
    if (waiting.length > MAX_EVENT_CHARACTERS) throw new RangeError('an event is longer than any that we send');
  }
}

function eventOf(text: string): StreamEvent {
  let event = 'message';
  const data: string[] = [];
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const [field, rest] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
    const value = rest.startsWith(' ') ? rest.slice(1) : rest;
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return { event, data: data.join('\n') };
}
