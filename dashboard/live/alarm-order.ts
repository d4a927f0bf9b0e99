import type { AlarmReply } from '../../gateway/http/contract.ts';

/** Someone must still confirm that they know of it. */
export function needsAcknowledgement(alarm: AlarmReply): boolean {
  return alarm.state === 'unacknowledged' || alarm.state === 'returned-unacknowledged';
}

/** It calls people: no silence lies over it. */
export function isAnnunciated(alarm: AlarmReply): boolean {
  return alarm.silence === null;
}

/** It calls, and nobody has confirmed it yet: what bar, title and counts count. */
export function isWaiting(alarm: AlarmReply): boolean {
  return isAnnunciated(alarm) && needsAcknowledgement(alarm);
}

/** It stands among those that call, silent or not: a P1 is never put out of sight. */
export function isInSight(alarm: AlarmReply): boolean {
  return isAnnunciated(alarm) || alarm.priority === 1;
}

/** The condition stands at this moment, or a latching alarm still waits to be acknowledged. */
export function isActive(alarm: AlarmReply): boolean {
  return alarm.state === 'unacknowledged' || alarm.state === 'acknowledged';
}

/** Order of the alarm list: those that wait first, then the more urgent, then the newer; the id settles the rest. */
export function byUrgency(left: AlarmReply, right: AlarmReply): number {
  return (
    Number(isWaiting(right)) - Number(isWaiting(left)) ||
    left.priority - right.priority ||
    right.raisedMs - left.raisedMs ||
    compareText(left.activationId, right.activationId)
  );
}

/** The alarm of the alarm bar: the newest waiting one of priority 1, else of priority 2; undefined if none. */
export function newestUrgent(alarms: readonly AlarmReply[]): AlarmReply | undefined {
  return alarms.filter((alarm) => alarm.priority <= 2 && isWaiting(alarm)).sort(byUrgency)[0];
}

/**
 * Waiting ones, those that wait longest first. A P1 stands before all others, so that a flood of old lamps never
 * pushes it off the wall.
 */
export function oldestFirst(alarms: readonly AlarmReply[]): AlarmReply[] {
  return alarms
    .filter(isWaiting)
    .sort(
      (left, right) =>
        Number(right.priority === 1) - Number(left.priority === 1) ||
        left.raisedMs - right.raisedMs ||
        left.priority - right.priority ||
        compareText(left.activationId, right.activationId),
    );
}

/** Numbers of waiting alarms by priority 1 to 4, at index priority − 1. */
export function countByPriority(alarms: readonly AlarmReply[]): readonly [number, number, number, number] {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  for (const alarm of alarms) if (isWaiting(alarm)) counts[alarm.priority - 1] = (counts[alarm.priority - 1] ?? 0) + 1;
  return counts;
}

/** Code unit order, the same in every locale. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
