import { withCrc } from './crc16.ts';
import { type ExpectedReply, replyFault } from './expected-reply.ts';
import type { Exchange, Framing, FramingHost, Outcome } from './framing.ts';

/** Bytes before a frame's content: transaction, protocol, length. */
const HEADER_BYTES = 6;
/** Unit and function at least; by the protocol 254 at most, 260 with the header. */
const MIN_LENGTH = 2;
const MAX_LENGTH = 254;
const TRANSACTIONS = 0x1_0000;
/** Replies to so many requests that were given up are known when they come; of more, the oldest are forgotten. */
export const MAX_GIVEN_UP = 256;

const NOTHING = Buffer.alloc(0);

/**
 * Modbus TCP: each frame has a header with its transaction and length, so that several requests can be under way, and a
 * reply that comes too late is known as such and dropped. A header that cannot be one breaks the stream: where the next
 * reply begins is then anyone's guess.
 */
export class MbapFraming implements Framing {
  readonly parallel: number;
  readonly #host: FramingHost;
  readonly #underWay = new Map<number, Exchange & { readonly timer: NodeJS.Timeout }>();
  /** Requests that were not answered in time, oldest first. */
  readonly #givenUp = new Map<number, { readonly expected: ExpectedReply; readonly sentMs: number }>();
  #nextTransaction: number;
  #issued = 0;
  #rest: Buffer = NOTHING;
  #isBroken = false;
  #strays = 0;

  /** `firstTransaction` should be another on each connection: some gateways give a reply to whoever is connected next. */
  constructor(host: FramingHost, parallel: number, firstTransaction: number) {
    this.#host = host;
    this.parallel = parallel;
    this.#nextTransaction = firstTransaction % TRANSACTIONS;
  }

  get strays(): number {
    return this.#strays;
  }

  send(exchange: Exchange): void {
    const { request, timeoutMs } = exchange;
    const transaction = this.#takeTransaction();
    const sentMs = performance.now();
    this.#givenUp.delete(transaction);
    const timer = setTimeout(() => {
      this.#giveUp(transaction, { expected: exchange.expected, sentMs });
      this.#settle(transaction, { kind: 'timeout' });
      this.#host.timedOut();
    }, timeoutMs);
    this.#underWay.set(transaction, { ...exchange, timer });
    const frame = Buffer.allocUnsafe(HEADER_BYTES + request.length);
    frame.writeUInt16BE(transaction, 0);
    frame.writeUInt16BE(0, 2);
    frame.writeUInt16BE(request.length, 4);
    request.copy(frame, HEADER_BYTES);
    this.#host.write(frame);
  }

  receive(chunk: Buffer): void {
    if (this.#isBroken) return;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    // The frame before `at` is believed once what follows it begins like one: a reply that was cut short is else filled
    // up with the beginning of the next.
    let last: { readonly from: number; readonly to: number } | undefined;
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUInt16BE(at + 4);
      if (bytes.readUInt16BE(at + 2) !== 0 || length < MIN_LENGTH || length > MAX_LENGTH) {
        const transaction = last === undefined ? undefined : bytes.readUInt16BE(last.from);
        return this.#break(transaction, `no Modbus header: ${bytes.toString('hex', at, at + HEADER_BYTES)}`);
      }
      if (last !== undefined) this.#take(bytes, last.from, last.to);
      last = undefined;
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      last = { from: at, to: end };
      at = end;
    }
    if (last !== undefined && at === bytes.length) this.#take(bytes, last.from, last.to);
    else if (last !== undefined) at = last.from;
    // Less than two frames, since a longer rest would have been one, or broken. Copied: it must not hold the whole chunk.
    this.#rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
  }

  abandon(): void {
    this.#settleAll({ kind: 'lost' });
  }

  #takeTransaction(): number {
    for (;;) {
      const transaction = this.#nextTransaction;
      this.#nextTransaction = (transaction + 1) % TRANSACTIONS;
      this.#issued = Math.min(this.#issued + 1, TRANSACTIONS - 1);
      if (!this.#underWay.has(transaction)) return transaction;
    }
  }

  #take(bytes: Buffer, from: number, to: number): void {
    const transaction = bytes.readUInt16BE(from);
    const reply = bytes.subarray(from + HEADER_BYTES, to);
    const exchange = this.#underWay.get(transaction);
    if (exchange !== undefined) {
      const fault = replyFault(reply, exchange.expected);
      // The client takes frames as on a serial line; the copy also lets go of the chunk that the reply came in.
      if (fault === undefined) this.#settle(transaction, { kind: 'frame', frame: withCrc(reply) });
      else this.#settle(transaction, { kind: 'malformed', detail: fault });
      return;
    }
    this.#strays += 1;
    this.#takeLate(transaction, reply);
    const [only] = this.#underWay.keys();
    if (only === undefined || this.#underWay.size > 1 || this.#wasIssued(transaction)) return;
    // A controller that does not repeat the number would otherwise look like one that never answers.
    this.#settle(only, { kind: 'malformed', detail: `transaction ${transaction} in place of ${only}` });
  }

  #giveUp(transaction: number, request: { readonly expected: ExpectedReply; readonly sentMs: number }): void {
    this.#givenUp.set(transaction, request);
    const [oldest] = this.#givenUp.keys();
    if (this.#givenUp.size > MAX_GIVEN_UP && oldest !== undefined) this.#givenUp.delete(oldest);
  }

  #takeLate(transaction: number, reply: Buffer): void {
    const request = this.#givenUp.get(transaction);
    if (request === undefined || replyFault(reply, request.expected) !== undefined) return;
    this.#givenUp.delete(transaction);
    this.#host.late(Buffer.from(reply), performance.now() - request.sentMs);
  }

  /** Whether a number was one of this connection's, so that the reply with it comes late or twice. */
  #wasIssued(transaction: number): boolean {
    return (this.#nextTransaction - 1 - transaction + TRANSACTIONS) % TRANSACTIONS < this.#issued;
  }

  /** `before`: the transaction of the frame that ended where the stream broke, so that it is none. */
  #break(before: number | undefined, detail: string): void {
    this.#isBroken = true;
    this.#rest = NOTHING;
    this.#host.broken();
    // Requests are answered in their order, so that it came in place of the oldest one's reply; the others may be repeated.
    const [oldest] = this.#underWay.keys();
    const culprit = before !== undefined && this.#underWay.has(before) ? before : oldest;
    if (culprit !== undefined) this.#settle(culprit, { kind: 'malformed', detail });
    this.#settleAll({ kind: 'lost' });
  }

  #settleAll(outcome: Outcome): void {
    for (const transaction of [...this.#underWay.keys()]) this.#settle(transaction, outcome);
  }

  #settle(transaction: number, outcome: Outcome): void {
    const exchange = this.#underWay.get(transaction);
    if (exchange === undefined) return;
    clearTimeout(exchange.timer);
    this.#underWay.delete(transaction);
    exchange.settle(outcome);
  }
}
