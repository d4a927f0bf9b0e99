import type { Namespace, NodeId, OPCUAServer, UAVariable } from 'node-opcua';
import { misbehave, type OpcuaServerFaults } from './opcua-server-faults.ts';
import type { OpcuaServerCommand, OpcuaServerCounts, OpcuaServerPlan } from './opcua-server-process.ts';

/** The program of `opcua-server-process.ts`. */

const PLANT_NAMESPACE = 'urn:lab:plant';
/** Real ms in which an orderly end tells the clients. */
const FAREWELL_MS = 50;

const plan = JSON.parse(process.argv[2] ?? '{}') as OpcuaServerPlan;
shiftClock(plan.clockOffMs ?? 0);
// After the clock is shifted: the library takes what it finds.
const opcua = await import('node-opcua');
const { DataType, MessageSecurityMode, SecurityPolicy } = opcua;
opcua.setLogLevel(opcua.LogLevel.Emergency);

const server = await createServer();
const variables = new Map<number, UAVariable>();
const values = Array.from({ length: plan.items ?? 10 }, (_, item) => item);
const statuses = new Map<number, string>();
const requests: Record<string, number> = {};
let changing: NodeJS.Timeout | undefined;
let muted = false;
let faults: OpcuaServerFaults = {};
let faultsTold = 0;

await misbehave(server, () => faults);
addNodes();
server.on('request', (request) => {
  const { name } = request.schema;
  requests[name] = (requests[name] ?? 0) + 1;
});
server.on('response', (response) => {
  if (response.schema.name === 'ServiceFault') faultsTold += 1;
});
server.on('create_session', muteAll);
change(plan.changeEveryMs ?? 0);

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, command }: { id: number; command: OpcuaServerCommand }) => {
  obey(command).then(
    (result) => process.send?.({ id, result: result ?? null }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.send?.({ id: 0, result: null });

async function obey(command: OpcuaServerCommand): Promise<unknown> {
  switch (command.do) {
    case 'listen':
      await server.start();
      return;
    case 'count':
      return count();
    case 'set':
      values[command.item] = command.value;
      show(command.item);
      return;
    case 'mark':
      statuses.set(command.item, command.status);
      show(command.item);
      return;
    case 'change':
      change(command.everyMs);
      return;
    case 'remove': {
      const variable = variables.get(command.item);
      if (variable !== undefined) server.engine.addressSpace?.deleteNode(variable);
      variables.delete(command.item);
      return;
    }
    case 'restore':
      addNode(command.item);
      return;
    case 'drop':
      for (const engine of publishEngines()) for (const subscription of engine.subscriptions) subscription.terminate();
      return;
    case 'mute':
      muted = command.on;
      muteAll();
      return;
    case 'forget':
      for (const { authenticationToken } of Object.values(inside()._sessions)) {
        server.engine.closeSession(authenticationToken, !command.keepSubscriptions, 'Timeout');
      }
      return;
    case 'limit': {
      const { operationLimits, ...others } = command.to;
      Object.assign(server.engine.serverCapabilities, others);
      Object.assign(server.engine.serverCapabilities.operationLimits, operationLimits);
      return;
    }
    case 'misbehave':
      faults = command.how;
      return;
    case 'register':
      server.engine.addressSpace?.registerNamespace(command.namespace);
      for (const item of values.keys()) {
        if (command.namespace === PLANT_NAMESPACE) addNode(item);
        else addDecoy(command.namespace, item);
      }
      return;
    case 'end':
      await server.shutdown(FAREWELL_MS);
      return;
  }
}

async function createServer(): Promise<OPCUAServer> {
  const certificates = new opcua.OPCUACertificateManager({
    rootFolder: plan.certificatesFolder,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  const { users = {}, capabilities = {} } = plan;
  const created = new opcua.OPCUAServer({
    port: plan.port,
    host: '127.0.0.1',
    hostname: 'controller.invalid',
    resourcePath: '/UA',
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: (plan.securityPolicies ?? ['None']).map((name) => SecurityPolicy[name]),
    securityModes: (plan.securityModes ?? ['None']).map((name) => MessageSecurityMode[name]),
    allowAnonymous: plan.allowAnonymous ?? true,
    allowAnonymousSubscriptionTransferOnUnsecuredChannel: plan.allowTransfer ?? false,
    isAuditing: false,
    maxConnectionsPerEndpoint: 100,
    serverCapabilities: { maxSessions: plan.maxSessions ?? 100, ...capabilities },
    userManager: {
      isValidUser: (name: string, password: string) => Object.hasOwn(users, name) && users[name] === password,
    },
  });
  await created.initialize();
  opcua.Subscription.minimumPublishingInterval = plan.minPublishingMs ?? 50;
  return created;
}

function addNodes(): void {
  const { addressSpace } = server.engine;
  const namespaces = plan.namespaces ?? [PLANT_NAMESPACE];
  for (const uri of namespaces) {
    addressSpace?.registerNamespace(uri);
    if (uri !== PLANT_NAMESPACE) for (const item of values.keys()) addDecoy(uri, item);
  }
  if (namespaces.includes(PLANT_NAMESPACE)) for (const item of values.keys()) addNode(item);
}

function addNode(item: number): void {
  const { addressSpace } = server.engine;
  if (addressSpace === null || variables.has(item)) return;
  const namespace = addressSpace.getNamespace(PLANT_NAMESPACE) as Namespace;
  const options = {
    organizedBy: addressSpace.rootFolder.objects,
    browseName: `n${item}`,
    nodeId: `s=n${item}`,
    dataType: DataType.Double,
    minimumSamplingInterval: plan.minSamplingMs ?? 20,
  };
  const { items: ranged = 0, low = 0, high = 0 } = plan.ranges ?? {};
  variables.set(
    item,
    item < ranged
      ? namespace.addAnalogDataItem({ ...options, engineeringUnitsRange: { low, high } })
      : namespace.addVariable(options),
  );
  show(item);
}

/** What is read there in place of the node is no value that the node ever had. */
function addDecoy(uri: string, item: number): void {
  const { addressSpace } = server.engine;
  addressSpace?.getNamespace(uri).addVariable({
    organizedBy: addressSpace.rootFolder.objects,
    browseName: `n${item}`,
    nodeId: `s=n${item}`,
    dataType: DataType.Double,
    value: { dataType: DataType.Double, value: -1 - item },
  });
}

function show(item: number): void {
  const status = opcua.coerceStatusCode(statuses.get(item) ?? 'Good');
  variables.get(item)?.setValueFromSource({ dataType: DataType.Double, value: values[item] }, status, new Date());
}

function change(everyMs: number): void {
  clearInterval(changing);
  if (everyMs === 0) return;
  changing = setInterval(() => {
    values.forEach((value, item) => {
      values[item] = value + 1;
      show(item);
    });
  }, everyMs);
}

function count(): OpcuaServerCounts {
  const { engine } = server;
  return {
    channels: server.currentChannelCount,
    sessions: engine.currentSessionCount,
    subscriptions: engine.currentSubscriptionCount,
    items: publishEngines().reduce((sum, { currentMonitoredItemCount }) => sum + currentMonitoredItemCount, 0),
    sessionsMade: engine.cumulatedSessionCount,
    subscriptionsMade: engine.cumulatedSubscriptionCount,
    sessionsRefused: engine.rejectedSessionCount,
    faults: faultsTold,
    requests,
  };
}

/** What the library keeps to itself of its sessions and of subscriptions whose session is gone. */
interface Inside {
  readonly _sessions: Readonly<
    Record<string, { readonly authenticationToken: NodeId; readonly publishEngine: PublishEngine }>
  >;
  readonly _orphanPublishEngine?: PublishEngine;
}

interface PublishEngine {
  readonly subscriptions: readonly { terminate(): void }[];
  readonly currentMonitoredItemCount: number;
  _on_PublishRequest?: unknown;
  _publish_request_queue: unknown[];
}

function inside(): Inside {
  return server.engine as unknown as Inside;
}

function publishEngines(): PublishEngine[] {
  const { _sessions, _orphanPublishEngine } = inside();
  const engines = Object.values(_sessions).map(({ publishEngine }) => publishEngine);
  return _orphanPublishEngine === undefined ? engines : [...engines, _orphanPublishEngine];
}

/** Swallows requests to publish where that is wanted, those that wait already too. */
function muteAll(): void {
  for (const engine of publishEngines()) {
    if (muted) {
      engine._on_PublishRequest = () => undefined;
      engine._publish_request_queue = [];
    } else delete engine._on_PublishRequest;
  }
}

/** Makes everything in this process believe that it is so much later. */
function shiftClock(byMs: number): void {
  if (byMs === 0) return;
  const Real = Date;
  const now = () => Real.now() + byMs;
  globalThis.Date = new Proxy(Real, {
    construct: (target, words: [], newTarget) =>
      Reflect.construct(target, words.length === 0 ? [now()] : words, newTarget) as object,
    apply: () => new Real(now()).toString(),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
}
