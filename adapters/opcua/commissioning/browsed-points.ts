import { AttributeIds, type ClientSession, type DataValue, NodeId } from 'node-opcua';
import type { ValueKind } from '../../../model/point.ts';
import type { ScanEvent, Shown } from '../../../model/probe.ts';
import type { OpcuaMapPoint } from '../schema.ts';
import { BuiltIn } from '../values/built-in.ts';
import type { Held } from '../values/held.ts';
import { learnTypes } from '../values/type-catalogue.ts';
import { variantText } from './node-text.ts';
import { assetKey, Names, pointName } from './point-names.ts';
import { readProperties, type States, statesOf, TypeFacts } from './type-facts.ts';
import { unitOf } from './units.ts';
import { MAX_PARTS, partsOf, type ValuePart } from './value-parts.ts';
import type { FoundNode, Walk } from './walk.ts';

/**
 * What `scan` with the option `points` tells of each point that could be in a site file; `gateway/browse-command.ts` makes
 * lists and maps of it. `mapPoint` and `states` are JSON.
 */
export const pointsTable: Extract<ScanEvent, { kind: 'table' }>['table'] = {
  key: 'points',
  title: { zh: '可用的点', en: 'Points' },
  columns: [
    { key: 'asset', title: { zh: '资产', en: 'asset' } },
    { key: 'assetName', title: { zh: '名称', en: 'name' } },
    { key: 'address', title: { zh: '资产地址', en: 'address of the asset' } },
    { key: 'point', title: { zh: '点', en: 'point' } },
    { key: 'pointName', title: { zh: '点的名称', en: 'name of the point' } },
    { key: 'kind', title: { zh: '类型', en: 'kind' } },
    { key: 'engineeringUnit', title: { zh: '单位', en: 'unit' } },
    { key: 'low', title: { zh: '下限', en: 'low' }, right: true },
    { key: 'high', title: { zh: '上限', en: 'high' }, right: true },
    { key: 'states', title: { zh: '取值', en: 'states' } },
    { key: 'mapPoint', title: { zh: '映射', en: 'map' } },
    { key: 'value', title: { zh: '当前值', en: 'value' } },
  ],
};

/** Properties that say how a value is to be read (Part 8, 5.3 and 5.6). */
const PROPERTIES = ['EngineeringUnits', 'EURange', 'EnumStrings', 'EnumValues', 'TrueState', 'FalseState'];
const SCALAR_RANK = -1;
const OBJECTS_FOLDER = 85;
const SHOWN_VALUE = 60;

interface Row {
  readonly key: string;
  readonly cells: readonly Shown[];
}

/** An object that becomes an asset, with what is given out of it so far. */
interface AssetDraft {
  readonly key: string;
  readonly name: string;
  /** What `{asset}` stands for in the ids of its nodes; undefined where they do not have it. */
  readonly prefix: string | undefined;
  readonly points: Names;
}

/** Makes points of the variables that a walk meets. */
export class BrowsedPoints {
  readonly #walk: Walk;
  readonly #session: ClientSession;
  readonly #types: TypeFacts;
  readonly #assets = new Map<string, AssetDraft>();
  readonly #assetKeys = new Names();
  readonly #leftOut = { valueless: 0, large: 0, braces: 0 };

  constructor(walk: Walk, session: ClientSession) {
    this.#walk = walk;
    this.#session = session;
    this.#types = new TypeFacts(walk);
  }

  /** The points of some variables, in their order. */
  async of(variables: readonly FoundNode[]): Promise<Row[]> {
    // What a property of a variable says is in the variable's point.
    const own = variables.filter(
      (one) => !(one.isProperty && one.parent?.isVariable) && (one.nodeId.namespace > 0 || isAskedFor(one)),
    );
    const nodeIds = own.map(({ nodeId }) => nodeId);
    const attributes = [
      AttributeIds.Value,
      AttributeIds.DataType,
      AttributeIds.Description,
      AttributeIds.ValueRank,
    ].map((attributeId) => nodeIds.map((nodeId) => ({ nodeId, attributeId })));
    const [valueAt = [], typeAt = [], descriptionAt = [], rankAt = []] = attributes;
    const answers = new Map(await this.#walk.read(attributes.flat()));
    const properties = await readProperties(this.#walk, nodeIds, PROPERTIES);
    await this.#types.learn(typeAt.map((one) => answers.get(one)?.value?.value));
    await this.#decodeStructures(valueAt, answers);
    return own.flatMap((variable, index) =>
      this.#rows(variable, {
        value: answers.get(valueAt[index] ?? NONE),
        rank: answers.get(rankAt[index] ?? NONE)?.value?.value,
        type: answers.get(typeAt[index] ?? NONE)?.value?.value,
        description: answers.get(descriptionAt[index] ?? NONE)?.value?.value?.text,
        properties: properties.get(variable.nodeId) ?? {},
      }),
    );
  }

  /** Says what no point was made of. */
  end(): void {
    const { valueless, large, braces } = this.#leftOut;
    if (valueless > 0) {
      this.#walk.remark({
        zh: `${valueless} 个变量现在没有可用的值（或服务器未说明其结构），未列出`,
        en: `${valueless} variables have no value now, or one that the server does not describe; they are left out`,
      });
    }
    if (large > 0) {
      this.#walk.remark({
        zh: `${large} 个数组或结构超过 ${MAX_PARTS} 个元素，未全部列出`,
        en: `${large} arrays or structures have more than ${MAX_PARTS} parts, of which not all are listed`,
      });
    }
    if (braces > 0) {
      this.#walk.remark({
        zh: `${braces} 个节点号含有花括号，映射无法表示，未列出`,
        en: `${braces} node ids have braces in them, which a map cannot have; they are left out`,
      });
    }
  }

  /** Structures come in as bytes until their types are known: these are learnt, and the values read once more. */
  async #decodeStructures(
    valueAt: readonly { nodeId: NodeId; attributeId: AttributeIds }[],
    answers: Map<unknown, DataValue>,
  ): Promise<void> {
    const structures = valueAt.filter((one) => answers.get(one)?.value?.dataType === BuiltIn.ExtensionObject);
    if (structures.length === 0) return;
    await learnTypes(
      this.#session,
      structures.map(({ nodeId }) => nodeId),
    );
    for (const [one, value] of await this.#walk.read(structures)) answers.set(one, value);
  }

  #rows(variable: FoundNode, facts: VariableFacts): Row[] {
    const { value, type, rank } = facts;
    const node = idWithoutNamespace(variable.nodeId);
    if (/[{}]/.test(node)) {
      this.#leftOut.braces += 1;
      return [];
    }
    const isBad = value === undefined || value.statusCode.value >>> 30 >= 2;
    const isThere = !isBad && value.value !== null && value.value.dataType !== BuiltIn.Null;
    const held: Held | null = isThere ? value.value : rank === SCALAR_RANK ? valueOfType(type) : null;
    const { parts, complete } = held === null ? NO_PARTS : partsOf(held);
    if (parts.length === 0) this.#leftOut.valueless += 1;
    if (!complete) this.#leftOut.large += 1;
    const owner = ownerOf(variable);
    const asset = this.#asset(owner, node);
    const within = namesBetween(owner, variable);
    const shared = describe(facts);
    return parts.map((part) => {
      const { kind, states } = kindOf(part, shared.states, this.#types.states(type));
      const point = asset.points.take(pointName([...within, ...part.names]), '');
      const title = [variable.title || variable.name, ...part.names].join(' ');
      const namespace = this.#walk.namespaces[variable.nodeId.namespace] ?? '';
      const mapPoint: OpcuaMapPoint = { node: templated(node, asset.prefix), namespace, ...part.place };
      const prefix = asset.prefix !== undefined && asset.prefix !== asset.key ? { prefix: asset.prefix } : {};
      const isNumber = kind === 'double';
      const cells: Shown[] = [
        asset.key,
        asset.name,
        JSON.stringify(prefix),
        point,
        shared.description === '' ? title : `${title}: ${shared.description}`,
        kind,
        isNumber ? shared.unit : '',
        isNumber ? shared.low : '',
        isNumber ? shared.high : '',
        states === null ? '' : JSON.stringify(states),
        JSON.stringify(mapPoint),
        isBad ? (value?.statusCode.name ?? '') : variantText(value.value).slice(0, SHOWN_VALUE),
      ];
      return { key: `${asset.key}/${point}`, cells };
    });
  }

  #asset(owner: FoundNode, node: string): AssetDraft {
    const id = owner.nodeId.toString();
    const known = this.#assets.get(id);
    if (known !== undefined) return known;
    const candidates = [typeof owner.nodeId.value === 'string' ? owner.nodeId.value : '', owner.name];
    const asset: AssetDraft = {
      key: this.#assetKeys.take(assetKey(owner.name), '-'),
      name: owner.title || owner.name,
      // An id in which the asset's own stands can be that of others too.
      prefix: candidates.find((candidate) => candidate !== '' && templated(node, candidate) !== node),
      points: new Names(),
    };
    this.#assets.set(id, asset);
    return asset;
  }
}

const NONE = { nodeId: new NodeId(), attributeId: AttributeIds.Value };
const NO_PARTS = { parts: [], complete: true };

interface VariableFacts {
  readonly value: DataValue | undefined;
  readonly type: unknown;
  /** -1 of a scalar (Part 3, 5.6.2). */
  readonly rank: unknown;
  readonly description: unknown;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What a variable and its properties say of its values. */
function describe({ description, properties }: VariableFacts) {
  const { EngineeringUnits, EURange, EnumStrings, EnumValues, TrueState, FalseState } = properties;
  const range = (EURange ?? {}) as { low?: unknown; high?: unknown };
  return {
    description: typeof description === 'string' ? description : '',
    unit: unitOf(EngineeringUnits) ?? '',
    low: typeof range.low === 'number' ? String(range.low) : '',
    high: typeof range.high === 'number' ? String(range.high) : '',
    states: statesOf(EnumStrings) ?? statesOf(EnumValues) ?? statesOf([FalseState, TrueState]),
  };
}

const texts: ReadonlySet<number> = new Set([
  BuiltIn.String,
  BuiltIn.DateTime,
  BuiltIn.Guid,
  BuiltIn.ByteString,
  BuiltIn.XmlElement,
  BuiltIn.NodeId,
  BuiltIn.ExpandedNodeId,
  BuiltIn.StatusCode,
  BuiltIn.QualifiedName,
  BuiltIn.LocalizedText,
]);
const unsignedIntegers: ReadonlySet<number> = new Set([BuiltIn.Byte, BuiltIn.UInt16, BuiltIn.UInt32]);

/**
 * What kind of point a part becomes, and what its values are called: by the structure's description, by the node's own
 * properties, or by its data type, which for an unsigned integer is a set of options, since an enumeration is an Int32.
 */
function kindOf(
  { dataType, states: own }: ValuePart,
  ofNode: States | null,
  ofType: States | null,
): { kind: ValueKind; states: States | null } {
  if (texts.has(dataType)) return { kind: 'text', states: null };
  if (dataType === BuiltIn.Float || dataType === BuiltIn.Double) return { kind: 'double', states: null };
  const states = own ?? ofNode;
  if (states !== null) return { kind: 'enum', states };
  if (dataType === BuiltIn.Boolean) return { kind: 'bool', states: null };
  if (ofType === null) return { kind: 'double', states: null };
  return { kind: unsignedIntegers.has(dataType) ? 'bitset' : 'enum', states: ofType };
}

/** A value of the built-in type that a node declares, where it has none now. */
function valueOfType(type: unknown): Held | null {
  const id = type instanceof NodeId && type.namespace === 0 && typeof type.value === 'number' ? type.value : 0;
  return id >= BuiltIn.Boolean && id <= BuiltIn.LocalizedText ? { dataType: id, arrayType: 0, value: 0 } : null;
}

/** The standard's own nodes are nothing of the plant, unless whoever walks begins among them. */
function isAskedFor(variable: FoundNode): boolean {
  let root = variable;
  while (root.parent !== null) root = root.parent;
  return root.nodeId.namespace === 0 && root.nodeId.value !== OBJECTS_FOLDER;
}

/** The object that is the asset: the topmost one that is no folder, else the nearest folder. */
function ownerOf(variable: FoundNode): FoundNode {
  let owner: FoundNode | null = null;
  let nearest: FoundNode | null = null;
  for (let at = variable.parent; at !== null; at = at.parent) {
    if (at.isVariable) continue;
    nearest ??= at;
    if (!at.isFolder) owner = at;
  }
  return owner ?? nearest ?? variable;
}

function namesBetween(owner: FoundNode, variable: FoundNode): string[] {
  const names: string[] = [];
  for (let at: FoundNode | null = variable; at !== null && at !== owner; at = at.parent) names.unshift(at.name);
  return names.length > 0 ? names : [variable.name];
}

/** Node id without its namespace, as maps have it. */
function idWithoutNamespace(nodeId: NodeId): string {
  return new NodeId(nodeId.identifierType, nodeId.value, 0).toString().replace(/^ns=0;/, '');
}

/** The id with `{asset}` in place of the asset's own, where that begins it and ends at a separator. */
function templated(node: string, prefix: string | undefined): string {
  if (prefix === undefined || !node.startsWith(`s=${prefix}`)) return node;
  const rest = node.slice(prefix.length + 2);
  return /^[^A-Za-z0-9]/.test(rest) ? `s={asset}${rest}` : node;
}
