import { useSignal } from '@preact/signals';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { acknowledge } from '../live/gateway-call.ts';

/**
 * Acknowledges one activation. It says so only once the gateway has confirmed it: the alarm itself then comes changed
 * over the live connection, on every screen. A failure is shown beside the button, with the gateway's own words.
 */
export function AcknowledgeButton(props: { alarm: AlarmReply }) {
  const { messages, preferences, text } = useApp();
  const sending = useSignal(false);
  const problem = useSignal<string | null>(null);
  const { alarm } = props;

  const send = async () => {
    if (sending.peek()) return;
    sending.value = true;
    problem.value = null;
    const reply = await acknowledge(alarm.activationId, preferences.operator.peek());
    sending.value = false;
    if (reply.outcome === 'unreachable') problem.value = messages.value.unreachable;
    if (reply.outcome === 'refused') {
      problem.value = reply.text === null ? messages.value.refused(reply.status) : text(reply.text);
    }
  };

  return (
    <span class="acknowledge">
      <button
        type="button"
        onClick={send}
        aria-disabled={sending.value}
        aria-label={messages.value.acknowledgeOf(text(alarm.assetName), text(alarm.text))}
      >
        {sending.value ? messages.value.acknowledging : messages.value.acknowledge}
      </button>
      {problem.value !== null && (
        <span class="problem" role="alert">
          {problem.value}
        </span>
      )}
    </span>
  );
}
