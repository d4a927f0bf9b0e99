import type { Signal } from '@preact/signals';
import { useApp } from '../app.ts';

/** Bound of the API on a reason. */
const MAX_REASON_LENGTH = 500;

/** Why it is done: never empty, since it is what a later reader has to go by. */
export function ReasonField(props: { reason: Signal<string> }) {
  const { messages } = useApp();
  return (
    <label class="reason-field">
      {messages.value.why}
      <input
        required
        pattern=".*\S.*"
        maxLength={MAX_REASON_LENGTH}
        value={props.reason.value}
        onInput={(event) => (props.reason.value = event.currentTarget.value)}
      />
    </label>
  );
}

/** Date and time of the site, as text of an input of type `datetime-local`. */
export function TimeField(props: { name: string; time: Signal<string> }) {
  return (
    <label>
      {props.name}
      <input
        type="datetime-local"
        required
        value={props.time.value}
        onInput={(event) => (props.time.value = event.currentTarget.value)}
      />
    </label>
  );
}

/** One of a few, each to be seen and hit at once. */
export function ChoiceField<Key extends string>(props: {
  name: string;
  choices: readonly (readonly [key: Key, name: string])[];
  chosen: Signal<Key>;
}) {
  return (
    <fieldset class="choice-field">
      <legend class="visually-hidden">{props.name}</legend>
      {props.choices.map(([key, name]) => (
        <label key={key}>
          <input
            type="radio"
            name={props.name}
            checked={props.chosen.value === key}
            onChange={() => (props.chosen.value = key)}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}
