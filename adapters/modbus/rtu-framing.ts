import { hasGoodCrc, withCrc } from './crc16.ts';
import { EXCEPTION_BIT, EXCEPTION_LENGTH, type ExpectedReply, replyFault, replyLength } from './expected-reply.ts';
import type { Exchange, Framing, FramingHost, Outcome } from './framing.ts';

/** Times of a line, real ms. */
export interface LineTiming {
  /** Nothing has come for so long: whatever was being sent is over. */
  readonly quietMs: number;
  /** Between a reply and the next request, so that the devices can tell one frame from the next. */
  readonly pauseMs: number;
  /** What one byte takes on the line; 0 where that is not known, or somebody else's. */
  readonly byteMs: number;
}

/**
 * A unit that did not answer within the time-out may yet do so: until this many time-outs after the request was sent it
 * is not asked again, since on this line nothing tells the answer to one request from that to another.
 */
export const LATE_TIMEOUTS = 2;
/** How long all units get to obey a broadcast, which none of them answers ("MODBUS over Serial Line", 2.4.1). */
const BROADCAST_MS = 150;
/** Longest frame of a serial line is 256; more than two of them are not kept. */
const MAX_KEPT_BYTES = 512;
const CRC_BYTES = 2;
const MIN_FRAME_BYTES = EXCEPTION_LENGTH + CRC_BYTES;
/** So many bytes of what was no reply are shown. */
const SHOWN_BYTES = 16;

const NOTHING = Buffer.alloc(0);

interface Job extends Exchange {
  /** Undefined while it waits for the line or for the unit. */
  sentMs: number | undefined;
  /** If the line is not silent until then it never is. */
  readonly silentByMs: number;
  timer: NodeJS.Timeout | undefined;
  quietTimer: NodeJS.Timeout | undefined;
}

/**
 * Modbus RTU, on a serial line or over TCP. A frame has neither number nor length: a reply is what begins like one, is
 * as long as the request makes it, and has the right CRC; anything else is noise. After noise the line must have been
 * silent before the next request is sent.
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
  /** By unit, the reply that may still come. */
  readonly #owed = new Map<number, { readonly expected: ExpectedReply; readonly untilMs: number }>();
  #strays = 0;

  constructor(host: FramingHost, timing: LineTiming) {
    this.#host = host;
    this.#timing = timing;
  }

  get strays(): number {
    return this.#strays;
  }

  send(exchange: Exchange): void {
    const nowMs = performance.now();
    const owedMs = Math.max(0, (this.#owed.get(exchange.expected.unit)?.untilMs ?? 0) - nowMs);
    const silentByMs = nowMs + owedMs + Math.max(exchange.timeoutMs, 2 * this.#timing.quietMs);
    this.#job = { ...exchange, silentByMs, sentMs: undefined, timer: undefined, quietTimer: undefined };
    this.#begin(this.#job);
  }

  receive(chunk: Buffer): void {
    const nowMs = performance.now();
    const job = this.#job;
    const isExpected = job?.sentMs !== undefined;
    if (!isExpected && nowMs - this.#lastByteMs > this.#timing.quietMs) this.#bytes = NOTHING;
    this.#lastByteMs = nowMs;
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = bytes.length > MAX_KEPT_BYTES ? bytes.subarray(-MAX_KEPT_BYTES) : bytes;
    if (job === undefined || !isExpected) {
      this.#strays += 1;
      this.#freeAtMs = nowMs + this.#timing.quietMs;
      this.#search(undefined);
      // The unit that it waits for may have answered just now.
      if (job !== undefined) this.#begin(job);
      return;
    }
    if (this.#search(job)) return;
    clearTimeout(job.quietTimer);
    job.quietTimer = setTimeout(() => this.#onQuiet(job), this.#timing.quietMs);
  }

  abandon(): void {
    if (this.#job !== undefined) this.#settle(this.#job, { kind: 'lost' });
  }

  /** Sends the request, or waits until the line is free and the unit owes no reply. */
  #begin(job: Job): void {
    clearTimeout(job.timer);
    const { request, expected, timeoutMs } = job;
    const nowMs = performance.now();
    const isBusy = this.#freeAtMs > nowMs;
    const waitMs = Math.max(this.#freeAtMs, this.#owed.get(expected.unit)?.untilMs ?? 0) - nowMs;
    if (isBusy && nowMs > job.silentByMs) {
      return this.#settle(job, { kind: 'malformed', detail: 'the line does not fall silent' });
    }
    if (waitMs > 0) {
      // A timer may come a fraction of a millisecond too soon.
      job.timer = setTimeout(() => this.#begin(job), Math.ceil(waitMs));
      return;
    }
    this.#owed.delete(expected.unit);
    this.#bytes = NOTHING;
    job.sentMs = nowMs;
    const isBroadcast = expected.unit === 0 && expected.dataBytes === undefined;
    const lineMs = (request.length + replyLength(expected) + 2 * CRC_BYTES) * this.#timing.byteMs;
    job.timer = isBroadcast
      ? setTimeout(() => this.#settle(job, { kind: 'unanswered' }), lineMs + BROADCAST_MS)
      : setTimeout(() => this.#onTimeout(job), lineMs + timeoutMs);
    this.#host.write(withCrc(request));
  }

  /** Looks for replies in what came: late ones are taken out, that of `job` settles it. True if it did. */
  #search(job: Job | undefined): boolean {
    for (let at = 0; at + MIN_FRAME_BYTES <= this.#bytes.length; ) {
      const unit = this.#bytes.readUInt8(at);
      const ours = job !== undefined && unit === job.expected.unit ? frameLength(this.#bytes, at, job.expected) : 0;
      if (job !== undefined && ours > 0) {
        this.#found(job, at, ours);
        return true;
      }
      const owed = this.#owed.get(unit);
      const late = owed === undefined ? 0 : frameLength(this.#bytes, at, owed.expected);
      if (late > 0) {
        if (job !== undefined) this.#strays += 1;
        this.#owed.delete(unit);
        this.#bytes = Buffer.concat([this.#bytes.subarray(0, at), this.#bytes.subarray(at + late)]);
      } else at += 1;
    }
    return false;
  }

  #found(job: Job, at: number, length: number): void {
    const isAlone = this.#bytes.length === length;
    if (!isAlone) this.#strays += 1;
    const frame = this.#bytes.subarray(at, at + length);
    this.#bytes = NOTHING;
    // Where more came than the reply, still more may be on its way.
    this.#freeAtMs = this.#lastByteMs + (isAlone ? this.#timing.pauseMs : this.#timing.quietMs);
    this.#settle(job, { kind: 'frame', frame });
  }

  /** Something came that is no reply, and nothing more does. What begins like the reply is waited for. */
  #onQuiet(job: Job): void {
    if (this.#bytes.length === 0 || mayBecomeReply(this.#bytes, job.expected)) return;
    this.#giveUp(job);
  }

  #onTimeout(job: Job): void {
    this.#giveUp(job);
    this.#host.timedOut();
  }

  #giveUp(job: Job): void {
    const { expected, request, timeoutMs, sentMs = 0 } = job;
    const bytes = this.#bytes;
    const [unit, code = 0] = bytes;
    // A reply that came, if spoilt, does not come again.
    const hasCome = unit === expected.unit && (code & ~EXCEPTION_BIT) === expected.code;
    if (!hasCome) this.#owed.set(expected.unit, { expected, untilMs: sentMs + LATE_TIMEOUTS * timeoutMs });
    this.#freeAtMs = this.#lastByteMs + this.#timing.quietMs;
    this.#bytes = NOTHING;
    const detail = bytes.length === 0 ? undefined : faultOf(bytes, request, expected);
    this.#settle(job, detail === undefined ? { kind: 'timeout' } : { kind: 'malformed', detail });
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
  const code = bytes.readUInt8(at + 1);
  const isException = code === (expected.code | EXCEPTION_BIT);
  if (code !== expected.code && !isException) return 0;
  const length = (isException ? EXCEPTION_LENGTH : replyLength(expected)) + CRC_BYTES;
  if (at + length > bytes.length) return 0;
  if (replyFault(bytes.subarray(at, at + length - CRC_BYTES), expected) !== undefined) return 0;
  return hasGoodCrc(bytes, at, at + length) ? length : 0;
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
  if (bytes.subarray(0, request.length).equals(request)) return 'the request itself came back: the line echoes';
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
