import { StatusCodes } from 'node-opcua';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import type { OpcuaAddress } from '../../adapters/opcua/schema.ts';
import { simulatedClock } from '../../model/clock.ts';
import { AdapterRun } from '../support/adapter-run.ts';
import { type OpcuaLabServer, removeCertificates, startServer } from './labs/opcua.ts';

/** Real ms for what the adapter does at every so many-th read only. */
const SLOW_MS = 8_000;

afterAll(removeCertificates);

async function started(spare?: number): Promise<OpcuaLabServer> {
  const server = await startServer(spare);
  onTestFinished(() => server.stop());
  return server;
}

function begin(server: OpcuaLabServer, settings: object = {}, address: Partial<OpcuaAddress> = {}): AdapterRun {
  const startMs = Date.now();
  const at = (node: string) => ({ namespace: 'urn:lab:plant', node, ...address });
  const run = new AdapterRun(opcuaProtocol, {
    key: 'lifts',
    settings: { endpoint: `opc.tcp://127.0.0.1:${server.port}/UA`, sampling: '50ms', publishing: '50ms', ...settings },
    points: [
      { number: 1, key: 'lab/level', kind: 'double', address: at('s=lab.Level') },
      { number: 2, key: 'lab/occupied', kind: 'bool', address: at('s=lab.Occupied') },
    ],
    clock: simulatedClock(startMs, 1, startMs),
    log: { info: () => undefined, warn: () => undefined },
  });
  onTestFinished(async () => {
    await run.abort();
    expect(run.violations).toEqual([]);
  });
  return run;
}

test('the index of a namespace is looked up at each connect', async () => {
  for (const spare of [0, 3]) {
    const run = begin(await started(spare));
    await run.until('it is read', () => run.latest('level')?.value === 12.5);
  }
});

test('a constant value is reported again and again, with its own source time', async () => {
  const run = begin(await started(), { refresh: '100ms' });
  await run.until('it is read', () => run.latest('level')?.value === 12.5);
  const first = run.latest('level');
  await run.until('it is read again', () => (run.latest('level')?.receivedMs ?? 0) > (first?.receivedMs ?? 0) + 200);
  expect(run.latest('level')).toMatchObject({ quality: 'good', value: 12.5, sourceMs: first?.sourceMs });
});

test('a change is notified, without waiting for the next read', async () => {
  const server = await started();
  const run = begin(server, { refresh: '1h' });
  await run.until('it is read', () => run.latest('level')?.value === 12.5);
  server.set('level', 13);
  await run.until('the change arrives', () => run.latest('level')?.value === 13);
});

test('a node that vanishes is bad, and comes back with its notifications', async () => {
  const server = await started();
  const run = begin(server, { refresh: '50ms' });
  await run.until('it is read', () => run.latest('level')?.value === 12.5);
  server.remove('level');
  await run.until('it is unknown', () => run.latest('level')?.reason === 'unknown-node');
  server.set('occupied', true);
  await run.until('the other goes on', () => run.latest('occupied')?.value === 1);
  server.restore('level');
  await run.until('it is back', () => run.latest('level')?.quality === 'good', SLOW_MS);
  server.set('level', 14);
  await run.until('its changes are back', () => run.latest('level')?.value === 14);
  expect(run.ending).toBeUndefined();
});

test('an unknown namespace makes its points bad, and the link stays', async () => {
  const run = begin(await started(), { refresh: '100ms' }, { namespace: 'urn:elsewhere' });
  await run.until('both are unknown', () =>
    ['level', 'occupied'].every((name) => run.latest(name)?.reason === 'unknown-node'),
  );
  expect(run.latest('level')?.detail).toBe('urn:elsewhere');
  expect(run.ups).toBe(1);
});

test('an uncertain value is kept and marked', async () => {
  const server = await started();
  const run = begin(server);
  await run.until('it is read', () => run.latest('level')?.value === 12.5);
  server.mark('level', StatusCodes.UncertainLastUsableValue);
  await run.until('it is uncertain', () => run.latest('level')?.quality === 'uncertain');
  expect(run.latest('level')).toMatchObject({ value: 12.5, reason: 'uncertain-status' });
  expect(run.latest('level')?.detail).toContain('UncertainLastUsableValue');
});

test('what passes over the wire is told: round trips, notifications, bad values, what is granted instead', async () => {
  const server = await started();
  const run = begin(server, { sampling: '10ms', publishing: '10ms', refresh: '50ms' });
  await run.until('it is read', () => run.latest('level')?.value === 12.5);
  for (const value of [13, 14]) {
    server.set('level', value);
    await run.until('a change arrives', () => run.latest('level')?.value === value);
  }
  await run.until('what is granted is known', () => run.wire.facts().revision !== null);
  const { requests, messages, timeouts, failures, roundTripMs, revision } = run.wire.facts();
  expect({ timeouts, failures }).toEqual({ timeouts: 0, failures: 0 });
  expect(requests).toBeGreaterThan(3);
  expect(messages).toBeGreaterThan(0);
  expect(roundTripMs?.median).toBeGreaterThan(0);
  expect(revision).toEqual({
    zh: '发布间隔 50 ms（要求 10 ms）；2 个节点的采样变慢，最慢 50 ms（要求 10 ms）',
    en: 'publishing each 50 ms (10 ms was asked for); 2 nodes sampled more slowly, the slowest each 50 ms (10 ms was asked for)',
  });
  server.mark('level', StatusCodes.BadSensorFailure);
  await run.until('it is bad', () => run.latest('level')?.quality === 'bad');
  expect(run.wire.lastError?.text).toMatchObject({
    en: 's=lab.Level has the status BadSensorFailure',
    zh: /s=lab.Level/,
  });
});

test('no session is left behind, however a run ends', async () => {
  const server = await started();
  for (let i = 0; i < 3; i++) {
    const run = begin(server);
    await run.until('it is read', () => run.latest('level')?.value === 12.5);
    expect(server.sessions()).toBe(1);
    await run.abort();
    await expect.poll(() => server.sessions()).toBe(0);
  }
});
