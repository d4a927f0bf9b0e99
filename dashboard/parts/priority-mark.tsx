import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';

const shapes = {
  1: { path: 'M3 3h26v26H3z', baseline: 22.5 },
  2: { path: 'M16 2.5 30 29H2z', baseline: 26 },
  3: { path: 'M16 2 30 16 16 30 2 16z', baseline: 22 },
  4: { path: 'M16 3a13 13 0 1 1 0 26 13 13 0 1 1 0-26z', baseline: 22 },
} as const;

/** A priority by fill, stroke, shape and digit at once, so that no colour is needed to tell it. */
export function PriorityMark(props: { priority: AlarmReply['priority']; waiting?: boolean }) {
  const { messages } = useApp();
  const { path, baseline } = shapes[props.priority];
  return (
    <svg
      class="priority-mark"
      data-priority={props.priority}
      data-waiting={props.waiting === true}
      viewBox="0 0 32 32"
      role="img"
      aria-label={messages.value.priority(props.priority)}
    >
      <path d={path} />
      <text x="16" y={baseline} text-anchor="middle">
        {props.priority}
      </text>
    </svg>
  );
}
