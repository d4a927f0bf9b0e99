import { describe, expect, it } from 'vitest';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { countByPriority, newestUrgent, oldestFirst } from './alarm-order.ts';

function alarm(activationId: string, priority: AlarmReply['priority'], raisedMs: number, state?: AlarmReply['state']) {
  return { activationId, priority, raisedMs, state: state ?? 'unacknowledged' } as AlarmReply;
}

describe('newestUrgent', () => {
  it('prefers any P1 to the newest P2, and leaves out what is acknowledged or less urgent', () => {
    const alarms = [alarm('p2', 2, 50), alarm('old p1', 1, 10), alarm('p1', 1, 20), alarm('p3', 3, 90)];
    expect(newestUrgent(alarms)?.activationId).toBe('p1');
    expect(newestUrgent([alarm('p1', 1, 20, 'acknowledged'), alarm('p2', 2, 5)])?.activationId).toBe('p2');
    expect(newestUrgent([alarm('p3', 3, 1)])).toBeUndefined();
  });
});

describe('oldestFirst', () => {
  it('puts those that wait longest first, but never a P1 behind them', () => {
    const alarms = [alarm('b', 4, 20), alarm('p1', 1, 30), alarm('a', 4, 10), alarm('seen', 2, 1, 'acknowledged')];
    expect(oldestFirst(alarms).map((row) => row.activationId)).toEqual(['p1', 'a', 'b']);
  });
});

describe('countByPriority', () => {
  it('counts what waits', () => {
    const alarms = [alarm('a', 1, 1), alarm('b', 4, 1), alarm('c', 4, 1, 'returned-unacknowledged')];
    expect(countByPriority([...alarms, alarm('d', 4, 1, 'latched')])).toEqual([1, 0, 0, 2]);
  });
});
