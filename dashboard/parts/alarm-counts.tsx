import type { AlarmReply } from '../../gateway/http/contract.ts';
import { isInSight, isWaiting } from '../live/alarm-order.ts';
import { PriorityMark } from './priority-mark.tsx';

const priorities = [1, 2, 3, 4] as const;

/**
 * One mark and number for each priority that has open alarms; the mark of unacknowledged ones calls for attention. What
 * calls nobody is not counted, but for a P1.
 */
export function AlarmCounts(props: { alarms: readonly AlarmReply[] }) {
  return (
    <span class="alarm-counts">
      {priorities.map((priority) => {
        const alarms = props.alarms.filter((alarm) => alarm.priority === priority && isInSight(alarm));
        const [first] = alarms;
        if (first === undefined) return null;
        const silence = alarms.every((alarm) => alarm.silence !== null) ? first.silence : null;
        return (
          <span key={priority}>
            <PriorityMark priority={priority} waiting={alarms.some(isWaiting)} silence={silence} />
            <b class="value">{alarms.length}</b>
          </span>
        );
      })}
    </span>
  );
}
