import type { AlarmReply } from '../../gateway/http/contract.ts';
import { needsAcknowledgement } from '../live/alarm-order.ts';
import { PriorityMark } from './priority-mark.tsx';

const priorities = [1, 2, 3, 4] as const;

/** One mark and number for each priority that has open alarms; the mark of unacknowledged ones calls for attention. */
export function AlarmCounts(props: { alarms: readonly AlarmReply[] }) {
  return (
    <span class="alarm-counts">
      {priorities.map((priority) => {
        const alarms = props.alarms.filter((alarm) => alarm.priority === priority);
        if (alarms.length === 0) return null;
        return (
          <span key={priority}>
            <PriorityMark priority={priority} waiting={alarms.some(needsAcknowledgement)} />
            <b class="value">{alarms.length}</b>
          </span>
        );
      })}
    </span>
  );
}
