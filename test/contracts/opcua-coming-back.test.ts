import { expect, onTestFinished, test } from 'vitest';
import type { OpcuaSettings } from '../../adapters/opcua/schema.ts';
import { HeldOpcuaLink, isWhole } from '../support/opcua-held-link.ts';
import { type OpcuaServerOptions, OpcuaServerProcess } from '../support/opcua-server-process.ts';
import { until } from '../support/until.ts';
import { openGate } from './labs/tcp-gate.ts';

const ITEMS = 25;
const WITHIN_MS = 25_000;

async function started(options: OpcuaServerOptions = {}): Promise<OpcuaServerProcess> {
  const server = await OpcuaServerProcess.start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A link to `endpoint`, the server's own if absent, with every item live. */
async function held(server: OpcuaServerProcess, settings: Partial<OpcuaSettings> = {}): Promise<HeldOpcuaLink> {
  const link = new HeldOpcuaLink(server.endpoint, ITEMS, settings);
  onTestFinished(() => link.end());
  await allLive(link, server, 0);
  return link;
}

/** Resolves when each item has told something since, by itself, and the server has exactly these items once. */
async function allLive(link: HeldOpcuaLink, server: OpcuaServerProcess, sinceMs: number): Promise<void> {
  await until('the server has all items once', WITHIN_MS, () => isWhole(link, server, ITEMS)).catch(
    async (error: Error) => {
      const counts = await server.counts().catch(String);
      throw new Error(`${error.message}: ${JSON.stringify([counts, link.endings, link.logged])}`);
    },
  );
  const wholeMs = Math.max(sinceMs, Date.now());
  await until('every item is live', WITHIN_MS, () => link.liveSince(wholeMs) === ITEMS);
  expect(link.bugs).toEqual([]);
}

test('a cut connection: the session is taken up again, and what was told meanwhile comes with its own times', async () => {
  const server = await started({ items: ITEMS, maxSessions: 1 });
  const gate = await openGate(server.port);
  onTestFinished(() => gate.stop());
  const endpoint = `opc.tcp://127.0.0.1:${gate.port}/UA`;
  const link = new HeldOpcuaLink(endpoint, ITEMS);
  onTestFinished(() => link.end());
  await until('all are read', WITHIN_MS, () => link.liveSince(0) === ITEMS);
  await until('all are watched', WITHIN_MS, () => isWhole(link, server, ITEMS));
  await gate.cut();
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  for (const value of [101, 102, 103]) {
    await server.set(7, value);
    // The server looks at its nodes each 50 ms.
    await until('it has looked', WITHIN_MS, timer(120));
  }
  const restoredMs = Date.now();
  await gate.restore();
  await server.changeEvery(100);
  await allLive(link, server, restoredMs);
  const told = link.samples(7).filter(({ value }) => value >= 101 && value <= 103);
  expect([...new Set(told.map(({ value }) => value))]).toEqual([101, 102, 103]);
  for (const { sourceMs } of told) expect(sourceMs).toBeLessThan(restoredMs);
  expect(await server.counts()).toMatchObject({ sessionsMade: 1, subscriptionsMade: 1, sessionsRefused: 0 });
});

test.each(['killed', 'shut down'])('%s and started again: everything is made anew and counted', async (how) => {
  const server = await started({ items: ITEMS, maxSessions: 1, changeEveryMs: 100 });
  const link = await held(server);
  await server.prepare();
  await (how === 'killed' ? server.kill() : server.shutDown());
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  const backMs = Date.now();
  await server.start();
  await allLive(link, server, backMs);
  expect(await server.counts()).toMatchObject({ sessionsMade: 1, subscriptionsMade: 1 });
});

test('frozen for longer than every time-out, then thawed: live again, in one session', async () => {
  const server = await started({ items: ITEMS, maxSessions: 1, changeEveryMs: 100 });
  const link = await held(server, { refresh: '1s' });
  server.freeze();
  await until('it is lost', WITHIN_MS, () => !link.isUp);
  await until('it has been tried in vain', WITHIN_MS, timer(5_000));
  const thawedMs = Date.now();
  server.thaw();
  await allLive(link, server, thawedMs);
});

test('subscriptions dropped and nobody told: made anew on the same session', async () => {
  const server = await started({ items: ITEMS, maxSessions: 1, changeEveryMs: 100 });
  const link = await held(server);
  await server.dropSubscriptions();
  const droppedMs = Date.now();
  await allLive(link, server, droppedMs);
  expect(link.ups).toBe(1);
  expect(link.wire.lastError?.text.en).toContain('BadNoSubscription');
  expect(await server.counts()).toMatchObject({ sessionsMade: 1, subscriptionsMade: 2 });
});

function timer(ms: number): () => boolean {
  const startMs = performance.now();
  return () => performance.now() - startMs > ms;
}
