import { createHmac } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Channel } from '../../../../model/channel.ts';
import type { Outcome } from '../../../../model/history.ts';

/** Settings of the channel in the site file. */
export const webhookSettings = Type.Object(
  {
    url: Type.String({ pattern: '^https?://[^\\s]+$', description: 'where the notice is posted' }),
    secret: Type.Optional(
      Type.String({ description: 'key of the signature, from the environment; unsigned if absent or empty' }),
    ),
  },
  { additionalProperties: false },
);
export type WebhookSettings = Static<typeof webhookSettings>;

/** Real ms between tries while the receiver does not let us in: somebody has to mend the secret or the address. */
const LOCKED_OUT_RETRY_MS = 60_000;

/** Bytes of an answer that are read at most. */
const MAX_ANSWER_BYTES = 4096;

/**
 * Posts the notice as JSON, with `x-lamplighter-timestamp` (epoch s) and `x-lamplighter-signature`: hexadecimal
 * HMAC-SHA256 of `timestamp.body`. Any 2xx whose body does not say `{"ok":false}` is done; 408, 425, 429 and 5xx are
 * tried again; 3xx, 401 and 403 too, but slowly; any other status is refused. Undefined where the address is none, or
 * carries a user, which no request takes. No reason names the address, which can hold a key.
 */
export function createWebhook(settings: WebhookSettings): Channel | undefined {
  const url = URL.parse(settings.url);
  if (url?.username !== '' || url.password !== '') return undefined;
  return {
    async send(notice, signal): Promise<Outcome> {
      const body = JSON.stringify(notice);
      const timestamp = String(Math.floor(Date.now() / 1000));
      const headers: Record<string, string> = {
        'content-type': 'application/json; charset=utf-8',
        'x-lamplighter-timestamp': timestamp,
      };
      if (settings.secret) {
        headers['x-lamplighter-signature'] = createHmac('sha256', settings.secret)
          .update(`${timestamp}.${body}`)
          .digest('hex');
      }
      try {
        const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
        return await outcomeOf(response);
      } catch (error) {
        return { outcome: 'retry', afterMs: 0, reason: reasonOf(error) };
      }
    },
  };
}

async function outcomeOf(response: Response): Promise<Outcome> {
  const { ok, status } = response;
  const answer = await readBounded(response);
  if (ok) {
    // Many receivers hide an error in a 200. Their number is passed on, not their words, which can repeat the address.
    if (!/"ok"\s*:\s*false/.test(answer)) return { outcome: 'done' };
    const code = /"errcode"\s*:\s*(-?\d{1,9})\b/.exec(answer)?.[1];
    return { outcome: 'retry', afterMs: 0, reason: `HTTP ${status}, not ok${code ? `: errcode ${code}` : ''}` };
  }
  const reason = `HTTP ${status}`;
  if (status < 400 || status === 401 || status === 403) {
    return { outcome: 'retry', afterMs: LOCKED_OUT_RETRY_MS, reason };
  }
  if (status >= 500 || [408, 425, 429].includes(status)) {
    const seconds = Number(response.headers.get('retry-after'));
    return { outcome: 'retry', afterMs: Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : 0, reason };
  }
  return { outcome: 'refused', reason };
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER_BYTES);
}

/** A fault by its code, else by its kind; a message can hold the address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : error.name;
  return `no answer: ${code}`;
}
