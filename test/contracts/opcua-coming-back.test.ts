import { AttributeIds, type ClientSession } from 'node-opcua';
import { expect, onTestFinished, test } from 'vitest';
import { Preparation } from '../../adapters/opcua/security/prepare.ts';
import { closed, createClient, openSession } from '../../adapters/opcua/session/client.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { type OpcuaServerOptions, OpcuaServerProcess, PLANT_NAMESPACE } from '../support/opcua-server-process.ts';

async function started(options: OpcuaServerOptions = {}): Promise<OpcuaServerProcess> {
  const server = await OpcuaServerProcess.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function readOf(session: ClientSession, item: number) {
  const index = (await session.readNamespaceArray()).indexOf(PLANT_NAMESPACE);
  const { value, statusCode } = await session.read({
    nodeId: `ns=${index};s=n${item}`,
    attributeId: AttributeIds.Value,
  });
  return { index, value: value.value as unknown, status: statusCode.name };
}

test('the server of these tests is a process: it counts, dies, and comes back otherwise', async () => {
  const server = await started({ items: 3 });
  const { endpoint } = server;
  const plan = { key: 'test', settings: { endpoint }, clock: systemClock(), wire: untoldWire };
  const prepared = await new Preparation(plan).prepare(endpoint, () => undefined);
  const ask = async (item: number) => {
    const client = createClient('test', prepared);
    try {
      const session = await openSession(client, endpoint, prepared.user);
      return { ...(await readOf(session, item)), ...(await server.counts()) };
    } finally {
      await closed(client);
    }
  };
  await server.set(1, 7.5);
  await server.mark(2, 'BadSensorFailure');
  expect(await ask(1)).toMatchObject({ index: 2, value: 7.5, status: 'Good', sessions: 1, sessionsMade: 1 });
  expect(await ask(2)).toMatchObject({ status: 'BadSensorFailure', sessions: 1, sessionsMade: 2 });
  const { pid } = server;
  await server.kill();
  await expect(server.counts()).rejects.toThrow('does not run');
  await server.start({ namespaces: ['urn:other', PLANT_NAMESPACE] });
  expect(server.pid).not.toBe(pid);
  expect(await ask(1)).toMatchObject({ index: 3, value: 1, sessionsMade: 1 });
});
