import { createHmac, timingSafeEqual } from 'node:crypto';

/** How long a link in a notice acknowledges, real ms. */
export const TOKEN_LIFE_MS = 24 * 3_600_000;

/** What a link allows: one person to acknowledge one activation, until then. */
export interface Permission {
  readonly activationId: string;
  readonly person: string;
  /** Real epoch ms. */
  readonly expiresMs: number;
}

/** Signs a permission with HMAC-SHA256; safe in a URL. */
export function signPermission(permission: Permission, key: Buffer): string {
  const body = Buffer.from(JSON.stringify([permission.activationId, permission.person, permission.expiresMs]));
  return `${body.toString('base64url')}.${mac(body, key).toString('base64url')}`;
}

/** The permission that a token carries; the reason why it carries none otherwise. */
export function readPermission(token: string, key: Buffer, nowMs: number): Permission | 'forged' | 'expired' {
  const [bodyText = '', macText = ''] = token.split('.');
  const body = Buffer.from(bodyText, 'base64url');
  const given = Buffer.from(macText, 'base64url');
  const right = mac(body, key);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return 'forged';
  const [activationId, person, expiresMs] = JSON.parse(body.toString()) as [string, string, number];
  return nowMs > expiresMs ? 'expired' : { activationId, person, expiresMs };
}

function mac(body: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(body).digest();
}
