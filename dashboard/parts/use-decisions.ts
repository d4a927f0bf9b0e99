import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { DecisionsReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { fetchDecisions } from '../live/gateway-call.ts';

/** How often it is read anew what others decided at other screens, real ms. */
const REFRESH_MS = 30_000;

/** What people decided about an asset, as it was read last. */
export interface Decisions {
  /** Null until the first answer. */
  readonly reply: ReadonlySignal<DecisionsReply | null>;
  /** Whether the last reading failed; what was read before stays. */
  readonly failed: ReadonlySignal<boolean>;
}

/** Reads what people decided about an asset, and reads it anew after each action of this page. */
export function useDecisions(asset: string): Decisions {
  const { feed, takenActions } = useApp();
  const reply = useSignal<DecisionsReply | null>(null);
  const failed = useSignal(false);
  useEffect(() => {
    let abort = new AbortController();
    const load = async () => {
      // An answer from before an action would bring back what the action has changed.
      abort.abort();
      abort = new AbortController();
      const { signal } = abort;
      const answer = await fetchDecisions(asset, signal);
      if (signal.aborted) return;
      failed.value = answer.outcome !== 'done';
      if (answer.outcome === 'done') reply.value = answer.value;
    };
    // Reads at once, too.
    const unsubscribe = takenActions.subscribe(() => void load());
    const timer = window.setInterval(() => {
      if (!document.hidden && feed.state.peek() === 'live') void load();
    }, REFRESH_MS);
    return () => {
      unsubscribe();
      window.clearInterval(timer);
      abort.abort();
    };
  }, [asset, feed, takenActions, reply, failed]);
  return { reply, failed };
}
