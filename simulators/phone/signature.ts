import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * True if `signature` is the hexadecimal HMAC-SHA256 of `timestamp.body` with the key that sender and phone share.
 */
export function isSigned(body: Buffer, timestamp: string, signature: string, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
