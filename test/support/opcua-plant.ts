import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataType,
  LogLevel,
  MessageSecurityMode,
  makeExpandedNodeId,
  nodesets,
  OPCUACertificateManager,
  OPCUAServer,
  resolveNodeId,
  SecurityPolicy,
  StatusCodes,
  setLogLevel,
  standardUnits,
  type UADataType,
  type UAObject,
  type UAVariable,
  VariantArrayType,
  type VariantLike,
} from 'node-opcua';
import { freePort } from './servers.ts';

/** Ports that are tried. */
const MAX_ATTEMPTS = 3;

export const PLANT = 'urn:lab:every-type';

/** A node-opcua server with a node of each type, in namespace {@link PLANT}. */
export interface OpcuaPlant {
  readonly port: number;
  readonly endpoint: string;
  /** Sets the value of a variable by its node id without namespace. */
  set(node: string, value: VariantLike): void;
  stop(): Promise<void>;
}

/** One value of each built-in type, by the name of the type; `s=NAME` is its node. */
export const SCALARS = {
  Boolean: true,
  SByte: -8,
  Byte: 200,
  Int16: -300,
  UInt16: 40_000,
  Int32: -70_000,
  UInt32: 3_000_000_000,
  Int64: [0xffff_ffff, 0xffff_fff6],
  UInt64: [0x0000_0001, 0x0000_0000],
  Float: 0.5,
  Double: 1.25,
  String: '门',
  DateTime: new Date('2026-06-15T12:30:00.250Z'),
  Guid: '09087E75-8E5E-499B-954F-F2A9603DB28A',
  ByteString: Buffer.from([1, 0xfe]),
  XmlElement: '<a/>',
  NodeId: resolveNodeId('ns=1;s=Lift'),
  ExpandedNodeId: makeExpandedNodeId(resolveNodeId('ns=1;i=7')),
  StatusCode: StatusCodes.BadSensorFailure,
  QualifiedName: { namespaceIndex: 1, name: 'Speed' },
  LocalizedText: { locale: 'zh', text: '开' },
} as const;

/** Starts the plant; `devices` more objects with five variables each come for whoever walks through it. */
export async function startPlant(devices = 0): Promise<OpcuaPlant> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort(), devices);
    } catch (error) {
      // Between the look for a free port and the server's listening there is time for somebody else to take it.
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!isTaken || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

async function startOn(port: number, devices: number): Promise<OpcuaPlant> {
  setLogLevel(LogLevel.Emergency);
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-plant-'));
  const certificates = new OPCUACertificateManager({
    rootFolder: folder,
    automaticallyAcceptUnknownCertificate: true,
    disableFileWatchers: true,
  });
  const server = new OPCUAServer({
    port,
    host: '127.0.0.1',
    resourcePath: '/UA',
    serverCertificateManager: certificates,
    userCertificateManager: certificates,
    securityPolicies: [SecurityPolicy.None],
    securityModes: [MessageSecurityMode.None],
    allowAnonymous: true,
    isAuditing: false,
    nodeset_filename: [nodesets.standard, join(import.meta.dirname, 'opcua-plant.xml')],
  });
  await server.initialize();
  const variables = new Map<string, UAVariable>();
  fill(server, variables, devices);
  const stop = async () => {
    await server.shutdown(0);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    endpoint: `opc.tcp://127.0.0.1:${port}/UA`,
    set(node, value) {
      const variable = variables.get(node);
      if (variable === undefined) throw new Error(`the plant has no node ${node}`);
      variable.setValueFromSource(value);
    },
    stop,
  };
}

function fill(server: OPCUAServer, variables: Map<string, UAVariable>, devices: number): void {
  const { addressSpace } = server.engine;
  if (addressSpace === null) throw new Error('the server has no address space');
  // The types' own, which their file has registered.
  const namespace = addressSpace.registerNamespace(PLANT);
  const folder = namespace.addFolder(addressSpace.rootFolder.objects, { browseName: 'Types', nodeId: 's=Types' });
  const add = (parent: UAObject, name: string, value: VariantLike, dataType: UADataType | string, id = name) => {
    const isMatrix = value.arrayType === VariantArrayType.Matrix;
    const isArray = value.arrayType === VariantArrayType.Array;
    const variable = namespace.addVariable({
      componentOf: parent,
      browseName: name,
      nodeId: `s=${id}`,
      dataType: typeof dataType === 'string' ? dataType : dataType.nodeId,
      minimumSamplingInterval: 20,
      ...(isArray && { valueRank: 1 }),
      ...(isMatrix && { valueRank: 2, arrayDimensions: [2, 3] }),
    });
    variable.setValueFromSource(value);
    variables.set(`s=${id}`, variable);
    return variable;
  };
  for (const [name, value] of Object.entries(SCALARS)) {
    const type = name as keyof typeof SCALARS;
    add(folder, name, { dataType: DataType[type], arrayType: VariantArrayType.Scalar, value }, type);
  }
  add(
    folder,
    'Doubles',
    { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [230, 231, 232] },
    'Double',
  );
  add(
    folder,
    'Flags',
    { dataType: DataType.Boolean, arrayType: VariantArrayType.Array, value: [true, false, true] },
    'Boolean',
  );
  const matrix = { arrayType: VariantArrayType.Matrix, dimensions: [2, 3], value: [0, 1, 2, 10, 11, 12] };
  add(folder, 'Matrix', { dataType: DataType.Int32, ...matrix }, 'Int32');
  const variants = [
    { dataType: DataType.Double, value: 7 },
    { dataType: DataType.String, value: 'x' },
  ];
  add(
    folder,
    'Variants',
    { dataType: DataType.Variant, arrayType: VariantArrayType.Array, value: variants },
    'BaseDataType',
  );

  const mode = namespace.addEnumerationType({
    browseName: 'PumpMode',
    enumeration: [
      { value: 1, displayName: 'Automatic' },
      { value: 4, displayName: 'By hand' },
    ],
  });
  add(folder, 'Mode', { dataType: DataType.Int32, value: 4 }, mode);

  const type = (name: string): UADataType => {
    const found = namespace.findDataType(name);
    if (found === null) throw new Error(`the plant has no type ${name}`);
    return found;
  };
  const state = type('DriveState');
  const drive = type('Drive');
  add(folder, 'State', { dataType: DataType.Int32, value: 2 }, state);
  const axisOf = (speed: number) => ({ speed, state: 1, started: new Date('2026-06-15T00:00:00Z') });
  const driveValue = addressSpace.constructExtensionObject(drive, {
    axes: [axisOf(1), axisOf(2)],
    main: axisOf(3),
    serial: [1, 5],
    temperatures: [20.5, 21.5],
    label: { text: '主泵' },
    ready: true,
  });
  add(folder, 'Drive', { dataType: DataType.ExtensionObject, value: driveValue }, drive);
  const drives = { arrayType: VariantArrayType.Array, value: [driveValue, driveValue] };
  add(folder, 'Drives', { dataType: DataType.ExtensionObject, ...drives }, drive);

  const secret = type('Secret');
  const secretValue = addressSpace.constructExtensionObject(secret, { speed: 5 });
  add(folder, 'Secret', { dataType: DataType.ExtensionObject, value: secretValue }, secret);
  // The server can still send it, and nobody can find out any more what is in it.
  const encoding = secret.getEncodingNode('Default Binary');
  if (encoding) addressSpace.deleteNode(encoding);

  const pumps = namespace.addFolder(addressSpace.rootFolder.objects, { browseName: 'Pumps', nodeId: 's=Pumps' });
  for (const [name, title] of [
    ['pump-1', '一号泵'],
    ['pump-2', '二号泵'],
  ] as const) {
    const pump = namespace.addObject({
      organizedBy: pumps,
      browseName: name,
      nodeId: `s=${name}`,
      displayName: { locale: 'zh', text: title },
    });
    const pressure = namespace.addAnalogDataItem({
      componentOf: pump,
      browseName: 'Pressure',
      nodeId: `s=${name}.Pressure`,
      dataType: 'Double',
      description: { locale: 'en', text: 'outlet pressure' },
      engineeringUnits: standardUnits.bar,
      engineeringUnitsRange: { low: 0, high: 16 },
      value: { dataType: DataType.Double, value: 4.5 },
    });
    variables.set(`s=${name}.Pressure`, pressure);
    namespace.addMultiStateDiscrete({
      componentOf: pump,
      browseName: 'Step',
      nodeId: `s=${name}.Step`,
      enumStrings: ['Idle', 'Filling', 'Draining'],
      value: 1,
    });
    namespace.addTwoStateDiscrete({
      componentOf: pump,
      browseName: 'Running',
      nodeId: `s=${name}.Running`,
      trueState: 'running',
      falseState: 'stopped',
      value: true,
    });
    add(pump, 'Mode', { dataType: DataType.Int32, value: 4 }, mode, `${name}.Mode`);
    add(
      pump,
      'Phases',
      { dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [230, 231, 232] },
      'Double',
      `${name}.Phases`,
    );
    add(pump, 'Drive', { dataType: DataType.ExtensionObject, value: driveValue }, drive, `${name}.Drive`);
    // An address space may lead in circles.
    pump.addReference({ referenceType: 'Organizes', nodeId: pumps });
  }
  const many = namespace.addFolder(addressSpace.rootFolder.objects, { browseName: 'Many', nodeId: 's=Many' });
  for (let at = 0; at < devices; at += 1) {
    const device = namespace.addObject({ organizedBy: many, browseName: `d${at}`, nodeId: `s=d${at}` });
    for (let own = 0; own < 5; own += 1) {
      const name = `v${own}`;
      namespace.addVariable({
        componentOf: device,
        browseName: name,
        nodeId: `s=d${at}.${name}`,
        dataType: 'Double',
        value: { dataType: DataType.Double, value: at },
      });
    }
  }
}
