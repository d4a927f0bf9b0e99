import { useApp } from '../app.ts';
import type { CallOutcome } from '../live/gateway-call.ts';
import { useSending } from './use-sending.ts';

/**
 * A button that asks the gateway for something. What it changes is only shown once it comes over the live connection, on
 * every screen; a failure is shown beside the button, with the gateway's own words.
 */
export function SendButton(props: {
  name: string;
  label?: string | undefined;
  call: () => Promise<CallOutcome<unknown>>;
}) {
  const { messages } = useApp();
  const { isSending, problem, send } = useSending();
  return (
    <span class="send">
      <button
        type="button"
        onClick={() => void send(props.call)}
        aria-disabled={isSending.value}
        aria-label={props.label}
      >
        {isSending.value ? messages.value.sending : props.name}
      </button>
      {problem.value !== null && (
        <span class="problem" role="alert">
          {problem.value}
        </span>
      )}
    </span>
  );
}
