import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { ActionBody } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { useSending } from '../parts/use-sending.ts';
import { MAX_OPERATOR_LENGTH } from '../preferences.ts';
import '../styles/actions.css';

/**
 * A form that posts one action in the name of whoever is on duty at this screen, who is asked for it where it is not
 * known. `action` makes the action of what was filled in; `onDone` is called once the gateway has taken it, and a
 * refusal stays on the form in the gateway's own words.
 */
export function ActionForm(props: {
  title: string;
  hint: string;
  submit?: string;
  /** False while there is nothing to post yet. */
  isReady?: boolean;
  action: (by: string) => ActionBody;
  onDone: () => void;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  const { messages, preferences, act } = useApp();
  const { isSending, problem, send } = useSending();
  const name = useSignal('');
  const title = useId();
  const t = messages.value;
  const isNamed = preferences.operator.value !== '';
  const submit = async (event: Event) => {
    event.preventDefault();
    const by = preferences.operator.peek() || name.peek().trim();
    if (by === '' || props.isReady === false) return;
    preferences.operator.value = by;
    if (await send(() => act(props.action(by)))) props.onDone();
  };
  return (
    <form class="action-form" onSubmit={submit} aria-labelledby={title}>
      <h3 id={title}>{props.title}</h3>
      <p class="muted">{props.hint}</p>
      {props.children}
      {!isNamed && (
        <label>
          {t.yourName}
          <input
            required
            maxLength={MAX_OPERATOR_LENGTH}
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </label>
      )}
      <div class="action-buttons">
        <button type="submit" aria-disabled={isSending.value || props.isReady === false}>
          {isSending.value ? t.sending : (props.submit ?? t.send)}
        </button>
        <button type="button" onClick={props.onClose}>
          {t.cancel}
        </button>
      </div>
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  );
}
