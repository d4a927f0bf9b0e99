/** A remaining length has at most this many bytes (MQTT 3.1.1, 2.2.3). */
const MAX_LENGTH_BYTES = 4;

/** Follows the borders of MQTT packets in a byte stream, however it is cut into chunks; looks at lengths only. */
export class PacketScanner {
  readonly #maxPacketBytes: number;
  /** Bytes of the packet's body that are still to come; -1: within the header. */
  #bodyLeft = -1;
  /** Bytes of the header seen: the type first, then those of the remaining length. */
  #headerBytes = 0;
  #length = 0;

  constructor(maxPacketBytes: number) {
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** Takes the next bytes; false where a packet announces more than the limit, or a length that is none. */
  accept(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft >= 0) {
        const step = Math.min(this.#bodyLeft, chunk.length - at);
        at += step;
        this.#bodyLeft -= step;
        if (this.#bodyLeft === 0) this.#bodyLeft = -1;
      } else {
        if (!this.#header(chunk[at] ?? 0)) return false;
        at += 1;
      }
    }
    return true;
  }

  #header(byte: number): boolean {
    const place = this.#headerBytes - 1;
    this.#headerBytes += 1;
    if (place < 0) return true;
    this.#length += (byte & 0x7f) * 128 ** place;
    if (byte & 0x80) return place + 1 < MAX_LENGTH_BYTES;
    if (this.#length > this.#maxPacketBytes) return false;
    this.#bodyLeft = this.#length > 0 ? this.#length : -1;
    this.#headerBytes = 0;
    this.#length = 0;
    return true;
  }
}
