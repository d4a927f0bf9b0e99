import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketSplitter, type Progress, type Verdict } from './packet-splitter.ts';

/** A packet of the type and flags in `first`, with this body. */
function packet(first: number, body: Buffer): Buffer {
  const header = [first];
  let left = body.length;
  do {
    header.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

function publish({ topic, payload, qos, retain }: Message, id = 7): Buffer {
  const name = Buffer.from(topic);
  const length = Buffer.from([name.length >> 8, name.length & 0xff]);
  const identifier = Buffer.from(qos === 0 ? [] : [id >> 8, id & 0xff]);
  return packet(0x30 | (qos << 1) | Number(retain), Buffer.concat([length, name, identifier, Buffer.from(payload)]));
}

/** Feeds the stream in pieces of these sizes; after each `wait` it goes on at once, or refuses for good. */
function split(stream: Buffer, cuts: readonly number[], maxBytes: number, verdict: (message: Message) => Verdict) {
  const offered: Message[] = [];
  const passed: Buffer[] = [];
  const splitter = new PacketSplitter(maxBytes, {
    offer: ({ bytes, topicFrom, topicTo, payloadFrom, payloadTo, qos, retain }) => {
      const message = {
        topic: bytes.toString('utf8', topicFrom, topicTo),
        payload: bytes.toString('utf8', payloadFrom, payloadTo),
        qos: qos as Message['qos'],
        retain,
      };
      const said = verdict(message);
      if (said !== 'wait') offered.push(message);
      return said;
    },
    pass: (bytes) => void passed.push(Buffer.from(bytes)),
  });
  let progress: Progress = 'reading';
  for (let at = 0, i = 0; at < stream.length && progress !== 'refused'; i++) {
    const step = cuts[i % cuts.length] ?? 1;
    progress = splitter.accept(stream.subarray(at, at + step));
    while (progress === 'waiting') progress = splitter.resume();
    at += step;
  }
  return { offered, passed: Buffer.concat(passed), progress };
}

const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
const message = fc.record({
  topic: fc.string({ maxLength: 20 }),
  payload: fc.string({ maxLength: 200 }),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
});
const other = fc.record({ first: fc.constantFrom(0x10, 0x40, 0x82, 0xc0), body: fc.uint8Array({ maxLength: 300 }) });

test('messages are offered whole and in order, and all else passes as it came, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(message, other)), cuts, fc.nat(), (parts, sizes, seed) => {
      const encoded = parts.map((part) =>
        'topic' in part ? publish(part) : packet(part.first, Buffer.from(part.body)),
      );
      const isTaken = ({ payload }: Message) => payload.length % 2 === 0;
      let turn = seed;
      const { offered, passed } = split(Buffer.concat(encoded), sizes, 1000, (given) =>
        turn++ % 3 === 0 ? 'wait' : isTaken(given) ? 'taken' : 'pass',
      );
      expect(offered).toEqual(parts.filter((part) => 'topic' in part));
      const rest = encoded.filter((_, index) => {
        const part = parts[index];
        return !(part && 'topic' in part && isTaken(part));
      });
      expect(passed.equals(Buffer.concat(rest))).toBe(true);
    }),
  );
});

test('packets up to the limit pass and longer ones do not, however the stream is cut', () => {
  const limit = 300;
  const length = fc.oneof(fc.integer({ min: 0, max: 310 }), fc.constantFrom(0, 127, 128, 300, 301));
  const sizes = fc.array(fc.record({ first: fc.constantFrom(0x30, 0x82), length }));
  fc.assert(
    fc.property(sizes, cuts, (packets, pieces) => {
      const stream = Buffer.concat(packets.map((each) => packet(each.first, Buffer.alloc(each.length))));
      const { progress } = split(stream, pieces, limit, () => 'pass');
      expect(progress !== 'refused').toBe(packets.every((each) => each.length <= limit));
    }),
  );
});

test('the announced length is enough to refuse a packet', () => {
  const { progress } = split(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), [1], 1000, () => 'pass');
  expect(progress).toBe('refused');
});

test('a length of five bytes is none', () => {
  const { progress } = split(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), [5], 2 ** 40, () => 'pass');
  expect(progress).toBe('refused');
});

test.each([
  ['a topic that is longer than the packet', [0x30, 3, 0, 9, 0x61]],
  ['no room for a topic', [0x30, 1, 0]],
  ['no room for the identifier', [0x32, 4, 0, 1, 0x61, 0]],
  ['an identifier of zero', [0x32, 5, 0, 1, 0x61, 0, 0]],
  ['QoS 3', [0x36, 5, 0, 1, 0x61, 0, 1]],
])('%s is left to the library to refuse', (_, bytes) => {
  const { offered, passed } = split(Buffer.from(bytes), [bytes.length], 1000, () => 'taken');
  expect(offered).toEqual([]);
  expect([...passed]).toEqual(bytes);
});
