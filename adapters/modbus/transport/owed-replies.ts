import { type ExpectedReply, expectedReply, replyLength } from './expected-reply.ts';

/** For so long a reply that did not come in time is reckoned with, real ms. */
export const LATE_MS = 60_000;
/** So many per unit; of more, the oldest are forgotten. */
export const MAX_OWED = 32;

interface Owed {
  readonly expected: ExpectedReply;
  readonly sentMs: number;
  readonly untilMs: number;
}

/**
 * Replies on a serial line that did not come in time and still may. A reply there has no number: one that comes late
 * looks like that to the next request, if this one asks the same unit for as much. So a request of which that is true
 * must not be sent, but another before it, for another number of registers. Once that one is answered, so is all that was
 * asked before it or it never will be, for a device answers in order.
 */
export class OwedReplies {
  readonly #byUnit = new Map<number, Owed[]>();

  /** @param sentMs when it was asked for */
  add(expected: ExpectedReply, sentMs: number, nowMs: number): void {
    const owed = this.#of(expected.unit, nowMs);
    owed.push({ expected, sentMs, untilMs: nowMs + LATE_MS });
    if (owed.length > MAX_OWED) owed.shift();
    this.#byUnit.set(expected.unit, owed);
  }

  /** The unit has answered something that was asked later. */
  forget(unit: number): void {
    this.#byUnit.delete(unit);
  }

  /** Takes the oldest one that the unit owes and `isIt` is true of; gives when it was asked for. */
  pay(unit: number, isIt: (expected: ExpectedReply) => boolean): number | undefined {
    const owed = this.#byUnit.get(unit);
    const index = owed?.findIndex(({ expected }) => isIt(expected)) ?? -1;
    if (owed === undefined || index < 0) return undefined;
    return owed.splice(index, 1)[0]?.sentMs;
  }

  /** Whether an exception to `expected` could as well be to something older. */
  mayBeRefused({ unit, code }: ExpectedReply): boolean {
    return this.#byUnit.get(unit)?.some(({ expected }) => expected.code === code) ?? false;
  }

  /** What must be asked before `request`, if a late reply could be taken for the reply to that. */
  probeBefore(request: Buffer, nowMs: number): Buffer | undefined {
    const wanted = expectedReply(request);
    // The echo of a write says what was written, whichever request it answers.
    if (wanted.dataBytes === undefined) return undefined;
    const taken = new Set(
      this.#of(wanted.unit, nowMs)
        .filter(({ expected }) => expected.code === wanted.code)
        .map(({ expected }) => replyLength(expected)),
    );
    if (!taken.has(replyLength(wanted))) return undefined;
    const address = request.readUInt16BE(2);
    // Each count gives another length; there are more of them than replies owed.
    const step = wanted.code <= 2 ? 8 : 1;
    for (let count = 1; ; count += step) {
      const probe = Buffer.from(request);
      probe.writeUInt16BE(Math.min(address, 0x1_0000 - count), 2);
      probe.writeUInt16BE(count, 4);
      if (!taken.has(replyLength(expectedReply(probe)))) return probe;
    }
  }

  /** What a unit owes, without what is too old. */
  #of(unit: number, nowMs: number): Owed[] {
    return (this.#byUnit.get(unit) ?? []).filter(({ untilMs }) => untilMs > nowMs);
  }
}
