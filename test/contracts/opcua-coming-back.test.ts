import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { OpcuaSettings } from '../../adapters/opcua/schema.ts';
import { HeldOpcuaLink, isWhole } from '../support/opcua-held-link.ts';
import { restartOpcuaServer } from '../support/opcua-restarts.ts';
import { type OpcuaServerCounts, OpcuaServerProcess } from '../support/opcua-server-process.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { openGate, type TcpGate } from './labs/tcp-gate.ts';

const ITEMS = 25;
const WITHIN_MS = 25_000;
/** Real ms for a session to be closed. */
const CLOSED_WITHIN_MS = 5_000;

let server: OpcuaServerProcess;
let before: OpcuaServerCounts;

beforeAll(async () => {
  server = await OpcuaServerProcess.start({ items: ITEMS, maxSessions: 1, allowTransfer: true, changeEveryMs: 100 });
});

beforeEach(async () => {
  before = await server.counts();
});

afterAll(() => server.stop());

/** Sessions and subscriptions that the server has made since the test began. */
async function made(): Promise<{ sessions: number; subscriptions: number; refused: number }> {
  const { sessionsMade, subscriptionsMade, sessionsRefused } = await server.counts();
  return {
    sessions: sessionsMade - before.sessionsMade,
    subscriptions: subscriptionsMade - before.subscriptionsMade,
    refused: sessionsRefused - before.sessionsRefused,
  };
}

/** A link with every item live; ended after the test, when the server has no session any more. */
async function held(settings: Partial<OpcuaSettings> = {}, endpoint = server.endpoint): Promise<HeldOpcuaLink> {
  const link = new HeldOpcuaLink(endpoint, ITEMS, settings);
  onTestFinished(async () => {
    await link.end();
    await until('no session is left', CLOSED_WITHIN_MS, async () => (await server.counts()).sessions === 0);
    expect(link.bugs).toEqual([]);
  });
  await allLive(link);
  return link;
}

async function heldThroughGate(): Promise<{ link: HeldOpcuaLink; gate: TcpGate }> {
  const gate = await openGate(server.port);
  onTestFinished(() => gate.stop());
  return { link: await held({}, `opc.tcp://127.0.0.1:${gate.port}/UA`), gate };
}

/** Resolves when the server has exactly these items once, and each has told something by itself since then. */
async function allLive(link: HeldOpcuaLink, on = server): Promise<void> {
  await until('the server has all items once', WITHIN_MS, () => isWhole(link, on, ITEMS)).catch(
    async (cause: Error) => {
      const counts = await on.counts().catch(String);
      throw new Error(`${cause.message}: ${JSON.stringify([counts, link.endings, link.logged])}`, { cause });
    },
  );
  const wholeMs = Date.now();
  await until('every item is live', WITHIN_MS, () => link.liveSince(wholeMs) === ITEMS);
}

test('a cut connection: the session is taken up again, and what was told meanwhile comes with its own times', async () => {
  const { link, gate } = await heldThroughGate();
  await server.changeEvery(0);
  await gate.cut();
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  const told = [1001, 1002, 1003];
  for (const value of told) {
    await server.set(7, value);
    // The server looks at its nodes each 50 ms.
    await until('it has looked', WITHIN_MS, timer(150));
  }
  const restoredMs = Date.now();
  await gate.restore();
  await server.changeEvery(100);
  await allLive(link);
  const seen = link.samples(7).filter(({ value }) => told.includes(value));
  expect([...new Set(seen.map(({ value }) => value))]).toEqual(told);
  for (const { sourceMs } of seen) expect(sourceMs).toBeLessThan(restoredMs);
  expect(await made()).toEqual({ sessions: 1, subscriptions: 1, refused: 0 });
});

test('the session is gone, its subscription is not: another session takes it over', async () => {
  const { link, gate } = await heldThroughGate();
  await gate.cut();
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  await server.forgetSessions(true);
  await gate.restore();
  await allLive(link);
  expect(await made()).toMatchObject({ sessions: 2, subscriptions: 1 });
});

test('sessions forgotten on a connection that stands: one is made anew, and no two', async () => {
  const link = await held({ refresh: '300ms' });
  await server.forgetSessions(false);
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  await allLive(link);
  expect(await made()).toMatchObject({ sessions: 2, subscriptions: 2 });
});

test('subscriptions dropped and nobody told: made anew on the same session', async () => {
  const link = await held();
  await server.dropSubscriptions();
  await until('it is noticed', WITHIN_MS, () => link.wire.lastError?.text.en.includes('BadNoSubscription'));
  await allLive(link);
  expect(link.ups).toBe(1);
  expect(await made()).toEqual({ sessions: 1, subscriptions: 2, refused: 0 });
});

test('a session that answers, and publishes nothing: found by silence, and made anew', async () => {
  const link = await held({ refresh: '500ms' });
  await server.mutePublishing(true);
  onTestFinished(() => server.mutePublishing(false));
  await until('it is noticed', WITHIN_MS, () => link.wire.lastError?.text.en.includes('silent'));
  expect(link.isUp).toBe(true);
  await server.mutePublishing(false);
  await allLive(link);
});

test('answers to what the server has made are lost: nothing is there twice', async () => {
  await server.misbehave({ lost: ['CreateSubscriptionResponse', 'CreateMonitoredItemsResponse'] });
  onTestFinished(() => server.misbehave({}));
  const link = await held();
  await until('both were missed', WITHIN_MS, () => link.endings.length === 2);
  const asked = async () => (await server.counts()).requests.CreateMonitoredItemsRequest ?? 0;
  const askedBefore = before.requests.CreateMonitoredItemsRequest ?? 0;
  await until('the items were asked for again', WITHIN_MS, async () => (await asked()) >= askedBefore + 2);
  await allLive(link);
});

test('reports that overtake each other: what is older is never told after what is newer', async () => {
  const link = await held();
  await server.misbehave({ swapped: true });
  onTestFinished(() => server.misbehave({}));
  const sinceMs = Date.now();
  const seen = () => link.samples(3).filter(({ receivedMs }) => receivedMs > sinceMs);
  await until('it was told often', WITHIN_MS, () => seen().length > 15);
  const values = seen().map(({ value }) => value);
  expect(values).toEqual(values.toSorted((a, b) => a - b));
  expect(link.ups).toBe(1);
});

test('nodes that are read more seldom than the server remembers a session: it is kept all the same', async () => {
  await server.misbehave({ sessionTimeoutMs: 800 });
  onTestFinished(() => server.misbehave({}));
  const link = new HeldOpcuaLink(server.endpoint, ITEMS, { subscription: false, sampling: '2s' });
  onTestFinished(() => link.end());
  await until('all are read again', WITHIN_MS, () => link.samples(0).length > 2);
  expect(link.endings).toEqual([]);
});

test('frozen for longer than every time-out, then thawed: live again, in one session', async () => {
  const link = await held({ refresh: '500ms' });
  server.freeze();
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  await until('it was tried in vain', WITHIN_MS, () => link.endings.length > 1);
  server.thaw();
  await allLive(link);
});

test.each(['killed', 'shut down'])('%s and started again: everything is made anew and counted', async (how) => {
  const link = await held();
  await (how === 'killed' ? server.kill() : server.shutDown());
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  await server.start();
  await allLive(link);
  expect(await server.counts()).toMatchObject({ sessionsMade: 1, subscriptionsMade: 1 });
});

test('whenever a run is ended, no session is left', async () => {
  for (const afterMs of [0, 10, 20, 40, 80, 160]) {
    const link = new HeldOpcuaLink(server.endpoint, ITEMS);
    await until('a moment has passed', WITHIN_MS, timer(afterMs));
    await link.end();
    await until('no session is left', CLOSED_WITHIN_MS, async () => (await server.counts()).sessions === 0);
    expect(link.bugs).toEqual([]);
  }
});

test('redundant endpoints: the next is tried, also after one that only greets, and the one in use is told', async () => {
  const other = await OpcuaServerProcess.start({ items: ITEMS, changeEveryMs: 100 });
  onTestFinished(() => other.stop());
  // It answers, and each session is spent.
  await server.misbehave({ noSubscriptions: 'BadSessionNotActivated' });
  onTestFinished(() => server.misbehave({}));
  const nobody = `opc.tcp://127.0.0.1:${await freePort()}/UA`;
  const link = new HeldOpcuaLink(nobody, ITEMS, { alternatives: [server.endpoint, other.endpoint] });
  onTestFinished(() => link.end());
  await allLive(link, other);
  expect(link.wire.facts().address).toBe(other.endpoint);
  await server.misbehave({});
  await other.kill();
  await allLive(link, server);
  expect(link.wire.facts().address).toBe(server.endpoint);
});

test('what the library throws at nobody ends a process without the guard, and is told with it', async () => {
  const program = fileURLToPath(new URL('../support/careless-opcua-client.ts', import.meta.url));
  const run = (...words: string[]) =>
    new Promise<{ code: unknown; said: string }>((resolve) => {
      execFile(process.execPath, [program, server.endpoint, ...words], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, said: stdout + stderr }),
      );
    });
  const bare = await run();
  expect(bare).toMatchObject({ code: 1, said: expect.stringContaining('subscription has no Session') });
  expect(await run('guarded')).toEqual({ code: 0, said: '{"survived":true,"warnings":1}' });
});

test('a few restarts at random moments: every item is there again, once', async () => {
  const report = await restartOpcuaServer({ restarts: 3, items: 100, seed: 11 });
  expect(report.left).toEqual({ sessions: 0, subscriptions: 0, items: 0 });
  expect(report.killed + report.shutDown).toBe(3);
});

function timer(ms: number): () => boolean {
  const startMs = performance.now();
  return () => performance.now() - startMs > ms;
}
