import { describe, expect, it } from 'vitest';
import type { AlarmReply, LiveEvents } from '../../gateway/http/contract.ts';
import { LiveStore } from './live-store.ts';
import { SiteClock } from './site-clock.ts';

const NOW_MS = 1_781_000_000_000;

function alarm(activationId: string, more: Partial<AlarmReply> = {}): AlarmReply {
  const text = { zh: '文', en: 'text' };
  return {
    activationId,
    asset: 'lift-1',
    assetName: text,
    system: 'lift',
    alarm: 'out-of-service',
    priority: 2,
    state: 'unacknowledged',
    sinceMs: NOW_MS,
    raisedMs: NOW_MS,
    returnedMs: null,
    acknowledgedMs: null,
    acknowledgedBy: null,
    text,
    consequence: text,
    action: text,
    children: [],
    silence: null,
    shelf: null,
    annunciations: 1,
    test: false,
    firstTold: null,
    chattering: false,
    ...more,
  };
}

function snapshot(more: Partial<LiveEvents['snapshot']> = {}): LiveEvents['snapshot'] {
  return {
    site: {
      key: 'site',
      name: { zh: '站', en: 'site' },
      timeZone: 'Asia/Shanghai',
      simulated: true,
      clockRate: 60,
      nowMs: NOW_MS,
      version: '1',
    },
    systems: [],
    assets: [],
    points: [],
    alarms: [],
    links: [],
    ...more,
  };
}

function setUp() {
  let realMs = 0;
  const clock = new SiteClock(() => realMs);
  const pass = (ms: number) => {
    realMs += ms;
  };
  return { store: new LiveStore(clock), clock, pass };
}

describe('LiveStore', () => {
  it('drops what comes before the first snapshot', () => {
    const { store } = setUp();
    store.apply({ name: 'alarm', data: alarm('early') });
    expect(store.openAlarms.value).toEqual([]);
    expect(store.raised.value).toBeNull();
  });

  it('orders alarms unacknowledged first, then by priority, then newest', () => {
    const { store } = setUp();
    store.apply({
      name: 'snapshot',
      data: snapshot({
        alarms: [
          alarm('acknowledged-p1', { priority: 1, state: 'acknowledged' }),
          alarm('old-p2', { raisedMs: NOW_MS - 9 }),
          alarm('returned-p3', { priority: 3, state: 'returned-unacknowledged' }),
          alarm('new-p2'),
          alarm('p1', { priority: 1, raisedMs: NOW_MS - 99 }),
        ],
      }),
    });
    const order = store.openAlarms.value.map((row) => row.activationId);
    expect(order).toEqual(['p1', 'new-p2', 'old-p2', 'returned-p3', 'acknowledged-p1']);
  });

  it('takes an alarm off when it is normal, and a snapshot takes off what it does not name', () => {
    const { store } = setUp();
    store.apply({ name: 'snapshot', data: snapshot({ alarms: [alarm('a'), alarm('b')] }) });
    store.apply({ name: 'alarm', data: alarm('a', { state: 'normal' }) });
    expect(store.openAlarms.value.map((row) => row.activationId)).toEqual(['b']);
    store.apply({ name: 'snapshot', data: snapshot() });
    expect(store.openAlarms.value).toEqual([]);
  });

  it('announces what is raised while the page is open, also during a lost connection, and nothing else', () => {
    const { store } = setUp();
    store.apply({ name: 'snapshot', data: snapshot({ alarms: [alarm('stood-already')] }) });
    expect(store.raised.value).toBeNull();
    store.apply({ name: 'alarm', data: alarm('stood-already', { state: 'acknowledged' }) });
    expect(store.raised.value).toBeNull();
    store.apply({ name: 'alarm', data: alarm('new') });
    expect(store.raised.value?.activationId).toBe('new');
    store.apply({
      name: 'snapshot',
      data: snapshot({ alarms: [alarm('while-away', { priority: 1 }), alarm('also', { priority: 4 })] }),
    });
    expect(store.raised.value?.activationId).toBe('while-away');
  });

  it('announces an alarm that calls afresh, and none that is silent', () => {
    const { store } = setUp();
    store.apply({ name: 'snapshot', data: snapshot() });
    store.apply({ name: 'alarm', data: alarm('a', { silence: 'shelved', annunciations: 0 }) });
    expect(store.raised.value).toBeNull();
    store.apply({ name: 'alarm', data: alarm('a', { annunciations: 1 }) });
    expect(store.raised.value?.annunciations).toBe(1);
    store.apply({ name: 'alarm', data: alarm('a', { annunciations: 2 }) });
    expect(store.raised.value?.annunciations).toBe(2);
    store.apply({ name: 'alarm', data: alarm('a', { annunciations: 2, chattering: true }) });
    expect(store.raised.value?.chattering).toBe(false);
  });

  it('runs its clock at the site’s rate from what the gateway said last, and holds it when told', () => {
    const { store, clock, pass } = setUp();
    store.apply({ name: 'snapshot', data: snapshot() });
    pass(1000);
    clock.tick();
    expect(clock.now.value).toBe(NOW_MS + 60_000);
    store.apply({ name: 'heartbeat', data: { nowMs: NOW_MS + 100_000 } });
    pass(500);
    clock.tick();
    expect(clock.now.value).toBe(NOW_MS + 130_000);
    clock.hold();
    expect(clock.now.value).toBe(NOW_MS + 100_000);
  });
});
