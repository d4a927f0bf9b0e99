import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { acknowledge } from '../live/gateway-call.ts';
import { SendButton } from './send-button.tsx';

/** Acknowledges one activation, in the name of whoever is on duty at this screen. */
export function AcknowledgeButton(props: { alarm: AlarmReply }) {
  const { messages, preferences, text } = useApp();
  const { alarm } = props;
  const t = messages.value;
  return (
    <span class="acknowledge">
      <SendButton
        name={t.acknowledge}
        label={t.acknowledgeOf(text(alarm.assetName), text(alarm.text))}
        call={() => acknowledge(alarm.activationId, preferences.operator.peek())}
      />
    </span>
  );
}
