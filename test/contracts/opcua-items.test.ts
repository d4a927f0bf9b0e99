import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import type { OpcuaAddress } from '../../adapters/opcua/schema.ts';
import { type Clock, simulatedClock, systemClock } from '../../model/clock.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import { type OpcuaServerLimits, OpcuaServerProcess, PLANT_NAMESPACE } from '../support/opcua-server-process.ts';

const ITEMS = 40;
const STARTED_MS = Date.now();
/** Nodes of the server that have an EURange, of 0 to 1,000. */
const RANGED = 4;
/** Real ms for what takes a few reads of all nodes. */
const SLOW_MS = 8_000;
/** Nobody has it until a test registers it. */
const LATE_NAMESPACE = 'urn:late';
/** As good as none. */
const amply: OpcuaServerLimits = {
  maxSubscriptionsPerSession: 10,
  maxMonitoredItems: 100_000,
  maxMonitoredItemsPerSubscription: 10_000,
  maxMonitoredItemsQueueSize: 1_000,
  operationLimits: { maxNodesPerRead: 1_000, maxMonitoredItemsPerCall: 1_000 },
};

let server: OpcuaServerProcess;
beforeAll(async () => {
  server = await OpcuaServerProcess.start({
    items: ITEMS,
    ranges: { items: RANGED, low: 0, high: 1_000 },
    capabilities: amply,
  });
});
beforeEach(async () => {
  await server.misbehave({});
  await server.limit(amply);
});
afterAll(() => server.stop());

interface Begun {
  readonly run: AdapterRun;
  /** Lines of the log, without their fields. */
  readonly lines: string[];
}

function begin(
  settings: object = {},
  addressOf: (item: number) => Partial<OpcuaAddress> = () => ({}),
  clock: Clock = simulatedClock(STARTED_MS, 1, STARTED_MS),
): Begun {
  const lines: string[] = [];
  const note = (_fields: object, message: string) => void lines.push(message);
  const run = new AdapterRun(
    opcuaProtocol,
    {
      key: 'plant',
      settings: { endpoint: server.endpoint, sampling: '50ms', publishing: '50ms', refresh: '200ms', ...settings },
      points: Array.from({ length: ITEMS }, (_, item) => ({
        number: item + 1,
        key: `lab/n${item}`,
        kind: 'double',
        address: { namespace: PLANT_NAMESPACE, node: `s=n${item}`, ...addressOf(item) },
      })),
      clock,
      log: { info: note, warn: note },
    },
    // The nodes of other namespaces are below zero.
    (_name, value) => Number(value) >= 0 || addressOf(0).namespace === LATE_NAMESPACE,
  );
  onTestFinished(async () => {
    await run.abort();
    expect(run.violations).toEqual([]);
  });
  return { run, lines };
}

function items(count: number): number[] {
  return Array.from({ length: count }, (_, item) => item);
}

function good(run: AdapterRun, among: readonly number[] = items(ITEMS)): boolean {
  return among.every((item) => run.latest(`n${item}`)?.quality === 'good');
}

test('limits of the server are kept: parts of calls, several subscriptions, and what does not fit is polled', async () => {
  await server.limit({
    maxSubscriptionsPerSession: 2,
    maxMonitoredItemsPerSubscription: 8,
    maxMonitoredItemsQueueSize: 5,
    operationLimits: { maxNodesPerRead: 7, maxMonitoredItemsPerCall: 3 },
  });
  const { faults } = await server.counts();
  const { run, lines } = begin({ refresh: '1h' });
  await run.until('all is read', () => good(run));
  await run.until('it is told', () => run.wire.facts().revision !== null);
  expect(run.wire.facts().revision?.en).toBe(
    '16 nodes with a shorter queue, the shortest of 5 (10 was asked for); 24 nodes polled, since the server does not report changes (BadTooManyMonitoredItems)',
  );
  expect(await server.counts()).toMatchObject({ subscriptions: 2, items: 16, faults });
  expect(run.wire.facts().failures).toBe(0);
  expect(lines).toEqual(['server refuses monitored items; nodes are polled']);
  // The first is notified, the last polled: neither waits for the next read of all nodes.
  for (const item of [0, ITEMS - 1]) {
    await server.set(item, 500);
    await run.until(`n${item} changes`, () => run.latest(`n${item}`)?.value === 500);
    await server.set(item, item);
  }
});

test('what a server refuses in one call is asked in halves, and remembered', async () => {
  await server.misbehave({ secretPerCall: { nodes: 6, status: 'BadTooManyOperations' } });
  const { run } = begin();
  await run.until('all is read', () => good(run));
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS);
  const { faults } = await server.counts();
  const samples = run.goodSamples;
  await run.until('all is read again, twice', () => run.goodSamples >= samples + 2 * ITEMS);
  expect((await server.counts()).faults).toBe(faults);
  expect(run.wire.facts().failures).toBe(0);
});

test('a node that makes whole calls fail is bad by itself, named, and comes back', async () => {
  await server.misbehave({ poison: { items: [3, 17], status: 'BadInternalError' } });
  const { run } = begin();
  const others = items(ITEMS).filter((item) => item !== 3 && item !== 17);
  await run.until('all others are good, these are bad', () => {
    const bad = [3, 17].every((item) => run.latest(`n${item}`)?.detail === 'BadInternalError');
    return good(run, others) && bad;
  });
  expect(run.ups).toBe(1);
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS - 2);
  expect(run.wire.lastError?.text.en).toMatch(/s=n(3|17) has the status BadInternalError/);
  // Asked for ever more seldom: of ten reads of all nodes, three have them, and the parts in which they are sought.
  await server.misbehave({});
  await run.until('they are back', () => good(run), SLOW_MS);
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS);
  expect(run.ending).toBeUndefined();
});

test('a server that is too busy for a while makes all bad and none troubled: all are back with the next read', async () => {
  const { run } = begin({ subscription: false, sampling: '100ms', refresh: '100ms' });
  await run.until('all is read', () => good(run));
  await server.misbehave({ poison: { items: [0], status: 'BadServerTooBusy' } });
  await run.until('all are bad', () => items(ITEMS).every((item) => run.latest(`n${item}`)?.quality === 'bad'));
  // So many refusals would have put a node off for sixteen reads.
  const { requests } = run.wire.facts();
  await run.until('it is busy for long', () => run.wire.facts().requests > requests + 40);
  await server.misbehave({});
  const over = run.wire.facts().requests;
  await run.until('all are good', () => good(run));
  expect(run.wire.facts().requests - over).toBeLessThan(12);
  expect(run.ending).toBeUndefined();
});

test('where the namespaces cannot be read nothing can: the link is lost, and says why', async () => {
  await server.misbehave({ poison: { items: [2255], status: 'BadUserAccessDenied' } });
  const { run } = begin();
  await run.until('it has ended', () => run.ending !== undefined);
  expect(run.ending).toMatchObject({ how: 'lost', reason: { en: expect.stringContaining('NamespaceArray') } });
});

test('a server that refuses half of the items gives the other half, and the first is polled', async () => {
  await server.misbehave({ unmonitored: { every: 2, status: 'BadNotSupported' } });
  const { run } = begin({ refresh: '1h' });
  await run.until('all is read', () => good(run));
  await run.until('it is told', () => run.wire.facts().revision !== null);
  expect(run.wire.facts().revision?.zh).toBe('20 个节点改为轮询读取，服务器不予订阅（BadNotSupported）');
  expect(await server.counts()).toMatchObject({ items: ITEMS / 2 });
  for (const item of [10, 11]) {
    await server.set(item, 500);
    await run.until(`n${item} changes`, () => run.latest(`n${item}`)?.value === 500);
    await server.set(item, item);
  }
});

test('a server without subscriptions is polled, each point at its own interval', async () => {
  await server.misbehave({ noSubscriptions: 'BadServiceUnsupported' });
  const { run } = begin({ refresh: '1h' }, (item) => (item === 1 ? { sampling: '1h' } : {}));
  await run.until('all is read', () => good(run));
  await server.set(0, 500);
  await server.set(1, 501);
  await run.until('the change is read', () => run.latest('n0')?.value === 500);
  expect(run.latest('n1')?.value).toBe(1);
  expect(run.wire.facts().revision?.en).toContain('40 nodes polled');
  expect(run.wire.facts().revision?.en).toContain('BadServiceUnsupported');
  expect(run.ending).toBeUndefined();
  await server.set(0, 0);
  await server.set(1, 1);
});

test('where the site file wants no subscription, none is made', async () => {
  const before = await server.counts();
  const { run } = begin({ refresh: '1h', subscription: false });
  await run.until('all is read', () => good(run));
  await server.set(5, 500);
  await run.until('the change is read', () => run.latest('n5')?.value === 500);
  const after = await server.counts();
  expect(after.subscriptionsMade).toBe(before.subscriptionsMade);
  expect(run.wire.facts()).toMatchObject({ revision: null, messages: 0 });
  await server.set(5, 5);
});

test('a deadband holds changes back, in the point’s own unit or as a share of its range', async () => {
  // A value of 0.1 of the node is one of n0; a hundredth of the range of n1 is 10.
  const { run } = begin({ refresh: '1h' }, (item) => {
    if (item === 0) return { scale: 0.1, deadband: 1 };
    return item === 1 ? { deadbandPercent: 1 } : {};
  });
  await run.until('all is read', () => good(run));
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS);
  // Once the marker after it has come, a change was held back and not late.
  const isHeld = async (item: number, value: number, marker: number) => {
    const before = run.latest(`n${item}`)?.value;
    await server.set(item, value);
    await server.set(2, marker);
    await run.until('the marker comes', () => run.latest('n2')?.value === marker);
    await server.set(2, marker + 0.5);
    await run.until('the marker comes again', () => run.latest('n2')?.value === marker + 0.5);
    return run.latest(`n${item}`)?.value === before;
  };
  expect(await isHeld(0, 9, 601)).toBe(true);
  expect(await isHeld(1, 10, 602)).toBe(true);
  await server.set(0, 12);
  await server.set(1, 13);
  await run.until('more than the deadband', () => {
    return Math.abs(Number(run.latest('n0')?.value) - 1.2) < 1e-9 && run.latest('n1')?.value === 13;
  });
  expect(run.wire.facts().revision).toBeNull();
  for (const item of [0, 1, 2]) await server.set(item, item);
});

test('a deadband that the server refuses is told, and all changes are reported', async () => {
  const { run, lines } = begin({ refresh: '1h', deadbandPercent: 50 });
  await run.until('all is read', () => good(run));
  await run.until('it is told', () => run.wire.facts().revision !== null);
  expect(run.wire.facts().revision?.en).toBe(
    `${ITEMS - RANGED} nodes without the deadband, which the server refuses: all changes are reported`,
  );
  expect(lines).toEqual(['server refuses the deadband; all changes are reported']);
  expect(await server.counts()).toMatchObject({ items: ITEMS });
  await server.set(9, 9.25);
  await run.until('a small change comes', () => run.latest('n9')?.value === 9.25);
  await server.set(9, 9);
});

test('a namespace that is registered while the link is up is found without a new connection', async () => {
  const { run } = begin({}, () => ({ namespace: LATE_NAMESPACE }));
  await run.until('nothing is known', () => run.latest('n0')?.reason === 'unknown-node');
  await server.register(LATE_NAMESPACE);
  await run.until('all is read', () => good(run), SLOW_MS);
  expect(run.latest('n3')?.value).toBe(-4);
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS);
  expect(run.ups).toBe(1);
});

test('a server whose clock is an hour off, either way, is read by our time, and told of until it is right', async () => {
  const hourMs = 3_600_000;
  for (const clockOffMs of [hourMs, -hourMs]) {
    await server.kill();
    await server.start({ clockOffMs });
    const { run, lines } = begin({}, () => ({}), systemClock());
    await run.until('all is read', () => good(run));
    await server.set(0, 500);
    await run.until('a change comes', () => run.latest('n0')?.value === 500);
    for (const name of ['n0', 'n1']) {
      const { sourceMs = 0, receivedMs = 0 } = run.latest(name) ?? {};
      expect(Math.abs(sourceMs - Date.now())).toBeLessThan(10_000);
      expect(sourceMs).toBe(receivedMs);
    }
    expect(run.wire.isClockOff).toBe(true);
    expect(lines).toContain('clock of the server is off; gateway time is used');
    await run.abort();
  }
  await server.kill();
  await server.start({ clockOffMs: 0 });
  const { run } = begin({}, () => ({}), systemClock());
  await run.until('all is read twice', () => run.goodSamples > 2 * ITEMS);
  expect(run.wire.isClockOff).toBe(false);
  // Its own stamp of when the value came to be, not of when it was read.
  expect(run.latest('n1')?.sourceMs).toBeLessThan(run.latest('n1')?.receivedMs ?? 0);
});

// The last one: it restarts the server that all tests share.
test('after a restart with another order of namespaces all nodes are found again', async () => {
  await server.kill();
  await server.start({ namespaces: ['urn:other', PLANT_NAMESPACE] });
  const { run } = begin();
  await run.until('all is read', () => good(run), SLOW_MS);
  await expect.poll(async () => (await server.counts()).items, { timeout: 5_000 }).toBe(ITEMS);
  await server.set(7, 500);
  await run.until('a change comes', () => run.latest('n7')?.value === 500);
});
