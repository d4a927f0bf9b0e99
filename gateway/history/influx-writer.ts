import type { Outcome } from '../../model/history.ts';
import { faultText, INFLUX_TIMEOUT_MS, type InfluxTarget } from './influx-target.ts';

/** Bytes of a body at most, well below what InfluxDB takes by default (25 MB). */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Real ms after which to try again where the server does not say. */
const RETRY_AFTER_MS = 1000;
/** Longest wait that a server can ask for. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Requests that looking for refused lines among the others of one batch may take. */
const MAX_SEARCH_REQUESTS = 64;
/** Length to which what the server says is cut. */
const MAX_REASON_LENGTH = 300;

/**
 * Writes lines, and gives `done`, `retry` where a later try of the same may go through, or `refused` where InfluxDB
 * did not take some of them and never will; then the others have been written all the same, as far as
 * {@link MAX_SEARCH_REQUESTS} reach.
 */
export async function writeLines(
  target: InfluxTarget,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<Outcome> {
  const refusals: string[] = [];
  const waiting = bodiesOf(lines);
  let searches = 0;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    const answer = await post(target, part, signal);
    if (answer.outcome === 'retry') return answer;
    if (answer.outcome === 'done') continue;
    // A partial write has taken all but the refused lines. Otherwise one bad line may have cost all the others.
    if (answer.partial || part.length === 1 || searches >= MAX_SEARCH_REQUESTS) {
      refusals.push(answer.reason);
      continue;
    }
    searches += 2;
    const half = Math.ceil(part.length / 2);
    waiting.unshift(part.slice(0, half), part.slice(half));
  }
  const [first] = refusals;
  return first === undefined ? { outcome: 'done' } : { outcome: 'refused', reason: first };
}

/** Cuts lines into bodies of bounded size. */
function bodiesOf(lines: readonly string[]): (readonly string[])[] {
  const bodies: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    // Up to three bytes for each UTF-16 unit, and the line break.
    const needed = line.length * 3 + 1;
    if (bytes + needed > MAX_BODY_BYTES) {
      bodies.push([]);
      bytes = 0;
    }
    bodies.at(-1)?.push(line);
    bytes += needed;
  }
  return bodies;
}

type Answer =
  | Exclude<Outcome, { outcome: 'refused' }>
  | { readonly outcome: 'refused'; readonly reason: string; readonly partial: boolean };

async function post(target: InfluxTarget, lines: readonly string[], signal: AbortSignal): Promise<Answer> {
  const query = new URLSearchParams({ db: target.database, precision: 'ns' });
  try {
    const response = await fetch(new URL(`write?${query}`, withSlash(target.url)), {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', ...authorization(target) },
      body: lines.join('\n'),
      signal: AbortSignal.any([signal, AbortSignal.timeout(INFLUX_TIMEOUT_MS)]),
    });
    // Read in any case, so that the connection can be used again.
    const text = await response.text();
    return answerOf(response, text);
  } catch (error) {
    return retry(faultText(error));
  }
}

function answerOf(response: Response, text: string): Answer {
  if (response.ok) return { outcome: 'done' };
  const reason = `HTTP ${response.status}: ${messageOf(text)}`;
  // What is wrong is the server or our access to it, not the lines: they are kept until someone has mended it.
  const mendable =
    response.status >= 500 || [401, 403, 404, 408, 429].includes(response.status) || response.status < 400;
  if (!mendable) return { outcome: 'refused', reason, partial: /partial write/.test(text) };
  const seconds = Number(response.headers.get('retry-after'));
  return retry(reason, seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : RETRY_AFTER_MS);
}

function retry(reason: string, afterMs = RETRY_AFTER_MS): Answer {
  return { outcome: 'retry', afterMs, reason };
}

function messageOf(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'error' in body)
      return String(body.error).slice(0, MAX_REASON_LENGTH);
  } catch {
    // A proxy's page, for instance: shown as it is.
  }
  return text.slice(0, MAX_REASON_LENGTH);
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

function authorization(target: InfluxTarget): Record<string, string> {
  if (target.username === undefined) return {};
  const pair = `${target.username}:${target.password ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
