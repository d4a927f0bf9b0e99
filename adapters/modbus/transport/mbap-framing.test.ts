import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expectedReply } from './expected-reply.ts';
import type { Outcome } from './framing.ts';
import { MbapFraming } from './mbap-framing.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TIMEOUT_MS = 100;

/** A framing with what it wrote, and whether it broke. */
function framing(parallel = 1, first = 0) {
  const written: Buffer[] = [];
  const seen = { broken: 0, timeouts: 0, late: [] as { frame: string; afterMs: number }[] };
  const host = {
    write: (bytes: Buffer) => void written.push(bytes),
    broken: () => {
      seen.broken += 1;
    },
    late: (content: Buffer, afterMs: number) => void seen.late.push({ frame: content.toString('hex'), afterMs }),
    noModbus: () => expect.unreachable('a stream is broken at once'),
    timedOut: () => {
      seen.timeouts += 1;
    },
  };
  const it = new MbapFraming(host, parallel, first);
  return { it, written, seen };
}

/** Asks unit 1 for `count` holding registers; the outcome lands in the array. */
function ask(it: MbapFraming, address = 0, count = 1, unit = 1): Outcome[] {
  const request = Buffer.from([unit, 3, address >> 8, address & 0xff, 0, count]);
  const outcomes: Outcome[] = [];
  const settle = (outcome: Outcome) => void outcomes.push(outcome);
  it.send({ request, expected: expectedReply(request), timeoutMs: TIMEOUT_MS, settle });
  return outcomes;
}

const frame = (transaction: number, ...content: number[]) =>
  Buffer.from([transaction >> 8, transaction & 0xff, 0, 0, content.length >> 8, content.length & 0xff, ...content]);
const reply = (transaction: number, value: number, unit = 1) =>
  frame(transaction, unit, 3, 2, value >> 8, value & 0xff);

/** The register in the reply, or what else became of the request. */
function value(outcomes: readonly Outcome[]): unknown {
  const [outcome] = outcomes;
  if (outcomes.length > 1) return 'settled twice';
  return outcome?.kind === 'frame' ? outcome.frame.readUInt16BE(3) : (outcome ?? 'open');
}

test('each of several requests under way gets the reply with its number, in whatever order they come', () => {
  const { it } = framing(3, 65_534);
  const asked = [ask(it, 0), ask(it, 1), ask(it, 2)];
  it.receive(Buffer.concat([reply(0, 30), reply(65_534, 10)]));
  it.receive(reply(65_535, 20));
  expect(asked.map(value)).toEqual([10, 20, 30]);
});

test('replies are made out however the stream is torn', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(65_535), { minLength: 1, maxLength: 16 }), fc.array(fc.nat(30)), (values, steps) => {
      const { it, seen } = framing(16);
      const asked = values.map((_, i) => ask(it, i));
      const stream = Buffer.concat(values.map((one, i) => reply(i, one)));
      let at = 0;
      for (const step of steps) {
        it.receive(stream.subarray(at, at + step));
        at += step;
      }
      it.receive(stream.subarray(at));
      expect(asked.map(value)).toEqual(values);
      expect(seen.broken).toBe(0);
    }),
  );
});

test('grid-x/modbus#78: a late reply is dropped, and those after it are not one behind', () => {
  const { it, seen } = framing(1, 7);
  const first = ask(it, 0);
  vi.advanceTimersByTime(TIMEOUT_MS);
  expect(value(first)).toEqual({ kind: 'timeout' });
  expect(seen.timeouts).toBe(1);
  for (let i = 1; i < 300; i++) {
    const next = ask(it, i);
    it.receive(reply(7 + i - 1, 1000 + i - 1));
    expect(value(next), `request ${i}`).toBe('open');
    it.receive(reply(7 + i, 1000 + i));
    expect(value(next), `request ${i}`).toBe(1000 + i);
  }
  expect(it.strays).toBe(299);
});

test('a reply that comes too late is told, with how long it took: somebody is there', () => {
  const { it, seen } = framing(1, 7);
  ask(it, 0);
  vi.advanceTimersByTime(TIMEOUT_MS);
  const next = ask(it, 1, 1, 2);
  vi.advanceTimersByTime(50);
  it.receive(frame(7, 2, 3, 2, 0, 5));
  expect(seen.late, 'what another unit says is none').toEqual([]);
  it.receive(reply(7, 5));
  it.receive(reply(7, 5));
  expect(seen.late).toEqual([{ frame: '0103020005', afterMs: TIMEOUT_MS + 50 }]);
  expect(value(next)).toBe('open');
});

test('a reply that comes twice answers one request only', () => {
  const { it } = framing();
  const first = ask(it, 0);
  it.receive(Buffer.concat([reply(0, 5), reply(0, 5)]));
  const second = ask(it, 1);
  it.receive(reply(0, 5));
  expect([value(first), value(second)]).toEqual([5, 'open']);
});

test('a controller that does not repeat the number is told, not left to time out', () => {
  const { it } = framing(1, 300);
  const asked = ask(it);
  it.receive(reply(0, 5));
  expect(value(asked)).toEqual({ kind: 'malformed', detail: 'transaction 0 in place of 300' });
});

test.each([
  ['another unit', frame(0, 2, 3, 2, 0, 1), 'a reply of unit 2 in place of 1'],
  ['another function', frame(0, 1, 4, 2, 0, 1), 'function 4 in place of 3'],
  ['an exception to another function', frame(0, 1, 0x84, 2), 'function 132 in place of 3'],
  ['an exception that is too long', frame(0, 1, 0x83, 2, 0), 'an exception of 4 bytes'],
  ['a byte count that is not that of the request', frame(0, 1, 3, 4, 0, 1, 0, 2), '4 bytes in place of 2'],
  ['too few bytes', frame(0, 1, 3, 2, 0), 'a reply of 4 bytes in place of 5'],
  ['too many bytes', frame(0, 1, 3, 2, 0, 1, 0), 'a reply of 6 bytes in place of 5'],
  ['no more than a function', frame(0, 1, 3), 'a reply of 2 bytes in place of 5'],
])('a reply with %s is malformed', (_, bytes, detail) => {
  const { it, seen } = framing();
  const asked = ask(it);
  it.receive(bytes);
  expect(value(asked)).toEqual({ kind: 'malformed', detail });
  expect(seen.broken).toBe(0);
});

test.each([
  ['rubbish', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a length below that of any frame', frame(0, 1)],
  ['a length above that of any frame', frame(0, ...new Array(255).fill(1))],
])(
  '%s breaks the stream: it is the oldest request’s reply, the others are lost, and what follows is not looked at',
  (_, bytes) => {
    const { it, seen } = framing(2);
    const asked = [ask(it, 0), ask(it, 1)];
    it.receive(bytes);
    it.receive(reply(1, 5));
    expect(asked.map(value)).toMatchObject([{ kind: 'malformed' }, { kind: 'lost' }]);
    expect(seen.broken).toBe(1);
  },
);

test('a reply that is cut short and filled up by the next is not believed', () => {
  const six = frame(2, 1, 3, 12, ...new Array(12).fill(9));
  for (let missing = 1; missing < reply(1, 20).length; missing++) {
    const { it, seen } = framing(3);
    const asked = [ask(it, 0), ask(it, 1), ask(it, 2, 6)];
    it.receive(reply(0, 10));
    it.receive(six.subarray(0, -missing));
    it.receive(reply(1, 20));
    // Where fewer bytes than a header are left of that, what comes next decides.
    it.receive(Buffer.alloc(6, 1));
    expect(asked.map(value), `${missing} bytes missing`).toMatchObject([10, { kind: 'lost' }, { kind: 'malformed' }]);
    expect(seen.broken).toBe(1);
  }
});

test('what is under way when the connection goes is lost, and no timer stays behind', () => {
  const { it } = framing(2);
  const asked = [ask(it, 0), ask(it, 1)];
  it.abandon();
  expect(asked.map(value)).toEqual([{ kind: 'lost' }, { kind: 'lost' }]);
  expect(vi.getTimerCount()).toBe(0);
});
