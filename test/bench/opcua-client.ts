import {
  AttributeIds,
  ClientMonitoredItemGroup,
  ClientSubscription,
  LogLevel,
  MessageSecurityMode,
  OPCUAClient,
  SecurityPolicy,
  setLogLevel,
  TimestampsToReturn,
} from 'node-opcua';
import { opcuaProtocol } from '../../adapters/opcua/protocol.ts';
import { systemClock } from '../../model/clock.ts';
import { untoldWire } from '../../model/untold-wire.ts';
import { PLANT_NAMESPACE } from '../support/opcua-server-process.ts';
import type { OpcuaCounted, OpcuaLoad } from './opcua-notifications.ts';

/** The program of `opcua-notifications.ts`: one client by itself, so that what it costs is its own. */

const load = JSON.parse(process.argv[2] ?? '') as OpcuaLoad;
const SAMPLING_MS = 50;
const PUBLISHING_MS = 100;
const QUEUE = 10;
/** Values of one call that makes items, as the adapter has them with this server. */
const PER_CALL = 1_000;
let values = 0;

const end = await (load.client === 'adapter' ? adapter() : library());
const counted = await count();
process.stdout.write(JSON.stringify(counted));
await end();
process.exit(0);

async function adapter(): Promise<() => Promise<unknown>> {
  const stop = new AbortController();
  const taken = Promise.resolve({ kept: true });
  const run = opcuaProtocol
    .create({
      key: 'plant',
      // No read of all nodes within the measurement: what is measured is what the server reports.
      settings: {
        endpoint: load.endpoint,
        sampling: `${SAMPLING_MS}ms`,
        publishing: `${PUBLISHING_MS}ms`,
        refresh: '1h',
        queue: QUEUE,
      },
      points: Array.from({ length: load.items }, (_, item) => ({
        number: item + 1,
        key: `plant/n${item}`,
        kind: 'double',
        address: { namespace: PLANT_NAMESPACE, node: `s=n${item}` },
      })),
      clock: systemClock(),
      log: { info: () => undefined, warn: () => undefined },
      wire: untoldWire,
    })
    .run(
      (batch) => {
        values += batch.length;
        return { taken, kept: taken };
      },
      stop.signal,
      () => undefined,
    );
  run.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
  return () => {
    stop.abort();
    return run;
  };
}

/** As the library's own examples do it: groups of items, and a listener. */
async function library(): Promise<() => Promise<unknown>> {
  setLogLevel(LogLevel.Emergency);
  const client = OPCUAClient.create({
    endpointMustExist: false,
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
  });
  await client.connect(load.endpoint);
  const session = await client.createSession();
  const index = (await session.readNamespaceArray()).indexOf(PLANT_NAMESPACE);
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: PUBLISHING_MS,
    requestedMaxKeepAliveCount: 10,
    requestedLifetimeCount: 1_000,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
    priority: 1,
  });
  for (let from = 0; from < load.items; from += PER_CALL) {
    const nodes = Array.from({ length: Math.min(PER_CALL, load.items - from) }, (_, i) => ({
      nodeId: `ns=${index};s=n${from + i}`,
      attributeId: AttributeIds.Value,
    }));
    const parameters = { samplingInterval: SAMPLING_MS, queueSize: QUEUE, discardOldest: true };
    const group = ClientMonitoredItemGroup.create(subscription, nodes, parameters, TimestampsToReturn.Both);
    group.on('changed', () => {
      values += 1;
    });
    await new Promise<void>((resolve, reject) => {
      group.on('initialized', resolve);
      group.on('err', (message) => reject(new Error(message)));
    });
  }
  return () => client.disconnect();
}

async function count(): Promise<OpcuaCounted> {
  while (values < load.items) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, load.warmUpMs));
  const before = values;
  const startMs = performance.now();
  const usage = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, load.forMs));
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(usage);
  return {
    notificationsPerS: (values - before) / seconds,
    cores: (user + system) / 1e6 / seconds,
    rssMb: process.memoryUsage.rss() / 1024 / 1024,
  };
}
