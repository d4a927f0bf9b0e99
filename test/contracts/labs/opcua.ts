import { X509Certificate } from 'node:crypto';
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
import { makeOwn, OWN_FILE } from '../../../adapters/opcua/security/own-certificate.ts';
import { ServerCertificates } from '../../../adapters/opcua/security/server-certificates.ts';
import { freePort } from '../../support/servers.ts';
import type { Lab, LabPoint, LabServer, LabValue } from '../adapter-lab.ts';
import { openGate, wireOf } from './tcp-gate.ts';

export const NAMESPACE = 'urn:lab:plant';

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

/** Who may sign in at a server that wants to know who asks. */
export const LAB_USER = 'gateway';
export const LAB_PASSWORD = 'lamps after dark';

/** PEM files of a user's certificate. */
export interface LabUser {
  readonly certificate: string;
  readonly key: string;
}

/** The folder in which the links of the lab keep their certificates: one own certificate for all of them. */
export function labFolder(): string {
  return join(pkiFolder, 'gateway');
}

/** Trusts a server's certificate at a port of loopback, as the command does after somebody compared it. */
export function trustAt(folder: string, link: string, port: number, certificate: Buffer): void {
  const servers = new ServerCertificates(folder);
  const shown = new X509Certificate(certificate);
  servers.putAside(link, `127.0.0.1:${port}`, shown);
  const trusted = servers.trust(link, shown.fingerprint);
  if (!trusted.ok) throw new Error(trusted.text.en);
}

let madeUser: Promise<LabUser> | undefined;

/** A user's certificate, made once. */
function labUser(): Promise<LabUser> {
  const made = async () => {
    const folder = join(pkiFolder, 'user');
    await makeOwn(folder, { days: 2, replace: false, nowMs: Date.now() });
    // One file has both, and each of the settings finds its own in it.
    return { certificate: join(folder, OWN_FILE), key: join(folder, OWN_FILE) };
  };
  madeUser ??= made();
  return madeUser;
}

/** Removes the certificates; for the end of a test file that starts servers. */
export function removeCertificates(): void {
  rmSync(pkiFolder, { recursive: true, force: true });
}

/** What a server is like that wants to know who asks, and what a link says of itself to it. */
interface Secured {
  readonly policy: SecurityPolicy;
  readonly mode: MessageSecurityMode;
  /** The link's settings for it; the files are those of {@link labUser}. */
  readonly settings: (user: LabUser) => object;
}

export const withPassword: Secured = {
  policy: SecurityPolicy.Basic256Sha256,
  mode: MessageSecurityMode.SignAndEncrypt,
  settings: () => ({ security: { policy: 'Basic256Sha256' }, username: LAB_USER, password: LAB_PASSWORD }),
};

const withUserCertificate: Secured = {
  policy: SecurityPolicy.Aes256_Sha256_RsaPss,
  mode: MessageSecurityMode.Sign,
  settings: ({ certificate, key }) => ({
    security: { policy: 'best', mode: 'sign' },
    userCertificate: certificate,
    userKey: key,
  }),
};

/** A real node-opcua server, reached through a gate and so under a port that it does not announce. */
export const serverLabOf = (
  name: string,
  secured?: Secured,
  launch: () => Promise<LaunchedServer> = () => startServer(1, secured),
): Lab => ({
  name,
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
  refusedSettings: (settings) => {
    const { userCertificate: _, userKey: __, ...others } = settings as Record<string, unknown>;
    return { ...others, username: 'stranger', password: 'wrong' };
  },
  whenSilent: 'lost',
  whenKilled: 'lost',
  noticedWithinMs: 9_000,
  patientMs: 300,
  impatientMs: 4_000,
  emitsInFlight: 1,
  notifiesOnChangeOnly: true,
  async start(): Promise<LabServer> {
    const server = await launch();
    const gate = await openGate(server.port);
    if (secured !== undefined) trustAt(labFolder(), 'lab', gate.port, server.certificate);
    return {
      settings: {
        endpoint: `opc.tcp://127.0.0.1:${gate.port}/UA`,
        sampling: '50ms',
        publishing: '50ms',
        refresh: '500ms',
        ...secured?.settings(await labUser()),
      },
      ...(secured !== undefined && { folder: labFolder() }),
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
});

const securedLabs: readonly Lab[] = [
  serverLabOf('node-opcua server, Basic256Sha256 signed and encrypted, with a password', withPassword),
  serverLabOf('node-opcua server, Aes256 signed, with a user’s certificate', withUserCertificate),
];

/** The labs of OPC UA. */
export const opcuaLabs: readonly [Lab, ...Lab[]] = [serverLabOf('node-opcua server'), ...securedLabs];

/** Whether the lab's server wants to know who asks. */
export function isSecured(lab: Lab): boolean {
  return securedLabs.includes(lab);
}

/** What the lab asks of a server, whoever wrote it. */
interface LaunchedServer {
  readonly port: number;
  readonly certificate: Buffer;
  set(name: Name, value: LabValue): void | Promise<void>;
  /** From now on the point's value has this status. */
  mark(name: Name, status: StatusCode): void | Promise<void>;
  stop(): Promise<void>;
}

/** A point's node as a server of another stack must make it: plain data. */
export interface LabNode {
  readonly name: Name;
  readonly node: string;
  /** Name of the built-in type. */
  readonly type: string;
  readonly initial: unknown;
  /** What stands in the node for a value of the point. */
  readonly wire: (value: LabValue) => unknown;
}

/** The nodes of {@link points}; a 64-bit integer is a number here. */
export const labNodes: readonly LabNode[] = points.map(({ name, initial }) => {
  const { node, dataType, wire = (value) => value, arrayType } = nodes[name] as NodeKind;
  const plain = (value: LabValue) => {
    if (dataType === DataType.UInt64) return value;
    const made = wire(value);
    return arrayType === undefined ? made : [...(made as Float64Array)];
  };
  return { name, node, type: DataType[dataType], initial: plain(initial), wire: plain };
});

export interface OpcuaLabServer {
  readonly port: number;
  readonly certificate: Buffer;
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
export async function startServer(spare = 1, secured?: Secured): Promise<OpcuaLabServer> {
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
    securityPolicies: [secured?.policy ?? SecurityPolicy.None],
    securityModes: [secured?.mode ?? MessageSecurityMode.None],
    allowAnonymous: secured === undefined,
    isAuditing: false,
    userManager: { isValidUser: (user: string, password: string) => user === LAB_USER && password === LAB_PASSWORD },
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
    certificate: server.getCertificate(),
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
