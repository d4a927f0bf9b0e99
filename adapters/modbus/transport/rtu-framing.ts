import { hasGoodCrc, withCrc } from './crc16.ts';
import {
  EXCEPTION_BIT,
  EXCEPTION_LENGTH,
  type ExpectedReply,
  expectedReply,
  replyFault,
  replyLength,
} from './expected-reply.ts';
import type { Exchange, Framing, FramingHost, Outcome } from './framing.ts';
import { OwedReplies } from './owed-replies.ts';

/** Times of a line, real ms. */
export interface LineTiming {
  /** Nothing has come for so long: whatever was being sent is over. */
  readonly quietMs: number;
  /** Between a reply and the next request, so that the devices can tell one frame from the next. */
  readonly pauseMs: number;
  /** What one byte takes on the line; 0 where that is not known, or somebody else's. */
  readonly byteMs: number;
}

/** How long all units get to obey a broadcast, which none of them answers ("MODBUS over Serial Line", 2.4.1). */
const BROADCAST_MS = 150;
/** Longest frame of a serial line is 256; more than two of them are not kept. */
const MAX_KEPT_BYTES = 512;
const CRC_BYTES = 2;
const MIN_FRAME_BYTES = EXCEPTION_LENGTH + CRC_BYTES;
/** Exchanges in a row in which something came, and nothing of it was a frame, after which the line is given up. */
const MAX_RUBBISH = 5;
/** So many bytes of what was no reply are shown. */
const SHOWN_BYTES = 16;

const NOTHING = Buffer.alloc(0);

interface Asked {
  readonly request: Buffer;
  readonly expected: ExpectedReply;
  readonly isProbe: boolean;
  readonly sentMs: number;
}

/** One request with what goes before it. */
interface Job extends Exchange {
  /** If the line is not silent until then it never is. */
  readonly silentByMs: number;
  /** What was sent and is waited for: the request itself, or one before it. Undefined while the line is waited for. */
  asked: Asked | undefined;
  /** An exception that may have been to an older request; believed if nothing else comes. */
  refusal: Buffer | undefined;
  timer: NodeJS.Timeout | undefined;
  quietTimer: NodeJS.Timeout | undefined;
}

/**
 * Modbus RTU, on a serial line or over TCP. A frame has neither number nor length: a reply is what begins like one, is
 * as long as the request makes it, and has the right CRC; anything else is noise. After noise the line must have been
 * silent before the next request is sent, and where nothing but noise comes it is no Modbus line. Late replies: see
 * {@link OwedReplies}.
 */
export class RtuFraming implements Framing {
  readonly parallel = 1;
  readonly #host: FramingHost;
  readonly #timing: LineTiming;
  #job: Job | undefined;
  /** What came and is not made out; while no request is under way it is kept only to know a late reply. */
  #bytes: Buffer = NOTHING;
  #lastByteMs = Number.NEGATIVE_INFINITY;
  /** From then on the next request may be sent. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  readonly #owed = new OwedReplies();
  #strays = 0;
  /** Exchanges since the last frame in which there was only rubbish. */
  #rubbish = 0;

  constructor(host: FramingHost, timing: LineTiming) {
    this.#host = host;
    this.#timing = timing;
  }

  get strays(): number {
    return this.#strays;
  }

  send(exchange: Exchange): void {
    const silentByMs = performance.now() + Math.max(exchange.timeoutMs, 2 * this.#timing.quietMs);
    const nothing = { asked: undefined, refusal: undefined, timer: undefined, quietTimer: undefined };
    this.#job = { ...exchange, silentByMs, ...nothing };
    this.#begin(this.#job);
  }

  receive(chunk: Buffer): void {
    const nowMs = performance.now();
    const job = this.#job?.asked === undefined ? undefined : this.#job;
    if (job === undefined && nowMs - this.#lastByteMs > this.#timing.quietMs) this.#bytes = NOTHING;
    this.#lastByteMs = nowMs;
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = bytes.length > MAX_KEPT_BYTES ? bytes.subarray(-MAX_KEPT_BYTES) : bytes;
    if (this.#search(job)) return;
    if (job === undefined) {
      this.#strays += 1;
      // A late reply is over with its last byte; of anything else there may be more.
      const isMadeOut = this.#bytes.length === 0;
      this.#freeAtMs = nowMs + (isMadeOut ? this.#timing.pauseMs : this.#timing.quietMs);
      return;
    }
    clearTimeout(job.quietTimer);
    job.quietTimer = setTimeout(() => this.#onQuiet(job), this.#timing.quietMs);
  }

  abandon(): void {
    if (this.#job !== undefined) this.#settle(this.#job, { kind: 'lost' });
  }

  /** Sends what is to be asked as soon as the line is free. */
  #begin(job: Job): void {
    clearTimeout(job.timer);
    const nowMs = performance.now();
    const waitMs = this.#freeAtMs - nowMs;
    if (waitMs > 0) {
      if (nowMs > job.silentByMs) return this.#spoil(job, 'the line does not fall silent', true);
      // A timer may come a fraction of a millisecond too soon.
      job.timer = setTimeout(() => this.#begin(job), Math.ceil(waitMs));
      return;
    }
    const probe = this.#owed.probeBefore(job.request, nowMs);
    const request = probe ?? job.request;
    const expected = probe === undefined ? job.expected : expectedReply(probe);
    job.asked = { request, expected, isProbe: probe !== undefined, sentMs: nowMs };
    job.refusal = undefined;
    this.#bytes = NOTHING;
    const isBroadcast = expected.unit === 0 && expected.dataBytes === undefined;
    const lineMs = (request.length + replyLength(expected) + 2 * CRC_BYTES) * this.#timing.byteMs;
    job.timer = isBroadcast
      ? setTimeout(() => this.#settle(job, { kind: 'unanswered' }), lineMs + BROADCAST_MS)
      : setTimeout(() => this.#onTimeout(job), lineMs + job.timeoutMs);
    this.#host.write(withCrc(request));
  }

  /** Looks for replies in what came: late ones are taken out, that of `job` ends the search. True if it was there. */
  #search(job: Job | undefined): boolean {
    const expected = job?.asked?.expected;
    for (let at = 0; at + MIN_FRAME_BYTES <= this.#bytes.length; ) {
      const ours = expected === undefined ? 0 : frameLength(this.#bytes, at, expected);
      if (job !== undefined && expected !== undefined && ours > 0) {
        const isRefusal = this.#bytes[at + 1] !== expected.code;
        if (!isRefusal || !this.#owed.mayBeRefused(expected)) {
          this.#found(job, at, ours);
          return true;
        }
        job.refusal = Buffer.from(this.#bytes.subarray(at, at + ours));
      }
      const late = this.#takeLate(at);
      if (late > 0) {
        this.#strays += job === undefined ? 0 : 1;
        this.#rubbish = 0;
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, at), this.#bytes.subarray(at + late)]);
      } else at += 1;
    }
    return false;
  }

  /** Length of the late reply at `at`, which is owed no more; 0 where there is none. */
  #takeLate(at: number): number {
    let length = 0;
    const sentMs = this.#owed.pay(this.#bytes.readUInt8(at), (expected) => {
      length = frameLength(this.#bytes, at, expected);
      return length > 0;
    });
    if (sentMs !== undefined) {
      const frame = Buffer.from(this.#bytes.subarray(at, at + length - CRC_BYTES));
      this.#host.late(frame, performance.now() - sentMs);
    }
    return length;
  }

  #found(job: Job, at: number, length: number): void {
    const isAlone = this.#bytes.length === length;
    if (!isAlone) this.#strays += 1;
    const frame = this.#bytes.subarray(at, at + length);
    this.#bytes = NOTHING;
    this.#rubbish = 0;
    this.#owed.forget(job.expected.unit);
    // Where more came than the reply, still more may be on its way.
    this.#freeAtMs = this.#lastByteMs + (isAlone ? this.#timing.pauseMs : this.#timing.quietMs);
    if (job.asked?.isProbe) this.#goOn(job);
    else this.#settle(job, { kind: 'frame', frame });
  }

  /** What had to be asked before is answered: the unit owes nothing, and the request itself can be sent. */
  #goOn(job: Job): void {
    clearTimeout(job.quietTimer);
    job.asked = undefined;
    this.#begin(job);
  }

  /** Nothing more comes. If that was the reply, spoilt, it is over; before anything else the reply may still come. */
  #onQuiet(job: Job): void {
    const { asked } = job;
    if (asked === undefined || mayBecomeReply(this.#bytes, asked.expected)) return;
    if (hasCome(this.#bytes, asked)) this.#giveUp(job, asked);
  }

  #onTimeout(job: Job): void {
    if (job.asked !== undefined) this.#giveUp(job, job.asked);
    this.#host.timedOut();
  }

  #giveUp(job: Job, asked: Asked): void {
    const { request, expected, isProbe, sentMs } = asked;
    const bytes = this.#bytes;
    // What came, spoilt, may as well have been something older.
    const isOwed = !hasCome(bytes, asked) || this.#owed.mayBeRefused(expected);
    this.#freeAtMs = this.#lastByteMs + this.#timing.quietMs;
    this.#bytes = NOTHING;
    if (job.refusal !== undefined && isProbe) {
      this.#owed.forget(expected.unit);
      return this.#goOn(job);
    }
    if (isOwed) this.#owed.add(expected, sentMs, performance.now());
    if (job.refusal !== undefined) return this.#settle(job, { kind: 'frame', frame: job.refusal });
    if (bytes.length === 0) return this.#settle(job, { kind: 'timeout' });
    this.#spoil(job, faultOf(bytes, request, expected), !isFrame(bytes));
  }

  /** Settles as malformed; the line is given up when there was rubbish in too many exchanges, and nothing else. */
  #spoil(job: Job, detail: string, isRubbish: boolean): void {
    this.#rubbish = isRubbish ? this.#rubbish + 1 : 0;
    this.#settle(job, { kind: 'malformed', detail });
    if (this.#rubbish >= MAX_RUBBISH) this.#host.noModbus();
  }

  #settle(job: Job, outcome: Outcome): void {
    clearTimeout(job.timer);
    clearTimeout(job.quietTimer);
    if (this.#job !== job) return;
    this.#job = undefined;
    job.settle(outcome);
  }
}

/** Length of the reply to `expected` that stands whole and with good CRC at `at`; 0 where none does. */
function frameLength(bytes: Buffer, at: number, expected: ExpectedReply): number {
  if (bytes[at] !== expected.unit) return 0;
  const code = bytes.readUInt8(at + 1);
  const isException = code === (expected.code | EXCEPTION_BIT);
  if (code !== expected.code && !isException) return 0;
  const length = (isException ? EXCEPTION_LENGTH : replyLength(expected)) + CRC_BYTES;
  if (at + length > bytes.length) return 0;
  if (replyFault(bytes.subarray(at, at + length - CRC_BYTES), expected) !== undefined) return 0;
  return hasGoodCrc(bytes, at, at + length) ? length : 0;
}

/** Whether what came begins like the reply, so that it will not come again. Our own request, echoed by the line, is none. */
function hasCome(bytes: Buffer, { request, expected }: Asked): boolean {
  const [unit, code = 0] = bytes;
  if (unit !== expected.unit || (code & ~EXCEPTION_BIT) !== expected.code) return false;
  return !isEcho(bytes, request);
}

function isEcho(bytes: Buffer, request: Buffer): boolean {
  return bytes.subarray(0, request.length).equals(request);
}

/** Whether a frame stands at the beginning, whoever sent it. */
function isFrame(bytes: Buffer): boolean {
  const length = ownLength(bytes);
  return length !== undefined && bytes.length >= length && hasGoodCrc(bytes, 0, length);
}

/** Whether the bytes are the beginning of a reply to `expected`, and not yet the whole. */
function mayBecomeReply(bytes: Buffer, expected: ExpectedReply): boolean {
  const [unit, code = expected.code, third = expected.dataBytes] = bytes;
  if (unit !== expected.unit) return false;
  if (code === (expected.code | EXCEPTION_BIT)) return bytes.length < MIN_FRAME_BYTES;
  if (code !== expected.code || bytes.length >= replyLength(expected) + CRC_BYTES) return false;
  return expected.dataBytes === undefined || third === expected.dataBytes;
}

/** Says of bytes in which there is no reply to `expected` what is wrong with them. */
function faultOf(bytes: Buffer, request: Buffer, expected: ExpectedReply): string {
  if (isEcho(bytes, request)) return 'the request itself came back: the line echoes';
  const length = ownLength(bytes);
  if (length === undefined) return `no Modbus frame: ${bytes.toString('hex', 0, SHOWN_BYTES)}`;
  if (bytes.length < length) return `the reply ends after ${bytes.length} of ${length} bytes`;
  if (!hasGoodCrc(bytes, 0, length)) return 'the CRC is wrong';
  return replyFault(bytes.subarray(0, length - CRC_BYTES), expected) ?? 'the reply came among other bytes';
}

/** Length of the frame by what stands in it itself; undefined where its function is none that is used here. */
function ownLength(bytes: Buffer): number | undefined {
  const [, code = 0, third = 0] = bytes;
  if ((code & EXCEPTION_BIT) !== 0) return MIN_FRAME_BYTES;
  if (code >= 1 && code <= 4) return EXCEPTION_LENGTH + third + CRC_BYTES;
  return code === 5 || code === 6 || code === 15 || code === 16 ? 6 + CRC_BYTES : undefined;
}
