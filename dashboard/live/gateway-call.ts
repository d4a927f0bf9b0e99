import type {
  ActionBody,
  AlarmHealthReply,
  DecisionsReply,
  ErrorReply,
  HealthReply,
  HistoryReply,
  RateDetailReply,
} from '../../gateway/http/contract.ts';

/** Bound on waiting for an answer, real ms. */
export const CALL_TIMEOUT_MS = 10_000;

/** What became of a call: `refused` carries the gateway's own text, `unreachable` means that no answer came. */
export type CallOutcome<T> =
  | { readonly outcome: 'done'; readonly value: T }
  | { readonly outcome: 'refused'; readonly status: number; readonly text: ErrorReply['text'] | null }
  | { readonly outcome: 'unreachable' };

/** Acknowledges one activation; `by` is left to the gateway where empty. The change itself comes by `/api/live`. */
export function acknowledge(activationId: string, by: string): Promise<CallOutcome<null>> {
  const body = by === '' ? {} : { by };
  return call(`api/alarms/${encodeURIComponent(activationId)}/ack`, () => null, { method: 'POST', body });
}

/** Asks for an action. What it changes comes by `/api/live`; a refusal carries the gateway's own words. */
export function postAction(action: ActionBody): Promise<CallOutcome<null>> {
  return call('api/actions', () => null, { method: 'POST', body: action });
}

/** One rate with each of its groups, worst first; null where the gateway no longer has it. */
export function fetchRate(
  system: string,
  rate: string,
  signal: AbortSignal,
): Promise<CallOutcome<RateDetailReply | null>> {
  const query = new URLSearchParams({ system, rate });
  const read = (json: unknown) =>
    (json as readonly RateDetailReply[]).find((detail) => detail.rate.key === rate) ?? null;
  return call(`api/rates?${query}`, read, { signal });
}

/** What people decided about one asset. */
export function fetchDecisions(asset: string, signal: AbortSignal): Promise<CallOutcome<DecisionsReply>> {
  return call(`api/decisions?${new URLSearchParams({ asset })}`, (json) => json as DecisionsReply, { signal });
}

/** How the path from a sample to a chart does. */
export function fetchHealth(signal: AbortSignal): Promise<CallOutcome<HealthReply>> {
  return call('api/health', (json) => json as HealthReply, { signal });
}

/** How well the alarm system does. */
export function fetchAlarmHealth(): Promise<CallOutcome<AlarmHealthReply>> {
  return call('api/alarm-health', (json) => json as AlarmHealthReply, {});
}

/** Exchanges an access token for the cookie that the browser sends from then on. */
export function openSession(token: string): Promise<CallOutcome<null>> {
  return call('api/session', () => null, { method: 'POST', body: { token } });
}

/** History of one point in [fromMs, toMs) in `buckets` parts. */
export function fetchHistory(
  point: string,
  fromMs: number,
  toMs: number,
  buckets: number,
  signal: AbortSignal,
): Promise<CallOutcome<HistoryReply>> {
  const query = new URLSearchParams({
    point,
    from: String(Math.round(fromMs)),
    to: String(Math.round(toMs)),
    buckets: String(buckets),
  });
  return call(`api/history?${query}`, (json) => json as HistoryReply, { signal });
}

async function call<T>(
  address: string,
  read: (json: unknown) => T,
  options: { method?: 'POST'; body?: object; signal?: AbortSignal },
): Promise<CallOutcome<T>> {
  // Written out because AbortSignal.any and .timeout are younger than the browsers of wall screens.
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = window.setTimeout(stop, CALL_TIMEOUT_MS);
  options.signal?.addEventListener('abort', stop, { once: true });
  const init: RequestInit = { signal: abort.signal };
  if (options.method !== undefined) init.method = options.method;
  if (options.body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(options.body);
  }
  try {
    const reply = await fetch(address, init);
    const json: unknown = await reply.json().catch(() => null);
    if (reply.ok) return { outcome: 'done', value: read(json) };
    return { outcome: 'refused', status: reply.status, text: errorText(json) };
  } catch {
    // The browser tells neither a refused connection nor a time-out apart in a way worth showing.
    return { outcome: 'unreachable' };
  } finally {
    window.clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

function errorText(json: unknown): ErrorReply['text'] | null {
  if (typeof json !== 'object' || json === null || !('text' in json)) return null;
  const { text } = json as ErrorReply;
  return typeof text?.zh === 'string' && typeof text.en === 'string' ? text : null;
}
