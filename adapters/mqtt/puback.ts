/** Bytes of the PUBACK of a message (MQTT 3.1.1, 3.4.1). */
export function puback(messageId: number): readonly number[] {
  return [0x40, 2, messageId >> 8, messageId & 0xff];
}
