import { AttributeIds, type ClientSession, DataType, type DataValue, NodeClass, type NodeId } from 'node-opcua';
import { LinkLost, type LinkPlan, type LinkPoint, SetupRefused } from '../../../model/adapter.ts';
import type { Fact, Finding, ProbeAnswer, ProbeRequest, Shown, ShownTable, Trouble } from '../../../model/probe.ts';
import { reasonOf, reasons } from '../../../model/reason.ts';
import { BatchBuilder } from '../../../model/sample.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaLink } from '../link.ts';
import type { OpcuaAddress, OpcuaSettings } from '../schema.ts';
import { REQUEST_TIMEOUT_MS, within } from '../session/request.ts';
import { decodeValue } from '../values/decode.ts';
import { memberText } from '../values/member-path.ts';
import { deferTypes, learnTypes } from '../values/type-catalogue.ts';
import { type NodePlace, nodeIdOf, parseNode, pointIndex } from './node-place.ts';
import { elementsOf, statusText, timeText, typeText, variantText } from './node-text.ts';

/** Elements of an array that are shown. */
const MAX_ELEMENTS = 100;
const NONE = '—';
const BAD_SEVERITY = 2;
/** Statuses by which a server says that one may not read. */
const ACCESS = /Access|NotReadable/;

export type PersonsPlan = Pick<LinkPlan<OpcuaSettings, OpcuaAddress>, 'key' | 'points' | 'clock'>;

/** Reads one node with its value, status, times and type; see `Commissioning.probe`. */
export async function probeOpcua(
  plan: PersonsPlan,
  link: Pick<OpcuaLink, 'withSession'>,
  { where }: ProbeRequest,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const parsed = parseNode(where, plan.points);
  if (!parsed.ok) return parsed;
  const aborted = new Promise<Finding>((resolve) => {
    const gone = () => resolve(unreachable({ zh: '已取消', en: 'cancelled' }));
    if (signal.aborted) gone();
    signal.addEventListener('abort', gone, { once: true });
  });
  const reading = link.withSession((session) => readNode(plan, session, parsed.place)).catch(explained);
  return { ok: true, finding: await Promise.race([reading, aborted]) };
}

/** What the link's own session rejects with is the library's, and means that the connection is gone. */
function explained(error: unknown): Finding {
  // A refusal says itself what is to be done: address and port are right.
  if (error instanceof SetupRefused) return unreachable(error.reason, []);
  if (error instanceof LinkLost) return unreachable(error.reason);
  const why = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
  return unreachable({ zh: `读取中断：${why}`, en: `the read broke off: ${why}` });
}

function unreachable(what: Text, next: readonly Text[] = connectionAdvice): Finding {
  return { outcome: 'unreachable', facts: [], tables: [], trouble: { what, next } };
}

/** What to look at where there is no session. */
export const connectionAdvice: readonly Text[] = [
  {
    zh: '核对 endpoint 的地址、端口（一般为 4840）和路径',
    en: 'check address, port (4840 as a rule) and path of the endpoint',
  },
  {
    zh: '核对站点文件的 security 与服务器是否一致（没有写时须允许无加密连接），以及用户名和密码',
    en: 'compare security in the site file with what the server allows (without it, connections without encryption); check user name and password',
  },
  {
    zh: '小型服务器会话很少：断开其他客户端再试',
    en: 'small servers have few sessions: end other clients and try again',
  },
];

async function readNode(
  { key, points, clock }: PersonsPlan,
  session: ClientSession,
  place: NodePlace,
): Promise<Finding> {
  const namespaces = await within(REQUEST_TIMEOUT_MS, session.readNamespaceArray(), 'read the namespaces');
  const nodeId = nodeIdOf(place, namespaces);
  const named: Fact[] = [fact('namespace', '命名空间', 'namespace', namespaceText(place, namespaces))];
  if (nodeId === undefined) {
    const what = {
      zh: `服务器没有命名空间 ${place.namespace}`,
      en: `the server does not have the namespace ${place.namespace}`,
    };
    return {
      outcome: 'refused',
      facts: named,
      tables: [namespaceTable(namespaces)],
      trouble: { what, next: browseAdvice(key) },
    };
  }
  const attributes = [AttributeIds.Value, AttributeIds.DisplayName, AttributeIds.NodeClass, AttributeIds.DataType];
  const read = async () => {
    const asked = attributes.map((attributeId) => ({ nodeId, attributeId }));
    return await within(REQUEST_TIMEOUT_MS, session.read(asked), 'read');
  };
  deferTypes(session);
  const startMs = performance.now();
  let values = await read();
  const roundTripMs = performance.now() - startMs;
  if (values[0]?.value?.dataType === DataType.ExtensionObject) {
    // Bytes, until it is known what is in them.
    await learnTypes(session, [nodeId]);
    values = await read();
  }
  const [value, name, nodeClass, dataType] = values;
  if (value === undefined) throw new Error('the server gave no value');
  const bad = value.statusCode.value >>> 30 >= BAD_SEVERITY;
  const classValue: unknown = nodeClass?.value?.value;
  return {
    outcome: bad ? 'refused' : 'answered',
    // What the server gives nothing of is left out.
    facts: [
      fact('node', '节点', 'node', nodeId.toString()),
      ...named,
      fact('name', '名称', 'name', String(name?.value?.value?.text ?? NONE)),
      fact('class', '类别', 'class', typeof classValue === 'number' ? (NodeClass[classValue] ?? NONE) : NONE),
      fact('type', '数据类型', 'data type', `${typeText(value.value)}${await declaredType(session, dataType, value)}`),
      fact('value', '值', 'value', variantText(value.value)),
      fact('status', '状态', 'status', statusText(value)),
      fact('sourceTime', '源时间（设备）', 'source time (device)', timeText(value.sourceTimestamp)),
      fact('serverTime', '服务器时间', 'server time', timeText(value.serverTimestamp)),
      fact('roundTrip', '应答用时', 'answered in', `${Math.round(roundTripMs)} ms`),
    ].filter((one) => one.value !== NONE),
    tables: tablesOf(value, nodeId, { namespaces, points, nowMs: clock.now(), bad }),
    trouble: bad ? troubleOf(value, key, classValue) : null,
  };
}

function fact(key: string, zh: string, en: string, value: Shown): Fact {
  return { key, name: { zh, en }, value };
}

function namespaceText({ namespace }: NodePlace, namespaces: readonly string[]): string {
  if (typeof namespace === 'string') {
    const index = namespaces.indexOf(namespace);
    return index < 0 ? namespace : `${index} = ${namespace}`;
  }
  return `${namespace} = ${namespaces[namespace] ?? NONE}`;
}

/** The type that the node declares, where it is another than that of its value, such as a structure of the maker's. */
async function declaredType(
  session: ClientSession,
  declared: DataValue | undefined,
  value: DataValue,
): Promise<string> {
  const nodeId = declared?.value?.value as NodeId | null | undefined;
  const isBuiltIn = nodeId?.namespace === 0 && nodeId.value === value.value?.dataType;
  if (nodeId === null || nodeId === undefined || isBuiltIn) return '';
  const [name] = await within(
    REQUEST_TIMEOUT_MS,
    session.read([{ nodeId, attributeId: AttributeIds.DisplayName }]),
    'read the data type',
  );
  return name?.value?.dataType === DataType.LocalizedText ? ` (${name.value.value.text})` : ` (${nodeId.toString()})`;
}

interface TableParts {
  readonly namespaces: readonly string[];
  readonly points: readonly LinkPoint<OpcuaAddress>[];
  readonly nowMs: number;
  readonly bad: boolean;
}

function tablesOf(value: DataValue, nodeId: NodeId, { namespaces, points, nowMs, bad }: TableParts): ShownTable[] {
  const own = pointIndex(points)(nodeId, namespaces);
  const isArray = !bad && value.value !== null && value.value?.arrayType !== 0;
  return [
    ...(isArray && value.value ? [elementTable(elementsOf(value.value, MAX_ELEMENTS), own)] : []),
    ...(own.length > 0 ? [pointTable(own, value, nowMs)] : []),
    ...(bad ? [namespaceTable(namespaces)] : []),
  ];
}

function elementTable(elements: readonly string[], own: readonly LinkPoint<OpcuaAddress>[]): ShownTable {
  return {
    key: 'elements',
    title: { zh: '数组元素', en: 'Elements of the array' },
    columns: [
      { key: 'index', title: 'index', right: true },
      { key: 'value', title: { zh: '值', en: 'value' } },
      { key: 'points', title: { zh: '站点文件', en: 'site file' } },
    ],
    rows: elements.map((element, index) => [
      String(index),
      element,
      own.flatMap(({ key, address }) => (address.index === index ? [key] : [])).join(', '),
    ]),
  };
}

/** What the gateway makes of the value. */
function pointTable(own: readonly LinkPoint<OpcuaAddress>[], value: DataValue, nowMs: number): ShownTable {
  return {
    key: 'points',
    title: { zh: '站点文件中的点', en: 'Points of the site file' },
    columns: [
      { key: 'point', title: { zh: '点', en: 'point' } },
      { key: 'form', title: { zh: '写法', en: 'written as' } },
      { key: 'value', title: { zh: '值', en: 'value' } },
      { key: 'reason', title: '' },
    ],
    rows: own.map((point): Shown[] => {
      const builder = new BatchBuilder(1);
      decodeValue(builder, point, value, nowMs);
      const batch = builder.take();
      const found = batch.texts.get(0) ?? batch.value[0];
      const state = point.states?.[String(found)];
      const none = typeof found === 'number' && Number.isNaN(found);
      const reason = reasonOf(batch.reason[0] ?? 0);
      return [
        point.key,
        formOf(point),
        state ? { zh: `${found} ${state.zh}`, en: `${found} ${state.en}` } : none ? NONE : String(found),
        reason ? reasons[reason].text : '',
      ];
    }),
  };
}

/** How the map has it: kind, element, member, factor. */
function formOf({ kind, address: { index, member, type, scale } }: LinkPoint<OpcuaAddress>): string {
  return [
    kind,
    ...(index === undefined ? [] : [`index ${index}`]),
    ...(member === undefined ? [] : [`member ${memberText(member)}`]),
    ...(type === undefined ? [] : [`type ${type}`]),
    ...(scale === undefined ? [] : [`× ${scale}`]),
  ].join(', ');
}

function namespaceTable(namespaces: readonly string[]): ShownTable {
  return {
    key: 'namespaces',
    title: { zh: '服务器的命名空间', en: 'Namespaces of the server' },
    columns: [
      { key: 'index', title: 'ns', right: true },
      { key: 'uri', title: 'URI' },
    ],
    rows: namespaces.map((uri, index) => [String(index), uri]),
  };
}

function troubleOf(value: DataValue, link: string, nodeClass: unknown): Trouble {
  const { zh, en } = statusText(value);
  const why = statusMeaning(value.statusCode.name);
  const what = { zh: `${why.zh}：${zh}`, en: `${why.en}: ${en}` };
  if (typeof nodeClass === 'number' && nodeClass !== NodeClass.Variable) {
    const text = {
      zh: '这个节点不是变量，没有值；看它下面有什么',
      en: 'this node is no variable and has no value; see what is below it',
    };
    return { what, next: [text, ...browseAdvice(link)] };
  }
  return {
    what,
    next: ACCESS.test(value.statusCode.name)
      ? [{ zh: '换有读权限的用户名和密码', en: 'use a user name and password that may read it' }]
      : browseAdvice(link),
  };
}

/** What the bad statuses that one meets while commissioning say. */
function statusMeaning(name: string): Text {
  if (/^BadNodeId/.test(name)) return { zh: '服务器上没有这个节点', en: 'the server has no such node' };
  if (ACCESS.test(name)) return { zh: '服务器不允许读取', en: 'the server does not allow reading it' };
  if (/^BadAttributeId/.test(name)) return { zh: '这个节点没有值', en: 'this node has no value' };
  return { zh: '服务器标记该值为坏', en: 'the server marks the value as bad' };
}

function browseAdvice(link: string): Text[] {
  return [
    {
      zh: 'ns 的序号会随服务器重启而变，URI 不变：对照上面的命名空间；标识区分大小写',
      en: 'the index of a namespace may change when the server restarts, its URI does not: compare with the namespaces above; case matters',
    },
    {
      zh: `查看有哪些节点：npm run lamplighter -- scan ${link}`,
      en: `to see which nodes there are: npm run lamplighter -- scan ${link}`,
    },
  ];
}
