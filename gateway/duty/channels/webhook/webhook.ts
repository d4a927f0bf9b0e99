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

/** Real ms after which a receiver that asked for patience is tried again at the latest. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Bytes of an answer that are read at most. */
const MAX_ANSWER_BYTES = 4096;

/**
 * Posts the notice as JSON, with `x-lamplighter-timestamp` (epoch s) and `x-lamplighter-signature`: hexadecimal
 * HMAC-SHA256 of `timestamp.body`. Any 2xx whose body does not say `{"ok":false}` is done; 408, 425, 429 and 5xx are
 * tried again; any other status is refused.
 */
export function createWebhook(settings: WebhookSettings): Channel {
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
        const response = await fetch(settings.url, { method: 'POST', headers, body, signal, redirect: 'error' });
        return await outcomeOf(response);
      } catch (error) {
        return { outcome: 'retry', afterMs: 0, reason: reasonOf(error) };
      }
    },
  };
}

async function outcomeOf(response: Response): Promise<Outcome> {
  const answer = await readBounded(response);
  if (response.ok) {
    // Many receivers hide an error in a 200.
    if (/"ok"\s*:\s*false/.test(answer))
      return { outcome: 'retry', afterMs: 0, reason: `receiver: ${answer.slice(0, 200)}` };
    return { outcome: 'done' };
  }
  const reason = `HTTP ${response.status}`;
  if (response.status >= 500 || [408, 425, 429].includes(response.status)) {
    const seconds = Number(response.headers.get('retry-after'));
    const afterMs = Number.isFinite(seconds) ? Math.min(Math.max(0, seconds * 1000), MAX_RETRY_AFTER_MS) : 0;
    return { outcome: 'retry', afterMs, reason };
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

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
}
