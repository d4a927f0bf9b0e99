import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';

const shapes = {
  1: { path: 'M3 3h26v26H3z', baseline: 22.5 },
  2: { path: 'M16 2.5 30 29H2z', baseline: 26 },
  3: { path: 'M16 2 30 16 16 30 2 16z', baseline: 22 },
  4: { path: 'M16 3a13 13 0 1 1 0 26 13 13 0 1 1 0-26z', baseline: 22 },
} as const;

/**
 * A priority by fill, stroke, shape and digit at once, so that no colour is needed to tell it. One that calls nobody is
 * an outline: plain where shelved, dashed where planned or being commissioned, struck through where suppressed or out of
 * service.
 */
export function PriorityMark(props: {
  priority: AlarmReply['priority'];
  waiting?: boolean;
  silence?: AlarmReply['silence'];
}) {
  const { messages } = useApp();
  const { path, baseline } = shapes[props.priority];
  const { silence = null } = props;
  const word = messages.value.priority(props.priority);
  return (
    <svg
      class="priority-mark"
      data-priority={props.priority}
      data-waiting={props.waiting === true}
      data-silence={silence ?? undefined}
      viewBox="0 0 32 32"
      role="img"
      aria-label={silence === null ? word : `${word} ${messages.value.silences[silence]}`}
    >
      <path d={path} />
      <text x="16" y={baseline} text-anchor="middle">
        {props.priority}
      </text>
      {(silence === 'suppressed' || silence === 'out-of-service') && <path class="strike" d="M1 31 31 1" />}
    </svg>
  );
}
