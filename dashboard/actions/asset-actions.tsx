import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import type { AssetReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { type AssetFormProps, ExcludeForm, OpenJobForm, OutOfServiceForm, PlanForm } from './asset-forms.tsx';

const forms = {
  takeOutOfService: OutOfServiceForm,
  openJob: OpenJobForm,
  plan: PlanForm,
  exclude: ExcludeForm,
} as const satisfies Readonly<Record<string, ComponentType<AssetFormProps>>>;
type FormName = keyof typeof forms;

/** What can be recorded about an asset; one form at a time, opened where it is wanted. */
export function AssetActions(props: { asset: AssetReply }) {
  const { messages } = useApp();
  const open = useSignal<FormName | null>(null);
  const isRecorded = useSignal(false);
  const { asset } = props;
  const t = messages.value;
  const offered = (Object.keys(forms) as FormName[]).filter(
    (name) =>
      (name !== 'takeOutOfService' || asset.outOfService === null) && (name !== 'openJob' || asset.job === null),
  );
  const choose = (name: FormName | null) => {
    isRecorded.value = false;
    open.value = name;
  };
  const done = () => {
    open.value = null;
    isRecorded.value = true;
  };
  const Form = open.value !== null && offered.includes(open.value) ? forms[open.value] : null;
  return (
    <>
      <div class="action-buttons">
        {offered.map((name) => (
          <button
            key={name}
            type="button"
            aria-expanded={open.value === name}
            onClick={() => choose(open.value === name ? null : name)}
          >
            {t[name]}…
          </button>
        ))}
      </div>
      {Form !== null && <Form key={open.value} asset={asset} onDone={done} onClose={() => choose(null)} />}
      <p role="status">{isRecorded.value ? t.recorded : ''}</p>
    </>
  );
}
