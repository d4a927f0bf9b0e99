import { useSignal } from '@preact/signals';
import type { AssetReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { siteTimeInput, siteTimeMs } from '../text/site-time.ts';
import { ActionForm } from './action-form.tsx';
import { ChoiceField, ReasonField, TimeField } from './fields.tsx';

const HOUR_MS = 3_600_000;
const QUARTER_MS = 900_000;

/** A form of one asset; it says when it is done with, and whether something was recorded. */
export interface AssetFormProps {
  readonly asset: AssetReply;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Takes an asset out of service: its alarms call nobody until it is returned. */
export function OutOfServiceForm(props: AssetFormProps) {
  const { messages } = useApp();
  const reason = useSignal('');
  const t = messages.value;
  return (
    <ActionForm
      title={t.takeOutOfService}
      hint={t.takeOutOfServiceHint}
      action={(by) => ({ type: 'take-out-of-service', asset: props.asset.key, reason: reason.peek().trim(), by })}
      onDone={props.onDone}
      onClose={props.onClose}
    >
      <ReasonField reason={reason} />
    </ActionForm>
  );
}

/** Registers planned work, to begin at the next full quarter after an hour unless something else is said. */
export function PlanForm(props: AssetFormProps) {
  const { clock, messages } = useApp();
  const t = messages.value;
  const fromMs = Math.ceil((clock.now.peek() + HOUR_MS) / QUARTER_MS) * QUARTER_MS;
  return (
    <StretchForm {...props} type="plan" title={t.plan} hint={t.planHint} fromMs={fromMs} toMs={fromMs + 2 * HOUR_MS} />
  );
}

/** Counts a stretch of the past as planned: since the asset has been down, or the last hour, unless something else is said. */
export function ExcludeForm(props: AssetFormProps) {
  const { clock, messages } = useApp();
  const t = messages.value;
  const nowMs = clock.now.peek();
  const downMs = props.asset.class === 'down' ? props.asset.sinceMs : null;
  return (
    <StretchForm
      {...props}
      type="exclude"
      title={t.exclude}
      hint={t.excludeHint}
      fromMs={downMs ?? nowMs - HOUR_MS}
      toMs={nowMs}
    />
  );
}

function StretchForm(
  props: AssetFormProps & {
    type: 'plan' | 'exclude';
    title: string;
    hint: string;
    fromMs: number;
    toMs: number;
  },
) {
  const { store, messages } = useApp();
  const timeZone = store.site.value?.timeZone ?? 'UTC';
  const from = useSignal(siteTimeInput(props.fromMs, timeZone));
  const to = useSignal(siteTimeInput(props.toMs, timeZone));
  const reason = useSignal('');
  const t = messages.value;
  return (
    <ActionForm
      title={props.title}
      hint={props.hint}
      action={(by) => ({
        type: props.type,
        asset: props.asset.key,
        // What is no time does not get past the input itself.
        fromMs: siteTimeMs(from.peek(), timeZone) ?? 0,
        toMs: siteTimeMs(to.peek(), timeZone) ?? 0,
        reason: reason.peek().trim(),
        by,
      })}
      onDone={props.onDone}
      onClose={props.onClose}
    >
      <TimeField name={t.from} time={from} />
      <TimeField name={t.to} time={to} />
      <ReasonField reason={reason} />
    </ActionForm>
  );
}

const jobHours = ['1', '2', '4', '8'] as const;

/** Opens a job at an asset: whoever works there is told first. */
export function OpenJobForm(props: AssetFormProps) {
  const { clock, messages } = useApp();
  const hours = useSignal<(typeof jobHours)[number]>('2');
  const t = messages.value;
  return (
    <ActionForm
      title={t.openJob}
      hint={t.openJobHint}
      action={(by) => ({
        type: 'open-job',
        asset: props.asset.key,
        untilMs: clock.now.peek() + Number(hours.peek()) * HOUR_MS,
        by,
      })}
      onDone={props.onDone}
      onClose={props.onClose}
    >
      <ChoiceField name={t.until} choices={jobHours.map((key) => [key, t.jobHours(Number(key))])} chosen={hours} />
    </ActionForm>
  );
}
