import { useSignal } from '@preact/signals';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { ActionForm } from './action-form.tsx';
import { ChoiceField, ReasonField } from './fields.tsx';

/** For how long an alarm can be shelved, ms; `once`: until it is inactive. */
const lengths = ['900000', '3600000', '28800000', 'once'] as const;
type Length = (typeof lengths)[number];

/** Shelves one alarm of one asset, for a time or until it is inactive, always with a reason. */
export function ShelveForm(props: { alarm: AlarmReply; onClose: () => void }) {
  const { clock, messages } = useApp();
  const length = useSignal<Length>('3600000');
  const reason = useSignal('');
  const { asset, alarm } = props.alarm;
  const t = messages.value;
  return (
    <ActionForm
      title={t.shelveTitle}
      hint={t.shelveHint}
      action={(by) => ({
        type: 'shelve',
        asset,
        alarm,
        untilMs: length.peek() === 'once' ? null : clock.now.peek() + Number(length.peek()),
        reason: reason.peek().trim(),
        by,
      })}
      onDone={props.onClose}
      onClose={props.onClose}
    >
      <ChoiceField name={t.until} choices={lengths.map((key) => [key, t.shelveFor[key]])} chosen={length} />
      <ReasonField reason={reason} />
    </ActionForm>
  );
}
