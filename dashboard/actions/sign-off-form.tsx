import { useSignal } from '@preact/signals';
import { useApp } from '../app.ts';
import { pointValueText } from '../text/point-value.ts';
import { ActionForm } from './action-form.tsx';

/**
 * Signs off the points of an asset that is being commissioned. There is no box that ticks them all: each is to be held
 * against the equipment. Which ones were signed off before is not told by the gateway, and signing twice does no harm.
 */
export function SignOffForm(props: { asset: string; onClose: () => void }) {
  const { store, messages, text } = useApp();
  const ticked = useSignal<ReadonlySet<string>>(new Set());
  const signedOff = useSignal<ReadonlySet<string>>(new Set());
  const keys = store.pointKeysByAsset.value.get(props.asset) ?? [];
  const t = messages.value;
  const tick = (key: string, is: boolean) => {
    const next = new Set(ticked.peek());
    if (is) next.add(key);
    else next.delete(key);
    ticked.value = next;
  };
  const done = () => {
    signedOff.value = new Set([...signedOff.peek(), ...ticked.peek()]);
    ticked.value = new Set();
  };
  return (
    <ActionForm
      title={t.signOff}
      hint={t.signOffHint}
      submit={t.signOffSelected(ticked.value.size)}
      isReady={ticked.value.size > 0}
      action={(by) => ({ type: 'sign-off', points: [...ticked.peek()], by })}
      onDone={done}
      onClose={props.onClose}
    >
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
