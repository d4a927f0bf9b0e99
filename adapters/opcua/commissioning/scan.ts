import { setTimeout as realDelay } from 'node:timers/promises';
import {
  AttributeIds,
  BrowseDirection,
  type BrowseResult,
  type ClientSession,
  NodeClass,
  NodeId,
  type ReferenceDescription,
} from 'node-opcua';
import { LinkLost, SetupRefused } from '../../../model/adapter.ts';
import { parseDuration } from '../../../model/duration.ts';
import type { ScanAnswer, ScanEnd, ScanEvent, ScanOptions, Shown, Unreadable } from '../../../model/probe.ts';
import type { Text } from '../../../model/text.ts';
import type { OpcuaLink } from '../link.ts';
import { REQUEST_TIMEOUT_MS, within } from '../session/request.ts';
import { type NodePlace, nodeIdOf, parseNode, pointIndex } from './node-place.ts';
import { typeText, variantText } from './node-text.ts';
import { connectionAdvice, type PersonsPlan } from './probe.ts';

/** Nodes of one scan, those of one browse, and values of one read; small servers refuse more. */
const MAX_NODES = 5_000;
const NODES_PER_BROWSE = 10;
const REFERENCES_PER_NODE = 500;
const VALUES_PER_READ = 50;
/** Further calls for the children of one node. */
const MAX_CONTINUATIONS = 20;
/** Characters of a value that are shown. */
const SHOWN_VALUE = 60;
const PROGRESS_EVERY_MS = 200;

const DEFAULT_DEPTH = '6';
const MAX_DEPTH = 20;
const DEFAULT_PACE = '20ms';
const DEFAULT_LIMIT = '5min';

const objectsFolder: NodePlace = { namespace: 0, node: 'i=85' };
/** The server's own description of itself, some hundreds of nodes, and the types: nothing of the plant. */
const SERVER_OBJECT = 2253;
const HIERARCHICAL = 'HierarchicalReferences';

const known: ReadonlySet<string> = new Set(['from', 'depth', 'pace', 'for']);

const table: Extract<ScanEvent, { kind: 'table' }>['table'] = {
  key: 'nodes',
  title: { zh: '变量', en: 'Variables' },
  columns: [
    { key: 'node', title: { zh: '节点', en: 'node' } },
    { key: 'path', title: { zh: '路径', en: 'path' } },
    { key: 'type', title: { zh: '类型', en: 'type' } },
    { key: 'points', title: { zh: '站点文件中的点', en: 'points of the site file' }, right: true },
    { key: 'value', title: { zh: '值', en: 'value' } },
  ],
};

interface BrowseWanted {
  readonly from: NodePlace;
  readonly depth: number;
  readonly paceMs: number;
  readonly limitMs: number;
}

/** Looks through the server's address space for variables; see `Commissioning.scan`. */
export async function scanOpcua(
  plan: PersonsPlan,
  link: Pick<OpcuaLink, 'withSession'>,
  options: ScanOptions,
  signal: AbortSignal,
  tell: (event: ScanEvent) => void,
): Promise<ScanAnswer> {
  const wanted = wantedOf(options, plan);
  if (!wanted.ok) return wanted;
  tell({ kind: 'table', table });
  const browse = new Browse(plan, wanted, signal, tell);
  try {
    return { ok: true, end: await link.withSession((session) => browse.run(session)) };
  } catch (error) {
    return { ok: true, end: browse.brokenOff(reasonOf(error)) };
  }
}

function reasonOf(error: unknown): Text {
  if (error instanceof LinkLost || error instanceof SetupRefused) return error.reason;
  const why = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
  return { zh: `扫描中断：${why}`, en: `the scan broke off: ${why}` };
}

function wantedOf(options: ScanOptions, { points }: PersonsPlan): ({ readonly ok: true } & BrowseWanted) | Unreadable {
  const [other] = Object.keys(options).filter((name) => !known.has(name));
  if (other !== undefined) {
    return {
      ok: false,
      text: {
        zh: `OPC UA 扫描没有选项 --${other}；有 --from（起始节点）、--depth、--pace、--for`,
        en: `a scan over OPC UA has no option --${other}; there are --from (node to begin at), --depth, --pace and --for`,
      },
    };
  }
  const from =
    options.from === undefined ? { ok: true as const, place: objectsFolder } : parseNode(options.from, points);
  if (!from.ok) return from;
  const depth = Number(options.depth ?? DEFAULT_DEPTH);
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH) {
    return { ok: false, text: { zh: `--depth 为 1 到 ${MAX_DEPTH}`, en: `--depth is 1 to ${MAX_DEPTH}` } };
  }
  const paceMs = parseDuration(options.pace ?? DEFAULT_PACE);
  const limitMs = parseDuration(options.for ?? DEFAULT_LIMIT);
  if (paceMs === undefined || paceMs > 10_000 || limitMs === undefined || limitMs < 1000 || limitMs > 86_400_000) {
    return {
      ok: false,
      text: {
        zh: '--pace（0ms 到 10s）与 --for（1s 到 1d）为时长，例如 20ms',
        en: '--pace (0ms to 10s) and --for (1s to 1d) are durations such as 20ms',
      },
    };
  }
  return { ok: true, from: from.place, depth, paceMs, limitMs };
}

interface FoundNode {
  readonly nodeId: NodeId;
  readonly path: string;
  readonly depth: number;
  readonly isVariable: boolean;
}

/** One walk through an address space, level by level, so that what is near is found first. */
class Browse {
  readonly #pointsAt: ReturnType<typeof pointIndex>;
  readonly #wanted: BrowseWanted;
  readonly #signal: AbortSignal;
  readonly #tell: (event: ScanEvent) => void;
  readonly #startMs = performance.now();
  /** Nodes that were met: an address space may lead in circles. */
  readonly #met = new Set<string>();
  readonly #notes: Text[] = [];
  #namespaces: readonly string[] = [];
  #variables = 0;
  #complete = true;
  #progressMs = 0;

  constructor(plan: PersonsPlan, wanted: BrowseWanted, signal: AbortSignal, tell: (event: ScanEvent) => void) {
    this.#pointsAt = pointIndex(plan.points);
    this.#wanted = wanted;
    this.#signal = signal;
    this.#tell = tell;
  }

  async run(session: ClientSession): Promise<ScanEnd> {
    this.#namespaces = await within(REQUEST_TIMEOUT_MS, session.readNamespaceArray(), 'read the namespaces');
    const root = nodeIdOf(this.#wanted.from, this.#namespaces);
    if (root === undefined) {
      this.#notes.push({
        zh: `服务器没有命名空间 ${this.#wanted.from.namespace}`,
        en: `the server does not have the namespace ${this.#wanted.from.namespace}`,
      });
      return this.#end();
    }
    this.#met.add(root.toString());
    let level: readonly FoundNode[] = [{ nodeId: root, path: '', depth: 0, isVariable: false }];
    while (level.length > 0 && !this.#over()) {
      const next = await this.#children(session, level);
      await this.#show(
        session,
        next.filter(({ isVariable }) => isVariable),
      );
      level = next.filter(({ depth }) => depth < this.#wanted.depth);
      if (level.length < next.length && next.some(({ isVariable }) => !isVariable)) this.#noteDepth();
    }
    return this.#end();
  }

  /** The connection is gone, or there never was one. */
  brokenOff(what: Text): ScanEnd {
    const outcome = 'unreachable';
    return { complete: false, outcome, notes: this.#notes, trouble: { what, next: connectionAdvice } };
  }

  #end(): ScanEnd {
    if (this.#variables === 0 && this.#complete) this.#notes.push({ zh: '没有找到变量', en: 'no variable was found' });
    this.#notes.push({
      zh: `命名空间：${this.#namespaces.map((uri, index) => `${index} = ${uri}`).join('，')}`,
      en: `namespaces: ${this.#namespaces.map((uri, index) => `${index} = ${uri}`).join(', ')}`,
    });
    const complete = this.#complete && !this.#signal.aborted;
    return { complete, outcome: this.#variables > 0 ? 'answered' : 'refused', notes: this.#notes, trouble: null };
  }

  #noteDepth(): void {
    this.#complete = false;
    this.#note({
      zh: `只看了 ${this.#wanted.depth} 层；更深用 --depth 或 --from`,
      en: `only ${this.#wanted.depth} levels were looked at; go deeper with --depth or --from`,
    });
  }

  #note(text: Text): void {
    if (!this.#notes.some(({ en }) => en === text.en)) this.#notes.push(text);
  }

  async #children(session: ClientSession, level: readonly FoundNode[]): Promise<FoundNode[]> {
    const found: FoundNode[] = [];
    for (let at = 0; at < level.length && !this.#over(); at += NODES_PER_BROWSE) {
      const some = level.slice(at, at + NODES_PER_BROWSE);
      const results = await within(
        REQUEST_TIMEOUT_MS,
        session.browse(
          some.map(({ nodeId }) => ({
            nodeId,
            referenceTypeId: HIERARCHICAL,
            includeSubtypes: true,
            browseDirection: BrowseDirection.Forward,
            nodeClassMask: NodeClass.Object | NodeClass.Variable,
            resultMask: 63,
          })),
        ),
        'browse',
      );
      await this.#pause();
      for (const [index, parent] of some.entries()) {
        const result = results[index];
        if (result === undefined) continue;
        for (const reference of await this.#references(session, result)) this.#meet(parent, reference, found);
      }
      this.#progress();
    }
    return found;
  }

  /** All references of one node, with those that the server keeps for a further call. */
  async #references(session: ClientSession, first: BrowseResult): Promise<ReferenceDescription[]> {
    const references = [...(first.references ?? [])];
    let continuation = first.continuationPoint;
    for (let calls = 0; continuation?.length > 0; calls++) {
      const enough = calls >= MAX_CONTINUATIONS || references.length >= REFERENCES_PER_NODE || this.#over();
      // Told that it is enough, the server lets go of what it keeps.
      const result = await within(REQUEST_TIMEOUT_MS, session.browseNext(continuation, enough), 'browse on');
      if (enough) {
        this.#complete = false;
        this.#note({
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

  #meet(
    parent: FoundNode,
    { nodeId: expanded, browseName, nodeClass }: ReferenceDescription,
    found: FoundNode[],
  ): void {
    // A node of another server cannot be read here.
    if (expanded.serverIndex > 0 || this.#met.size >= MAX_NODES) return;
    const nodeId = new NodeId(expanded.identifierType, expanded.value, expanded.namespace);
    const key = nodeId.toString();
    if (this.#met.has(key) || (nodeId.namespace === 0 && nodeId.value === SERVER_OBJECT)) return;
    this.#met.add(key);
    const path = parent.path === '' ? (browseName.name ?? key) : `${parent.path}/${browseName.name ?? key}`;
    found.push({ nodeId, path, depth: parent.depth + 1, isVariable: nodeClass === NodeClass.Variable });
  }

  async #show(session: ClientSession, variables: readonly FoundNode[]): Promise<void> {
    for (let at = 0; at < variables.length && !this.#signal.aborted; at += VALUES_PER_READ) {
      const some = variables.slice(at, at + VALUES_PER_READ);
      const values = await within(
        REQUEST_TIMEOUT_MS,
        session.read(some.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value }))),
        'read',
      );
      await this.#pause();
      for (const [index, { nodeId, path }] of some.entries()) {
        const value = values[index];
        const key = nodeId.toString();
        const bad = (value?.statusCode.value ?? 0) >>> 30 >= 2;
        const text = variantText(value?.value);
        const shown = bad
          ? (value?.statusCode.name ?? '')
          : text.length > SHOWN_VALUE
            ? `${text.slice(0, SHOWN_VALUE)} …`
            : text;
        const points = this.#pointsAt(nodeId, this.#namespaces).length;
        const cells: Shown[] = [key, path, typeText(value?.value), String(points), shown];
        this.#variables += 1;
        this.#tell({ kind: 'row', table: table.key, key, cells });
      }
      this.#progress();
    }
  }

  /** True where nothing more may be asked; says why, once. */
  #over(): boolean {
    if (this.#signal.aborted) return true;
    const late = performance.now() - this.#startMs >= this.#wanted.limitMs;
    if (!late && this.#met.size < MAX_NODES) return false;
    this.#complete = false;
    this.#note(
      late
        ? { zh: '到了 --for 的时限，没有查完', en: 'the time of --for is over; not everything was looked through' }
        : {
            zh: `已遇到 ${MAX_NODES} 个节点，没有查完；用 --from 指定起始节点`,
            en: `${MAX_NODES} nodes were met; not everything was looked through: name a node to begin at with --from`,
          },
    );
    return true;
  }

  #progress(): void {
    const nowMs = performance.now();
    if (nowMs - this.#progressMs < PROGRESS_EVERY_MS) return;
    this.#progressMs = nowMs;
    const text = {
      zh: `${this.#met.size} 个节点，${this.#variables} 个变量`,
      en: `${this.#met.size} nodes, ${this.#variables} variables`,
    };
    this.#tell({ kind: 'progress', done: 0, total: 0, text });
  }

  async #pause(): Promise<void> {
    // Aborted: whoever asked is gone, which the next look at the signal finds.
    if (this.#wanted.paceMs > 0)
      await realDelay(this.#wanted.paceMs, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}
