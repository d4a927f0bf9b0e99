import { describe, expect, it } from 'vitest';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { byUrgency, countByPriority, isInSight, newestUrgent, oldestFirst } from './alarm-order.ts';

function alarm(
  activationId: string,
  priority: AlarmReply['priority'],
  raisedMs: number,
  state: AlarmReply['state'] = 'unacknowledged',
  silence: AlarmReply['silence'] = null,
) {
  return { activationId, priority, raisedMs, state, silence } as AlarmReply;
}

describe('newestUrgent', () => {
  it('prefers any P1 to the newest P2, and leaves out what is acknowledged or less urgent', () => {
    const alarms = [alarm('p2', 2, 50), alarm('old p1', 1, 10), alarm('p1', 1, 20), alarm('p3', 3, 90)];
    expect(newestUrgent(alarms)?.activationId).toBe('p1');
    expect(newestUrgent([alarm('p1', 1, 20, 'acknowledged'), alarm('p2', 2, 5)])?.activationId).toBe('p2');
    expect(newestUrgent([alarm('p3', 3, 1)])).toBeUndefined();
    expect(newestUrgent([alarm('p1', 1, 1, 'unacknowledged', 'commissioning')])).toBeUndefined();
  });
});

describe('oldestFirst', () => {
  it('puts those that wait longest first, but never a P1 behind them', () => {
    const alarms = [alarm('b', 4, 20), alarm('p1', 1, 30), alarm('a', 4, 10), alarm('seen', 2, 1, 'acknowledged')];
    alarms.push(alarm('silent', 2, 1, 'unacknowledged', 'shelved'));
    expect(oldestFirst(alarms).map((row) => row.activationId)).toEqual(['p1', 'a', 'b']);
  });
});

describe('countByPriority', () => {
  it('counts what waits', () => {
    const alarms = [alarm('a', 1, 1), alarm('b', 4, 1), alarm('c', 4, 1, 'returned-unacknowledged')];
    expect(
      countByPriority([...alarms, alarm('d', 4, 1, 'latched'), alarm('e', 2, 1, 'unacknowledged', 'planned')]),
    ).toEqual([1, 0, 0, 2]);
  });
});

describe('silence', () => {
  it('sinks below what waits, whatever its priority, but takes no P1 out of sight', () => {
    const silent = (id: string, priority: AlarmReply['priority']) =>
      alarm(id, priority, 1, 'unacknowledged', 'out-of-service');
    const alarms = [
      silent('silent p3', 3),
      silent('silent p1', 1),
      alarm('p4', 4, 1),
      alarm('seen', 2, 1, 'acknowledged'),
    ];
    expect(alarms.sort(byUrgency).map((row) => row.activationId)).toEqual(['p4', 'silent p1', 'seen', 'silent p3']);
    expect(alarms.filter(isInSight).map((row) => row.activationId)).toEqual(['p4', 'silent p1', 'seen']);
  });
});
