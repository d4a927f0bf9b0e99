import type { Emit, LinkPlan } from '../../model/adapter.ts';
import { runEmbeddedBroker } from './embedded-broker.ts';
import { runExternalBroker } from './external-broker.ts';
import type { MqttAddress, MqttSettings } from './schema.ts';

/** Holds one MQTT link as its settings say; see `Adapter.run`. */
export function runMqttLink(
  plan: LinkPlan<MqttSettings, MqttAddress>,
  emit: Emit,
  signal: AbortSignal,
  up: () => void,
): Promise<void> {
  const run = plan.settings.broker === 'embedded' ? runEmbeddedBroker : runExternalBroker;
  return run(plan, emit, signal, up);
}
