import { setTimeout as realDelay } from 'node:timers/promises';
import { LinkLost, SetupRefused, type Wire } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import {
  Connection,
  type LateReply,
  type ReadRequest,
  type Reply,
  type WriteRequest,
} from '../transport/connection.ts';
import { type Endpoint, noModbusText } from '../transport/endpoint.ts';
import { exceptionText, isPatience } from './exceptions.ts';
import { PERSON, RequestQueue } from './request-queue.ts';

/** Requests of people that may wait at once on one line. */
export const MAX_ASKS_WAITING = 64;
/** New connections within {@link REOPEN_WINDOW_MS}, made because what came was no Modbus, after which the line is lost. */
const MAX_REOPENS = 8;
const REOPEN_WINDOW_MS = 10_000;
/** New connections to a device that closes them itself are made so far apart at least, real ms. */
export const REOPEN_SPACING_MS = 50;
/** So soon, real ms, is it seen whether a device that closed a connection is still there; at random, as many may have. */
const LOOK_AFTER_CLOSE_MS = 250;
/** Closings that are not further apart than this, real ms, are a habit: then the next request opens the connection. */
const HABIT_MS = 600_000;

/** What became of a request, and how long it was under way, real time. */
export interface Exchange {
  readonly reply: Reply;
  readonly roundTripMs: number;
}

/** What those who poll need of a line. */
export type PolledLine = Pick<
  Line,
  'read' | 'unanswered' | 'parallel' | 'lost' | 'onLost' | 'onHabit' | 'onLate' | 'close'
>;

const LOST: Exchange = { reply: { kind: 'lost' }, roundTripMs: 0 };

interface Asking {
  readonly unit: number;
  readonly urgency: number;
  readonly send: (connection: Connection) => Promise<Reply>;
  readonly settle: (exchange: Exchange) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * The way to the units of one link: requests wait here for their turn, as many are under way as the connection can do,
 * and each answer is told to the wire's facts. A stream that is no Modbus is begun anew; a connection that is gone is
 * gone, and so is the line.
 */
export class Line {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #wire: Wire;
  readonly #signal: AbortSignal;
  readonly #queue: RequestQueue<Asking>;
  #connection: Connection;
  #opening: Promise<void> | undefined;
  /** When, by the real clock, the connection was begun anew lately. */
  #reopenedAtMs: number[] = [];
  #asksWaiting = 0;
  #lost: Text | undefined;
  #onLost: (() => void) | undefined;
  #onHabit: (() => void) | undefined;
  /** Something was answered on this line at all; was asked on this connection; was answered on it. */
  #wasAnswered = false;
  #isAsked = false;
  #isAnswered = false;
  #openedAtMs = Number.NEGATIVE_INFINITY;
  #closedAtMs = Number.NEGATIVE_INFINITY;
  #lookTimer: NodeJS.Timeout | undefined;
  #unanswered = 0;
  #onLate: ((late: LateReply) => void) | undefined;

  private constructor(
    connection: Connection,
    { endpoint, timeoutMs, wire }: { endpoint: Endpoint; timeoutMs: number; wire: Wire },
    signal: AbortSignal,
  ) {
    this.#connection = connection;
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#wire = wire;
    this.#signal = signal;
    this.#queue = new RequestQueue(connection.parallel);
    this.#watch();
    // A request that is under way need not run into its time-out: closing the connection settles it.
    signal.addEventListener('abort', () => void this.close(), { once: true });
  }

  /** Rejects with LinkLost where no connection can be had. The line closes when `signal` aborts. */
  static async open(
    options: { endpoint: Endpoint; timeoutMs: number; wire: Wire },
    signal: AbortSignal,
  ): Promise<Line> {
    return new Line(await Connection.open(options.endpoint, options.timeoutMs, signal), options, signal);
  }

  /** Why the line is gone; undefined while it stands. */
  get lost(): Text | undefined {
    return this.#lost;
  }

  /** Calls `listener` once when the line is gone. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
    if (this.#lost !== undefined) listener();
  }

  /** How many requests may be under way at once. */
  get parallel(): number {
    return this.#connection.parallel;
  }

  /** Requests that were not answered in time since anything at all was. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Calls `listener` once the device has the habit of closing the connection, so that it is opened for each poll. */
  onHabit(listener: () => void): void {
    this.#onHabit = listener;
  }

  /** Calls `listener` for each reply to a request that had been given up. */
  onLate(listener: (late: LateReply) => void): void {
    this.#onLate = listener;
  }

  /**
   * Reads when it is the unit's turn. `timeoutMs` is real time, from when the request goes; the link's if absent. The
   * reply is `lost` where the line is gone, then {@link lost} says why.
   */
  read(request: ReadRequest, urgency: number, timeoutMs = this.#timeoutMs): Promise<Exchange> {
    return new Promise((settle, fail) => {
      this.#enter({ unit: request.unit, urgency, settle, fail, send: (at) => at.read(request, timeoutMs) });
    });
  }

  /**
   * One request on behalf of a person, between those of the polls. `lost` where the line is gone, where `signal` aborts
   * before the request goes, and where {@link MAX_ASKS_WAITING} wait already. Rejects with RangeError where the request
   * is for more than the protocol allows.
   */
  async ask(request: ReadRequest | WriteRequest, signal: AbortSignal, timeoutMs = this.#timeoutMs): Promise<Reply> {
    if (signal.aborted || this.#asksWaiting >= MAX_ASKS_WAITING) return LOST.reply;
    this.#asksWaiting += 1;
    const { promise, resolve: settle, reject: fail } = Promise.withResolvers<Exchange>();
    const asking: Asking = {
      unit: request.unit,
      urgency: PERSON,
      settle,
      fail,
      send: (at) => ('values' in request ? at.write(request, timeoutMs) : at.read(request, timeoutMs)),
    };
    const onAbort = () => this.#queue.remove(asking) && settle(LOST);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#enter(asking);
    try {
      return (await promise).reply;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#asksWaiting -= 1;
    }
  }

  /** Tears the connection down; resolves when nothing of it is left. What waits is answered with `lost`. */
  async close(): Promise<void> {
    clearTimeout(this.#lookTimer);
    for (const asking of this.#queue.drain()) asking.settle(LOST);
    await this.#connection.close();
  }

  #enter(asking: Asking): void {
    if (this.#ended) return asking.settle(LOST);
    this.#queue.add(asking);
    this.#go();
  }

  #go(): void {
    for (let asking = this.#queue.next(); asking !== undefined; asking = this.#queue.next()) void this.#send(asking);
  }

  async #send(asking: Asking): Promise<void> {
    try {
      asking.settle(await this.#exchange(asking));
    } catch (error) {
      asking.fail(error);
    }
    this.#queue.done(asking.unit);
    this.#go();
  }

  async #exchange(asking: Asking): Promise<Exchange> {
    for (;;) {
      if (this.#connection.broken || this.#isClosed) await this.#reopen();
      if (this.#ended) return LOST;
      const connection = this.#connection;
      const startMs = performance.now();
      this.#isAsked = true;
      const reply = await asking.send(connection);
      // Another request's answer was rubbish, and its connection was given up with this one on it; writes are not repeated.
      // So is one that the device closed the connection on; who answers nothing on a connection is lost.
      const isGone = reply.kind === 'lost' && (connection.broken || (connection.closedByPeer && !this.#ended));
      if (isGone && asking.urgency !== PERSON) continue;
      const roundTripMs = performance.now() - startMs;
      // What a person tries, such as a unit that may not be there, is no fault of the link's.
      if (asking.urgency !== PERSON || reply.kind === 'data') this.#tell(reply, roundTripMs);
      return { reply, roundTripMs };
    }
  }

  #tell(reply: Reply, roundTripMs: number): void {
    if (reply.kind === 'lost') return;
    if (reply.kind !== 'timeout') {
      this.#wasAnswered = true;
      this.#isAnswered = true;
    }
    if (reply.kind === 'timeout') {
      this.#unanswered += 1;
      return this.#wire.timedOut();
    }
    this.#unanswered = 0;
    this.#wire.answered(roundTripMs);
    // A long job and a busy device are no failures: they say that the answer comes later.
    if (reply.kind === 'exception' && !isPatience(reply.code)) this.#wire.failed(exceptionText(reply.code));
    else if (reply.kind === 'malformed') this.#wire.failed(malformedText(reply.detail));
  }

  /** Begins the stream anew after rubbish, once for all who find it broken; the line is lost where that cannot be. */
  #reopen(): Promise<void> {
    this.#opening ??= this.#openAnew().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openAnew(): Promise<void> {
    if (this.#connection.broken) {
      const nowMs = performance.now();
      this.#reopenedAtMs = this.#reopenedAtMs.filter((atMs) => atMs > nowMs - REOPEN_WINDOW_MS);
      if (this.#reopenedAtMs.length >= MAX_REOPENS) return this.#lose(noModbusText(this.#endpoint));
      this.#reopenedAtMs.push(nowMs);
    } else await this.#space();
    await this.#connection.close();
    if (this.#ended) return;
    try {
      this.#connection = await Connection.open(this.#endpoint, this.#timeoutMs, this.#signal);
    } catch (error) {
      if (!(error instanceof LinkLost || error instanceof SetupRefused)) throw error;
      return this.#lose(error.reason);
    }
    this.#openedAtMs = performance.now();
    this.#isAsked = false;
    this.#isAnswered = false;
    this.#watch();
  }

  /** Keeps the rate of new connections bounded, whatever the device does. */
  async #space(): Promise<void> {
    const waitMs = this.#openedAtMs + REOPEN_SPACING_MS - performance.now();
    if (waitMs <= 0) return;
    // An abort ends the line, and is seen after this.
    await realDelay(waitMs, undefined, { signal: this.#signal }).catch(() => undefined);
  }

  /** The device closed the connection, and the line stands all the same. */
  get #isClosed(): boolean {
    return this.#connection.closedByPeer && this.#lost === undefined;
  }

  get #mayClose(): boolean {
    return this.#isAnswered || (this.#wasAnswered && !this.#isAsked);
  }

  /**
   * Many controllers close a connection after each reply, or when nothing was asked for a while. A connection may end so
   * on which something was answered, or nothing asked. At first it is seen at once whether the device is still there; if it is and
   * closes again, the next request opens the connection, so that nothing is done between polls.
   */
  #closed(): void {
    const nowMs = performance.now();
    const isHabit = nowMs - this.#closedAtMs < HABIT_MS;
    this.#closedAtMs = nowMs;
    if (isHabit) return this.#onHabit?.();
    this.#lookTimer = setTimeout(() => {
      // What goes wrong in it beyond what loses the line, the next request meets as well, and tells.
      if (this.#isClosed && !this.#ended) this.#reopen().catch(() => undefined);
    }, Math.random() * LOOK_AFTER_CLOSE_MS);
  }

  /** A connection that breaks between two polls is known at once. */
  #watch(): void {
    const connection = this.#connection;
    connection.onLost((reason) => {
      if (connection.broken) return;
      if (connection.closedByPeer && this.#mayClose) this.#closed();
      else this.#lose(reason);
    });
    connection.onLate((late) => {
      // Somebody is there, and this link is not silent.
      this.#unanswered = 0;
      this.#onLate?.(late);
    });
  }

  #lose(reason: Text): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    for (const asking of this.#queue.drain()) asking.settle(LOST);
    this.#onLost?.();
  }

  get #ended(): boolean {
    return this.#lost !== undefined || this.#signal.aborted;
  }
}

function malformedText(detail: string): Text {
  return { zh: `应答格式错误：${detail}`, en: `malformed reply: ${detail}` };
}
