import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataType,
  LogLevel,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  type StatusCode,
  StatusCodes,
  setLogLevel,
  type UAVariable,
  VariantArrayType,
} from 'node-opcua';
import { freePort } from '../../support/servers.ts';
import type { Lab, LabPoint, LabServer, LabValue } from '../adapter-lab.ts';
import { openGate, wireOf } from './tcp-gate.ts';

const NAMESPACE = 'urn:lab:plant';

interface NodeKind {
  readonly node: string;
  readonly dataType: DataType;
  /** What stands in the node for a value of the point; the value itself if absent. */
  readonly wire?: (value: LabValue) => unknown;
  readonly arrayType?: VariantArrayType;
}

/** The points of the lab, and what the server keeps in their nodes. */
const nodes = {
  level: { node: 's=lab.Level', dataType: DataType.Double },
  load: { node: 's=lab.Load', dataType: DataType.Float },
  pressure: { node: 'i=1001', dataType: DataType.Int16, wire: (value) => Math.round(Number(value) * 10) },
  trips: { node: 's=lab.Trips', dataType: DataType.UInt64, wire: (value) => halves(Number(value)) },
  occupied: { node: 's=lab.Occupied', dataType: DataType.Boolean },
  mode: { node: 's=lab.Mode', dataType: DataType.Byte },
  faults: { node: 's=lab.Faults', dataType: DataType.UInt32 },
  message: { node: 's=lab.Message', dataType: DataType.String },
  phase: {
    node: 's=lab.Phases',
    dataType: DataType.Double,
    wire: (value) => new Float64Array([230, Number(value), 231]),
    arrayType: VariantArrayType.Array,
  },
} as const satisfies Record<string, NodeKind>;

type Name = keyof typeof nodes;

const points = [
  { name: 'level', kind: 'double', mapPoint: { node: 's={asset}.Level' }, initial: 12.5, changed: -1 },
  { name: 'load', kind: 'double', mapPoint: { node: 's={asset}.Load' }, initial: 0.1, changed: 99.9 },
  { name: 'pressure', kind: 'double', mapPoint: { node: 'i=1001', scale: 0.1 }, initial: 8.2, changed: -0.5 },
  { name: 'trips', kind: 'double', mapPoint: { node: 's={asset}.Trips' }, initial: 2 ** 40 + 1, changed: 7 },
  { name: 'occupied', kind: 'bool', mapPoint: { node: 's={asset}.Occupied' }, initial: false, changed: true },
  {
    name: 'mode',
    kind: 'enum',
    states: { 1: { zh: '正常', en: 'normal' }, 8: { zh: '检修', en: 'inspection' } },
    mapPoint: { node: 's={asset}.Mode' },
    initial: 1,
    changed: 8,
  },
  { name: 'faults', kind: 'bitset', mapPoint: { node: 's={asset}.Faults' }, initial: 0, changed: 0x8000_0002 },
  { name: 'message', kind: 'text', mapPoint: { node: 's={asset}.Message' }, initial: 'ready', changed: '门未关' },
  { name: 'phase', kind: 'double', mapPoint: { node: 's={asset}.Phases', index: 1 }, initial: 229.5, changed: 0 },
] as const satisfies readonly (LabPoint & { readonly name: Name })[];

/** Certificates of all servers of this process; making them takes longer than everything else. */
const pkiFolder = mkdtempSync(join(tmpdir(), 'lamplighter-opcua-lab-'));

/** Removes the certificates; for the end of a test file that starts servers. */
export function removeCertificates(): void {
  rmSync(pkiFolder, { recursive: true, force: true });
}

/** A real node-opcua server, reached through a gate and so under a port that it does not announce. */
const serverLab: Lab = {
  name: 'node-opcua server',
  assetAddress: { namespace: NAMESPACE },
  points,
  missing: { kind: 'double', mapPoint: { node: 's={asset}.Nowhere' }, reasons: ['unknown-node'] },
  rubbishReasons: ['bad-status'],
  impossible: [
    { kind: 'double', mapPoint: { node: 'ns=2;s={asset}.Level' }, why: 'a fixed index of a namespace' },
    { kind: 'double', mapPoint: { node: '{asset}.Level' }, why: 'no kind of node id' },
    { kind: 'double', mapPoint: { node: 's={room}.Level' }, why: 'an unknown placeholder' },
    { kind: 'bool', mapPoint: { node: 's={asset}.Level', scale: 2 }, why: 'a scale for no number' },
  ],
  refusedSettings: (settings) => ({ ...(settings as object), username: 'stranger', password: 'wrong' }),
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 9_000,
  patientMs: 300,
  impatientMs: 4_000,
  emitsInFlight: 1,
  notifiesOnChangeOnly: true,
  async start(): Promise<LabServer> {
    const server = await startServer();
    const gate = await openGate(server.port);
    return {
      settings: {
        endpoint: `opc.tcp://127.0.0.1:${gate.port}/UA`,
        sampling: '50ms',
        publishing: '50ms',
        refresh: '500ms',
      },
      set: async (name, value) => server.set(nameOf(name), value),
      rubbish: async (name) => server.mark(nameOf(name), StatusCodes.BadSensorFailure),
      mend: async (name) => server.mark(nameOf(name), StatusCodes.Good),
      silence: async () => gate.freeze(),
      speak: async () => gate.thaw(),
      kill: () => gate.cut(),
      revive: () => gate.restore(),
      wire: wireOf(gate),
      connections: () => gate.connections(),
      async stop() {
        await gate.stop();
        await server.stop();
      },
    };
  },
};

/** The labs of OPC UA. */
export const opcuaLabs: readonly [Lab, ...Lab[]] = [serverLab];

export interface OpcuaLabServer {
  readonly port: number;
  set(name: Name, value: LabValue): void;
  /** From now on the point's value has this status. */
  mark(name: Name, status: StatusCode): void;
  /** Removes the point's node from the address space, or brings it back. */
  remove(name: Name): void;
  restore(name: Name): void;
  /** Sessions that clients have open. */
  sessions(): number;
  stop(): Promise<void>;
}

/** Starts a server with the lab's nodes at their initial values; `spare` namespaces come before theirs. */
export async function startServer(spare = 1): Promise<OpcuaLabServer> {
  setLogLevel(LogLevel.Emergency);
  const certificates = new OPCUACertificateManager({
    rootFolder: pkiFolder,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  const port = await freePort();
  const server = new OPCUAServer({
    port,
    host: '127.0.0.1',
    hostname: 'controller.invalid',
    resourcePath: '/UA',
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: [SecurityPolicy.None],
    securityModes: [MessageSecurityMode.None],
    allowAnonymous: true,
    isAuditing: false,
    userManager: { isValidUser: () => false },
  });
  await server.initialize();
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('the server has no address space');
  for (let i = 0; i < spare; i++) addressSpace.registerNamespace(`urn:lab:spare-${i}`);
  const namespace = addressSpace.registerNamespace(NAMESPACE);
  const values = new Map<Name, LabValue>(points.map(({ name, initial }) => [name, initial]));
  const statuses = new Map<Name, StatusCode>();
  const variables = new Map<Name, UAVariable>();
  const show = (name: Name) => {
    const { dataType, wire, arrayType } = nodes[name] as NodeKind;
    const value = values.get(name) ?? 0;
    variables
      .get(name)
      ?.setValueFromSource(
        { dataType, arrayType: arrayType ?? VariantArrayType.Scalar, value: wire === undefined ? value : wire(value) },
        statuses.get(name) ?? StatusCodes.Good,
        new Date(),
      );
  };
  const add = (name: Name) => {
    const { node, dataType, arrayType } = nodes[name] as NodeKind;
    const variable = namespace.addVariable({
      organizedBy: addressSpace.rootFolder.objects,
      browseName: name,
      nodeId: node,
      dataType,
      minimumSamplingInterval: 20,
      ...(arrayType === undefined ? {} : { valueRank: 1 }),
    });
    variables.set(name, variable);
    show(name);
  };
  for (const { name } of points) add(name);
  await server.start();
  return {
    port,
    set(name, value) {
      values.set(name, value);
      show(name);
    },
    mark(name, status) {
      statuses.set(name, status);
      show(name);
    },
    remove(name) {
      const variable = variables.get(name);
      if (variable !== undefined) addressSpace.deleteNode(variable);
      variables.delete(name);
    },
    restore: add,
    sessions: () => server.engine.currentSessionCount,
    stop: async () => {
      await server.shutdown(0);
    },
  };
}

function nameOf(name: string): Name {
  if (!Object.hasOwn(nodes, name)) throw new Error(`the lab has no point ${name}`);
  return name as Name;
}

/** A 64-bit integer as the library writes it: two halves, high first. */
function halves(value: number): readonly [number, number] {
  return [Math.floor(value / 2 ** 32), value % 2 ** 32];
}
