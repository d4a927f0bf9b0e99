/** Bytes before a frame's content: transaction, protocol, length. */
const HEADER_BYTES = 6;
/** Unit and function at least; by the protocol 254 at most, 260 with the header. */
const MIN_LENGTH = 2;
const MAX_LENGTH = 254;

/**
 * Follows the frames of a Modbus TCP stream, chunk by chunk, and calls `onBroken` once when what comes cannot be one:
 * the client takes any length for granted, and would wait for bytes that nobody sends while it swallows good replies.
 */
export function frameWatch(onBroken: (detail: string) => void): (chunk: Buffer) => void {
  const header = Buffer.alloc(HEADER_BYTES);
  let have = 0;
  let skip = 0;
  let broken = false;
  return (chunk) => {
    for (let at = 0; at < chunk.length && !broken; ) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - at);
        skip -= step;
        at += step;
        continue;
      }
      const step = Math.min(HEADER_BYTES - have, chunk.length - at);
      chunk.copy(header, have, at, at + step);
      have += step;
      at += step;
      if (have < HEADER_BYTES) return;
      have = 0;
      skip = header.readUInt16BE(4);
      if (header.readUInt16BE(2) !== 0 || skip < MIN_LENGTH || skip > MAX_LENGTH) {
        broken = true;
        onBroken(`no Modbus header: ${header.toString('hex')}`);
      }
    }
  };
}
