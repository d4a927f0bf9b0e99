import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { crc16, withCrc } from './crc16.ts';
import { expectedReply } from './expected-reply.ts';
import type { Outcome } from './framing.ts';
import { LATE_MS } from './owed-replies.ts';
import { RtuFraming } from './rtu-framing.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TIMEOUT_MS = 100;
const QUIET_MS = 10;
const PAUSE_MS = 2;

function framing() {
  const written: Buffer[] = [];
  const seen = { noModbus: 0, late: [] as string[] };
  const host = {
    write: (bytes: Buffer) => void written.push(bytes),
    broken: () => expect.unreachable('a line has no header to break'),
    late: (frame: Buffer) => void seen.late.push(frame.toString('hex')),
    noModbus: () => {
      seen.noModbus += 1;
    },
    timedOut: () => undefined,
  };
  return { it: new RtuFraming(host, { quietMs: QUIET_MS, pauseMs: PAUSE_MS, byteMs: 0 }), written, seen };
}

function send(it: RtuFraming, ...request: number[]): Outcome[] {
  const bytes = Buffer.from(request);
  const outcomes: Outcome[] = [];
  const settle = (outcome: Outcome) => void outcomes.push(outcome);
  it.send({ request: bytes, expected: expectedReply(bytes), timeoutMs: TIMEOUT_MS, settle });
  return outcomes;
}

/** Asks for one holding register. */
const ask = (it: RtuFraming, unit = 1, address = 0) => send(it, unit, 3, address >> 8, address & 0xff, 0, 1);
const frame = (...content: number[]) => withCrc(Buffer.from(content));
const reply = (value: number, unit = 1) => frame(unit, 3, 2, value >> 8, value & 0xff);
const detail = (text: string | RegExp) => ({
  kind: 'malformed',
  detail: typeof text === 'string' ? text : expect.stringMatching(text),
});

function value(outcomes: readonly Outcome[]): unknown {
  const [outcome] = outcomes;
  if (outcomes.length > 1) return 'settled twice';
  return outcome?.kind === 'frame' ? outcome.frame.readUInt16BE(3) : (outcome ?? 'open');
}

test('the CRC is that of the specification', () => {
  // The example of "MODBUS over Serial Line" V1.02, appendix B: 02 07 has the CRC 0x1241, low byte first.
  expect(crc16(Buffer.from([2, 7]), 0, 2)).toBe(0x1241);
  expect(frame(2, 7).toString('hex')).toBe('02074112');
});

test('a request has its CRC, and its reply is found however it is torn', () => {
  fc.assert(
    fc.property(fc.nat(65_535), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 7 }), (wanted, steps) => {
      const { it, written } = framing();
      const asked = ask(it, 17, 4);
      expect(written[0]?.toString('hex')).toBe(frame(17, 3, 0, 4, 0, 1).toString('hex'));
      const stream = reply(wanted, 17);
      let at = 0;
      for (const step of steps) {
        it.receive(stream.subarray(at, at + step));
        // Shorter than the silence that ends a frame, and longer: what began like the reply is waited for.
        vi.advanceTimersByTime(step === 1 ? QUIET_MS - 1 : QUIET_MS + 1);
        at += step;
        if (at >= stream.length) break;
      }
      if (at < stream.length) it.receive(stream.subarray(at));
      expect(value(asked)).toBe(wanted);
    }),
  );
});

test('between a reply and the next request the line has its pause', () => {
  const { it, written } = framing();
  ask(it);
  it.receive(reply(1));
  ask(it);
  expect(written.length).toBe(1);
  vi.advanceTimersByTime(PAUSE_MS);
  expect(written.length).toBe(2);
});

describe('what is no reply', () => {
  test.each([
    ['a wrong CRC', Buffer.from([1, 3, 2, 0, 5, 0, 0]), 'the CRC is wrong'],
    ['another byte count', frame(1, 3, 4, 0, 5, 0, 6), '4 bytes in place of 2'],
  ])('a reply with %s is malformed once the line is silent', (_, bytes, text) => {
    const { it } = framing();
    const asked = ask(it);
    it.receive(bytes);
    expect(value(asked)).toBe('open');
    vi.advanceTimersByTime(QUIET_MS);
    expect(value(asked)).toEqual(detail(text));
  });

  const strange: readonly (readonly [string, Buffer, string | RegExp])[] = [
    ['a frame of another unit', reply(5, 2), 'a reply of unit 2 in place of 1'],
    ['a frame with another function', frame(1, 4, 2, 0, 5), 'function 4 in place of 3'],
    ['an exception to another function', frame(1, 0x84, 2), 'function 132 in place of 3'],
    ['rubbish', Buffer.from('HTTP/1.1 400 Bad Request'), /^no Modbus frame: 4854/],
    ['our own request', frame(1, 3, 0, 0, 0, 1), 'the request itself came back: the line echoes'],
  ];

  test.each(strange)('%s is malformed if nothing better comes', (_, bytes, text) => {
    const { it } = framing();
    const asked = ask(it);
    it.receive(bytes);
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    expect(value(asked)).toBe('open');
    vi.advanceTimersByTime(1);
    expect(value(asked)).toEqual(detail(text));
  });

  test.each(strange)('behind %s the reply is still found', (_, bytes) => {
    const { it } = framing();
    const asked = ask(it);
    it.receive(bytes);
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    it.receive(reply(5));
    expect(value(asked)).toBe(5);
  });

  test('where nothing else comes in many exchanges, somebody else is there; one frame, and it is a noisy line', () => {
    const { it, seen } = framing();
    const spoilt = () => {
      const asked = ask(it);
      vi.advanceTimersByTime(PAUSE_MS);
      it.receive(Buffer.from('login: '));
      vi.advanceTimersByTime(TIMEOUT_MS);
      expect(value(asked)).toMatchObject({ kind: 'malformed' });
    };
    for (let i = 0; i < 4; i++) spoilt();
    ask(it, 2);
    it.receive(reply(5, 2));
    for (let i = 0; i < 4; i++) spoilt();
    expect(seen.noModbus).toBe(0);
    spoilt();
    expect(seen.noModbus).toBe(1);
  });

  test('a reply that ends too soon is malformed at the time-out, as the rest may be slow', () => {
    const { it } = framing();
    const asked = ask(it);
    it.receive(reply(5).subarray(0, 5));
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    expect(value(asked)).toBe('open');
    vi.advanceTimersByTime(1);
    expect(value(asked)).toEqual(detail('the reply ends after 5 of 7 bytes'));
  });

  test('noise before a reply does not spoil it, noise behind it is waited out', () => {
    const { it, written } = framing();
    const asked = ask(it);
    it.receive(Buffer.from([0xff, 1, 3]));
    it.receive(Buffer.concat([reply(5), Buffer.from([0])]));
    expect(value(asked)).toBe(5);
    ask(it);
    vi.advanceTimersByTime(QUIET_MS - 1);
    expect(written.length).toBe(1);
    vi.advanceTimersByTime(1);
    expect(written.length).toBe(2);
  });

  test('a line on which somebody never stops is malformed, takes bounded memory, and is no wait without end', () => {
    const { it, written } = framing();
    it.receive(Buffer.alloc(300, 1));
    const asked = ask(it);
    for (let ms = 0; ms < TIMEOUT_MS + QUIET_MS && value(asked) === 'open'; ms++) {
      it.receive(Buffer.alloc(300, 1));
      vi.advanceTimersByTime(1);
    }
    expect(written.length).toBe(0);
    expect(value(asked)).toEqual(detail('the line does not fall silent'));
  });
});

describe('a reply that comes too late', () => {
  /** What was sent last: unit, function, address, count. */
  const sent = (written: readonly Buffer[]) => {
    const last = written.at(-1);
    return last === undefined ? [] : [last[0], last[1], last.readUInt16BE(2), last.readUInt16BE(4)];
  };
  const two = (...registers: [number, number]) =>
    frame(1, 3, 4, ...registers.flatMap((value) => [value >> 8, value & 0xff]));

  test('grid-x/modbus#78: is not taken for that to the next request, of the same unit and as long', () => {
    const { it, written } = framing();
    const first = ask(it, 1, 0);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(value(first)).toEqual({ kind: 'timeout' });
    const second = ask(it, 1, 1000);
    expect(sent(written), 'something as long is not asked yet').toEqual([1, 3, 1000, 2]);
    it.receive(reply(111));
    expect(value(second)).toBe('open');
    it.receive(two(222, 223));
    vi.advanceTimersByTime(PAUSE_MS);
    expect(sent(written), 'the unit owes nothing any more').toEqual([1, 3, 1000, 1]);
    it.receive(reply(222));
    expect(value(second)).toBe(222);
    ask(it, 1, 7);
    vi.advanceTimersByTime(PAUSE_MS);
    expect(sent(written)).toEqual([1, 3, 7, 1]);
  });

  test('is told, between requests and within the next: somebody is there', () => {
    const { it, seen } = framing();
    ask(it, 1, 0);
    vi.advanceTimersByTime(TIMEOUT_MS);
    it.receive(reply(111));
    expect(seen.late).toEqual(['010302006f']);
    ask(it, 1, 0);
    vi.advanceTimersByTime(PAUSE_MS + TIMEOUT_MS);
    const other = ask(it, 2, 0);
    it.receive(Buffer.concat([reply(112), reply(222, 2)]));
    expect(value(other)).toBe(222);
    expect(seen.late).toEqual(['010302006f', '0103020070']);
  });

  test.each([1.5, 4.5, 18.5])('grid-x/modbus#78: a device that is %f time-outs late never gives a value', (late) => {
    const { it, written } = framing();
    const lateMs = late * TIMEOUT_MS;
    const due: { atMs: number; bytes: Buffer }[] = [];
    const outcomes: unknown[] = [];
    for (let i = 0; i < 40; i++) {
      const asked = ask(it, 1, i % 3);
      while (value(asked) === 'open') {
        vi.advanceTimersByTime(10);
        for (const request of written.splice(0)) {
          const count = request.readUInt16BE(4);
          const registers = Array.from({ length: count }, (_, at) => 1000 + request.readUInt16BE(2) + at);
          const content = [1, 3, 2 * count, ...registers.flatMap((one) => [one >> 8, one & 0xff])];
          due.push({ atMs: performance.now() + lateMs, bytes: frame(...content) });
        }
        while ((due[0]?.atMs ?? Number.POSITIVE_INFINITY) <= performance.now()) {
          const next = due.shift();
          if (next !== undefined) it.receive(next.bytes);
        }
      }
      outcomes.push(value(asked));
    }
    expect(outcomes).toEqual(outcomes.map(() => ({ kind: 'timeout' })));
  });

  test('a unit that is back after a long silence is read at once', () => {
    const { it, written } = framing();
    for (let i = 0; i < 20; i++) {
      ask(it);
      vi.advanceTimersByTime(TIMEOUT_MS);
    }
    const asked = ask(it);
    const [, , , count = 0] = sent(written);
    it.receive(frame(1, 3, 2 * Number(count), ...new Array(2 * Number(count)).fill(0)));
    vi.advanceTimersByTime(PAUSE_MS);
    it.receive(reply(5));
    expect(value(asked)).toBe(5);
  });

  test('is reckoned with for a minute, not for ever', () => {
    const { it, written } = framing();
    ask(it);
    vi.advanceTimersByTime(TIMEOUT_MS + LATE_MS);
    ask(it);
    expect(sent(written)).toEqual([1, 3, 0, 1]);
  });

  test('neuron#1602: another unit is asked at once, and does not get it', () => {
    const { it, written } = framing();
    ask(it, 1);
    vi.advanceTimersByTime(TIMEOUT_MS);
    const other = ask(it, 2);
    expect(sent(written)).toEqual([2, 3, 0, 1]);
    it.receive(Buffer.concat([reply(111, 1), reply(222, 2)]));
    expect(value(other)).toBe(222);
  });

  test('of another length is known by it, and the request is sent without more ado', () => {
    const { it, written } = framing();
    send(it, 1, 3, 0, 0, 0, 2);
    vi.advanceTimersByTime(TIMEOUT_MS);
    const second = ask(it, 1, 1000);
    expect(sent(written)).toEqual([1, 3, 1000, 1]);
    it.receive(two(1, 2));
    it.receive(reply(222));
    expect(value(second)).toBe(222);
  });

  test('may be an exception: it is believed to be the next request’s only if nothing else comes', () => {
    const { it } = framing();
    send(it, 1, 3, 0, 0, 0, 2);
    vi.advanceTimersByTime(TIMEOUT_MS);
    const second = ask(it, 1, 1000);
    it.receive(frame(1, 0x83, 2));
    expect(value(second)).toBe('open');
    it.receive(reply(222));
    expect(value(second)).toBe(222);

    send(it, 1, 3, 0, 0, 0, 2);
    vi.advanceTimersByTime(TIMEOUT_MS + PAUSE_MS);
    const third = ask(it, 1, 1000);
    it.receive(frame(1, 0x83, 2));
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(third).toMatchObject([{ kind: 'frame' }]);
  });

  test('a table that is refused throughout is told as refused, not as silent', () => {
    const { it, written } = framing();
    ask(it);
    vi.advanceTimersByTime(TIMEOUT_MS);
    for (let i = 0; i < 6; i++) {
      const asked = ask(it);
      for (let ms = 0; value(asked) === 'open' && ms < 5 * TIMEOUT_MS; ms++) {
        if (written.splice(0).length > 0) it.receive(frame(1, 0x83, 2));
        vi.advanceTimersByTime(1);
      }
      expect(asked, `request ${i}`).toMatchObject([{ kind: 'frame' }]);
    }
    const startMs = performance.now();
    const asked = ask(it);
    vi.advanceTimersByTime(PAUSE_MS);
    it.receive(frame(1, 0x83, 2));
    expect(asked).toMatchObject([{ kind: 'frame' }]);
    expect(performance.now() - startMs, 'and at once, in the end').toBeLessThan(TIMEOUT_MS);
  });
});

describe('writes', () => {
  test('are taken by their echo', () => {
    const { it } = framing();
    const asked = send(it, 1, 6, 0, 4, 1, 2);
    it.receive(frame(1, 6, 0, 4, 1, 2));
    expect(asked).toMatchObject([{ kind: 'frame' }]);
  });

  test('are malformed where something else comes back', () => {
    const { it } = framing();
    const asked = send(it, 1, 6, 0, 4, 1, 2);
    it.receive(frame(1, 6, 0, 4, 1, 3));
    vi.advanceTimersByTime(QUIET_MS);
    expect(asked).toEqual([detail('the reply is no echo of what was written')]);
  });

  test('to unit 0 are broadcasts: nobody answers, and everybody gets time to obey', () => {
    const { it } = framing();
    const asked = send(it, 0, 6, 0, 4, 1, 2);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(asked).toEqual([{ kind: 'unanswered' }]);
  });
});

test('what is under way when the line goes is lost, and no timer stays behind', () => {
  const { it } = framing();
  const asked = ask(it);
  it.receive(Buffer.from([9]));
  it.abandon();
  expect(asked).toEqual([{ kind: 'lost' }]);
  expect(vi.getTimerCount()).toBe(0);
});
