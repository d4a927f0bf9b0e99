import type { Wire } from '../../../model/adapter.ts';

/** Real ms for the server to answer one request. */
export const REQUEST_TIMEOUT_MS = 3_000;
/** The library's own time-out of the same length may be a moment earlier than ours. */
const ALMOST = 0.95;

/** Waits for one answer of the server, at most {@link REQUEST_TIMEOUT_MS} of real time, and tells how long it took. */
export async function request<T>(wire: Wire, work: Promise<T>, what: string): Promise<T> {
  const askedMs = performance.now();
  try {
    const answer = await within(REQUEST_TIMEOUT_MS, work, what);
    wire.answered(performance.now() - askedMs);
    return answer;
  } catch (error) {
    if (isLate(askedMs)) wire.timedOut();
    throw error;
  }
}

/** Whether what was asked for at `askedMs`, of `performance.now()`, has taken all the time that it may. */
export function isLate(askedMs: number): boolean {
  return performance.now() - askedMs >= ALMOST * REQUEST_TIMEOUT_MS;
}

/** Rejects where `work` takes longer than `limitMs` of real time. */
export async function within<T>(limitMs: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms (${what})`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
