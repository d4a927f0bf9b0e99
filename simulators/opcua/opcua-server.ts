import {
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAVariable,
} from 'node-opcua';
import { DeadEnd } from '../dead-end.ts';
import { freePort, isPortTaken } from '../listen.ts';

/** Sessions and connections that one server takes. */
const MAX_CONNECTIONS = 100;
/** Tries to find a port that nobody takes between looking and listening. */
const MAX_PORT_TRIES = 5;
/** Unchanged values get a fresh source time this often, site ms: a controller scans its inputs all the time. */
const RESTAMP_MS = 1000;

/** One variable that a server shows. */
export interface Variable {
  readonly asset: string;
  readonly name: string;
  readonly type: 'Byte' | 'Boolean' | 'Float' | 'UInt32';
  read(): number | boolean;
  /** False while the device marks its value as bad; good if absent. */
  good?(): boolean;
}

interface Node {
  readonly variable: Variable;
  readonly node: UAVariable;
  value: number | boolean | undefined;
  isGood: boolean;
}

export interface OpcuaServerOptions {
  readonly namespaceUri: string;
  readonly wantedPort: number;
  /** Folder for keys and certificates, which node-opcua keeps even where nothing is encrypted. */
  readonly pkiFolder: string;
  readonly variables: readonly Variable[];
}

/** One OPC UA server on loopback: no security, anonymous, one object per asset with its variables. */
export class OpcuaServer {
  readonly #server: OPCUAServer;
  readonly #nodes: readonly Node[];
  readonly port: number;
  readonly #deadEnd = new DeadEnd();
  #restampedMs = 0;

  private constructor(server: OPCUAServer, nodes: readonly Node[], port: number) {
    this.#server = server;
    this.#nodes = nodes;
    this.port = port;
  }

  /** Starts a server on the wanted port where it is free, else on any. */
  static async start(options: OpcuaServerOptions): Promise<OpcuaServer> {
    for (let tries = 1; ; tries += 1) {
      const port = await freePort(tries === 1 ? options.wantedPort : 0);
      const server = makeServer(options, port);
      await server.initialize();
      const nodes = addNodes(server, options);
      try {
        await server.start();
        return new OpcuaServer(server, nodes, port);
      } catch (error) {
        await server.shutdown(0);
        if (!isPortTaken(error) || tries === MAX_PORT_TRIES) throw error;
      }
    }
  }

  get address(): string {
    return `opc.tcp://127.0.0.1:${this.port}/UA`;
  }

  /** Shows the variables as they are now, stamped with site time. */
  show(siteMs: number): void {
    const isRestamp = siteMs - this.#restampedMs >= RESTAMP_MS;
    if (isRestamp) this.#restampedMs = siteMs;
    for (const entry of this.#nodes) {
      const value = entry.variable.read();
      const isGood = entry.variable.good?.() ?? true;
      if (!isRestamp && value === entry.value && isGood === entry.isGood) continue;
      entry.value = value;
      entry.isGood = isGood;
      const status = isGood ? StatusCodes.Good : StatusCodes.BadSensorFailure;
      const dataType = DataType[entry.variable.type];
      entry.node.setValueFromSource({ dataType, value }, status, new Date(siteMs));
    }
  }

  /** Cuts every connection, and new ones at once, as a controller whose network cable was pulled; keeps its port. */
  async unplug(): Promise<void> {
    const released = this.#server.suspendEndPoints();
    for (const endpoint of this.#server.endpoints) endpoint.abruptlyInterruptChannels();
    await released;
    await this.#deadEnd.hold(this.port);
  }

  /** Listens again on its port. */
  async plug(): Promise<void> {
    await this.#deadEnd.release();
    await this.#server.resumeEndPoints();
  }

  async stop(): Promise<void> {
    await this.#deadEnd.release();
    await this.#server.shutdown(0);
  }
}

function makeServer(options: OpcuaServerOptions, port: number): OPCUAServer {
  const certificates = new OPCUACertificateManager({
    rootFolder: options.pkiFolder,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  return new OPCUAServer({
    port,
    host: '127.0.0.1',
    hostname: '127.0.0.1',
    resourcePath: '/UA',
    serverInfo: { applicationUri: `${options.namespaceUri}:server`, productUri: options.namespaceUri },
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: [SecurityPolicy.None],
    securityModes: [MessageSecurityMode.None],
    allowAnonymous: true,
    isAuditing: false,
    maxConnectionsPerEndpoint: MAX_CONNECTIONS,
    serverCapabilities: { maxSessions: MAX_CONNECTIONS },
  });
}

function addNodes(server: OPCUAServer, { namespaceUri, variables }: OpcuaServerOptions): readonly Node[] {
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('the OPC UA server has no address space after its start');
  const namespace = addressSpace.registerNamespace(namespaceUri);
  const assets = new Map(
    [...new Set(variables.map(({ asset }) => asset))].map((asset) => [
      asset,
      namespace.addObject({ organizedBy: addressSpace.rootFolder.objects, browseName: asset, nodeId: `s=${asset}` }),
    ]),
  );
  return variables.map((variable) => {
    const parent = assets.get(variable.asset);
    const node = namespace.addVariable({
      ...(parent === undefined ? {} : { componentOf: parent }),
      browseName: variable.name,
      nodeId: `s=${variable.asset}.${variable.name}`,
      dataType: variable.type,
      accessLevel: 'CurrentRead',
      userAccessLevel: 'CurrentRead',
      minimumSamplingInterval: 50,
    });
    return { variable, node, value: undefined, isGood: true };
  });
}
