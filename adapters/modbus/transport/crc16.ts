const REFLECTED_POLYNOMIAL = 0xa001;

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ REFLECTED_POLYNOMIAL : crc >> 1;
  return crc;
});

/**
 * CRC-16 of Modbus over bytes [from, to): polynomial 0x8005 reflected, start 0xffff ("MODBUS over Serial Line" V1.02,
 * 6.2.2). By table, since every reply needs it. On the wire the low byte comes first.
 */
export function crc16(bytes: Buffer, from: number, to: number): number {
  let crc = 0xffff;
  for (let at = from; at < to; at++) crc = (crc >> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return crc;
}

/** Unit and PDU with their CRC behind them: a frame of the serial line. */
export function withCrc(content: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(content.length + 2);
  content.copy(frame);
  frame.writeUInt16LE(crc16(content, 0, content.length), content.length);
  return frame;
}

/** Whether the last two of the bytes [from, to) are the CRC of those before them. */
export function hasGoodCrc(bytes: Buffer, from: number, to: number): boolean {
  return to - from >= 4 && bytes.readUInt16LE(to - 2) === crc16(bytes, from, to - 2);
}
