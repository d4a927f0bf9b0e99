import { useComputed, useSignal } from '@preact/signals';
import { useApp } from '../app.ts';
import { useDecisions } from '../parts/use-decisions.ts';
import { pointValueText } from '../text/point-value.ts';
import { ActionForm } from './action-form.tsx';

/**
 * Signs off the points of an asset that is being commissioned. There is no box that ticks them all: each is to be held
 * against the equipment. What the gateway has as signed off is ticked for good, whoever did it.
 */
export function SignOffForm(props: { asset: string; onClose: () => void }) {
  const { store, messages, text } = useApp();
  const ticked = useSignal<ReadonlySet<string>>(new Set());
  const { reply, failed } = useDecisions(props.asset);
  const signedOff = useComputed<ReadonlySet<string>>(() => new Set(reply.value?.signedOff));
  const chosen = useComputed(() => [...ticked.value].filter((key) => !signedOff.value.has(key)));
  const keys = store.pointKeysByAsset.value.get(props.asset) ?? [];
  const t = messages.value;
  const tick = (key: string, is: boolean) => {
    const next = new Set(ticked.peek());
    if (is) next.add(key);
    else next.delete(key);
    ticked.value = next;
  };
  return (
    <ActionForm
      title={t.signOff}
      hint={t.signOffHint}
      submit={t.signOffSelected(chosen.value.length)}
      isReady={chosen.value.length > 0}
      action={(by) => ({ type: 'sign-off', points: chosen.peek(), by })}
      onDone={() => undefined}
      onClose={props.onClose}
    >
      {failed.value && <p class="problem">{t.readingFailed}</p>}
      <ul class="sign-off-points">
        {keys.map((key) => {
          const point = store.points.get(key)?.peek();
          if (point === undefined) return null;
          return (
            <li key={key}>
              <label>
                <input
                  type="checkbox"
                  checked={ticked.value.has(key) || signedOff.value.has(key)}
                  disabled={signedOff.value.has(key)}
                  onChange={(event) => tick(key, event.currentTarget.checked)}
                />
                <span>{text(point.name)}</span> <SignOffValue point={key} />
                {signedOff.value.has(key) && <b>{t.signedOff}</b>}
              </label>
            </li>
          );
        })}
      </ul>
    </ActionForm>
  );
}

/** The value that the person beside the equipment compares with. */
function SignOffValue(props: { point: string }) {
  const { store, messages, format, preferences } = useApp();
  const point = store.points.get(props.point)?.value;
  if (point === undefined) return null;
  const value = pointValueText(point, format.value, preferences.language.value, messages.value);
  return (
    <span class="value">
      {value ?? '–'}
      {value !== undefined && point.unit !== null && <span class="muted">{`\u00a0${point.unit}`}</span>}
    </span>
  );
}
