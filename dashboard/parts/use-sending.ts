import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useApp } from '../app.ts';
import type { CallOutcome } from '../live/gateway-call.ts';

/** A call that a person asks for: one at a time, and what became of it in words. */
export interface Sending {
  readonly isSending: ReadonlySignal<boolean>;
  /** Why the last call was not done, in the gateway's own words where it gave any; null where it was. */
  readonly problem: ReadonlySignal<string | null>;
  /** Makes the call, unless one is on its way. True where the gateway has done it. */
  send(call: () => Promise<CallOutcome<unknown>>): Promise<boolean>;
}

export function useSending(): Sending {
  const { messages, text } = useApp();
  const isSending = useSignal(false);
  const problem = useSignal<string | null>(null);
  const send = async (call: () => Promise<CallOutcome<unknown>>) => {
    if (isSending.peek()) return false;
    isSending.value = true;
    problem.value = null;
    const reply = await call();
    isSending.value = false;
    if (reply.outcome === 'unreachable') problem.value = messages.peek().unreachable;
    if (reply.outcome === 'refused') {
      problem.value = reply.text === null ? messages.peek().refused(reply.status) : text(reply.text);
    }
    return reply.outcome === 'done';
  };
  return { isSending, problem, send };
}
