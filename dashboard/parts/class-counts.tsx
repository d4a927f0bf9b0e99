import type { SystemReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { ClassMark } from './class-mark.tsx';

const classOrder = ['down', 'unknown', 'planned', 'up', 'notRequired'] as const;

/** How many assets are in which state, worst first; states that nothing is in are left out. */
export function ClassCounts(props: { counts: SystemReply['counts'] }) {
  const { messages } = useApp();
  return (
    <ul class="class-counts" aria-label={messages.value.classCounts}>
      {classOrder
        .filter((ledgerClass) => props.counts[ledgerClass] > 0)
        .map((ledgerClass) => (
          <li key={ledgerClass} data-class={ledgerClass}>
            <ClassMark class={ledgerClass} />
            {messages.value.classes[ledgerClass]} <b class="value">{props.counts[ledgerClass]}</b>
          </li>
        ))}
    </ul>
  );
}
