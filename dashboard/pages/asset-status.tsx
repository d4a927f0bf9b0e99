import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { ActionBody, AssetReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { Lazy } from '../parts/lazy.tsx';
import { SendButton } from '../parts/send-button.tsx';

const loadAssetActions = () => import('../actions/asset-actions.tsx').then((module) => module.AssetActions);
const loadSignOffForm = () => import('../actions/sign-off-form.tsx').then((module) => module.SignOffForm);

/** What is being done at an asset, and so why it calls nobody or is labelled; each with the way to end it. */
export function AssetStatus(props: { asset: AssetReply }) {
  const { messages, format, clock } = useApp();
  const { asset } = props;
  const { outOfService, job, plannedUntilMs } = asset;
  const t = messages.value;
  const at = (ms: number) => format.value.moment(ms, clock.now.value);
  return (
    <>
      {asset.commissioning && <Commissioning asset={asset.key} />}
      {outOfService !== null && (
        <StatusLine
          words={t.outOfServiceBy(outOfService.by, at(outOfService.sinceMs))}
          reason={outOfService.reason}
          end={{ name: t.returnToService, action: { type: 'return-to-service', asset: asset.key } }}
        />
      )}
      {job !== null && (
        <StatusLine
          words={t.jobBy(job.by, at(job.untilMs))}
          end={{ name: t.closeJob, action: { type: 'close-job', asset: asset.key } }}
        />
      )}
      {plannedUntilMs !== null && <StatusLine words={t.plannedUntil(at(plannedUntilMs))} />}
    </>
  );
}

function StatusLine(props: {
  words: string;
  reason?: string;
  end?: { readonly name: string; readonly action: ActionBody };
  children?: ComponentChildren;
}) {
  const { preferences, act } = useApp();
  const { end } = props;
  const by = () => (preferences.operator.peek() === '' ? {} : { by: preferences.operator.peek() });
  return (
    <section class="asset-status">
      <p>
        <strong>{props.words}</strong>
        {props.reason !== undefined && <q>{props.reason}</q>}
      </p>
      {end !== undefined && <SendButton name={end.name} call={() => act({ ...end.action, ...by() })} />}
      {props.children}
    </section>
  );
}

function Commissioning(props: { asset: string }) {
  const { messages } = useApp();
  const isOpen = useSignal(false);
  const t = messages.value;
  return (
    <StatusLine words={t.commissioningHint}>
      <button type="button" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        {t.signOff}…
      </button>
      {isOpen.value && (
        <Lazy load={loadSignOffForm} given={{ asset: props.asset, onClose: () => (isOpen.value = false) }} />
      )}
    </StatusLine>
  );
}

/** The way to everything that can be recorded about the asset; loaded when it is opened. */
export function AssetActionsPanel(props: { asset: AssetReply }) {
  const { messages } = useApp();
  const isOpen = useSignal(false);
  return (
    <section class="asset-actions" aria-label={messages.value.actions}>
      <button type="button" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        {messages.value.actions}
      </button>
      {isOpen.value && <Lazy load={loadAssetActions} given={{ asset: props.asset }} />}
    </section>
  );
}
