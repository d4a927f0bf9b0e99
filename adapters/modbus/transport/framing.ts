import type { ExpectedReply } from './expected-reply.ts';

/**
 * What became of a frame that was sent. `frame`: the reply, be it an exception, as unit, PDU and CRC, and found to answer
 * the request. `unanswered`: a broadcast, to which nobody replies.
 */
export type Outcome =
  | { readonly kind: 'frame'; readonly frame: Buffer }
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly detail: string }
  | { readonly kind: 'lost' };

/** One request on its way. */
export interface Exchange {
  /** Unit and PDU, without CRC. */
  readonly request: Buffer;
  readonly expected: ExpectedReply;
  readonly timeoutMs: number;
  /** Called exactly once. */
  readonly settle: (outcome: Outcome) => void;
}

/** How requests and replies lie in the stream of bytes, and which reply belongs to which request. */
export interface Framing {
  /** How many requests may be under way at once; who sends more breaks the promise. */
  readonly parallel: number;
  /** Replies and bytes that belonged to no request under way (late, repeated, noise), since the beginning. */
  readonly strays: number;
  send(exchange: Exchange): void;
  /** Takes what came from the line. */
  receive(chunk: Buffer): void;
  /** Settles all that is under way as lost; nothing is sent or settled after it. */
  abandon(): void;
}

/** What a framing needs of the connection that it serves. */
export interface FramingHost {
  write(bytes: Buffer): void;
  /** A request got no reply in time. */
  timedOut(): void;
  /** A reply came to a request that had got none in time, `afterMs` after that was sent; `frame` is unit and PDU. */
  late(frame: Buffer, afterMs: number): void;
  /** The stream cannot be made out any more: it must be begun anew. */
  broken(): void;
  /** Much has come, and nothing of it was Modbus: somebody else is there. */
  noModbus(): void;
}
