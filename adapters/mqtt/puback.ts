/** First byte and remaining length of a PUBACK, and all its bytes (MQTT 3.1.1, 3.4). */
const PUBACK = 0x4002;
const PUBACK_BYTES = 4;

/** PUBACKs of the messages with these packet identifiers, one after the other. */
export function pubacks(messageIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(messageIds.length * PUBACK_BYTES);
  messageIds.forEach((id, index) => {
    bytes.writeUInt32BE(PUBACK * 0x10000 + id, index * PUBACK_BYTES);
  });
  return bytes;
}
