import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { SystemReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';

/** An age below this is not worth counting. */
const FRESH_MS = 2_000;

/**
 * Age of a system's oldest data. The gateway's figure was true when it came; it goes on ageing here until the next one,
 * so that an age that is no longer sent does not stand still.
 */
export function DataAge(props: { system: SystemReply }) {
  const { clock, format, messages } = useApp();
  const cameMs = useSignal(clock.now.peek());
  useEffect(() => {
    cameMs.value = clock.now.peek();
  }, [props.system, clock, cameMs]);
  const { dataAgeMs } = props.system;
  const t = messages.value;
  if (dataAgeMs === null) return <span class="data-age">{t.dataNever}</span>;
  const ageMs = dataAgeMs + Math.max(0, clock.now.value - cameMs.value);
  return <span class="data-age">{ageMs < FRESH_MS ? t.dataNow : t.dataAge(format.value.duration(ageMs))}</span>;
}
