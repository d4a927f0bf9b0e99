/** A remaining length has at most this many bytes (MQTT 3.1.1, 2.2.3). */
const MAX_LENGTH_BYTES = 4;
/** First byte of a PUBLISH without its flags, and where its flags are (MQTT 3.1.1, 3.3.1). */
const PUBLISH = 3;
const QOS_SHIFT = 1;
const RETAIN_FLAG = 1;

/** A whole PUBLISH as it lies in `bytes`. The same object is used for the next one: valid during the call only. */
export interface Publish {
  readonly bytes: Buffer;
  readonly topicFrom: number;
  readonly topicTo: number;
  readonly payloadFrom: number;
  readonly payloadTo: number;
  /** 0, 1 or 2. */
  readonly qos: number;
  readonly retain: boolean;
  /** Packet identifier; 0 at QoS 0. */
  readonly id: number;
}

/** What becomes of a PUBLISH: it needs nothing more; it goes the way of all packets; or it is offered again later. */
export type Verdict = 'taken' | 'pass' | 'wait';

/** Where packets go. */
export interface PacketWays {
  offer(publish: Publish): Verdict;
  /** Takes all bytes but those of packets that were taken; whole packets or parts of them, in order. */
  pass(bytes: Buffer): void;
}

/** `waiting`: for {@link PacketSplitter.resume}. `refused`: a packet beyond the limit, or a length that is none. */
export type Progress = 'reading' | 'waiting' | 'refused';

/**
 * Follows the borders of MQTT packets in a byte stream, however it is cut into chunks, and takes out the PUBLISHes that
 * need nothing of a library. A PUBLISH is held until it is whole; the bytes of all others are passed on as they come.
 */
export class PacketSplitter {
  readonly #maxPacketBytes: number;
  readonly #ways: PacketWays;
  readonly #publish = new PublishPlace();
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes without which looking again is of no use: joining the chunks of a packet once costs no more than it has bytes. */
  #needed = 1;
  /** Bytes of a packet under way that still pass. */
  #passing = 0;
  #waiting = false;

  constructor(maxPacketBytes: number, ways: PacketWays) {
    this.#maxPacketBytes = maxPacketBytes;
    this.#ways = ways;
  }

  accept(chunk: Buffer): Progress {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#waiting) return 'waiting';
    return this.#bytes < this.#needed ? 'reading' : this.#advance();
  }

  /** Offers again what had to wait. */
  resume(): Progress {
    this.#waiting = false;
    return this.#bytes < this.#needed ? 'reading' : this.#advance();
  }

  #advance(): Progress {
    const [only] = this.#chunks;
    const bytes = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks, this.#bytes);
    let at = 0;
    let passFrom = 0;
    let progress: Progress = 'reading';
    this.#needed = 1;
    while (at < bytes.length) {
      if (this.#passing > 0) {
        const step = Math.min(this.#passing, bytes.length - at);
        this.#passing -= step;
        at += step;
        continue;
      }
      const end = packetEnd(bytes, at, this.#maxPacketBytes);
      if (end === 'incomplete') {
        this.#needed = bytes.length - at + 1;
        break;
      }
      if (end === 'wrong') {
        progress = 'refused';
        break;
      }
      if ((bytes[at] as number) >> 4 !== PUBLISH) {
        this.#passing = end - at;
        continue;
      }
      if (end > bytes.length) {
        this.#needed = end - at;
        break;
      }
      const verdict = this.#publish.find(bytes, at, end) ? this.#ways.offer(this.#publish) : 'pass';
      if (verdict === 'wait') {
        this.#waiting = true;
        progress = 'waiting';
        break;
      }
      if (verdict === 'taken') {
        if (passFrom < at) this.#ways.pass(bytes.subarray(passFrom, at));
        passFrom = end;
      }
      at = end;
    }
    if (passFrom < at) this.#ways.pass(bytes.subarray(passFrom, at));
    this.#bytes = bytes.length - at;
    this.#chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    return progress;
  }
}

/**
 * Where the packet that begins at `from` ends, which may be beyond `bytes`; wrong where it announces more than
 * `maxBytes` after its header, or a length that is none.
 */
function packetEnd(bytes: Buffer, from: number, maxBytes: number): number | 'incomplete' | 'wrong' {
  let length = 0;
  let weight = 1;
  for (let place = 1; place <= MAX_LENGTH_BYTES; place++) {
    const byte = bytes[from + place];
    if (byte === undefined) return 'incomplete';
    length += (byte & 0x7f) * weight;
    if (byte < 0x80) return length > maxBytes ? 'wrong' : from + place + 1 + length;
    weight *= 128;
  }
  return 'wrong';
}

class PublishPlace implements Publish {
  bytes: Buffer = Buffer.alloc(0);
  topicFrom = 0;
  topicTo = 0;
  payloadFrom = 0;
  payloadTo = 0;
  qos = 0;
  retain = false;
  id = 0;

  /** Finds the parts of the whole packet in [from, end); false where they do not fit into it. */
  find(bytes: Buffer, from: number, end: number): boolean {
    let at = from + 1;
    while ((bytes[at] as number) >= 0x80) at++;
    at++;
    if (at + 2 > end) return false;
    const flags = bytes[from] as number;
    this.bytes = bytes;
    this.qos = (flags >> QOS_SHIFT) & 3;
    this.retain = (flags & RETAIN_FLAG) !== 0;
    this.topicFrom = at + 2;
    this.topicTo = this.topicFrom + twoBytes(bytes, at);
    this.payloadFrom = this.topicTo + (this.qos === 0 ? 0 : 2);
    this.payloadTo = end;
    if (this.qos === 3 || this.payloadFrom > end) return false;
    this.id = this.qos === 0 ? 0 : twoBytes(bytes, this.topicTo);
    return this.qos === 0 || this.id !== 0;
  }
}

function twoBytes(bytes: Buffer, at: number): number {
  return (bytes[at] as number) * 256 + (bytes[at + 1] as number);
}
