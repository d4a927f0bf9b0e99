import { setTimeout as realDelay } from 'node:timers/promises';
import {
  AttributeIds,
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  type DataValue,
  NodeClass,
  NodeId,
  type ReferenceDescription,
} from 'node-opcua';
import type { Text } from '../../../model/text.ts';
import { untoldWire } from '../../../model/untold-wire.ts';
import { CallSize, inCalls } from '../session/in-calls.ts';
import { readLimits } from '../session/limits.ts';
import { REQUEST_TIMEOUT_MS, within } from '../session/request.ts';
import { deferTypes } from '../values/type-catalogue.ts';
import { type NodePlace, nodeIdOf } from './node-place.ts';

/** Nodes of one walk; of one browse where the server does not say how many it takes, and where it does, at most. */
export const MAX_NODES = 20_000;
const UNTOLD_PER_BROWSE = 10;
const MOST_PER_BROWSE = 50;
/** Values of one read, which small servers refuse more of, and attributes of one. */
const VALUES_PER_READ = 50;
/** Further calls for the children of one node. */
const MAX_CONTINUATIONS = 200;
/** Characters of a node's path; names below each other may be long. */
const MAX_PATH = 400;

/** The server's own description of itself, some hundreds of nodes, and the types: nothing of the plant. */
const SERVER_OBJECT = 2253;
const HIERARCHICAL = 'HierarchicalReferences';
const FOLDER_TYPE = 61;
const HAS_PROPERTY = 46;
const HAS_TYPE_DEFINITION = 'HasTypeDefinition';

/** What is looked through, and how gently. */
export interface WalkWanted {
  readonly from: NodePlace;
  readonly depth: number;
  readonly paceMs: number;
  readonly limitMs: number;
}

/** A node that a walk met. */
export interface FoundNode {
  readonly nodeId: NodeId;
  /** Names from where the walk began, with slashes; empty for that node itself. */
  readonly path: string;
  readonly name: string;
  /** What people call it, in the server's language. */
  readonly title: string;
  readonly depth: number;
  readonly isVariable: boolean;
  readonly isFolder: boolean;
  /** It says something of its parent: a unit, a range, a serial number. */
  readonly isProperty: boolean;
  readonly parent: FoundNode | null;
}

/** One attribute of one node. */
export interface Attribute {
  readonly nodeId: NodeId;
  readonly attributeId: AttributeIds;
}

/**
 * One walk through an address space, level by level, so that what is near is found first, within bounds and with a pause
 * after each request. What was not looked at is said in `notes`.
 */
export class Walk {
  readonly notes: Text[] = [];
  readonly #session: ClientSession;
  readonly #wanted: WalkWanted;
  readonly #signal: AbortSignal;
  readonly #progress: () => void;
  readonly #startMs = performance.now();
  /** Nodes that were met: an address space may lead in circles. */
  readonly #met = new Set<string>();
  #browseSize = new CallSize(UNTOLD_PER_BROWSE);
  #readSize = new CallSize(VALUES_PER_READ);
  namespaces: readonly string[] = [];
  complete = true;

  /** @param progress called after each answer */
  constructor(session: ClientSession, wanted: WalkWanted, signal: AbortSignal, progress: () => void) {
    this.#session = session;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Nodes that were met so far. */
  get met(): number {
    return this.#met.size;
  }

  /** Walks, and hands each level's nodes to `visit`, parents before children. Rejects where the session is lost. */
  async run(visit: (level: readonly FoundNode[]) => Promise<void>): Promise<void> {
    const { from, depth } = this.#wanted;
    deferTypes(this.#session);
    this.namespaces = await within(REQUEST_TIMEOUT_MS, this.#session.readNamespaceArray(), 'read the namespaces');
    const rootId = nodeIdOf(from, this.namespaces);
    if (rootId === undefined) {
      return this.note({
        zh: `服务器没有命名空间 ${from.namespace}`,
        en: `the server does not have the namespace ${from.namespace}`,
      });
    }
    const limits = await readLimits(this.#session, untoldWire);
    this.#browseSize = new CallSize(Math.min(limits.nodesPerBrowse ?? UNTOLD_PER_BROWSE, MOST_PER_BROWSE));
    this.#readSize = new CallSize(Math.min(limits.nodesPerRead ?? VALUES_PER_READ, VALUES_PER_READ));
    this.#met.add(rootId.toString());
    const root = await this.#root(rootId);
    if (root === undefined) {
      return this.note({
        zh: `服务器上没有起始节点 ${from.node}（区分大小写）；不写节点时从对象文件夹开始`,
        en: `the server has no node ${from.node} to begin at (case matters); without a node it begins at the folder of objects`,
      });
    }
    await visit([root]);
    let level: readonly FoundNode[] = [root];
    while (level.length > 0 && !this.over()) {
      const next = await this.#children(level);
      await visit(next);
      level = next.filter((one) => one.depth < depth);
      if (level.length < next.length && next.some(({ isVariable }) => !isVariable)) this.#noteDepth();
    }
  }

  /** True where nothing more may be asked; says why, once. */
  over(): boolean {
    if (this.#signal.aborted) return true;
    const late = performance.now() - this.#startMs >= this.#wanted.limitMs;
    if (!late && this.#met.size < MAX_NODES) return false;
    this.note(
      late
        ? { zh: '到了 --for 的时限，没有查完', en: 'the time of --for is over; not everything was looked through' }
        : {
            zh: `已遇到 ${MAX_NODES} 个节点，没有查完；请指定起始节点`,
            en: `${MAX_NODES} nodes were met; not everything was looked through: name a node to begin at`,
          },
    );
    return true;
  }

  /** Reads attributes, in parts that the server takes; one that it does not answer for is left out. */
  async read(wanted: readonly Attribute[]): Promise<ReadonlyMap<Attribute, DataValue>> {
    const found = new Map<Attribute, DataValue>();
    const read = async (some: readonly Attribute[]) => {
      const values = await within(REQUEST_TIMEOUT_MS, this.#session.read(some.map((one) => ({ ...one }))), 'read');
      some.forEach((one, index) => {
        const value = values[index];
        if (value !== undefined) found.set(one, value);
      });
      await this.#pause();
    };
    await inCalls(wanted, this.#readSize, read, () => undefined);
    return found;
  }

  /** The references of each node, forward, of one kind and its subtypes. */
  async references(
    nodeIds: readonly NodeId[],
    referenceTypeId: string,
    nodeClassMask: number,
  ): Promise<ReadonlyMap<NodeId, readonly ReferenceDescription[]>> {
    const found = new Map<NodeId, readonly ReferenceDescription[]>();
    const browse = async (some: readonly NodeId[]) => {
      const nodes = some.map((nodeId) => ({
        nodeId,
        referenceTypeId,
        includeSubtypes: true,
        browseDirection: BrowseDirection.Forward,
        nodeClassMask,
        resultMask: 63,
      }));
      const results = await within(REQUEST_TIMEOUT_MS, this.#session.browse(nodes), 'browse');
      await this.#pause();
      for (const [index, nodeId] of some.entries()) {
        const result = results[index];
        if (result !== undefined) found.set(nodeId, await this.#all(result));
      }
    };
    await inCalls(nodeIds, this.#browseSize, browse, () => undefined);
    return found;
  }

  /** Says what was not looked at; each thing once. */
  note(text: Text): void {
    this.complete = false;
    this.remark(text);
  }

  /** Says something else that whoever reads the outcome should know. */
  remark(text: Text): void {
    if (!this.notes.some(({ en }) => en === text.en)) this.notes.push(text);
  }

  #noteDepth(): void {
    this.note({
      zh: `只看了 ${this.#wanted.depth} 层；更深用 --depth，或从下层节点开始`,
      en: `only ${this.#wanted.depth} levels were looked at; go deeper with --depth, or begin at a node further down`,
    });
  }

  /** Undefined where the server does not have it. */
  async #root(nodeId: NodeId): Promise<FoundNode | undefined> {
    const attributes = [AttributeIds.BrowseName, AttributeIds.DisplayName, AttributeIds.NodeClass];
    const wanted = attributes.map((attributeId) => ({ nodeId, attributeId }));
    const answers = await this.read(wanted);
    if (wanted.every((one) => /^BadNodeId/.test(answers.get(one)?.statusCode.name ?? ''))) return undefined;
    const [name, title, nodeClass] = wanted.map((one) => answers.get(one)?.value?.value as unknown);
    const types = await this.references([nodeId], HAS_TYPE_DEFINITION, 0);
    return {
      nodeId,
      path: '',
      name: (name as { name?: string } | null)?.name ?? nodeId.toString(),
      title: (title as { text?: string } | null)?.text ?? '',
      depth: 0,
      isVariable: nodeClass === NodeClass.Variable,
      isFolder: types.get(nodeId)?.some((type) => isStandard(type.nodeId, FOLDER_TYPE)) ?? false,
      isProperty: false,
      parent: null,
    };
  }

  async #children(level: readonly FoundNode[]): Promise<FoundNode[]> {
    const found: FoundNode[] = [];
    for (let at = 0; at < level.length && !this.over(); at += this.#browseSize.size) {
      const some = level.slice(at, at + this.#browseSize.size);
      const nodeIds = some.map(({ nodeId }) => nodeId);
      const children = await this.references(nodeIds, HIERARCHICAL, NodeClass.Object | NodeClass.Variable);
      for (const parent of some) {
        for (const reference of children.get(parent.nodeId) ?? []) this.#meet(parent, reference, found);
      }
      this.#progress();
    }
    return found;
  }

  /** All references of one node, with those that the server keeps for a further call. */
  async #all(first: BrowseResult): Promise<ReferenceDescription[]> {
    const references = [...(first.references ?? [])];
    let continuation = first.continuationPoint;
    for (let calls = 0; continuation?.length > 0; calls++) {
      const enough = calls >= MAX_CONTINUATIONS || references.length >= MAX_NODES || this.over();
      // Told that it is enough, the server lets go of what it keeps.
      const result = await within(REQUEST_TIMEOUT_MS, this.#session.browseNext(continuation, enough), 'browse on');
      if (enough) {
        this.note({
          zh: `有的节点子节点过多，只看了前 ${references.length} 个`,
          en: `a node has too many children; the first ${references.length} were looked at`,
        });
        break;
      }
      references.push(...(result.references ?? []));
      continuation = result.continuationPoint;
      await this.#pause();
    }
    return references;
  }

  #meet(parent: FoundNode, reference: ReferenceDescription, found: FoundNode[]): void {
    const { nodeId: expanded, browseName, displayName, nodeClass, typeDefinition, referenceTypeId } = reference;
    // A node of another server cannot be read here.
    if (expanded.serverIndex > 0 || this.#met.size >= MAX_NODES) return;
    const nodeId = new NodeId(expanded.identifierType, expanded.value, expanded.namespace);
    const key = nodeId.toString();
    if (this.#met.has(key) || isStandard(nodeId, SERVER_OBJECT)) return;
    this.#met.add(key);
    const name = browseName.name ?? key;
    found.push({
      nodeId,
      path: (parent.path === '' ? name : `${parent.path}/${name}`).slice(-MAX_PATH),
      name,
      title: displayName.text ?? '',
      depth: parent.depth + 1,
      isVariable: nodeClass === NodeClass.Variable,
      isFolder: isStandard(typeDefinition, FOLDER_TYPE),
      isProperty: isStandard(referenceTypeId, HAS_PROPERTY),
      parent,
    });
  }

  async #pause(): Promise<void> {
    // Aborted: whoever asked is gone, which the next look at the signal finds.
    if (this.#wanted.paceMs > 0)
      await realDelay(this.#wanted.paceMs, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

function isStandard(nodeId: NodeId | null | undefined, id: number): boolean {
  return nodeId?.namespace === 0 && nodeId.value === id;
}
